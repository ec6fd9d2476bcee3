//! Table that is read in pages: its passes, the decoder of their rows, and the
//! cursor. Sends no requests.

use std::collections::VecDeque;

use super::increment::CursorTracker;
use super::page_size::PageRows;
use super::pass::{Pass, PassRows};
use super::target::{ReadMethod, Target};
use crate::cursor::Cursor;
use crate::error::Error;
use crate::failure::Failure;
use crate::hrana::decoder::{Decoder, Encoding};
use crate::hrana::request::Statement;
use crate::hrana::response::Executed;
use crate::output::{Output, PageKind};
use crate::rows::value::Value;

/// Reason of a read that ends early.
pub(super) const MAX_ROWS_READ_REACHED: &str =
    "the server has read the maximum number of rows (`max_rows_read`)";

/// Table that is read in pages.
#[derive(Debug)]
pub(super) struct PagedTable {
    /// Name of the resource.
    pub(super) resource: String,
    /// Encoding in which values are requested.
    pub(super) encoding: Encoding,
    /// Pass that is being read; `None` at the end.
    pub(super) pass: Option<Pass>,
    /// Passes that follow.
    pub(super) next_passes: VecDeque<Pass>,
    rows: Decoder,
    keys: Option<Decoder>,
    /// Key of the last row of the pass that was sent.
    pub(super) after: Option<Vec<Value>>,
    /// Number of rows of the next page.
    pub(super) page_rows: PageRows,
    /// Number of rows that may still be sent.
    pub(super) rows_left: Option<u64>,
    /// Number of rows that the server may still bill.
    pub(super) billable_rows: Option<u64>,
    /// Last value of the cursor column, and the number of rows with it at the
    /// end of the pages so far: the next page reads these rows again.
    last_ties: (Value, u64),
    /// Statement that estimates the rows, until it is sent.
    pub(super) estimate: Option<Statement>,
    tracker: Option<CursorTracker>,
    /// Cursor after all rows, if it was known before.
    final_cursor: Option<Cursor>,
}

/// Next step after a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterPage {
    /// Next page of the pass.
    Page,
    /// Next pass of the table.
    Pass,
    /// End of the table.
    End,
}

impl PagedTable {
    /// Creates the state before the first page.
    pub(super) fn new(target: Target, page_rows: PageRows, row_limit: Option<u64>) -> Self {
        let billable_rows = target.billable_rows();
        let mut next_passes = target.passes;
        let mut keys = None;
        if let Some((pass, columns)) = target.keys {
            next_passes.push_back(pass);
            keys = Some(Decoder::new(&columns));
        }
        let mut table = Self {
            rows: Decoder::new(&target.columns),
            keys,
            resource: target.resource,
            encoding: target.encoding,
            pass: None,
            next_passes,
            after: None,
            page_rows,
            rows_left: row_limit,
            billable_rows,
            last_ties: (Value::Null, 0),
            estimate: None,
            tracker: match target.method {
                ReadMethod::Incremental(increment) => Some(increment.tracker()),
                _ => None,
            },
            final_cursor: target.cursor.filter(|_| row_limit.is_none()),
        };
        table.next_pass();
        table
    }

    /// Starts the next pass, if there is one.
    pub(super) fn next_pass(&mut self) {
        self.pass = self.next_passes.pop_front();
        let pass = self.pass.as_ref();
        if pass.is_some_and(|pass| pass.rows == PassRows::Keys) {
            // All rows were sent.
            self.estimate = None;
        }
        self.after = self.pass.as_ref().and_then(|pass| pass.after.clone());
        self.last_ties = (Value::Null, 0);
        self.set_encoding(self.encoding);
    }

    /// Sets the encoding of this and the following pages.
    pub(super) fn set_encoding(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        let Some(pass) = &self.pass else {
            return;
        };
        let prefix_length = pass.paging.prefix_length(encoding);
        let places = pass.paging.places(encoding);
        let digested = pass.paging.digested().to_vec();
        let decoder = self.decoder();
        decoder.set_encoding(encoding, prefix_length);
        decoder.capture(places, digested);
    }

    /// Returns the decoder of the pass's rows.
    pub(super) fn decoder(&mut self) -> &mut Decoder {
        let pass_rows = self.pass.as_ref().map(|pass| pass.rows);
        match &mut self.keys {
            Some(keys) if pass_rows == Some(PassRows::Keys) => keys,
            _ => &mut self.rows,
        }
    }

    /// Returns the maximum number of rows of the next page.
    pub(super) fn limit(&self) -> u64 {
        let page_rows = self.page_rows.rows;
        let page_rows = self.rows_left.map_or(page_rows, |left| left.min(page_rows));
        self.billable_limit(page_rows)
    }

    /// Returns a number of rows, or as many as the server may still bill.
    pub(super) fn billable_limit(&self, rows: u64) -> u64 {
        let billable = |left: u64| left.saturating_sub(self.last_ties.1);
        self.billable_rows
            .map_or(rows, |left| billable(left).min(rows))
    }

    /// True if the server may bill a next page after one that it billed. After a
    /// page in the order of a column, the rows of that page are not known yet.
    pub(super) fn may_prefetch(&self, billed: u64) -> bool {
        let is_by_column = self
            .pass
            .as_ref()
            .is_some_and(|pass| matches!(pass.rows, PassRows::ByColumn { .. }));
        let is_billable = |left: u64| left > billed && !is_by_column;
        self.billable_rows.is_none_or(is_billable)
    }

    /// Sends the decoded page with its cursor. `last_key` is the key of the last
    /// row.
    pub(super) fn send_page(
        &mut self,
        rows: u64,
        last_key: Option<&[Value]>,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let Some(pass) = &self.pass else {
            return Ok(());
        };
        if pass.rows == PassRows::Keys {
            // The schema is sent first, even if there are no new rows.
            output.end(self.rows.batch_mut())?;
            return Ok(output.page_with(PageKind::Keys, self.decoder().batch_mut(), None)?);
        }
        let mut cursor = None;
        if let Some(tracker) = &mut self.tracker {
            let captured = self.rows.take_captured();
            if pass.rows == PassRows::Null {
                tracker.count_nulls(rows);
            }
            if self.billable_rows.is_some() && matches!(pass.rows, PassRows::ByColumn { .. }) {
                self.last_ties = count_ties(&self.last_ties, tracker.values(&captured));
            }
            tracker.advance(pass.rows, &captured, last_key.unwrap_or_default());
            // Later rows of an unordered pass may have smaller values.
            if pass.rows != PassRows::Unordered {
                cursor = tracker.cursor().map(|cursor| cursor.encode());
            }
        }
        Ok(output.page_with(PageKind::Rows, self.rows.batch_mut(), cursor)?)
    }

    /// Returns the cursor at which another read can resume, if all passes are
    /// in an order.
    pub(super) fn resume_cursor(&self) -> Option<Cursor> {
        let is_ordered = |pass: &Pass| !matches!(pass.rows, PassRows::Unordered | PassRows::All);
        let tracker = self.tracker.as_ref()?;
        let all_ordered = self.pass.iter().chain(&self.next_passes).all(is_ordered);
        (all_ordered && self.keys.is_none()).then(|| tracker.cursor())?
    }

    /// Counts the rows of a page against the limits, and returns what follows.
    pub(super) fn after_page(
        &mut self,
        executed: &Executed,
        limit: u64,
        output: &mut Output,
    ) -> AfterPage {
        let rows = executed.rows;
        let billed = executed.rows_read.unwrap_or(0);
        self.rows_left = self.rows_left.map(|left| left.saturating_sub(rows));
        self.billable_rows = self.billable_rows.map(|left| left.saturating_sub(billed));
        if self.rows_left == Some(0) {
            AfterPage::End
        } else if rows < limit {
            AfterPage::Pass
        } else if self.billable_limit(1) == 0 {
            self.stop_early(output)
        } else {
            AfterPage::Page
        }
    }

    /// Ends the table: sends its schemas, final cursor and notes.
    pub(super) fn end(mut self, output: &mut Output) -> Result<(), Failure> {
        output.end(self.rows.batch_mut())?;
        if let Some(keys) = &mut self.keys {
            output.end_with(PageKind::Keys, keys.batch_mut())?;
        }
        let cursor = self.tracker.as_ref().map(CursorTracker::finish);
        let cursor = match cursor.transpose() {
            Ok(cursor) => cursor,
            Err(error) => {
                output.record_failure(&self.resource, error);
                None
            }
        };
        let Some(stats) = output.stats() else {
            return Ok(());
        };
        stats.ended = true;
        if let Some(tracker) = &self.tracker {
            stats.notes.extend(tracker.notes());
        }
        stats.cursor = cursor.map(|cursor| cursor.encode());
        if let Some(cursor) = &self.final_cursor {
            stats.cursor = Some(cursor.encode());
        }
        Ok(())
    }

    /// Ends the table early because the server must not bill more rows. If the
    /// cursor permits it, the next run continues; else the table fails.
    pub(super) fn stop_early(&mut self, output: &mut Output) -> AfterPage {
        let is_ordered = self
            .pass
            .as_ref()
            .is_some_and(|pass| matches!(pass.rows, PassRows::ByKey | PassRows::ByColumn { .. }));
        let may_stop = is_ordered
            && self.keys.is_none()
            && self.tracker.as_mut().is_some_and(CursorTracker::stop_early);
        if may_stop {
            if let Some(stats) = output.stats() {
                let note = format!("{MAX_ROWS_READ_REACHED}; the next run continues from there");
                stats.notes.push(note);
                stats.stopped_early = true;
            }
        } else {
            let error = Error::config(
                format!("`{}`: {MAX_ROWS_READ_REACHED}", self.resource),
                "raise `max_rows_read`",
            );
            output.record_failure(&self.resource, error);
        }
        AfterPage::End
    }
}

/// Returns the last value of a page, and the number of rows with it at its end.
/// Those of the pages before count if all values are the same.
fn count_ties<'a>(
    before: &(Value, u64),
    values: impl DoubleEndedIterator<Item = &'a Value> + Clone,
) -> (Value, u64) {
    let Some(last) = values.clone().next_back() else {
        return before.clone();
    };
    let ties = values.clone().rev().take_while(|value| *value == last);
    let ties = ties.count() as u64;
    let is_whole_page = values.count() as u64 == ties;
    let earlier = if is_whole_page && before.0 == *last {
        before.1
    } else {
        0
    };
    (last.clone(), ties + earlier)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_with_the_last_value_are_counted_over_pages() {
        let page = |values: &[i64]| {
            values
                .iter()
                .copied()
                .map(Value::Integer)
                .collect::<Vec<_>>()
        };
        let mut ties = (Value::Null, 0);
        for (values, expected) in [
            (&[1, 2, 2][..], 2),
            (&[2, 2], 4),
            (&[2, 3], 1),
            (&[4, 4], 2),
            (&[], 2),
            (&[4], 3),
        ] {
            ties = count_ties(&ties, page(values).iter());
            assert_eq!(ties.1, expected, "{values:?}");
        }
    }
}
