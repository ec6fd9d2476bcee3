//! What a writer knows about the last commit of a dataset. A commit that failed
//! makes it outdated, because the dataset may hold another one now.

use super::manifest::{LastCommit, Manifest};
use super::store::Store;
use crate::destination::error::DestinationError;

/// What this writer knows about the last commit.
pub(super) struct KnownCommit {
    pub(super) last: Option<LastCommit>,
    /// True if there may be a later one: another load's, or one of this writer
    /// whose response was lost.
    pub(super) outdated: bool,
}

impl KnownCommit {
    /// Reads the last commit from a store.
    pub(super) fn read(store: &dyn Store) -> Result<Self, DestinationError> {
        let opening = |error| DestinationError::opening(store.location(), error);
        let last = match store.last_commit().map_err(opening)? {
            None => None,
            Some(commit) => Some(LastCommit {
                manifest: Manifest::parse(&commit.name, &commit.manifest).map_err(opening)?,
                name: commit.name,
            }),
        };
        Ok(Self {
            last,
            outdated: false,
        })
    }

    /// Returns the name of the last commit.
    pub(super) fn name(&self) -> Option<&str> {
        self.last.as_ref().map(|last| last.name.as_str())
    }

    /// Returns the manifest of the last commit.
    pub(super) fn manifest(&self) -> Option<&Manifest> {
        self.last.as_ref().map(|last| &last.manifest)
    }
}
