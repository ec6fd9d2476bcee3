//! What can go wrong in a destination, one variant for each thing that a
//! person does about it.

use std::error::Error;

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
    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::DriverMissing { driver, .. } => format!(
                "`just build` fetches the {driver} driver and puts it beside the executable; \
                 or set `driver` in [destination] to the path of the library"
            ),
            Self::Locked { .. } => {
                "close the program that has it open (a shell, a notebook, another run), then run again"
                    .to_owned()
            }
            Self::ReadOnly { .. } => "give this user write permission, or choose another path".to_owned(),
            Self::Full { .. } => {
                "free some space and run again; what was loaded before is untouched".to_owned()
            }
            Self::Unusable { .. } => "look at `path` or `url` in [destination]".to_owned(),
            Self::Failed { .. } => {
                "nothing of this load was kept; run again, and report it if it stays".to_owned()
            }
        }
    }
}
