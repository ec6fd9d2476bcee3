//! Tables in pages, one after the other, on one stream.
//!
//! A stream takes one request at a time, so the next one is sent as soon as
//! its predecessor has arrived and before that is decoded: the server reads
//! while the page is decoded and stored. Which one is next is a guess from a
//! glance at the answer; when it turns out wrong, its answer is thrown away.

use std::collections::VecDeque;

use super::increment::Phase;
use super::plan::Target;
use super::table::{Table, Then};
use crate::cursor::Cursor;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::paging::Paging;
use crate::database::stream::{self, Stream};
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::hrana::DecodeError;
use crate::hrana::decoder::Encoding;
use crate::hrana::page::{self, PagePeek};
use crate::hrana::request::Request;
use crate::hrana::response::{Outcome, PipelineResponse, ValueRows};
use crate::http::Pending;
use crate::output::Output;
use crate::rows::value::Value;
use crate::selection::ReadOptions;

/// Rows of the first page from a server without a limit of its own: rows may
/// be large, and only an answer that fits tells how large they are.
const FIRST_ROWS: u64 = 500;

/// The tables of a read.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) stream: Stream,
    /// Whether all happens in one transaction.
    pub(super) snapshot: bool,
    left: VecDeque<Target>,
    current: Option<Table>,
    in_flight: Option<InFlight>,
    body: Vec<u8>,
    /// Rows of the first page of a table.
    first_rows: u64,
    /// The most rows of a page.
    page_rows: u64,
    row_limit: Option<u64>,
}

/// A request whose answer is on its way.
#[derive(Debug)]
struct InFlight {
    pending: Pending,
    /// Whether it goes on in the phase that is being read.
    same_phase: bool,
    /// The most rows that it may bring.
    limit: u64,
}

impl Tables {
    pub(super) fn new(
        stream: Stream,
        snapshot: bool,
        left: VecDeque<Target>,
        options: &ReadOptions,
    ) -> Self {
        let first_rows = match stream.dialect() {
            Dialect::Minimal => options.page_rows.min(FIRST_ROWS),
            Dialect::V3 | Dialect::V2 => options.page_rows,
        };
        Self {
            stream,
            snapshot,
            left,
            current: None,
            in_flight: None,
            body: Vec::new(),
            first_rows,
            page_rows: options.page_rows,
            row_limit: options.row_limit,
        }
    }

    /// The table that is being read, and where it goes on if it can.
    pub(super) fn reading(&self) -> Option<(&str, Option<Cursor>)> {
        let table = self.current.as_ref()?;
        Some((&table.resource, table.resumable_cursor()))
    }

    /// Reads a page. False when there is nothing left.
    pub(super) fn step(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let mut table = match self.current.take() {
            Some(table) => table,
            None => match self.left.pop_front() {
                Some(mut target) => {
                    output.begin_keyed(&target.resource, &target.primary_key);
                    if let Some(stats) = output.stats() {
                        stats.notes.append(&mut target.notes);
                    }
                    if target.billed > 0 {
                        output.count_billed(Some(target.billed));
                    }
                    Table::new(target, self.first_rows, self.row_limit)
                }
                None => return Ok(false),
            },
        };
        if table.phase.is_some() {
            match self.page(&mut table, output) {
                Ok(Then::Page) => {}
                Ok(Then::Phase) => table.next_phase(),
                Ok(Then::Table) => table.phase = None,
                Err(failure) => {
                    self.current = Some(table);
                    return Err(failure);
                }
            }
        }
        if table.phase.is_some() {
            self.current = Some(table);
        } else {
            table.end(output)?;
        }
        Ok(true)
    }

    /// Reads a page of a table, and says what is left to do.
    fn page(&mut self, table: &mut Table, output: &mut Output) -> Result<Then, Failure> {
        let (pending, limit) = match self.in_flight.take() {
            Some(in_flight) => (in_flight.pending, in_flight.limit),
            None if table.limit() == 0 => return Ok(Then::Table),
            None => (self.send(table)?, table.limit()),
        };
        output.count_request();
        let mut body = std::mem::take(&mut self.body);
        body.clear();
        self.stream.receive(pending, &mut body)?;
        let decoded = self.answer(table, &body, limit, output);
        self.body = body;
        decoded
    }

    fn answer(
        &mut self,
        table: &mut Table,
        body: &[u8],
        limit: u64,
        output: &mut Output,
    ) -> Result<Then, Failure> {
        let url = self.stream.url();
        let malformed =
            |error: &DecodeError| Failure::from(failure::from_decode_error(error, &url));
        let text = simdutf8::basic::from_utf8(body).map_err(|_| Failure::NotUtf8)?;
        let glance = page::peek(text);
        let mut next_key = None;
        if let Some(glance) = &glance {
            next_key = self.foresee(table, glance, limit)?;
        }
        let response = match PipelineResponse::parse(text, table.decoder()) {
            Ok(response) => response,
            Err(DecodeError::LostInfinity) => {
                table.decoder().discard_page();
                self.forget_in_flight(output)?;
                if glance.is_none() {
                    self.follow(text).map_err(|error| malformed(&error))?;
                }
                if table.encoding == Encoding::Typed {
                    return Err(malformed(&DecodeError::LostInfinity));
                }
                table.set_encoding(Encoding::Typed);
                return Ok(Then::Page);
            }
            Err(error) => return Err(malformed(&error)),
        };
        if glance.is_none() {
            self.stream.set_state(stream::StreamState {
                baton: response.baton.clone(),
                base_url: response.base_url.clone(),
            })?;
        }
        let executed = match response.outcomes.as_slice() {
            [Outcome::Failed(error), ..] if failure::is_too_large(error) && limit > 1 => {
                table.page_rows = (limit / 4).max(1);
                return Ok(Then::Page);
            }
            [Outcome::Failed(error), ..] => match failure::from_sql_error(error, &table.resource) {
                Failure::Other(error) if !error.retryable => {
                    output.record_failure(&table.resource, too_large_or(error));
                    return Ok(Then::Table);
                }
                other => return Err(other),
            },
            [Outcome::Executed(executed), ..] => executed,
            _ => {
                return Err(malformed(&DecodeError::Malformed {
                    at: 0,
                    expected: "the result of a statement",
                }));
            }
        };
        self.prove(&response.outcomes)?;
        let rows = executed.rows;
        output.count_billed(executed.rows_read);
        table.adapt(rows, body.len(), self.page_rows);
        table.left = table.left.map(|left| left.saturating_sub(rows));
        let last = match next_key {
            _ if rows == 0 => None,
            Some(key) => Some(key),
            None => Self::last_key(table, text).map_err(|error| malformed(&error))?,
        };
        if rows > 0 {
            table.send_page(rows, last.as_deref(), output)?;
        }
        let spent = table.spend(executed.rows_read);
        let then = if table.left == Some(0) {
            Then::Table
        } else if rows < limit {
            Then::Phase
        } else if spent {
            table.stop_early(output)
        } else {
            if table.after == last {
                let same = DecodeError::Malformed {
                    at: 0,
                    expected: "another key than that of the page before",
                };
                return Err(malformed(&same));
            }
            table.after = last;
            Then::Page
        };
        let same_phase = then == Then::Page;
        let stopped = then == Then::Table && !table.phases.is_empty();
        if let Some(in_flight) = &self.in_flight
            && (in_flight.same_phase != same_phase || stopped)
        {
            self.forget_in_flight(output)?;
        }
        Ok(then)
    }

    /// Goes on from what a glance has shown: sends the next request, if it
    /// can be told, and gives the key after which it goes on.
    fn foresee(
        &mut self,
        table: &Table,
        glance: &PagePeek,
        limit: u64,
    ) -> Result<Option<Vec<Value>>, Failure> {
        self.stream.set_state(stream::StreamState {
            baton: glance.baton.clone(),
            base_url: glance.base_url.clone(),
        })?;
        let Some(phase) = &table.phase else {
            return Ok(None);
        };
        let key = phase.paging.row_key(table.encoding, &glance.last_row);
        if self.snapshot && (glance.autocommit == Some(true) || !self.stream.is_open()) {
            return Ok(key);
        }
        // A server that does not say how many rows it read leaves nothing to
        // guess by, and where it may look at more rows than it sends, a wrong
        // guess is billed.
        let guessed_by = glance.rows_read.filter(|rows| *rows > 0);
        let Some(rows_read) = guessed_by.filter(|_| !phase.looks_further()) else {
            return Ok(key);
        };
        let left = table
            .left
            .map_or(u64::MAX, |left| left.saturating_sub(limit));
        let affordable = table.billable.is_none_or(|billable| billable > rows_read);
        if rows_read >= limit && left > 0 {
            if let (Some(key), true) = (&key, affordable) {
                let limit = table.page_rows.min(left);
                let requests = self.requests(&phase.paging, table.encoding, Some(key), limit);
                self.in_flight = Some(InFlight {
                    pending: self.stream.send(&requests)?,
                    same_phase: true,
                    limit,
                });
            }
            return Ok(key);
        }
        let next_of_table = table.phases.front().filter(|_| left > 0);
        let next = match next_of_table {
            Some(phase) => Some((phase, table.encoding, table.page_rows.min(left))),
            None => self.first_of_next(),
        };
        if let Some((phase, encoding, limit)) = next.filter(|(_, _, limit)| *limit > 0) {
            let requests = self.requests(&phase.paging, encoding, phase.after.as_deref(), limit);
            self.in_flight = Some(InFlight {
                pending: self.stream.send(&requests)?,
                same_phase: false,
                limit,
            });
        }
        Ok(key)
    }

    /// The first phase of the tables that are left, and the size of its first
    /// page.
    fn first_of_next(&self) -> Option<(&Phase, Encoding, u64)> {
        let limit = self
            .row_limit
            .map_or(self.first_rows, |most| most.min(self.first_rows));
        self.left.iter().find_map(|target| {
            let keys = target.keys.as_ref().map(|(phase, _)| phase);
            let phase = target.phases.front().or(keys)?;
            Some((phase, target.encoding, limit))
        })
    }

    /// Whether an answer proves that it is of the transaction. Hrana 2 cannot
    /// say; there, an open stream has to do.
    fn is_inside_transaction(&self, outcomes: &[Outcome]) -> bool {
        let asked = self.stream.dialect() == Dialect::V3;
        self.stream.is_open() && (!asked || outcomes.contains(&Outcome::Autocommit(false)))
    }

    fn send(&self, table: &Table) -> Result<Pending, Failure> {
        let requests = table.phase.as_ref().map(|phase| {
            let after = table.after.as_deref();
            self.requests(&phase.paging, table.encoding, after, table.limit())
        });
        Ok(self.stream.send(&requests.unwrap_or_default())?)
    }

    /// A page, and the proof that it is of the same transaction as the others.
    fn requests(
        &self,
        paging: &Paging,
        encoding: Encoding,
        after: Option<&[Value]>,
        limit: u64,
    ) -> Vec<Request> {
        let mut requests = vec![Request::execute(paging.page(encoding, after, limit))];
        requests.extend(self.proof());
        requests
    }

    /// What to ask beside a page, so that the answer proves where it is from.
    pub(super) fn proof(&self) -> Option<Request> {
        let asks = self.snapshot && self.stream.dialect() == Dialect::V3;
        asks.then_some(Request::GetAutocommit)
    }

    /// Refuses an answer that is not of the transaction.
    pub(super) fn prove(&self, outcomes: &[Outcome]) -> Result<(), Failure> {
        if self.snapshot && !self.is_inside_transaction(outcomes) {
            return Err(Failure::StreamLost(
                "it is no longer inside of the transaction".to_owned(),
            ));
        }
        Ok(())
    }

    /// Takes an answer that is not wanted, so that the stream can go on.
    fn forget_in_flight(&mut self, output: &mut Output) -> Result<(), Failure> {
        let Some(in_flight) = self.in_flight.take() else {
            return Ok(());
        };
        output.count_request();
        let mut body = Vec::new();
        // Whatever is wrong with it is not the current table's fault; if it
        // stays, it comes again under the right name.
        let lost = |_| Failure::StreamLost("an answer could not be taken".to_owned());
        self.stream
            .receive(in_flight.pending, &mut body)
            .map_err(lost)?;
        let text = String::from_utf8_lossy(&body);
        let url = self.stream.url();
        self.follow(&text)
            .map_err(|error| failure::from_decode_error(&error, &url).into())
    }

    /// Ends the stream, once the answer that is on its way has come.
    pub(super) fn close(&mut self) {
        let _ = self.forget_in_flight(&mut Output::default());
        self.stream.close();
    }

    /// Goes on from an answer, whatever its rows are.
    fn follow(&mut self, text: &str) -> Result<(), DecodeError> {
        let response = PipelineResponse::parse(text, &mut Discarded)?;
        self.stream
            .set_state(stream::StreamState {
                baton: response.baton,
                base_url: response.base_url,
            })
            .map_err(|_| DecodeError::Malformed {
                at: 0,
                expected: "a base_url",
            })
    }

    /// The key of the last row, for answers that a glance does not recognize.
    fn last_key(table: &Table, text: &str) -> Result<Option<Vec<Value>>, DecodeError> {
        let mut rows = ValueRows::default();
        PipelineResponse::parse(text, &mut rows)?;
        let last = rows.0.first_mut().and_then(Vec::pop).unwrap_or_default();
        let Some(phase) = &table.phase else {
            return Ok(None);
        };
        let key = phase.paging.row_key(table.encoding, &last);
        key.map(Some).ok_or(DecodeError::Malformed {
            at: 0,
            expected: "the key in the last row",
        })
    }
}

/// Rows that nobody wants.
struct Discarded;

impl crate::hrana::response::RowSink for Discarded {
    fn begin(&mut self, _request: usize) {}

    fn row(&mut self, scanner: &mut crate::hrana::scan::Scanner<'_>) -> Result<(), DecodeError> {
        scanner.skip()
    }
}

/// A single row that is too large for an answer has a hint of its own.
fn too_large_or(error: Error) -> Error {
    if error.message.contains("RESPONSE_TOO_LARGE") {
        return Error {
            category: Category::Data,
            ..error
        }
        .hint(
            "a single row is larger than the server sends; leave the large column out (`columns`)",
        );
    }
    error
}
