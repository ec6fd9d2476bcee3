//! What can go wrong in a destination, one variant for each thing that a
//! person does about it.

use std::error::Error;
use std::io;

use crate::model::Remedy;

/// A boxed cause.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A failure of the destination.
#[derive(Debug, thiserror::Error)]
pub enum DestinationError {
    /// What would write to it is missing on this machine.
    #[error("the {driver} driver was not found (looked at {looked_at})")]
    DriverMissing {
        /// Name of the driver.
        driver: &'static str,
        /// The places, in order.
        looked_at: String,
    },
    /// Another process or load holds it.
    #[error("{location} is in use")]
    Locked {
        /// The destination.
        location: String,
        /// Who or what says so.
        #[source]
        source: Cause,
    },
    /// It can be read but not written.
    #[error("{location} cannot be written")]
    ReadOnly {
        /// The destination.
        location: String,
        /// Who or what says so.
        #[source]
        source: Cause,
    },
    /// There is no space left.
    #[error("{location} is full")]
    Full {
        /// The destination.
        location: String,
        /// Who or what says so.
        #[source]
        source: Cause,
    },
    /// The place does not exist or is not what the file says it is.
    #[error("{location} cannot be opened")]
    Unusable {
        /// The destination.
        location: String,
        /// Who or what says so.
        #[source]
        source: Cause,
    },
    /// Rows cannot be told apart.
    #[error("{rows} rows of `{table}` have no value in a column of their key ({key})")]
    NoKey {
        /// The table.
        table: String,
        /// How many rows.
        rows: u64,
        /// The columns of the key.
        key: String,
    },
    /// It refused or lost something that it should have taken.
    #[error("could not {action} in {location}")]
    Failed {
        /// What was being done.
        action: String,
        /// The destination.
        location: String,
        /// Who or what says so.
        #[source]
        source: Cause,
    },
}

impl DestinationError {
    /// What the system says when a place is opened.
    pub(super) fn opening(location: &str, error: io::Error) -> Self {
        Self::of_io(location, None, error)
    }

    /// What the system says while something is being done there.
    pub(super) fn doing(action: &str, location: &str, error: io::Error) -> Self {
        Self::of_io(location, Some(action), error)
    }

    /// Something else that went wrong while something was being done.
    pub(super) fn failed(action: &str, location: &str, source: impl Into<Cause>) -> Self {
        Self::Failed {
            action: action.to_owned(),
            location: location.to_owned(),
            source: source.into(),
        }
    }

    fn of_io(location: &str, action: Option<&str>, error: io::Error) -> Self {
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

    /// Returns what can be done about the error.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        Some(match self {
            Self::DriverMissing { driver, .. } => Remedy::ProvideDriver {
                driver: (*driver).to_owned(),
            },
            Self::Locked { .. } => {
                "close the program that has it open (a shell, a notebook, another run), then run again".into()
            }
            Self::ReadOnly { .. } => "give this user write permission, or choose another path".into(),
            Self::Full { .. } => {
                "free some space and run again; what was loaded before is unchanged".into()
            }
            Self::NoKey { .. } => {
                "choose another `primary_key` for the resource, or `write = \"append\"`".into()
            }
            Self::Unusable { .. } => "check `path` or `url` of the destination".into(),
            Self::Failed { .. } => {
                "nothing of this load was stored; run again, and report it if it happens again".into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened(errno: i32) -> DestinationError {
        DestinationError::opening("there", io::Error::from_raw_os_error(errno))
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_system_says_becomes_what_a_person_does() {
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
        let error = DestinationError::doing("write", "there", io::Error::from_raw_os_error(5));
        assert_eq!(error.to_string(), "could not write in there");
    }
}
