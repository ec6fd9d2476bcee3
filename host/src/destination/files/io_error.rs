//! Errors of libraries as errors of the operating system. Must not invite a
//! caller to repeat what failed.

use std::error::Error;
use std::io;

/// Wraps an error with the kind that the operating system gave its cause. Readers
/// and writers repeat interrupted calls without end, so that kind is replaced.
pub(super) fn io_error(error: impl Error + Send + Sync + 'static) -> io::Error {
    with_kind_of_cause(error, io::ErrorKind::Other)
}

/// Wraps an error of decoding. Without an error of the operating system, the data
/// are invalid.
pub(super) fn decoding_error(error: impl Error + Send + Sync + 'static) -> io::Error {
    with_kind_of_cause(error, io::ErrorKind::InvalidData)
}

fn with_kind_of_cause(
    error: impl Error + Send + Sync + 'static,
    mut kind: io::ErrorKind,
) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    while let Some(link) = cause {
        if let Some(io) = link.downcast_ref::<io::Error>() {
            kind = io.kind();
        }
        cause = link.source();
    }
    if kind == io::ErrorKind::Interrupted {
        kind = io::ErrorKind::Other;
    }
    io::Error::new(kind, error)
}

/// Returns an error about invalid data.
pub(super) fn invalid_data(reason: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_the_cause_is_kept() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = ::parquet::errors::ParquetError::External(Box::new(full));
        assert_eq!(io_error(error).kind(), io::ErrorKind::StorageFull);
        let interrupted = io::Error::from(io::ErrorKind::Interrupted);
        assert_eq!(io_error(interrupted).kind(), io::ErrorKind::Other);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = arrow_schema::ArrowError::IoError("writing".to_owned(), full);
        assert_eq!(io_error(error).kind(), io::ErrorKind::StorageFull);
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let error = ::parquet::errors::ParquetError::External(Box::new(denied));
        assert_eq!(
            decoding_error(error).kind(),
            io::ErrorKind::PermissionDenied
        );
        let error = ::parquet::errors::ParquetError::General("bad page".to_owned());
        assert_eq!(decoding_error(error).kind(), io::ErrorKind::InvalidData);
    }
}
