//! Rejected records on their way to the store: some are kept together, since
//! each is small and storing one at a time is slow.

use crate::model::Rejected;

/// The most records that are kept in memory. One may be as long as
/// [`Limits::text`](crate::model::Limits).
const MOST: usize = 100;

/// Rejected records that are not stored yet.
#[derive(Debug, Default)]
pub(super) struct Waiting(Vec<Rejected>);

impl Waiting {
    /// Keeps a record, and says whether it is time to store them.
    pub(super) fn keep(&mut self, rejected: Rejected) -> bool {
        self.0.push(rejected);
        self.0.len() >= MOST
    }

    /// The records, to be stored now.
    pub(super) fn take(&mut self) -> Vec<Rejected> {
        std::mem::take(&mut self.0)
    }
}
