//! Failures of a destination: one variant for each thing that a person does
//! about them.

use std::error::Error;
use std::io;

use crate::model::Remedy;

/// A boxed cause.
pub type Cause = Box<dyn Error + Send + Sync>;

/// A failure of a destination.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DestinationError {
    /// The driver of the destination is not on this machine.
    #[error("the {driver} driver was not found (searched {searched})")]
    DriverMissing {
        /// Name of the driver.
        driver: &'static str,
        /// Paths that were searched, in order.
        searched: String,
    },
    /// Another process or load uses the destination.
    #[error("{location} is in use")]
    Locked {
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// Another load was committed while this one was written.
    #[error("another load was committed to {location} at the same time")]
    Conflict {
        /// Address of the destination.
        location: String,
    },
    /// No response tells whether the load was committed. The next load finds
    /// either all or nothing of it.
    #[error("it is unknown whether the load was committed to {location}")]
    Unconfirmed {
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// The destination can be read but not written.
    #[error("{location} cannot be written")]
    ReadOnly {
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// The destination has no space left.
    #[error("{location} is full")]
    Full {
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// The destination is stored in a format of another version.
    #[error("{location} has a format that this version of the driver does not read")]
    OtherVersion {
        /// Address of the destination.
        location: String,
        /// Error of the store, which names the versions.
        #[source]
        source: Cause,
    },
    /// The destination does not exist, or is of another kind than its address.
    #[error("{location} cannot be opened")]
    Unusable {
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// Rows cannot be identified by their key.
    #[error("a key column of `{table}` ({key}) has no value in {rows} of its rows")]
    NoKey {
        /// Name of the table.
        table: String,
        /// Number of rows.
        rows: u64,
        /// Columns of the key.
        key: String,
    },
    /// The columns or the name of a table cannot be stored. The load can continue
    /// once the table is discarded.
    #[error("`{table}` cannot be stored")]
    NotStorable {
        /// Name of the table.
        table: String,
        /// Reason.
        #[source]
        source: Cause,
    },
    /// Something that no load made prevents that a table is written. The load
    /// can continue once the table is discarded.
    #[error("`{table}` cannot be written, because {obstacle}")]
    Obstructed {
        /// Name of the table.
        table: String,
        /// What is in the way, as in "a view has its name".
        obstacle: String,
    },
    /// The destination refused rows or changes of one table. The load has to be
    /// done again without it.
    #[error("could not {action} in {location}")]
    Refused {
        /// Name of the table, if it is known.
        table: Option<String>,
        /// Action that failed, as in "append rows to `orders`".
        action: String,
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// The destination refused or lost something.
    #[error("could not {action} in {location}")]
    Failed {
        /// Action that failed, as in "create the table `orders`".
        action: String,
        /// Address of the destination.
        location: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
}

impl DestinationError {
    /// Classifies an error of the operating system while a destination is opened.
    pub(super) fn opening(location: &str, error: io::Error) -> Self {
        Self::from_io(location, None, error)
    }

    /// Classifies an error of the operating system during an action.
    pub(super) fn doing(action: &str, location: &str, error: io::Error) -> Self {
        Self::from_io(location, Some(action), error)
    }

    /// Creates an error about an action.
    pub(super) fn failed(action: &str, location: &str, source: impl Into<Cause>) -> Self {
        Self::Failed {
            action: action.to_owned(),
            location: location.to_owned(),
            source: source.into(),
        }
    }

    /// Names the table that was written when an error occurred, unless the error
    /// names one or concerns the whole destination.
    #[must_use]
    pub(super) fn in_table(mut self, name: &str) -> Self {
        if let Self::Refused { table, .. } = &mut self {
            table.get_or_insert_with(|| name.to_owned());
        }
        self
    }

    /// Returns the table that an error concerns, while the others can be loaded.
    #[must_use]
    pub fn table(&self) -> Option<&str> {
        match self {
            Self::NoKey { table, .. }
            | Self::NotStorable { table, .. }
            | Self::Obstructed { table, .. }
            | Self::Refused {
                table: Some(table), ..
            } => Some(table),
            _ => None,
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
            // Data of one table that cannot be read or combined.
            (io::ErrorKind::InvalidData, Some(action)) => Self::Refused {
                table: None,
                action: action.to_owned(),
                location,
                source,
            },
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
            Self::Conflict { .. } => {
                "run again; nothing of this load was stored, and the other load is complete".into()
            }
            Self::Unconfirmed { .. } => {
                "run again; this load is stored as a whole or not at all, and the next run continues from what is stored".into()
            }
            Self::ReadOnly { .. } => "give this user write permission, or choose another path".into(),
            Self::Full { .. } => {
                "free some space and run again; what was loaded before is unchanged".into()
            }
            Self::NoKey { .. } => {
                "choose another `primary_key` for the resource, or set its `write` to `append`".into()
            }
            Self::OtherVersion { .. } => {
                "use a driver of the version that wrote it, or choose another `path`".into()
            }
            Self::NotStorable { .. } => {
                "leave out the column or the table, or read it with a query that gives it another \
                 name or type"
                    .into()
            }
            Self::Obstructed { .. } => {
                "rename or remove it in the destination, or choose another `dataset`".into()
            }
            Self::Refused { .. } => {
                "remove the constraint or index that was added to the table in the destination, or \
                 load into another `dataset`"
                    .into()
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
