//! Reader of the change feed, one table after the other, on the stream of
//! the snapshot. It stops at the end that the preflight has determined.

use std::collections::VecDeque;

use super::followed::FollowedTable;
use super::page_size::PageBytes;
use super::snapshot::Snapshot;
use super::table::MAX_ROWS_READ_REACHED;
use super::target::{ReadMethod, Target};
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

/// Maximum number of changes in the first page: only the response shows how
/// large they are, and each may hold its row twice.
const MAX_FIRST_CHANGES: u64 = 100;
/// Maximum number of rows that follow from one change.
const MAX_ROWS_PER_CHANGE: u64 = 2;

/// Page of changes. If its statement failed, it has no changes.
#[derive(Debug, Default)]
pub(super) struct ChangePage {
    /// Changes in their order.
    pub(super) changes: Vec<Change>,
    /// Number of rows that the server billed.
    rows_billed: Option<u64>,
    /// Outcomes of all requests.
    pub(super) outcomes: Vec<Outcome>,
}

/// Requests changes. The first request has to be their statement.
pub(super) async fn request_changes(
    stream: &mut Stream,
    requests: &[Request],
) -> Result<ChangePage, Failure> {
    let (response, ValueRows(rows)) = stream.run(requests).await?;
    let mut page = ChangePage {
        outcomes: response.outcomes,
        ..ChangePage::default()
    };
    match page.outcomes.first() {
        Some(Outcome::Failed(_)) => return Ok(page),
        Some(Outcome::Executed(executed)) => page.rows_billed = executed.rows_read,
        _ => return Err(Error::protocol("a page of changes has no result").into()),
    }
    for row in rows.into_iter().next().unwrap_or_default() {
        page.changes.push(Change::from_row(row)?);
    }
    Ok(page)
}

/// Reader of the changes of tables.
#[derive(Debug)]
pub(super) struct FeedReader {
    snapshot: Snapshot,
    remaining: VecDeque<Target>,
    current: Option<FeedTable>,
    page_rows: u64,
    page_bytes: PageBytes,
    row_limit: Option<u64>,
}

/// Table whose changes are being read.
#[derive(Debug)]
struct FeedTable {
    resource: String,
    followed: FollowedTable,
    layout: RecordLayout,
    rows: BatchBuilder,
    /// Last change that was read.
    last: ChangeId,
    /// Number of changes of the next page.
    limit: u64,
    max_limit: u64,
    page_bytes: PageBytes,
    /// Number of rows that may still be sent.
    rows_left: Option<u64>,
    /// Number of rows that the server may still bill.
    billable_rows: Option<u64>,
    /// Number of updates that may have changed a key without recording it.
    unrecorded_keys: u64,
}

/// Next step after a page of changes.
#[derive(Debug)]
enum AfterFeedPage {
    /// Next page of the table.
    Page,
    /// End of the table.
    End,
    /// Failure of the table.
    Failed(Error),
}

impl FeedReader {
    /// Creates a reader of changes.
    pub(super) fn new(
        snapshot: Snapshot,
        remaining: VecDeque<Target>,
        options: &ReadOptions,
    ) -> Self {
        Self {
            snapshot,
            remaining,
            current: None,
            page_rows: options.page_rows,
            page_bytes: PageBytes::new(options),
            row_limit: options.row_limit,
        }
    }

    /// Returns the tables that were not begun.
    pub(super) fn unread(&self) -> impl Iterator<Item = &Target> {
        self.remaining.iter()
    }

    /// Returns the current table, and the cursor at which it can be resumed.
    pub(super) fn current(&self) -> Option<(&str, Option<Cursor>)> {
        let table = self.current.as_ref()?;
        Some((&table.resource, Some(table.cursor())))
    }

    /// Reads a page. Returns false at the end.
    pub(super) async fn step(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let mut table = match self.current.take() {
            Some(table) => table,
            None => match self.remaining.pop_front() {
                Some(target) => match self.start_table(target, output)? {
                    Some(table) => table,
                    None => return Ok(true),
                },
                None => return Ok(false),
            },
        };
        match self.read_page(&mut table, output).await {
            Ok(AfterFeedPage::Page) => self.current = Some(table),
            Ok(AfterFeedPage::End) => table.end(output)?,
            Ok(AfterFeedPage::Failed(error)) => table.fail(error, output)?,
            Err(failure) => {
                self.current = Some(table);
                return Err(failure);
            }
        }
        Ok(true)
    }

    /// Returns the snapshot, for the reader that follows.
    pub(super) fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }

    /// Closes the stream.
    pub(super) async fn close(&mut self) {
        self.snapshot.close().await;
    }

    fn start_table(&self, mut target: Target, output: &mut Output) -> Result<Option<FeedTable>> {
        output.begin_keyed(&target.resource, &target.primary_key);
        if let Some(stats) = output.stats() {
            stats.notes.append(&mut target.notes);
        }
        let ReadMethod::Changes(followed) = target.method else {
            return Ok(None);
        };
        let from = followed.from.clone().unwrap_or_default();
        let max_limit = (self.page_rows / MAX_ROWS_PER_CHANGE).max(1);
        Ok(Some(FeedTable {
            resource: target.resource,
            layout: followed.layout(&target.columns)?,
            rows: BatchBuilder::new(&target.columns).with_flag(DELETED),
            last: ChangeId {
                number: from.number,
                time: from.time,
            },
            limit: max_limit.min(MAX_FIRST_CHANGES),
            max_limit,
            page_bytes: self.page_bytes,
            rows_left: self.row_limit,
            billable_rows: target.max_rows_billed,
            unrecorded_keys: 0,
            followed: *followed,
        }))
    }

    async fn read_page(
        &mut self,
        table: &mut FeedTable,
        output: &mut Output,
    ) -> Result<AfterFeedPage, Failure> {
        if table.is_done() {
            return Ok(AfterFeedPage::End);
        }
        let FollowedTable {
            table: source, end, ..
        } = &table.followed;
        let name = &source.name;
        let after = table.last.number;
        let statement =
            feed::select_changes(name, after, end.number, table.limit, source.parameters);
        let mut requests = vec![Request::execute(statement)];
        requests.extend(self.snapshot.proof_request());
        output.count_request();
        let page = request_changes(&mut self.snapshot.stream, &requests).await?;
        if let Some(Outcome::Failed(error)) = page.outcomes.first() {
            let is_too_large = failure::is_too_large(error);
            if is_too_large && table.limit > 1 {
                table.limit = (table.limit / 4).max(1);
                return Ok(AfterFeedPage::Page);
            }
            return match failure::from_sql_error(error, name) {
                Failure::Other(error) if is_too_large => {
                    Ok(AfterFeedPage::Failed(error.hint(
                        "a change is larger than the server can send; read the table in full",
                    )))
                }
                Failure::Other(error) if !error.retryable => Ok(AfterFeedPage::Failed(error)),
                other => Err(other),
            };
        }
        self.snapshot.check_proof(&page.outcomes)?;
        output.count_billed(page.rows_billed);
        Ok(match table.send_page(&page, output) {
            Ok(()) => AfterFeedPage::Page,
            Err(error) => AfterFeedPage::Failed(error),
        })
    }
}

impl FeedTable {
    /// True if all changes were read, or as many as permitted.
    fn is_done(&self) -> bool {
        self.last.number >= self.followed.end.number
            || self.rows_left == Some(0)
            || self.billable_rows == Some(0)
    }

    /// Sends the rows of a page with its cursor.
    fn send_page(&mut self, page: &ChangePage, output: &mut Output) -> Result<()> {
        let name = &self.followed.table.name;
        let mut sent = 0;
        for change in &page.changes {
            if !feed::is_same_table(name, &change.table) {
                continue;
            }
            self.unrecorded_keys += u64::from(self.layout.hides_key(change));
            for row in self.layout.rows(change)? {
                self.rows.push_flagged_row(&row.values, row.deleted);
                sent += 1;
            }
        }
        let end = &self.followed.end;
        self.last = match page.changes.last() {
            Some(last) if page.changes.len() as u64 >= self.limit => last.id,
            _ => ChangeId {
                number: end.number,
                time: end.time,
            },
        };
        self.rows_left = self.rows_left.map(|left| left.saturating_sub(sent));
        let billed = page.rows_billed.unwrap_or(0);
        self.billable_rows = self.billable_rows.map(|left| left.saturating_sub(billed));
        self.adapt_limit(&page.changes);
        if sent > 0 {
            let cursor = self.cursor().encode();
            output.page_with(PageKind::Changes, &mut self.rows, Some(cursor))?;
        }
        Ok(())
    }

    /// Adapts the size of the next page to that of the changes.
    fn adapt_limit(&mut self, changes: &[Change]) {
        let bytes: usize = changes.iter().map(Change::bytes).sum();
        let change_bytes = bytes / changes.len().max(1);
        let fitting = (self.page_bytes.target / change_bytes.max(1)).max(1) as u64;
        let grown = self.limit.saturating_mul(4).min(self.max_limit);
        self.limit = grown.min(fitting);
    }

    /// Returns the cursor after the last change.
    fn cursor(&self) -> Cursor {
        let end = &self.followed.end;
        // Before the end, records may be older than the newest columns.
        let columns = match &self.followed.from {
            Some(from) if self.last.number < end.number => &from.columns,
            _ => &end.columns,
        };
        // Those of the end have not all been read before it.
        let is_end = self.last.number >= end.number;
        let last_changes = end.last_changes.iter().filter(|_| is_end);
        self.followed.cursor(FeedPosition {
            last_changes: last_changes.cloned().collect(),
            number: self.last.number,
            time: self.last.time,
            schema_entry: end.schema_entry,
            columns: columns.clone(),
        })
    }

    fn fail(mut self, error: Error, output: &mut Output) -> Result<()> {
        output.record_failure(&self.resource, error);
        self.rows.discard_page();
        output.end_with(PageKind::Changes, &mut self.rows)?;
        if let Some(stats) = output.stats() {
            stats.ended = true;
        }
        Ok(())
    }

    fn end(mut self, output: &mut Output) -> Result<()> {
        output.end_with(PageKind::Changes, &mut self.rows)?;
        let cursor = self.cursor().encode();
        let Some(stats) = output.stats() else {
            return Ok(());
        };
        stats.ended = true;
        stats.cursor = Some(cursor);
        let is_partial = self.last.number < self.followed.end.number;
        if is_partial && self.billable_rows == Some(0) {
            let note = format!("{MAX_ROWS_READ_REACHED}; the next run continues from there");
            stats.notes.push(note);
        }
        if self.unrecorded_keys > 0 {
            stats.notes.push(format!(
                "changes by ON CONFLICT DO UPDATE: {}; the server does not record the previous row of such \
                 a change, so if one of them changed a key, the row with the old key was not deleted",
                self.unrecorded_keys
            ));
        }
        Ok(())
    }
}
