//! Reader of tables in pages, one table after the other, on one stream.
//!
//! A stream takes one request at a time. The next request is therefore sent as
//! soon as a response has arrived, before it is decoded: the server reads while
//! the page is decoded and stored. The next request is a guess from a peek at
//! the response; if it turns out wrong, its response is discarded.
//!
//! If a table has more than one page, its rows are estimated with the second
//! one, in the same request.

mod prefetch;

use std::collections::VecDeque;

use self::prefetch::Prefetch;
use super::page_response::{self, Estimate, expected};
use super::page_size::{PageBytes, PageRows};
use super::snapshot::Snapshot;
use super::table::{AfterPage, PagedTable};
use super::target::Target;
use crate::cursor::Cursor;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::stream::StreamState;
use crate::error::Category;
use crate::failure::Failure;
use crate::hrana::DecodeError;
use crate::hrana::decoder::Encoding;
use crate::hrana::page;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::Outcome;
use crate::http::Pending;
use crate::log;
use crate::output::Output;
use crate::selection::ReadOptions;

/// Number of rows of the first page from a server that does not limit the size
/// of a response: only the response shows how large the rows are.
const FIRST_PAGE_ROWS: u64 = 500;

/// Reader of tables in pages.
#[derive(Debug)]
pub(super) struct TableReader {
    snapshot: Snapshot,
    remaining: VecDeque<Target>,
    current: Option<PagedTable>,
    prefetched: Option<Prefetch>,
    /// Size of the first page of a table.
    first_page: PageRows,
    row_limit: Option<u64>,
    /// True if tables with several pages are estimated.
    estimates: bool,
    /// True if pages are requested only when they are needed.
    no_prefetch: bool,
}

/// Page that was requested.
#[derive(Clone, Copy, Debug)]
struct SentPage {
    /// Maximum number of its rows.
    limit: u64,
    /// True if an estimate was requested with it.
    has_estimate: bool,
}

impl TableReader {
    /// Creates a reader of tables.
    pub(super) fn new(
        snapshot: Snapshot,
        remaining: VecDeque<Target>,
        options: &ReadOptions,
        no_prefetch: bool,
    ) -> Self {
        let first_rows = match snapshot.stream.dialect() {
            Dialect::Minimal => options.page_rows.min(FIRST_PAGE_ROWS),
            Dialect::V3 | Dialect::V2 => options.page_rows,
        };
        Self {
            snapshot,
            remaining,
            current: None,
            prefetched: None,
            first_page: PageRows::new(first_rows, options.page_rows, PageBytes::new(options)),
            row_limit: options.row_limit,
            estimates: options.progress,
            no_prefetch,
        }
    }

    /// Returns the current table, and the cursor at which it can be resumed.
    pub(super) fn current(&self) -> Option<(&str, Option<Cursor>)> {
        let table = self.current.as_ref()?;
        Some((&table.resource, table.resume_cursor()))
    }

    /// Returns the tables that were not begun.
    pub(super) fn unread(&self) -> impl Iterator<Item = &Target> {
        self.remaining.iter()
    }

    /// Reads a page. Returns false at the end.
    pub(super) async fn step(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let Some(mut table) = self.current.take().or_else(|| self.next_table(output)) else {
            return Ok(false);
        };
        if table.pass.is_some() {
            match self.read_page(&mut table, output).await {
                Ok(AfterPage::Page) => {}
                Ok(AfterPage::Pass) => table.next_pass(),
                Ok(AfterPage::End) => table.pass = None,
                Err(failure) => {
                    self.current = Some(table);
                    return Err(failure);
                }
            }
        }
        if table.pass.is_some() {
            self.current = Some(table);
        } else {
            table.end(output)?;
        }
        Ok(true)
    }

    /// Returns the snapshot, for the readers that follow.
    pub(super) fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }

    /// Closes the stream, after the response that is under way.
    pub(super) async fn close(&mut self) {
        let _ = self.discard_prefetched(&mut Output::default()).await;
        self.snapshot.close().await;
    }

    /// Starts the next table.
    fn next_table(&mut self, output: &mut Output) -> Option<PagedTable> {
        let mut target = self.remaining.pop_front()?;
        output.begin_keyed(&target.resource, &target.primary_key);
        if let Some(stats) = output.stats() {
            stats.notes.append(&mut target.notes);
        }
        if target.rows_billed > 0 {
            output.count_billed(Some(target.rows_billed));
        }
        self.expect_rows(target.estimated_rows.unwrap_or(0), output);
        let estimate = target.estimate().filter(|_| self.estimates);
        let mut table = PagedTable::new(target, self.first_page, self.row_limit);
        table.estimate = estimate;
        Some(table)
    }

    /// Reports an estimate, unless as many rows were sent already.
    fn expect_rows(&self, rows: u64, output: &mut Output) {
        let rows = self.row_limit.map_or(rows, |limit| limit.min(rows));
        if output.stats().is_some_and(|stats| rows > stats.rows) {
            output.expect_rows(rows);
        }
    }

    /// Reads a page of a table.
    async fn read_page(
        &mut self,
        table: &mut PagedTable,
        output: &mut Output,
    ) -> Result<AfterPage, Failure> {
        let (pending, page) = match self.prefetched.take() {
            Some(prefetch) => (prefetch.pending, prefetch.page),
            // A read of no rows checks the statement.
            None if self.row_limit == Some(0) => self.send(table).await?,
            None if table.rows_left == Some(0) => return Ok(AfterPage::End),
            None if table.limit() == 0 => return Ok(table.stop_early(output)),
            None => self.send(table).await?,
        };
        output.count_request();
        let body = match self.snapshot.stream.receive(pending).await {
            // Without a transaction, nothing is lost with the response.
            Err(Failure::Other(error))
                if error.category == Category::Data
                    && page.limit > 1
                    && !self.snapshot.is_transaction() =>
            {
                log::debug(&format!("{error}; the next page is smaller"));
                table.page_rows.shrink(page.limit);
                return Ok(AfterPage::Page);
            }
            body => body?,
        };
        self.take_response(table, &body, page, output).await
    }

    /// Prefetches the next page, then decodes and sends this one.
    async fn take_response(
        &mut self,
        table: &mut PagedTable,
        body: &[u8],
        page: SentPage,
        output: &mut Output,
    ) -> Result<AfterPage, Failure> {
        let limit = page.limit;
        let text = simdutf8::basic::from_utf8(body).map_err(|_| Failure::NotUtf8)?;
        let peek = page::peek(text);
        let peeked_key = match &peek {
            Some(peek) => self.prefetch(table, peek, limit).await?,
            None => None,
        };
        let parsed = page_response::parse(text, page.has_estimate, table.decoder());
        let (response, estimate) = match parsed {
            Ok(parsed) => parsed,
            Err(DecodeError::LostInfinity) => {
                table.decoder().discard_page();
                self.discard_prefetched(output).await?;
                if peek.is_none() {
                    self.set_state(text)
                        .map_err(|error| self.malformed(&error))?;
                }
                if table.encoding == Encoding::Typed {
                    return Err(self.malformed(&DecodeError::LostInfinity));
                }
                table.set_encoding(Encoding::Typed);
                return Ok(AfterPage::Page);
            }
            Err(error) => return Err(self.malformed(&error)),
        };
        if peek.is_none() {
            self.snapshot.stream.set_state(StreamState {
                baton: response.baton.clone(),
                base_url: response.base_url.clone(),
            })?;
        }
        if let Some(Estimate { rows, rows_billed }) = estimate {
            output.count_billed(rows_billed);
            self.expect_rows(rows, output);
        }
        let executed = match response.outcomes.as_slice() {
            [Outcome::Executed(executed), ..] => executed,
            [Outcome::Failed(error), ..] if failure::is_too_large(error) && limit > 1 => {
                table.page_rows.shrink(limit);
                return Ok(AfterPage::Page);
            }
            [Outcome::Failed(error), ..] => {
                return match failure::from_sql_error(error, &table.resource) {
                    Failure::Other(error) if !error.retryable => {
                        output.record_failure(&table.resource, error);
                        Ok(AfterPage::End)
                    }
                    other => Err(other),
                };
            }
            _ => return Err(self.malformed(&expected("the result of a statement"))),
        };
        self.snapshot.check_proof(&response.outcomes)?;
        let last_key = match peeked_key {
            _ if executed.rows == 0 => None,
            Some(key) => Some(key),
            None => page_response::last_key(table, page.has_estimate, text)
                .map_err(|error| self.malformed(&error))?,
        };
        output.count_billed(executed.rows_read);
        table.page_rows.adapt(executed.rows, body.len());
        if executed.rows > 0 {
            table.send_page(executed.rows, last_key.as_deref(), output)?;
            if table.page_rows.is_large(body.len()) {
                table.decoder().release_memory();
            }
        }
        let after_page = table.after_page(executed, limit, output);
        if after_page == AfterPage::Page {
            if table.after == last_key {
                let error = expected("another key than that of the page before");
                return Err(self.malformed(&error));
            }
            table.after = last_key;
        }
        self.check_prefetched(table, after_page, output).await?;
        Ok(after_page)
    }

    async fn send(&self, table: &mut PagedTable) -> Result<(Pending, SentPage), Failure> {
        let limit = table.limit();
        let mut requests = Vec::new();
        let mut has_estimate = false;
        if let Some(pass) = &table.pass {
            let after = table.after.as_deref();
            let statement = pass.paging.page(table.encoding, after, limit);
            let estimate = table.estimate.take_if(|_| after.is_some());
            has_estimate = estimate.is_some();
            requests = self.requests(estimate, statement);
        }
        let page = SentPage {
            limit,
            has_estimate,
        };
        Ok((self.snapshot.stream.send(&requests).await?, page))
    }

    /// Returns the requests of an estimate, of a page, and of the proof that the
    /// page is from the snapshot.
    fn requests(&self, estimate: Option<Statement>, page: Statement) -> Vec<Request> {
        let statements = estimate.into_iter().chain([page]);
        let requests = statements.map(Request::execute);
        requests.chain(self.snapshot.proof_request()).collect()
    }

    fn malformed(&self, error: &DecodeError) -> Failure {
        failure::from_decode_error(error, &self.snapshot.stream.url()).into()
    }
}
