//! Stores of files: where they are uploaded, read, published and committed.
//!
//! A load uploads its files out of sight, publishes them under their paths,
//! and commits a manifest that names them. Two kinds of store keep these
//! promises in their own ways: a [`local`] folder by renaming files under a
//! lock, and an [`object`] store by copying objects and a conditional put of
//! the next manifest.
//!
//! The only module of the files destination that names `object_store` or
//! `std::fs`. Must not know tables, formats or the content of a manifest.

mod leftovers;
mod local;
mod object;
mod stored_file;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::io;

pub(super) use object_store::ObjectStore;
pub(super) use object_store::memory::InMemory;
use object_store::path::Path;
use tokio::runtime::Runtime;

pub(super) use self::local::LocalStore;
pub(super) use self::object::ConditionalStore;
pub(super) use self::stored_file::StoredFile;
pub(super) use self::upload::Upload;

use super::io_error::io_error;
use crate::model::LoadId;

/// Folder of files that are not published. The folder of a table never begins
/// with a dot.
const STAGED_FOLDER: &str = ".staged";

/// A store of files. Paths are relative to the folder of the dataset:
/// `<table folder>/<prefix of the load>-<number>.<ending>`.
pub(super) trait Store: Send + Sync {
    /// Address of the store, for people. Holds no credential.
    fn location(&self) -> &str;

    /// Returns a prefix for the names of the files of a load. It begins with the
    /// id of the load. No other load uses it. In a store that may carry out a
    /// request late, each call returns another one.
    fn file_prefix(&self, load: &LoadId) -> io::Result<String>;

    /// Begins to upload a staged file that is to be published under `path`.
    fn upload(&self, path: &str) -> io::Result<Upload>;

    /// Opens a staged file.
    fn open_staged(&self, path: &str) -> io::Result<StoredFile>;

    /// Opens a published file.
    fn open(&self, path: &str) -> io::Result<StoredFile>;

    /// Fails if files cannot be published in a folder of a table, such as one that
    /// is read-only. Creates nothing.
    fn check_folder(&self, folder: &str) -> io::Result<()>;

    /// Moves a staged file to its path. Durable when it returns. After an error
    /// the file may be at either path, or at both.
    fn publish(&self, path: &str) -> io::Result<()>;

    /// Removes a published file, if it exists.
    fn remove(&self, path: &str) -> io::Result<()>;

    /// Removes the staged files whose names have a prefix.
    fn remove_staged(&self, prefix: &str) -> io::Result<()>;

    /// Removes files of earlier loads that were not committed: all that
    /// `committed` does not name. `last_load` is the last committed load.
    /// Files whose names no load creates are kept. Returns the bytes of the
    /// committed files that were found; a list may be out of date.
    fn remove_leftovers(
        &self,
        last_load: Option<&str>,
        committed: &BTreeSet<&str>,
    ) -> io::Result<StoredBytes>;

    /// Returns the last committed manifest.
    fn last_commit(&self) -> io::Result<Option<Commit>>;

    /// Returns true if another load was committed after the commit `previous`. It
    /// then removes files that a load which began with `previous` reads.
    fn has_commit_after(&self, previous: Option<&str>) -> bool;

    /// Commits a manifest in one step that is durable when it returns.
    /// `previous` is the name of the commit that the load began with; if
    /// another load was committed since, this one is refused. Returns the name
    /// of the new commit.
    fn commit(
        &self,
        load: &LoadId,
        previous: Option<&str>,
        manifest: Vec<u8>,
    ) -> Result<String, CommitError>;
}

/// Lengths of files in bytes, by path.
pub(super) type StoredBytes = BTreeMap<String, u64>;

/// A committed manifest.
pub(super) struct Commit {
    /// Name of the commit, by which the next one refers to it.
    pub(super) name: String,
    /// Content of the manifest.
    pub(super) manifest: Vec<u8>,
}

/// Reasons why a manifest is not committed.
#[derive(Debug, thiserror::Error)]
pub(super) enum CommitError {
    /// Another load was committed since this one began. This one can no longer
    /// be committed.
    #[error("another load was committed first")]
    Conflict,
    /// The manifest is not in the store, and cannot get there any more.
    #[error(transparent)]
    NotStored(io::Error),
    /// The manifest may be in the store, or may get there late, so the files
    /// that it names must stay.
    #[error(transparent)]
    Unknown(io::Error),
}

/// Starts the runtime that carries out the requests of a store. Calls of the
/// store block on it.
fn runtime() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
}

fn object_path(path: &str) -> io::Result<Path> {
    Path::parse(path).map_err(io_error)
}

/// Returns the path of a staged file.
fn staged_path(path: &str) -> String {
    format!("{STAGED_FOLDER}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_an_error_below_the_library_is_kept() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = object_store::Error::Generic {
            store: "local",
            source: Box::new(full),
        };
        assert_eq!(io_error(error).kind(), io::ErrorKind::StorageFull);
    }
}
