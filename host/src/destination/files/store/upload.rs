//! A file on its way to a store: bytes are put, and then the upload is
//! completed or aborted.

use std::collections::VecDeque;
use std::io::{self, Write};

use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt as _, PutPayload};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use crate::destination::files::io_error::io_error;

/// Sizes of the parts of an upload.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// Bytes of each part except the last.
    pub(super) bytes: usize,
    /// Parts that are sent at once.
    pub(super) max_in_flight: usize,
}

/// An upload in progress. The file does not exist before
/// [`complete`](Self::complete) returns; an upload that is dropped is aborted.
pub(in crate::destination::files) struct Upload {
    runtime: Handle,
    target: Box<dyn MultipartUpload>,
    parts: Parts,
    buffer: Vec<u8>,
    /// Parts that are being sent, the oldest first.
    in_flight: VecDeque<JoinHandle<object_store::Result<()>>>,
    bytes: u64,
    completed: bool,
}

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
            parts,
            buffer: Vec::with_capacity(parts.bytes),
            in_flight: VecDeque::new(),
            bytes: 0,
            completed: false,
        })
    }

    /// Bytes that were put.
    pub(in crate::destination::files) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts the next bytes of the file.
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.buffer.extend_from_slice(bytes);
        self.bytes += bytes.len() as u64;
        if self.buffer.len() >= self.parts.bytes {
            self.send_part()?;
        }
        Ok(())
    }

    /// Sends the rest, and waits until the file is in the store under its path.
    /// Returns its length.
    pub(in crate::destination::files) fn complete(mut self) -> io::Result<u64> {
        self.send_part()?;
        self.wait_for_parts(0)?;
        self.runtime
            .block_on(self.target.complete())
            .map_err(io_error)?;
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

    fn send_part(&mut self) -> io::Result<()> {
        self.wait_for_parts(self.parts.max_in_flight - 1)?;
        let part = std::mem::replace(&mut self.buffer, Vec::with_capacity(self.parts.bytes));
        let sending = self.target.put_part(PutPayload::from(part));
        self.in_flight.push_back(self.runtime.spawn(sending));
        Ok(())
    }

    /// Waits until at most `remaining` parts are being sent.
    fn wait_for_parts(&mut self, remaining: usize) -> io::Result<()> {
        while self.in_flight.len() > remaining {
            if let Some(part) = self.in_flight.pop_front() {
                let sent = self.runtime.block_on(part).map_err(io_error)?;
                sent.map_err(io_error)?;
            }
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
        self.put(bytes)?;
        Ok(bytes.len())
    }

    /// Does nothing: only a completed upload is a file.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
