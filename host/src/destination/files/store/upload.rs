//! A file on its way to a store: bytes are put, and then the upload is
//! completed or aborted. Must not complete a file that lacks a part.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::Arc;

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::destination::files::io_error::io_error;

/// Parts of all uploads of a store. Each upload holds one in memory, and all
/// together those in flight.
#[derive(Clone, Debug)]
pub(super) struct Parts {
    /// Bytes of each part except the last. Some stores refuse parts of several
    /// sizes.
    bytes: usize,
    /// A permit for each part that may be sent at once.
    in_flight: Arc<Semaphore>,
}

impl Parts {
    pub(super) fn new(bytes: usize, max_in_flight: usize) -> Self {
        Self {
            bytes,
            in_flight: Arc::new(Semaphore::new(max_in_flight)),
        }
    }
}

/// An upload in progress. The file does not exist before
/// [`complete`](Self::complete) returns; an upload that is dropped is aborted.
pub(in crate::destination::files) struct Upload {
    runtime: Handle,
    target: Box<dyn MultipartUpload>,
    parts: Parts,
    buffer: Vec<u8>,
    /// Parts that are being sent, the oldest first.
    in_flight: VecDeque<SentPart>,
    bytes: u64,
    /// True if a part could not be sent, so that the file lacks it.
    failed: bool,
    completed: bool,
}

/// A part that is being sent.
type SentPart = JoinHandle<object_store::Result<()>>;

impl Upload {
    /// Begins an upload.
    pub(super) fn start(
        runtime: Handle,
        store: &dyn ObjectStore,
        path: &Path,
        parts: Parts,
    ) -> io::Result<Self> {
        let target = runtime
            .block_on(store.put_multipart(path))
            .map_err(io_error)?;
        Ok(Self {
            runtime,
            target,
            buffer: Vec::with_capacity(parts.bytes),
            parts,
            in_flight: VecDeque::new(),
            bytes: 0,
            failed: false,
            completed: false,
        })
    }

    /// Bytes that were put.
    pub(in crate::destination::files) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the next bytes of the file.
    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        self.bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            let room = self.parts.bytes - self.buffer.len();
            let (next, rest) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(next);
            bytes = rest;
            if self.buffer.len() == self.parts.bytes {
                self.send_part()?;
            }
        }
        Ok(())
    }

    /// Does something with the parts. After a failure the file is never
    /// completed, even if the caller repeats the call.
    fn unless_failed(
        &mut self,
        action: impl FnOnce(&mut Self) -> io::Result<()>,
    ) -> io::Result<()> {
        if self.failed {
            return Err(io::Error::other("an earlier part of the file was not sent"));
        }
        let result = action(self);
        self.failed = result.is_err();
        result
    }

    /// Sends the rest, and waits until the file is in the store under its path.
    /// Returns its length.
    pub(in crate::destination::files) fn complete(mut self) -> io::Result<u64> {
        self.unless_failed(|upload| {
            if !upload.buffer.is_empty() {
                upload.send_part()?;
            }
            upload.wait_for_parts(|_| true)?;
            let completed = upload.runtime.block_on(upload.target.complete());
            completed.map(|_| ()).map_err(io_error)
        })?;
        self.completed = true;
        Ok(self.bytes)
    }

    /// Removes what was sent, and waits for that: an upload to the same path
    /// may follow.
    fn abort(&mut self) {
        while let Some(part) = self.in_flight.pop_front() {
            let _ = self.runtime.block_on(part);
        }
        if let Err(error) = self.runtime.block_on(self.target.abort()) {
            tracing::debug!(%error, "an upload could not be aborted");
        }
    }

    /// Sends a part as soon as all uploads together send few enough.
    fn send_part(&mut self) -> io::Result<()> {
        self.wait_for_parts(JoinHandle::is_finished)?;
        let permit = Arc::clone(&self.parts.in_flight).acquire_owned();
        let permit = self.runtime.block_on(permit).map_err(io_error)?;
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(self.parts.bytes));
        let sending = self.target.put_part(PutPayload::from(part));
        self.in_flight.push_back(self.runtime.spawn(async move {
            let sent = sending.await;
            drop(permit);
            sent
        }));
        Ok(())
    }

    /// Waits for the parts that are being sent, the oldest first, as long as
    /// `waits_for` returns true.
    fn wait_for_parts(&mut self, waits_for: fn(&SentPart) -> bool) -> io::Result<()> {
        while let Some(part) = self.in_flight.pop_front_if(|part| waits_for(part)) {
            let sent = self.runtime.block_on(part).map_err(io_error)?;
            sent.map_err(io_error)?;
        }
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.completed {
            self.abort();
        }
    }
}

impl Write for Upload {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.unless_failed(|upload| upload.put(bytes))?;
        Ok(bytes.len())
    }

    /// Does nothing: only a completed upload is a file.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
