//! A folder of this machine.
//!
//! One writer at a time holds the lock of the folder. Staged files are renamed
//! to their paths, and every change is synced to the disk before it counts: a
//! manifest must never name a file that a power failure can still remove.
//! Manifests are named by their loads: `_loads/<load id>.json`.

use std::collections::BTreeSet;
use std::fs::{File, Metadata};
use std::io;
use std::path::PathBuf;

use object_store::local::LocalFileSystem;
use object_store::{ObjectStoreExt as _, PutPayload};
use tokio::runtime::Runtime;

use super::leftovers::{LoadFile, is_manifest};
use super::upload::Parts;
use super::{
    Commit, CommitError, STAGED_FOLDER, Store, StoredBytes, StoredFile, Upload, object_path,
    runtime, staged_path,
};
use crate::destination::creation::check_writable;
use crate::destination::files::io_error::io_error;
use crate::destination::lock::FileLock;
use crate::model::{LoadId, names};

/// Parts are large enough that a thread switch for each does not matter.
const PART_BYTES: usize = 1 << 20;
/// The disk sets the pace.
const MAX_PARTS_IN_FLIGHT: usize = 1;

/// A folder that holds a dataset.
pub(in crate::destination::files) struct LocalStore {
    root: PathBuf,
    location: String,
    files: LocalFileSystem,
    parts: Parts,
    /// Writes while the load encodes.
    runtime: Runtime,
    _lock: FileLock,
}

impl LocalStore {
    /// Opens a folder, creating it if needed, and acquires its lock.
    pub(in crate::destination::files) fn open(root: PathBuf) -> io::Result<Self> {
        std::fs::create_dir_all(&root)?;
        let lock = FileLock::acquire(&root.join(".lock"))?;
        let runtime = runtime()?;
        let files = LocalFileSystem::new_with_prefix(&root).map_err(io_error)?;
        Ok(Self {
            location: root.display().to_string(),
            files: files.with_fsync(true),
            parts: Parts::new(PART_BYTES, MAX_PARTS_IN_FLIGHT),
            root,
            runtime,
            _lock: lock,
        })
    }

    /// Removes the files of earlier loads from a folder of a table or of
    /// manifests. Adds the committed files of the folder to `stored`.
    fn remove_leftovers_of(
        &self,
        folder: &str,
        committed: &BTreeSet<&str>,
        stored: &mut StoredBytes,
    ) -> io::Result<()> {
        for entry in std::fs::read_dir(self.root.join(folder))? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            let path = format!("{folder}/{name}");
            if committed.contains(path.as_str()) {
                stored.insert(path, entry.metadata()?.len());
            } else if LoadFile::parse(name).is_some() {
                tracing::debug!(folder, name, "removing a file that no manifest names");
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes a manifest for good: not even a power failure brings it back.
    fn retract(&self, manifest: &str) -> io::Result<()> {
        ignore_missing(std::fs::remove_file(self.root.join(manifest)))?;
        let folder = File::open(self.root.join(names::LOADS));
        ignore_missing(folder.and_then(|folder| folder.sync_all()))
    }

    fn remove_staged_folder(&self) -> io::Result<()> {
        ignore_missing(std::fs::remove_dir_all(self.root.join(STAGED_FOLDER)))
    }
}

impl Store for LocalStore {
    fn location(&self) -> &str {
        &self.location
    }

    /// Returns the id of the load: only the holder of the lock writes files, and
    /// nothing is carried out late.
    fn file_prefix(&self, load: &LoadId) -> io::Result<String> {
        Ok(load.to_string())
    }

    fn upload(&self, path: &str) -> io::Result<Upload> {
        let staged = object_path(&staged_path(path))?;
        let runtime = self.runtime.handle().clone();
        Upload::start(runtime, &self.files, &staged, self.parts.clone())
    }

    fn open_staged(&self, path: &str) -> io::Result<StoredFile> {
        let file = File::open(self.root.join(STAGED_FOLDER).join(path))?;
        Ok(StoredFile::local(file))
    }

    fn open(&self, path: &str) -> io::Result<StoredFile> {
        Ok(StoredFile::local(File::open(self.root.join(path))?))
    }

    fn check_folder(&self, folder: &str) -> io::Result<()> {
        let folder = self.root.join(folder);
        match std::fs::metadata(&folder) {
            Ok(metadata) if metadata.is_dir() => {
                check_writable(&folder, &metadata)?;
                check_same_device(&metadata, &std::fs::metadata(&self.root)?)
            }
            Ok(_) => Err(io::ErrorKind::NotADirectory.into()),
            Err(error) => ignore_missing(Err(error)),
        }
    }

    fn publish(&self, path: &str) -> io::Result<()> {
        let (from, to) = (object_path(&staged_path(path))?, object_path(path)?);
        self.runtime
            .block_on(self.files.rename(&from, &to))
            .map_err(io_error)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        ignore_missing(std::fs::remove_file(self.root.join(path)))
    }

    /// Removes everything that is staged: only the holder of the lock stages
    /// files.
    fn remove_staged(&self, _prefix: &str) -> io::Result<()> {
        self.remove_staged_folder()
    }

    fn remove_leftovers(
        &self,
        _last_load: Option<&str>,
        committed: &BTreeSet<&str>,
    ) -> io::Result<StoredBytes> {
        self.remove_staged_folder()?;
        let mut stored = StoredBytes::new();
        for entry in std::fs::read_dir(&self.root)? {
            let entry = entry?;
            let folder = entry.file_name();
            if let (true, Some(folder)) = (entry.file_type()?.is_dir(), folder.to_str())
                && let Err(error) = self.remove_leftovers_of(folder, committed, &mut stored)
            {
                // The table of the folder fails, if it is loaded.
                tracing::warn!(folder, %error, "files of failed loads could not be removed");
            }
        }
        Ok(stored)
    }

    fn last_commit(&self) -> io::Result<Option<Commit>> {
        let entries = match std::fs::read_dir(self.root.join(names::LOADS)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut last = None;
        for entry in entries {
            let entry = entry?;
            if entry.file_name().to_str().is_some_and(is_manifest) {
                last = last.max(Some(entry.path()));
            }
        }
        let commit = |path: PathBuf| {
            Ok(Commit {
                name: path.display().to_string(),
                manifest: std::fs::read(&path)?,
            })
        };
        last.map(commit).transpose()
    }

    /// Returns false: no other load can be committed while this writer holds the
    /// lock.
    fn has_commit_after(&self, _previous: Option<&str>) -> bool {
        false
    }

    /// Writes the manifest under the name of its load. No other load can have
    /// been committed, because this writer holds the lock.
    fn commit(
        &self,
        load: &LoadId,
        _previous: Option<&str>,
        manifest: Vec<u8>,
    ) -> Result<String, CommitError> {
        let name = format!("{}/{load}.json", names::LOADS);
        let path = object_path(&name).map_err(CommitError::NotStored)?;
        let put = self.files.put(&path, PutPayload::from(manifest));
        match self.runtime.block_on(put) {
            Ok(_) => Ok(name),
            // It may exist in spite of the error.
            Err(error) => match self.retract(&name) {
                Ok(()) => Err(CommitError::NotStored(io_error(error))),
                Err(_) => Err(CommitError::Unknown(io_error(error))),
            },
        }
    }
}

/// Fails if files cannot be renamed from one folder to the other.
#[cfg(unix)]
fn check_same_device(one: &Metadata, other: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt as _;

    if one.dev() == other.dev() {
        Ok(())
    } else {
        Err(io::ErrorKind::CrossesDevices.into())
    }
}

#[cfg(not(unix))]
fn check_same_device(_: &Metadata, _: &Metadata) -> io::Result<()> {
    Ok(())
}

fn ignore_missing(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}
