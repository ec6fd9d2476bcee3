//! What becomes of each row, old and new, when they are brought together.
//! Decides, and touches no file.

use super::arrived::{Arrived, Last};
use super::digest::Digest;
use crate::destination::{DeletionSource, WriteStats};
use crate::model::{DeletionMode, WriteDisposition};

/// What becomes of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It stays as it is.
    Keep,
    /// It goes.
    Drop,
    /// It stays, and gets the time at which it went.
    Stamp,
}

/// A row of an earlier load, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Old {
    /// None if it cannot be told apart.
    pub(super) key: Option<Digest>,
    pub(super) content: Option<Digest>,
    /// Whether it went before.
    pub(super) went: bool,
    /// Whether it is of a part that was not read, and so not gone.
    pub(super) is_unread: bool,
}

/// Rows that arrived, on their way into a table.
#[derive(Debug)]
pub(super) struct Merge {
    pub(super) arrived: Arrived,
    pub(super) write: WriteDisposition,
    pub(super) deletion_source: DeletionSource,
    pub(super) deletes: DeletionMode,
    /// Whether rows come in groups, of which the last counts.
    pub(super) groups: bool,
    /// Whether there are older rows that they are brought together with.
    pub(super) beside: bool,
}

impl Merge {
    /// Notes that a row is there, and says whether something may become of it.
    /// All older rows are shown before the first is judged, because one of
    /// them may make the new row of its key needless.
    pub(super) fn notice(&mut self, old: Old) -> bool {
        let stays = self.write == WriteDisposition::Scd2 && !old.went && !self.goes_of(old);
        if stays
            && let Some(last) = old.key.and_then(|key| self.arrived.rows.get_mut(&key))
            && !last.deleted
            && old.content == last.content
        {
            last.same = true;
            return false;
        }
        self.judge_old(old, &mut WriteStats::default()) != Verdict::Keep
    }

    /// What becomes of an older row.
    pub(super) fn judge_old(&self, old: Old, stats: &mut WriteStats) -> Verdict {
        let last = old.key.and_then(|key| self.arrived.rows.get(&key));
        let deleted = last.is_some_and(|last| last.deleted);
        match self.write {
            WriteDisposition::Scd2 if old.went => Verdict::Keep,
            WriteDisposition::Scd2 => {
                if deleted || self.goes_of(old) {
                    self.delete(old.went, stats)
                } else if last.is_some_and(|last| !last.same) {
                    Verdict::Stamp
                } else {
                    Verdict::Keep
                }
            }
            _ if last.is_some() && !deleted => Verdict::Drop,
            _ if deleted || (!old.is_unread && self.is_gone(old.key)) => {
                self.delete(old.went, stats)
            }
            _ => Verdict::Keep,
        }
    }

    /// What becomes of a row that arrived after `at` others.
    pub(super) fn judge_new(
        &self,
        key: Option<Digest>,
        at: u64,
        stats: &mut WriteStats,
    ) -> Verdict {
        let last = key.and_then(|key| self.arrived.rows.get(&key));
        let counts = |last: &Last| {
            if self.groups {
                at >= last.at
            } else {
                at == last.at && !last.deleted && !last.same
            }
        };
        if !last.is_some_and(counts) {
            return Verdict::Drop;
        }
        stats.written += 1;
        // It came, and went before all keys were read.
        if self.goes_at_once(key) {
            self.delete(false, stats)
        } else {
            Verdict::Keep
        }
    }

    /// Whether all rows that arrived stay as they are.
    pub(super) fn all_new_stay(&self) -> bool {
        let mut rows = self.arrived.rows.iter();
        !self.groups
            && self.arrived.superseded() == 0
            && rows.all(|(key, last)| !last.deleted && !last.same && !self.goes_at_once(Some(*key)))
    }

    fn goes_at_once(&self, key: Option<Digest>) -> bool {
        self.beside
            && self.write == WriteDisposition::Merge
            && self.deletion_source == DeletionSource::AllKeys
            && self.goes(key)
    }

    fn goes_of(&self, old: Old) -> bool {
        !old.is_unread && self.goes(old.key)
    }

    /// Whether a row is no longer in the source, and something follows from
    /// that.
    fn goes(&self, key: Option<Digest>) -> bool {
        self.deletes != DeletionMode::Ignore && self.is_gone(key)
    }

    /// Whether a row is no longer in the source, if that can be told.
    fn is_gone(&self, key: Option<Digest>) -> bool {
        let is_there = |there: &dyn Fn(&Digest) -> bool| key.is_some_and(|key| there(&key));
        match self.deletion_source {
            DeletionSource::AllRows => !is_there(&|key| self.arrived.rows.contains_key(key)),
            DeletionSource::AllKeys => !is_there(&|key| self.arrived.keys.contains(key)),
            DeletionSource::Unknown | DeletionSource::Flagged => false,
        }
    }

    fn delete(&self, went: bool, stats: &mut WriteStats) -> Verdict {
        let verdict = match (self.write, self.deletes) {
            (_, DeletionMode::Ignore) => return Verdict::Keep,
            (WriteDisposition::Merge, DeletionMode::Hard) => Verdict::Drop,
            _ if went => return Verdict::Keep,
            _ => Verdict::Stamp,
        };
        stats.deleted += 1;
        verdict
    }
}
