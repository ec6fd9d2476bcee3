//! A table that is being read: its phases, what decodes their rows, and where
//! they lead. Asks nobody.

use std::collections::VecDeque;

use super::increment::{Phase, Rows as PhaseRows};
use super::plan::{How, Target};
use super::progress::Progress;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::failure::Failure;
use crate::hrana::decoder::{Decoder, Encoding};
use crate::output::{Output, PageKind};
use crate::rows::value::Value;

/// The size that answers are steered to. Servers refuse to build ones of
/// more than 10 MB of values.
const GOOD_BYTES: usize = 4_000_000;
/// The size from which pages get smaller.
const LARGE_BYTES: usize = 8_000_000;

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) resource: String,
    pub(super) encoding: Encoding,
    /// What is read now; nothing when all has been.
    pub(super) phase: Option<Phase>,
    /// What comes after it.
    pub(super) phases: VecDeque<Phase>,
    pub(super) rows: Decoder,
    pub(super) keys: Option<Decoder>,
    /// Key of the last row that was sent in this phase.
    pub(super) after: Option<Vec<Value>>,
    /// Rows to ask for at once.
    pub(super) page_rows: u64,
    /// Rows that may still be sent.
    pub(super) left: Option<u64>,
    /// Rows that the server may still bill.
    pub(super) billable: Option<u64>,
    pub(super) progress: Option<Progress>,
    /// Where the next read goes on, once all has been read.
    pub(super) cursor: Option<Cursor>,
}

/// What a page leaves to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// There is more in its phase.
    Page,
    /// Its phase is over.
    Phase,
    /// Its table is over.
    Table,
}

impl Table {
    pub(super) fn new(target: Target, page_rows: u64, row_limit: Option<u64>) -> Self {
        let mut phases = target.phases;
        let mut keys = None;
        if let Some((phase, columns)) = target.keys {
            phases.push_back(phase);
            keys = Some(Decoder::new(&columns));
        }
        let mut table = Self {
            rows: Decoder::new(&target.columns),
            keys,
            resource: target.resource,
            encoding: target.encoding,
            phase: None,
            phases,
            after: None,
            page_rows,
            left: row_limit,
            billable: target.max_rows_billed,
            progress: match target.how {
                How::Increment(increment) => Some(increment.progress()),
                _ => None,
            },
            cursor: target.cursor.filter(|_| row_limit.is_none()),
        };
        table.next_phase();
        table
    }

    /// Goes on to the next phase.
    pub(super) fn next_phase(&mut self) {
        self.phase = self.phases.pop_front();
        self.after = self.phase.as_ref().and_then(|phase| phase.after.clone());
        self.set_encoding(self.encoding);
    }

    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        let Some(phase) = &self.phase else {
            return;
        };
        let prefix_length = phase.paging.prefix_length(encoding);
        let decoder = match (phase.rows, &mut self.keys) {
            (PhaseRows::Keys, Some(keys)) => keys,
            _ => &mut self.rows,
        };
        decoder.set_encoding(encoding, prefix_length);
        decoder.keep_prefixes(phase.rows == PhaseRows::Unordered);
    }

    /// What decodes the rows of this phase.
    pub(super) fn decoder(&mut self) -> &mut Decoder {
        let of_keys = self
            .phase
            .as_ref()
            .is_some_and(|phase| phase.rows == PhaseRows::Keys);
        match &mut self.keys {
            Some(keys) if of_keys => keys,
            _ => &mut self.rows,
        }
    }

    /// The size of the next page.
    pub(super) fn limit(&self) -> u64 {
        self.left
            .map_or(self.page_rows, |left| left.min(self.page_rows))
    }

    /// Learns from the size of an answer.
    pub(super) fn adapt(&mut self, rows: u64, bytes: usize, most: u64) {
        let per_row = bytes / usize::try_from(rows).unwrap_or(usize::MAX).max(1);
        let good = (GOOD_BYTES / per_row.max(1)).max(1) as u64;
        if bytes > LARGE_BYTES {
            self.page_rows = good.min(self.page_rows);
        } else if self.page_rows < most && bytes < GOOD_BYTES / 2 {
            self.page_rows = good.min(self.page_rows.saturating_mul(4)).min(most);
        }
    }

    /// Sends the page that was decoded, and takes note of where it leads.
    pub(super) fn send_page(
        &mut self,
        rows: u64,
        last: Option<&[Value]>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let Some(phase) = &self.phase else {
            return Ok(());
        };
        let mut cursor = None;
        if let Some(progress) = &mut self.progress {
            for prefix in self.rows.take_prefixes() {
                if let Some((key, value)) = phase.paging.split_prefix(self.encoding, prefix) {
                    progress.meet(&key, &value);
                }
            }
            if phase.rows == PhaseRows::WithoutValue {
                progress.count_nulls(rows);
            }
            if let Some(last) = last {
                progress.advance(phase.rows, last);
            }
            // In no order, rows that are still to come may be older.
            if !matches!(phase.rows, PhaseRows::Unordered | PhaseRows::Keys) {
                cursor = Some(progress.cursor().encode());
            }
        }
        if phase.rows == PhaseRows::Keys {
            // Its columns come first, even if it has no new rows.
            output.end(self.rows.batch_mut())?;
            return Ok(output.page_with(PageKind::Keys, self.decoder().batch_mut(), None)?);
        }
        Ok(output.page_with(PageKind::Rows, self.decoder().batch_mut(), cursor)?)
    }

    /// Where it goes on, if every page so far led to a cursor.
    pub(super) fn resumable_cursor(&self) -> Option<Cursor> {
        let in_order = |phase: &Phase| !matches!(phase.rows, PhaseRows::Unordered | PhaseRows::All);
        let progress = self.progress.as_ref()?;
        let all = self.phase.iter().chain(&self.phases).all(in_order);
        (all && self.keys.is_none()).then(|| progress.cursor().clone())
    }

    /// Counts what the server has billed. True when no more may be.
    pub(super) fn spend(&mut self, rows: Option<u64>) -> bool {
        self.billable = self
            .billable
            .map(|billable| billable.saturating_sub(rows.unwrap_or(0)));
        self.billable == Some(0)
    }

    /// Ends the table before all has been read, since the server may bill no
    /// more: what has a cursor goes on from there the next time.
    pub(super) fn stop_early(&mut self, output: &mut Output) -> Then {
        let what = "the server has read as many rows as it may (`max_rows_read`)";
        let ordered = self.phase.as_ref().is_some_and(|phase| {
            // What overlaps may not have come beyond where it began.
            matches!(
                phase.rows,
                PhaseRows::ByKey | PhaseRows::ByColumn { overlaps: false }
            )
        });
        let may_stop = ordered && self.keys.is_none();
        if may_stop && self.progress.as_mut().is_some_and(Progress::stop) {
            if let Some(stats) = output.stats() {
                stats
                    .notes
                    .push(format!("{what}; the next run goes on from there"));
            }
        } else {
            let error = Error::config(format!("`{}`: {what}", self.resource), "allow more rows");
            output.record_failure(&self.resource, error);
        }
        Then::Table
    }

    /// Sends what there is to say when all has been read.
    pub(super) fn end(mut self, output: &mut Output) -> Result<(), Failure> {
        output.end(self.rows.batch_mut())?;
        if let Some(keys) = &mut self.keys {
            output.end_with(PageKind::Keys, keys.batch_mut())?;
        }
        if let (Some(progress), Some(stats)) = (&self.progress, output.stats()) {
            stats.cursor = Some(progress.end().encode());
            stats.notes.extend(progress.notes());
        }
        if let Some(stats) = output.stats() {
            stats.ended = true;
            if let Some(cursor) = &self.cursor {
                stats.cursor = Some(cursor.encode());
            }
        }
        Ok(())
    }
}
