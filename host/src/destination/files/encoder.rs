//! Encoders of batches, which all formats share.

use std::io;

use arrow_array::RecordBatch;

use super::store::Upload;

/// Encodes batches into one file of a format, while it is uploaded.
pub(super) trait Encoder: Send {
    /// Encodes rows, and uploads what is complete.
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Bytes that were uploaded.
    fn bytes(&self) -> u64;

    /// Bytes that are buffered until more rows are written.
    fn buffered_bytes(&self) -> usize {
        0
    }

    /// Uploads what is buffered.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Uploads the remaining bytes. The upload is not completed.
    fn finish(self: Box<Self>) -> io::Result<Upload>;
}
