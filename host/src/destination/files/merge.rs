//! Decides what happens to each row, stored or received, in a merge. Must not
//! read or write a file.

use super::digest::Digest;
use super::rank::Rank;
use super::received::{ReceivedKeys, ReceivedRow, RowState};
use super::row_action::RowAction;
use crate::destination::table_write::{DeletionSource, WriteStats};
use crate::model::{DeletionMode, WriteDisposition};

/// A row of an earlier load, as far as a merge needs it.
#[derive(Clone, Debug)]
pub(super) struct EarlierRow {
    /// Digest of the key, or `None` if a value of it is missing.
    pub(super) key: Option<Digest>,
    pub(super) content: Option<Digest>,
    /// Rank among the rows of its key, if stored rows are compared.
    pub(super) rank: Option<Box<Rank>>,
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
    /// True if rows of a key form groups.
    pub(super) grouped: bool,
    /// True if a received row may be older than the row that the table holds.
    pub(super) ranks_stored_rows: bool,
    /// True if the table held rows before, and they are not replaced.
    pub(super) has_earlier_rows: bool,
}

impl Merge {
    /// Announces a row of an earlier load, and returns true if it may change.
    /// All earlier rows must be announced before the first action is requested:
    /// one of them may make the received row of its key unnecessary.
    pub(super) fn announce_earlier(&mut self, earlier: &EarlierRow) -> bool {
        if let Some(rank) = &earlier.rank
            && let Some(received) = earlier.key.and_then(|key| self.received.rows.get_mut(&key))
            && let Some(received_rank) = &received.rank
            && rank.is_after(received_rank)
        {
            received.state = RowState::Older;
        }
        let is_current_version = self.disposition == WriteDisposition::Scd2
            && !earlier.ended
            && !self.deletes_earlier(earlier);
        if is_current_version
            && let Some(received) = earlier.key.and_then(|key| self.received.rows.get_mut(&key))
            && received.state != RowState::Deleted
            && received.state != RowState::Older
            && earlier.content == received.content
        {
            received.state = RowState::Unchanged;
            return false;
        }
        self.earlier_action(earlier, &mut WriteStats::default()) != RowAction::Keep
    }

    /// Returns what happens to a row of an earlier load.
    pub(super) fn earlier_action(&self, earlier: &EarlierRow, stats: &mut WriteStats) -> RowAction {
        let received = earlier.key.and_then(|key| self.received.rows.get(&key));
        let received = received.filter(|received| received.state != RowState::Older);
        let flagged = received.is_some_and(|received| received.state == RowState::Deleted);
        match self.disposition {
            WriteDisposition::Scd2 if earlier.ended => RowAction::Keep,
            WriteDisposition::Scd2 => {
                if flagged || self.deletes_earlier(earlier) {
                    self.delete(earlier.ended, stats)
                } else if received.is_some_and(|received| received.state != RowState::Unchanged) {
                    RowAction::End
                } else {
                    RowAction::Keep
                }
            }
            _ if received.is_some() && !flagged => RowAction::Drop,
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
        let received = key.and_then(|key| self.received.rows.get(&key));
        let is_stored = |received: &ReceivedRow| {
            (received.index..received.end).contains(&index) && received.state == RowState::New
        };
        if !received.is_some_and(is_stored) {
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
            && rows.all(|(key, received)| {
                received.state == RowState::New && !self.deletes_received(Some(*key))
            })
    }

    fn deletes_received(&self, key: Option<Digest>) -> bool {
        self.has_earlier_rows
            && self.disposition == WriteDisposition::Merge
            && self.deletion_source == DeletionSource::AllKeys
            && self.deletes(key)
    }

    fn deletes_earlier(&self, earlier: &EarlierRow) -> bool {
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
