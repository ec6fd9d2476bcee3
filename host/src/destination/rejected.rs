//! Buffer of rejected records. Each record is small, and storing one at a
//! time would be slow.

use crate::model::Rejected;

/// Records that are buffered before they are stored. One record may be as
/// long as [`Limits::text`](crate::model::Limits).
const MAX_BUFFERED: usize = 100;

/// Rejected records that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct RejectedBuffer(Vec<Rejected>);

impl RejectedBuffer {
    /// Adds a record. Returns true if the buffer is full and must be stored.
    pub(super) fn push(&mut self, rejected: Rejected) -> bool {
        self.0.push(rejected);
        self.0.len() >= MAX_BUFFERED
    }

    /// Removes and returns all records.
    pub(super) fn take(&mut self) -> Vec<Rejected> {
        std::mem::take(&mut self.0)
    }
}
