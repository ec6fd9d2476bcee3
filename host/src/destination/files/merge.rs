//! Decides what happens to each row, stored or received, in a merge. Must not
//! read or write a file.

use super::digest::Digest;
use super::received::{LastRow, ReceivedKeys};
use super::row_action::RowAction;
use crate::destination::table_write::{DeletionSource, WriteStats};
use crate::model::{DeletionMode, WriteDisposition};

/// A row of an earlier load, as far as a merge needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct EarlierRow {
    /// Digest of the key, or `None` if a value of it is missing.
    pub(super) key: Option<Digest>,
    pub(super) content: Option<Digest>,
    /// True if the row ended in an earlier load.
    pub(super) ended: bool,
    /// True if the row belongs to a part that was not read. Such a row is not
    /// deleted, although its key was not sent.
    pub(super) is_unread: bool,
}

/// The merge of received rows into a table.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) received: ReceivedKeys,
    pub(super) disposition: WriteDisposition,
    pub(super) deletion_source: DeletionSource,
    pub(super) deletion_mode: DeletionMode,
    /// True if rows of a key form groups, of which the last counts.
    pub(super) grouped: bool,
    /// True if the table held rows before, and they are not replaced.
    pub(super) has_earlier_rows: bool,
}

impl Merge {
    /// Announces a row of an earlier load, and returns true if it may change.
    /// All earlier rows must be announced before the first action is requested:
    /// one of them may make the received row of its key unnecessary.
    pub(super) fn announce_earlier(&mut self, earlier: EarlierRow) -> bool {
        let is_current_version = self.disposition == WriteDisposition::Scd2
            && !earlier.ended
            && !self.deletes_earlier(earlier);
        if is_current_version
            && let Some(last) = earlier.key.and_then(|key| self.received.rows.get_mut(&key))
            && !last.deleted
            && earlier.content == last.content
        {
            last.unchanged = true;
            return false;
        }
        self.earlier_action(earlier, &mut WriteStats::default()) != RowAction::Keep
    }

    /// Returns what happens to a row of an earlier load.
    pub(super) fn earlier_action(&self, earlier: EarlierRow, stats: &mut WriteStats) -> RowAction {
        let last = earlier.key.and_then(|key| self.received.rows.get(&key));
        let flagged = last.is_some_and(|last| last.deleted);
        match self.disposition {
            WriteDisposition::Scd2 if earlier.ended => RowAction::Keep,
            WriteDisposition::Scd2 => {
                if flagged || self.deletes_earlier(earlier) {
                    self.delete(earlier.ended, stats)
                } else if last.is_some_and(|last| !last.unchanged) {
                    RowAction::End
                } else {
                    RowAction::Keep
                }
            }
            _ if last.is_some() && !flagged => RowAction::Drop,
            _ if flagged || (!earlier.is_unread && self.is_missing(earlier.key)) => {
                self.delete(earlier.ended, stats)
            }
            _ => RowAction::Keep,
        }
    }

    /// Returns what happens to a received row, which was received after `index`
    /// others.
    pub(super) fn received_action(
        &self,
        key: Option<Digest>,
        index: u64,
        stats: &mut WriteStats,
    ) -> RowAction {
        let last = key.and_then(|key| self.received.rows.get(&key));
        let is_stored = |last: &LastRow| {
            if self.grouped {
                index >= last.index
            } else {
                index == last.index && !last.deleted && !last.unchanged
            }
        };
        if !last.is_some_and(is_stored) {
            return RowAction::Drop;
        }
        stats.written += 1;
        // The row was deleted after it was read and before the keys were.
        if self.deletes_received(key) {
            self.delete(false, stats)
        } else {
            RowAction::Keep
        }
    }

    /// Returns true if all received rows are stored unchanged.
    pub(super) fn stores_all_received(&self) -> bool {
        let mut rows = self.received.rows.iter();
        !self.grouped
            && self.received.superseded() == 0
            && rows.all(|(key, last)| {
                !last.deleted && !last.unchanged && !self.deletes_received(Some(*key))
            })
    }

    fn deletes_received(&self, key: Option<Digest>) -> bool {
        self.has_earlier_rows
            && self.disposition == WriteDisposition::Merge
            && self.deletion_source == DeletionSource::AllKeys
            && self.deletes(key)
    }

    fn deletes_earlier(&self, earlier: EarlierRow) -> bool {
        !earlier.is_unread && self.deletes(earlier.key)
    }

    /// Returns true if a row is deleted because it is no longer in the source.
    fn deletes(&self, key: Option<Digest>) -> bool {
        self.deletion_mode != DeletionMode::Ignore && self.is_missing(key)
    }

    /// Returns true if a row is known to be no longer in the source.
    fn is_missing(&self, key: Option<Digest>) -> bool {
        match self.deletion_source {
            DeletionSource::AllRows => key.is_none_or(|key| !self.received.rows.contains_key(&key)),
            DeletionSource::AllKeys => key.is_none_or(|key| !self.received.keys.contains(&key)),
            DeletionSource::Unknown | DeletionSource::Flagged => false,
        }
    }

    fn delete(&self, ended: bool, stats: &mut WriteStats) -> RowAction {
        let action = match (self.disposition, self.deletion_mode) {
            (_, DeletionMode::Ignore) => return RowAction::Keep,
            (WriteDisposition::Merge, DeletionMode::Hard) => RowAction::Drop,
            _ if ended => return RowAction::Keep,
            _ => RowAction::End,
        };
        stats.deleted += 1;
        action
    }
}
