//! A file of a store, open for reading at any offset.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::{Buf as _, Bytes};
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _};
use tokio::runtime::Handle;

use crate::destination::files::io_error::io_error;

/// Bytes that are requested at once when an object is read from end to end.
const READ_AHEAD_BYTES: u64 = 8 << 20;

/// A file that is open for reading.
pub(in crate::destination::files) struct StoredFile(Source);

enum Source {
    Local(File),
    Object(ObjectFile),
}

/// An object, and what is needed to read it.
#[derive(Clone)]
struct ObjectFile {
    runtime: Handle,
    store: Arc<dyn ObjectStore>,
    path: Path,
    bytes: u64,
    /// True if a request for bytes that exist has failed.
    has_failed_request: Arc<AtomicBool>,
}

impl StoredFile {
    pub(super) fn local(file: File) -> Self {
        Self(Source::Local(file))
    }

    /// Opens an object.
    pub(super) fn object(
        runtime: Handle,
        store: Arc<dyn ObjectStore>,
        path: Path,
    ) -> io::Result<Self> {
        let head = runtime.block_on(store.head(&path));
        let head = head.map_err(|error| match error {
            Error::NotFound { .. } => io::Error::new(io::ErrorKind::NotFound, error),
            error => io_error(error),
        })?;
        Ok(Self(Source::Object(ObjectFile {
            runtime,
            store,
            path,
            bytes: head.size,
            has_failed_request: Arc::default(),
        })))
    }

    /// Returns another handle to the file.
    pub(in crate::destination::files) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(match &self.0 {
            Source::Local(file) => Source::Local(file.try_clone()?),
            Source::Object(object) => Source::Object(object.clone()),
        }))
    }

    /// Returns true if the store has failed to send bytes of the file. A decoder
    /// may hide that error.
    pub(in crate::destination::files) fn has_failed_request(&self) -> bool {
        match &self.0 {
            Source::Local(_) => false,
            Source::Object(object) => object.has_failed_request.load(Ordering::Relaxed),
        }
    }

    /// Length in bytes.
    pub(in crate::destination::files) fn bytes(&self) -> io::Result<u64> {
        match &self.0 {
            Source::Local(file) => Ok(file.metadata()?.len()),
            Source::Object(object) => Ok(object.bytes),
        }
    }

    /// Returns a reader of the file from an offset to its end.
    pub(in crate::destination::files) fn reader(
        &self,
        offset: u64,
    ) -> io::Result<Box<dyn Read + Send>> {
        Ok(match &self.0 {
            Source::Local(file) => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(offset))?;
                Box::new(file)
            }
            Source::Object(object) => Box::new(ObjectReader {
                object: object.clone(),
                offset,
                buffer: Bytes::new(),
            }),
        })
    }

    /// Reads a range of the file.
    pub(in crate::destination::files) fn read_range(
        &self,
        offset: u64,
        length: usize,
    ) -> io::Result<Bytes> {
        // A damaged file may name any range.
        let end = offset.checked_add(length as u64);
        let Some(end) = end.filter(|end| self.bytes().is_ok_and(|bytes| *end <= bytes)) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        match &self.0 {
            Source::Local(_) => {
                let mut bytes = Vec::with_capacity(length);
                let read = self
                    .reader(offset)?
                    .take(length as u64)
                    .read_to_end(&mut bytes)?;
                if read == length {
                    Ok(bytes.into())
                } else {
                    Err(io::ErrorKind::UnexpectedEof.into())
                }
            }
            Source::Object(object) => object.get(offset, end),
        }
    }
}

impl ObjectFile {
    fn get(&self, from: u64, to: u64) -> io::Result<Bytes> {
        if from == to {
            return Ok(Bytes::new());
        }
        let range = self.store.get_range(&self.path, from..to);
        self.runtime.block_on(range).map_err(|error| {
            self.has_failed_request.store(true, Ordering::Relaxed);
            io_error(error)
        })
    }
}

/// Reads an object from an offset to its end.
struct ObjectReader {
    object: ObjectFile,
    offset: u64,
    buffer: Bytes,
}

impl Read for ObjectReader {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        if self.buffer.is_empty() && self.offset < self.object.bytes {
            let end = self
                .object
                .bytes
                .min(self.offset.saturating_add(READ_AHEAD_BYTES));
            self.buffer = self.object.get(self.offset, end)?;
            self.offset = end;
        }
        let length = target.len().min(self.buffer.len());
        self.buffer.copy_to_slice(&mut target[..length]);
        Ok(length)
    }
}
