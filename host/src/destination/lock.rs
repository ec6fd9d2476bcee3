//! The lock file that keeps a second writer out of a local destination, in
//! this process and in others.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// An exclusive lock, held until it is dropped or the process ends.
///
/// The lock file is never removed: another writer may have opened it already,
/// and would then lock a file that no longer has a name.
#[derive(Debug)]
pub(super) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Acquires the lock file at `path`, creating it if needed. Fails with
    /// [`io::ErrorKind::WouldBlock`] if another writer holds it.
    pub(super) fn acquire(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(io::Error::new(
                io::ErrorKind::WouldBlock,
                format!("{} is locked", path.display()),
            )),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }
}
