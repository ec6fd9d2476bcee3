//! The lock that keeps a second writer out of a destination, in this process
//! and in others.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Held until it is dropped, or the process dies.
///
/// The file that carries it stays where it is: to remove it would let a
/// writer that has just opened it lock a file that is no longer there.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock that `path` stands for, or fails with
    /// [`io::ErrorKind::WouldBlock`] if another writer has it.
    pub(super) fn take(path: &Path) -> io::Result<Self> {
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
