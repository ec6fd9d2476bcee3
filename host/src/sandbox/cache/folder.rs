//! A folder that only this user can write, held open, and its files. It knows
//! nothing about components.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};

/// An open folder that only this user can write.
#[derive(Debug)]
pub(super) struct Folder(File);

/// An open file that only this user could have written.
pub(super) struct CheckedFile(File);

/// Flags of every open: no link is followed.
const OPEN_FLAGS: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

/// Number of the next partial file, so that threads never share one.
static NEXT_FILE: AtomicU64 = AtomicU64::new(0);

impl Folder {
    /// Opens the folder, or creates it for this user only.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OPEN_FLAGS | OFlags::DIRECTORY | OFlags::RDONLY;
        let folder = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
        check_owner(&folder, FileType::Directory)?;
        Ok(Self(folder))
    }

    /// Opens a file of the folder if only this user could have written it.
    pub(super) fn file(&self, name: &str) -> io::Result<CheckedFile> {
        check_owner(&self.0, FileType::Directory)?;
        // Without NONBLOCK, opening a pipe would wait for its writer.
        let flags = OPEN_FLAGS | OFlags::RDONLY | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        check_owner(&file, FileType::RegularFile)?;
        Ok(CheckedFile(file))
    }

    /// Writes a file in one step: a reader sees all of it or nothing.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        check_owner(&self.0, FileType::Directory)?;
        let number = NEXT_FILE.fetch_add(1, Ordering::Relaxed);
        let partial = format!("{name}.{}-{number}.partial", std::process::id());
        let flags = OPEN_FLAGS | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(rustix::fs::openat(&self.0, &partial, flags, mode)?);
        let written = file
            .write_all(bytes)
            // After a crash, the name must not lead to a partial file.
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(rustix::fs::renameat(&self.0, &partial, &self.0, name)?));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.0, &partial, AtFlags::empty());
        }
        written
    }
}

impl CheckedFile {
    /// Returns a path to this open file, valid while it is open.
    pub(super) fn path(&self) -> PathBuf {
        Path::new("/dev/fd").join(self.0.as_raw_fd().to_string())
    }
}

/// Checks that a file has a kind, belongs to this user and is writable only by
/// it.
fn check_owner(file: impl AsFd, kind: FileType) -> io::Result<()> {
    let status = rustix::fs::fstat(file)?;
    let (name, expected) = if kind == FileType::Directory {
        ("the folder", "a folder")
    } else {
        ("the file", "a regular file")
    };
    if FileType::from_raw_mode(status.st_mode) != kind {
        return Err(io::Error::other(format!("{name} is not {expected}")));
    }
    if status.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!("{name} belongs to another user")));
    }
    if Mode::from_raw_mode(status.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(io::Error::other(format!("other users can write to {name}")));
    }
    Ok(())
}
