//! Failures of a destination: one variant for each thing that a person does
//! about them.

mod system;

use std::error::Error;

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
    /// A stored file of one table is not as a load stored it. The load can continue
    /// once the table is discarded.
    #[error("the file {path} of `{table}` is missing or damaged")]
    Damaged {
        /// Name of the table.
        table: String,
        /// Address of the file.
        path: String,
        /// Difference, or error of the store.
        #[source]
        source: Cause,
    },
    /// A file or folder of one table may not be read or written. The load can
    /// continue once the table is discarded.
    #[error("{path} of `{table}` cannot be read or written")]
    Inaccessible {
        /// Name of the table.
        table: String,
        /// Address of the file or folder.
        path: String,
        /// Error of the store.
        #[source]
        source: Cause,
    },
    /// A constraint or an index, which no load makes, refused rows or changes of
    /// one table. The load has to be done again without it.
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
    /// One table, as it is stored, does not accept rows or changes. The load has
    /// to be done again without it.
    #[error("could not {action} in {location}")]
    Mismatched {
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
    /// The destination aborted the transaction, and its reason is lost. The load
    /// has to be done again without the table.
    #[error("could not {action} in {location}, which gives no reason")]
    Aborted {
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
        if let Self::Refused { table, .. }
        | Self::Mismatched { table, .. }
        | Self::Aborted { table, .. } = &mut self
        {
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
            | Self::Damaged { table, .. }
            | Self::Inaccessible { table, .. }
            | Self::Refused {
                table: Some(table), ..
            }
            | Self::Mismatched {
                table: Some(table), ..
            }
            | Self::Aborted {
                table: Some(table), ..
            } => Some(table),
            _ => None,
        }
    }

    /// Returns true if the load cannot continue, not even without the table that
    /// the error concerns.
    #[must_use]
    pub fn voids_load(&self) -> bool {
        !matches!(
            self,
            Self::NoKey { .. }
                | Self::NotStorable { .. }
                | Self::Obstructed { .. }
                | Self::Damaged { .. }
                | Self::Inaccessible { .. }
        )
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
            Self::Damaged { table, path, .. } => Remedy::RestoreFile {
                resource: table.clone(),
                path: path.clone(),
            },
            Self::Inaccessible { .. } => {
                "give this user permission to read and write it, then run again".into()
            }
            Self::Refused { .. } => {
                "remove the constraint or index that was added to the table in the destination, or \
                 load into another `dataset`"
                    .into()
            }
            Self::Mismatched { .. } => {
                "if the table was changed in the destination, replace it with a full refresh, or \
                 load into another `dataset`"
                    .into()
            }
            Self::Aborted { .. } => {
                "run again; if it happens again, look for too little memory or disk space".into()
            }
            Self::Unusable { .. } => "check `path` or `url` of the destination".into(),
            Self::Failed { .. } => {
                "nothing of this load was stored; run again, and report it if it happens again".into()
            }
        })
    }
}
