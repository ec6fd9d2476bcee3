//! Reader of tables in pages, one table after the other, on one stream.
//!
//! A stream takes one request at a time. The next request is therefore sent as
//! soon as a response has arrived, before it is decoded: the server reads while
//! the page is decoded and stored. The next request is a guess from a peek at
//! the response; if it turns out wrong, its response is discarded.
//!
//! If a table has more than one page, its rows are estimated with the second
//! one, in the same request.

use std::collections::VecDeque;

use super::page_response::{self, DiscardedRows, Estimate, expected};
use super::page_size::{PageBytes, PageRows};
use super::pass::Pass;
use super::snapshot::Snapshot;
use super::table::{AfterPage, PagedTable};
use super::target::Target;
use crate::cursor::Cursor;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::stream::StreamState;
use crate::failure::Failure;
use crate::hrana::DecodeError;
use crate::hrana::decoder::Encoding;
use crate::hrana::page::{self, PagePeek};
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, PipelineResponse};
use crate::http::Pending;
use crate::output::Output;
use crate::rows::value::Value;
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
    /// Buffer of response bodies.
    body: Vec<u8>,
    /// Size of the first page of a table.
    first_page: PageRows,
    row_limit: Option<u64>,
    /// True if tables with several pages are estimated.
    estimates: bool,
    /// True if pages are requested only when they are needed.
    no_prefetch: bool,
}

/// Request that was sent before its predecessor was decoded.
#[derive(Debug)]
struct Prefetch {
    pending: Pending,
    /// True if it continues the pass that is being read.
    same_pass: bool,
    page: SentPage,
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
            body: Vec::new(),
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
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        self.snapshot.stream.receive(pending, &mut body).await?;
        let result = self.take_response(table, &body, page, output).await;
        self.body = body;
        result
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

    /// Sends the next request if a peek shows which it is. Returns the key of
    /// the last row.
    async fn prefetch(
        &mut self,
        table: &mut PagedTable,
        peek: &PagePeek,
        limit: u64,
    ) -> Result<Option<Vec<Value>>, Failure> {
        self.snapshot.stream.set_state(StreamState {
            baton: peek.baton.clone(),
            base_url: peek.base_url.clone(),
        })?;
        let Some(pass) = &table.pass else {
            return Ok(None);
        };
        let key = pass.paging.row_key(table.encoding, &peek.last_row);
        let is_lost = peek.autocommit == Some(true) || !self.snapshot.stream.is_open();
        if self.no_prefetch || (self.snapshot.is_transaction() && is_lost) {
            return Ok(key);
        }
        // A full page shows in the number of rows that the server read. If the
        // server may skip rows, a wrong guess would be billed.
        let rows_read = peek.rows_read.filter(|rows| *rows > 0);
        let Some(rows_read) = rows_read.filter(|_| !pass.skips_rows()) else {
            return Ok(key);
        };
        let rows_left = table.rows_left;
        let rows_left = rows_left.map_or(u64::MAX, |left| left.saturating_sub(limit));
        let is_full = rows_read >= limit && rows_left > 0;
        if is_full {
            if let (Some(key), true) = (&key, table.may_prefetch(rows_read)) {
                let limit = table.page_rows.rows.min(rows_left);
                let page = SentPage {
                    limit: table
                        .billable_limit(limit + rows_read)
                        .saturating_sub(rows_read)
                        .min(limit),
                    has_estimate: table.estimate.is_some(),
                };
                let statement = pass.paging.page(table.encoding, Some(key), page.limit);
                let requests = self.requests(table.estimate.take(), statement);
                self.send_prefetch(&requests, true, page).await?;
            }
            return Ok(key);
        }
        let next_pass = table.next_passes.front().filter(|_| rows_left > 0);
        let next = match next_pass {
            Some(pass) => {
                let limit = table.page_rows.rows.min(rows_left);
                let billable = table
                    .billable_rows
                    .map(|left| left.saturating_sub(rows_read));
                Some((pass, table.encoding, billable.unwrap_or(limit).min(limit)))
            }
            None => self.first_of_next_table(),
        };
        if let Some((pass, encoding, limit)) = next.filter(|(_, _, limit)| *limit > 0) {
            let statement = pass.paging.page(encoding, pass.after.as_deref(), limit);
            let requests = self.requests(None, statement);
            let page = SentPage {
                limit,
                has_estimate: false,
            };
            self.send_prefetch(&requests, false, page).await?;
        }
        Ok(key)
    }

    async fn send_prefetch(
        &mut self,
        requests: &[Request],
        same_pass: bool,
        page: SentPage,
    ) -> Result<(), Failure> {
        self.prefetched = Some(Prefetch {
            pending: self.snapshot.stream.send(requests).await?,
            same_pass,
            page,
        });
        Ok(())
    }

    /// Returns the first pass of the next table that has one, and the size of
    /// its first page.
    fn first_of_next_table(&self) -> Option<(&Pass, Encoding, u64)> {
        let first_rows = self.first_page.rows;
        let limit = self.row_limit.map_or(first_rows, |max| max.min(first_rows));
        self.remaining.iter().find_map(|target| {
            let keys = target.keys.as_ref().map(|(pass, _)| pass);
            let pass = target.passes.front().or(keys)?;
            let limit = target.billable_rows().map_or(limit, |max| max.min(limit));
            Some((pass, target.encoding, limit))
        })
    }

    /// Discards a prefetched response that does not follow the page.
    async fn check_prefetched(
        &mut self,
        table: &PagedTable,
        after_page: AfterPage,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let Some(prefetch) = &self.prefetched else {
            return Ok(());
        };
        let same_pass = after_page == AfterPage::Page;
        let skips_passes = after_page == AfterPage::End && !table.next_passes.is_empty();
        if prefetch.same_pass != same_pass || skips_passes {
            self.discard_prefetched(output).await?;
        }
        Ok(())
    }

    /// Takes the prefetched response without using it, so that the stream can
    /// continue.
    async fn discard_prefetched(&mut self, output: &mut Output) -> Result<(), Failure> {
        let Some(prefetch) = self.prefetched.take() else {
            return Ok(());
        };
        output.count_request();
        let mut body = Vec::new();
        // An error is not one of the current table. If it persists, it occurs
        // again when its own table is read.
        self.snapshot
            .stream
            .receive(prefetch.pending, &mut body)
            .await
            .map_err(|_| Failure::PrefetchLost)?;
        let text = String::from_utf8_lossy(&body);
        self.set_state(&text)
            .map_err(|error| self.malformed(&error))
    }

    /// Continues the stream after a response whose rows are not used.
    fn set_state(&mut self, text: &str) -> Result<(), DecodeError> {
        let response = PipelineResponse::parse(text, &mut DiscardedRows)?;
        let state = StreamState {
            baton: response.baton,
            base_url: response.base_url,
        };
        let state = self.snapshot.stream.set_state(state);
        state.map_err(|_| expected("a base_url"))
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
