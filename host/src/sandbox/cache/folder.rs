//! A folder that only this user can write, held open, and its files. Knows
//! nothing of components.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags};

/// The folder.
#[derive(Debug)]
pub(super) struct Folder(File);

/// A file that was judged.
pub(super) struct Judged(File);

/// What was opened is what is used: no link is followed.
const SAFELY: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);

/// Tells apart what several threads write at once.
static WRITTEN: AtomicU64 = AtomicU64::new(0);

impl Folder {
    /// Opens the folder, or creates it for this user alone.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        match rustix::fs::mkdir(path, Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = SAFELY | OFlags::DIRECTORY | OFlags::RDONLY;
        let folder = File::from(rustix::fs::openat(CWD, path, flags, Mode::empty())?);
        judge(&folder, FileType::Directory)?;
        Ok(Self(folder))
    }

    /// A file of the folder, if only this user could have written it.
    pub(super) fn file(&self, name: &str) -> io::Result<Judged> {
        judge(&self.0, FileType::Directory)?;
        // A pipe under this name would be waited for.
        let flags = SAFELY | OFlags::RDONLY | OFlags::NONBLOCK;
        let file = File::from(rustix::fs::openat(&self.0, name, flags, Mode::empty())?);
        judge(&file, FileType::RegularFile)?;
        Ok(Judged(file))
    }

    /// Writes a file as a whole: nobody sees a part of it.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        judge(&self.0, FileType::Directory)?;
        let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
        let partial = format!("{name}.{}-{number}.partial", std::process::id());
        let flags = SAFELY | OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL;
        let mode = Mode::RUSR | Mode::WUSR;
        let mut file = File::from(rustix::fs::openat(&self.0, &partial, flags, mode)?);
        let written = file
            .write_all(bytes)
            // A name that outlives a crash must not lead to half a file.
            .and_then(|()| file.sync_all())
            .and_then(|()| Ok(rustix::fs::renameat(&self.0, &partial, &self.0, name)?));
        if written.is_err() {
            let _ = rustix::fs::unlinkat(&self.0, &partial, AtFlags::empty());
        }
        written
    }
}

impl Judged {
    /// A path that leads to this very file, for as long as it is open.
    pub(super) fn path(&self) -> PathBuf {
        Path::new("/dev/fd").join(self.0.as_raw_fd().to_string())
    }
}

fn judge(file: impl AsFd, kind: FileType) -> io::Result<()> {
    let status = rustix::fs::fstat(file)?;
    let what = if kind == FileType::Directory {
        "the folder"
    } else {
        "the file"
    };
    if FileType::from_raw_mode(status.st_mode) != kind {
        return Err(io::Error::other(format!("{what} is something else")));
    }
    if status.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::other(format!("{what} belongs to somebody else")));
    }
    if Mode::from_raw_mode(status.st_mode).intersects(Mode::WGRP | Mode::WOTH) {
        return Err(io::Error::other(format!("others can write to {what}")));
    }
    Ok(())
}
