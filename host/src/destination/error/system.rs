//! Errors of the operating system, classified.

use std::io;

use super::DestinationError;

impl DestinationError {
    /// Classifies an error of the operating system while a destination is opened.
    pub(in crate::destination) fn opening(location: &str, error: io::Error) -> Self {
        Self::from_io(location, None, error)
    }

    /// Classifies an error of the operating system during an action.
    pub(in crate::destination) fn doing(action: &str, location: &str, error: io::Error) -> Self {
        Self::from_io(location, Some(action), error)
    }

    /// Classifies an error about a stored file of a table.
    pub(in crate::destination) fn reading_file(
        table: &str,
        path: String,
        error: io::Error,
    ) -> Self {
        let table = table.to_owned();
        if error.kind() == io::ErrorKind::PermissionDenied {
            Self::Inaccessible {
                table,
                path,
                source: error.into(),
            }
        } else {
            Self::Damaged {
                table,
                path,
                source: error.into(),
            }
        }
    }

    fn from_io(location: &str, action: Option<&str>, error: io::Error) -> Self {
        let location = location.to_owned();
        let kind = error.kind();
        let source = error.into();
        match (kind, action) {
            (io::ErrorKind::WouldBlock, None) => Self::Locked { location, source },
            (io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem, _) => {
                Self::ReadOnly { location, source }
            }
            (
                io::ErrorKind::StorageFull
                | io::ErrorKind::QuotaExceeded
                | io::ErrorKind::FileTooLarge,
                _,
            ) => Self::Full { location, source },
            (_, None) => Self::Unusable { location, source },
            (_, Some(action)) => Self::Failed {
                action: action.to_owned(),
                location,
                source,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(errno: i32) -> DestinationError {
        DestinationError::opening("here", io::Error::from_raw_os_error(errno))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn errors_of_the_system_are_classified() {
        assert!(
            matches!(opened(30), DestinationError::ReadOnly { .. }),
            "EROFS"
        );
        assert!(
            matches!(opened(13), DestinationError::ReadOnly { .. }),
            "EACCES"
        );
        assert!(
            matches!(opened(28), DestinationError::Full { .. }),
            "ENOSPC"
        );
        assert!(
            matches!(opened(122), DestinationError::Full { .. }),
            "EDQUOT"
        );
        assert!(
            matches!(opened(20), DestinationError::Unusable { .. }),
            "ENOTDIR"
        );
        assert!(
            matches!(opened(11), DestinationError::Locked { .. }),
            "EAGAIN"
        );
        let error = DestinationError::doing("write", "here", io::Error::from_raw_os_error(5));
        assert_eq!(error.to_string(), "could not write in here");
    }
}
