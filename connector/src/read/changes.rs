//! The changes of tables that are followed, in pages, one table after the
//! other, on the stream that the tables were read from. Never goes past what
//! was settled before.

use std::collections::VecDeque;

use super::followed::Followed;
use super::plan::{How, Target};
use super::tables::Tables;
use crate::changes::DELETED;
use crate::changes::change::{Change, ChangeId};
use crate::changes::feed;
use crate::changes::row::RecordLayout;
use crate::cursor::{Cursor, FeedPosition};
use crate::database::failure;
use crate::database::stream::Stream;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::hrana::request::Request;
use crate::hrana::response::{Outcome, ValueRows};
use crate::output::{Output, PageKind};
use crate::rows::batch::BatchBuilder;
use crate::selection::ReadOptions;

/// Changes of the first page: rows may be large, each may come twice, and
/// only an answer that fits tells how large they are.
const FIRST_CHANGES: u64 = 100;
/// The most rows that one change leads to.
const ROWS_OF_CHANGE: u64 = 2;
/// The size that answers are steered to.
const GOOD_BYTES: usize = 4_000_000;

/// An answer with changes, if its statement did not fail.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) changes: Vec<Change>,
    billed: Option<u64>,
    pub(super) outcomes: Vec<Outcome>,
}

/// Asks for changes, and for whatever comes after.
pub(super) fn page(stream: &mut Stream, requests: &[Request]) -> Result<Page, Failure> {
    let (response, ValueRows(rows)) = stream.run(requests)?;
    let mut page = Page {
        outcomes: response.outcomes,
        ..Page::default()
    };
    match page.outcomes.first() {
        Some(Outcome::Failed(_)) => return Ok(page),
        Some(Outcome::Executed(executed)) => page.billed = executed.rows_read,
        _ => return Err(Error::protocol("a page of changes has no result").into()),
    }
    for row in rows.into_iter().next().unwrap_or_default() {
        page.changes.push(Change::from_row(row)?);
    }
    Ok(page)
}

/// Reads the changes of tables, one after the other.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) tables: Tables,
    left: VecDeque<Target>,
    current: Option<Reading>,
    page_rows: u64,
    row_limit: Option<u64>,
}

/// A table whose changes are read.
#[derive(Debug)]
struct Reading {
    resource: String,
    followed: Followed,
    layout: RecordLayout,
    decoder: BatchBuilder,
    /// The last change that was read.
    at: ChangeId,
    /// Changes to ask for at once, and the most of them.
    limit: u64,
    most: u64,
    /// Rows that may still be sent.
    left: Option<u64>,
    /// Rows that the server may still bill.
    billable: Option<u64>,
    /// Updates that may hide another key.
    hidden: u64,
}

impl Changes {
    pub(super) fn new(tables: Tables, left: VecDeque<Target>, options: &ReadOptions) -> Self {
        Self {
            tables,
            left,
            current: None,
            page_rows: options.page_rows,
            row_limit: options.row_limit,
        }
    }

    pub(super) fn close(&mut self) {
        self.tables.close();
    }

    /// The table that is being read, and where it goes on.
    pub(super) fn reading(&self) -> Option<(&str, Option<Cursor>)> {
        let reading = self.current.as_ref()?;
        Some((&reading.resource, Some(reading.cursor())))
    }

    /// Reads a page. False when there is nothing left.
    pub(super) fn step(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let mut reading = match self.current.take() {
            Some(reading) => reading,
            None => match self.left.pop_front() {
                Some(target) => {
                    output.begin_keyed(&target.resource, &target.primary_key);
                    match Reading::new(target, self.page_rows, self.row_limit, output)? {
                        Some(reading) => reading,
                        None => return Ok(true),
                    }
                }
                None => return Ok(false),
            },
        };
        match self.page(&mut reading, output) {
            Ok(Then::Page) => self.current = Some(reading),
            Ok(Then::End) => reading.end(output)?,
            Ok(Then::Failed(error)) => {
                output.record_failure(&reading.resource, error);
                reading.decoder.discard_page();
                output.end_with(PageKind::Changes, &mut reading.decoder)?;
                if let Some(stats) = output.stats() {
                    stats.ended = true;
                }
            }
            Err(failure) => {
                self.current = Some(reading);
                return Err(failure);
            }
        }
        Ok(true)
    }

    fn page(&mut self, reading: &mut Reading, output: &mut Output) -> Result<Then, Failure> {
        if reading.is_done() {
            return Ok(Then::End);
        }
        let name = &reading.followed.table.name;
        let statement = feed::select_changes(
            name,
            reading.at.number,
            reading.followed.end.number,
            reading.limit,
        );
        let mut requests = vec![Request::execute(statement)];
        requests.extend(self.tables.proof());
        output.count_request();
        let page = page(&mut self.tables.stream, &requests)?;
        if let Some(Outcome::Failed(error)) = page.outcomes.first() {
            let is_too_large = failure::is_too_large(error);
            if is_too_large && reading.limit > 1 {
                reading.limit = (reading.limit / 4).max(1);
                return Ok(Then::Page);
            }
            return match failure::from_sql_error(error, name) {
                Failure::Other(error) if is_too_large => Ok(Then::Failed(error.hint(
                    "a single change is larger than the server sends; load the table in full",
                ))),
                Failure::Other(error) if !error.retryable => Ok(Then::Failed(error)),
                other => Err(other),
            };
        }
        self.tables.prove(&page.outcomes)?;
        output.count_billed(page.billed);
        match reading.take(&page, output) {
            Ok(()) => Ok(Then::Page),
            Err(error) => Ok(Then::Failed(error)),
        }
    }
}

/// What a page leaves to do.
#[derive(Debug)]
enum Then {
    Page,
    End,
    Failed(Error),
}

impl Reading {
    fn new(
        mut target: Target,
        page_rows: u64,
        row_limit: Option<u64>,
        output: &mut Output,
    ) -> Result<Option<Self>> {
        if let Some(stats) = output.stats() {
            stats.notes.append(&mut target.notes);
        }
        let How::Followed(followed) = target.how else {
            return Ok(None);
        };
        let from = followed.from.clone().unwrap_or_default();
        Ok(Some(Self {
            resource: target.resource,
            layout: followed.layout(&target.columns)?,
            decoder: BatchBuilder::new(&target.columns).with_flag(DELETED),
            at: ChangeId {
                number: from.number,
                time: from.time,
            },
            limit: (page_rows / ROWS_OF_CHANGE).clamp(1, FIRST_CHANGES),
            most: (page_rows / ROWS_OF_CHANGE).max(1),
            left: row_limit,
            billable: target.max_rows_billed,
            hidden: 0,
            followed: *followed,
        }))
    }

    /// Whether all has been read that there is, or that may be.
    fn is_done(&self) -> bool {
        self.at.number >= self.followed.end.number
            || self.left == Some(0)
            || self.billable == Some(0)
    }

    /// Sends the rows of a page, and takes note of where it leads.
    fn take(&mut self, page: &Page, output: &mut Output) -> Result<()> {
        let mut bytes = 0;
        let mut sent = 0;
        let name = &self.followed.table.name;
        for change in &page.changes {
            bytes += change.bytes();
            if !feed::is_same_table(name, &change.table) {
                continue;
            }
            self.hidden += u64::from(self.layout.hides_key(change));
            for row in self.layout.rows(change)? {
                self.decoder.push_flagged_row(&row.values, row.deleted);
                sent += 1;
            }
        }
        let end = self.followed.end.clone();
        self.at = match page.changes.last() {
            Some(last) if page.changes.len() as u64 >= self.limit => last.id,
            _ => ChangeId {
                number: end.number,
                time: end.time,
            },
        };
        self.left = self.left.map(|left| left.saturating_sub(sent));
        let billed = page.billed.unwrap_or(0);
        self.billable = self.billable.map(|left| left.saturating_sub(billed));
        let good = GOOD_BYTES / (bytes / page.changes.len().max(1)).max(1);
        let grown = self.limit.saturating_mul(4).min(self.most);
        self.limit = grown.min(good.max(1) as u64);
        if sent > 0 {
            let cursor = self.cursor().encode();
            output.page_with(PageKind::Changes, &mut self.decoder, Some(cursor))?;
        }
        Ok(())
    }

    /// Where the next read goes on.
    fn cursor(&self) -> Cursor {
        let end = &self.followed.end;
        // Until the end, records may be as short as at the beginning.
        let columns = match &self.followed.from {
            Some(from) if self.at.number < end.number => &from.columns,
            _ => &end.columns,
        };
        self.followed.cursor(FeedPosition {
            number: self.at.number,
            time: self.at.time,
            schema_entry: end.schema_entry,
            columns: columns.clone(),
        })
    }

    fn end(mut self, output: &mut Output) -> Result<(), Failure> {
        output.end_with(PageKind::Changes, &mut self.decoder)?;
        let cursor = self.cursor().encode();
        let stopped = self.at.number < self.followed.end.number && self.billable == Some(0);
        if let Some(stats) = output.stats() {
            stats.ended = true;
            stats.cursor = Some(cursor);
            if stopped {
                stats.notes.push(
                    "the server has read as many rows as it may (`max_rows_read`); \
                     the next run goes on from there"
                        .to_owned(),
                );
            }
            if self.hidden > 0 {
                stats.notes.push(format!(
                    "{} changes were made by ON CONFLICT DO UPDATE, of which the server does not record \
                     the row before; had one changed the key of its row, the old key would still be there",
                    self.hidden
                ));
            }
        }
        Ok(())
    }
}
