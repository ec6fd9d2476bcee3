//! Requests that are sent before the previous page is decoded, as a guess of what
//! follows it. Must not decode rows.

use super::{SentPage, TableReader};
use crate::database::stream::StreamState;
use crate::failure::Failure;
use crate::hrana::DecodeError;
use crate::hrana::decoder::Encoding;
use crate::hrana::page::PagePeek;
use crate::hrana::request::Request;
use crate::hrana::response::PipelineResponse;
use crate::http::Pending;
use crate::output::Output;
use crate::read::page_response::{DiscardedRows, expected};
use crate::read::pass::Pass;
use crate::read::table::{AfterPage, PagedTable};
use crate::rows::value::Value;

/// Request that was sent before its predecessor was decoded.
#[derive(Debug)]
pub(super) struct Prefetch {
    /// Its response.
    pub(super) pending: Pending,
    /// True if it continues the pass that is being read.
    same_pass: bool,
    /// Page that it requests.
    pub(super) page: SentPage,
}

impl TableReader {
    /// Sends the next request if a peek shows which it is. Returns the key of
    /// the last row.
    pub(super) async fn prefetch(
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

    /// Discards a prefetched response that does not follow the page.
    pub(super) async fn check_prefetched(
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
    pub(super) async fn discard_prefetched(&mut self, output: &mut Output) -> Result<(), Failure> {
        let Some(prefetch) = self.prefetched.take() else {
            return Ok(());
        };
        output.count_request();
        // An error is not one of the current table. If it persists, it occurs
        // again when its own table is read.
        let body = self.snapshot.stream.receive(prefetch.pending).await;
        let body = body.map_err(|_| Failure::PrefetchLost)?;
        let text = String::from_utf8_lossy(&body);
        self.set_state(&text)
            .map_err(|error| self.malformed(&error))
    }

    /// Continues the stream after a response whose rows are not used.
    pub(super) fn set_state(&mut self, text: &str) -> Result<(), DecodeError> {
        let response = PipelineResponse::parse(text, &mut DiscardedRows)?;
        let state = StreamState {
            baton: response.baton,
            base_url: response.base_url,
        };
        let state = self.snapshot.stream.set_state(state);
        state.map_err(|_| expected("a base_url"))
    }
}
