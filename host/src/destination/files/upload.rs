//! A file on its way to the store, as something that can be written to.

use std::error::Error;
use std::io::{self, Write};

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt, PutPayload};
use tokio::task::JoinHandle;

use super::Place;

/// How much is collected before it is handed to the store. Large enough that
/// a thread switch for each does not show.
const CHUNK: usize = 1 << 20;

/// An upload. Dropped before it is finished, it leaves nothing.
pub(super) struct Upload<'a> {
    place: &'a Place,
    parts: Box<dyn MultipartUpload>,
    buffer: Vec<u8>,
    /// The chunk that is being written. One at a time: the disk sets the pace.
    writing: Option<JoinHandle<object_store::Result<()>>>,
    bytes: u64,
}

impl<'a> Upload<'a> {
    /// Begins an upload to a path of the place.
    pub(super) fn new(place: &'a Place, path: &Path) -> io::Result<Self> {
        let parts = place
            .runtime
            .block_on(place.store.put_multipart(path))
            .map_err(io_error)?;
        Ok(Self {
            place,
            parts,
            buffer: Vec::with_capacity(CHUNK),
            writing: None,
            bytes: 0,
        })
    }

    /// Bytes that were written to it.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Waits until everything is on the disk, under the name it was meant for.
    pub(super) fn finish(mut self) -> io::Result<u64> {
        self.hand_over()?;
        self.settle()?;
        self.place
            .runtime
            .block_on(self.parts.complete())
            .map_err(io_error)?;
        Ok(self.bytes)
    }

    fn hand_over(&mut self) -> io::Result<()> {
        self.settle()?;
        let chunk = std::mem::replace(&mut self.buffer, Vec::with_capacity(CHUNK));
        self.writing = Some(
            self.place
                .runtime
                .spawn(self.parts.put_part(PutPayload::from(chunk))),
        );
        Ok(())
    }

    fn settle(&mut self) -> io::Result<()> {
        match self.writing.take() {
            None => Ok(()),
            Some(writing) => self
                .place
                .runtime
                .block_on(writing)
                .map_err(io_error)?
                .map_err(io_error),
        }
    }
}

impl Drop for Upload<'_> {
    /// Takes back what is not finished, and waits for it: the store would do so
    /// some time later, when another upload to the same path may be on its way.
    fn drop(&mut self) {
        let _ = self.settle();
        let _ = self.place.runtime.block_on(self.parts.abort());
    }
}

impl Write for Upload<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.buffer.len() >= CHUNK {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    /// Does nothing: only a finished upload is there.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An error of a library with the kind that the system gave it.
pub(super) fn io_error(error: impl Error + Send + Sync + 'static) -> io::Error {
    let mut cause: Option<&(dyn Error + 'static)> = Some(&error);
    let mut kind = io::ErrorKind::Other;
    while let Some(link) = cause {
        if let Some(io) = link.downcast_ref::<io::Error>() {
            kind = io.kind();
        }
        cause = link.source();
    }
    io::Error::new(kind, error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_is_found_below_the_library() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = object_store::Error::Generic {
            store: "local",
            source: Box::new(full),
        };
        assert_eq!(io_error(error).kind(), io::ErrorKind::StorageFull);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = ::parquet::errors::ParquetError::External(Box::new(full));
        assert_eq!(io_error(error).kind(), io::ErrorKind::StorageFull);
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = arrow_schema::ArrowError::IoError("writing".to_owned(), full);
        assert_eq!(io_error(error).kind(), io::ErrorKind::StorageFull);
    }
}
