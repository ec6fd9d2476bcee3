//! What has no key to page by: views, virtual tables, queries. All of it in
//! one batch of `/v3/cursor`, on the stream that the tables were read from,
//! so that it is of the same point in time.
//!
//! Servers without that endpoint are asked for everything in one answer.

use std::collections::VecDeque;

use super::plan::Target;
use super::tables::Tables;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::stream::{ResponseError, Stream, StreamState};
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::hrana::DecodeError;
use crate::hrana::cursor::{Entry, Lines, parse_entry};
use crate::hrana::decoder::{Decoder, Encoding};
use crate::hrana::request::{Batch, Request, Step, StepCondition};
use crate::hrana::response::{Outcome, SqlError};
use crate::http;
use crate::output::Output;
use crate::selection::ReadOptions;

/// A page is sent at this size, if it has not reached its rows before.
const PAGE_BYTES: usize = 4_000_000;
/// The longest line: the largest row that servers send, in base64.
const LINE_BYTES: usize = 256 << 20;

/// The error of a line that is too long.
const LINE_TOO_LONG: DecodeError = DecodeError::Malformed {
    at: LINE_BYTES,
    expected: "the end of a line",
};
/// Steps that come in another order than that of the batch.
const OUT_OF_STEP: DecodeError = DecodeError::Malformed {
    at: 0,
    expected: "the steps of the batch, one after the other",
};

#[derive(Debug)]
pub(super) struct Streamed {
    stream: Stream,
    snapshot: bool,
    targets: Vec<Target>,
    state: State,
}

#[derive(Debug)]
enum State {
    Begin,
    /// A batch whose answer comes.
    Cursor(Box<Cursor>),
    /// One answer for each.
    Answers(VecDeque<Target>),
    End,
}

#[derive(Debug)]
struct Cursor {
    response: http::HttpResponse,
    lines: Lines,
    /// The step whose rows come, and what decodes them.
    current: Option<(usize, Decoder)>,
    /// Steps that have begun or failed.
    seen: usize,
    bytes: usize,
}

impl Streamed {
    pub(super) fn new(tables: Tables, targets: Vec<Target>) -> Self {
        Self {
            stream: tables.stream,
            snapshot: tables.snapshot,
            targets,
            state: State::Begin,
        }
    }

    pub(super) fn close(&mut self) {
        // An answer that still comes holds the stream.
        self.state = State::End;
        self.stream.close();
    }

    /// Reads on. False when there is nothing left.
    pub(super) fn step(
        &mut self,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        match &mut self.state {
            State::Begin if self.targets.is_empty() => self.state = State::End,
            State::Begin if self.stream.dialect() == Dialect::V3 => {
                output.requests += 1;
                let pending = self.stream.send_cursor(self.batch(options.row_limit))?;
                let response = self.stream.accept(pending).map_err(of_batch)?;
                self.state = State::Cursor(Box::new(Cursor {
                    response,
                    lines: Lines::default(),
                    current: None,
                    seen: 0,
                    bytes: 0,
                }));
            }
            State::Begin => self.state = State::Answers(std::mem::take(&mut self.targets).into()),
            State::Cursor(cursor) => {
                if cursor.read(&mut self.stream, &self.targets, options, output)? {
                    self.state = State::End;
                }
            }
            State::Answers(targets) => match targets.pop_front() {
                Some(target) => whole_answer(&mut self.stream, &target, options, output)?,
                None => self.state = State::End,
            },
            State::End => return Ok(false),
        }
        Ok(true)
    }

    fn batch(&self, limit: Option<u64>) -> Batch {
        let step = |target: &Target| Step {
            condition: self.snapshot.then(StepCondition::in_transaction),
            stmt: target.statement(limit),
        };
        Batch {
            steps: self.targets.iter().map(step).collect(),
        }
    }
}

impl Cursor {
    /// Reads until a page is full. True when all has come.
    fn read(
        &mut self,
        stream: &mut Stream,
        targets: &[Target],
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let url = stream.url();
        let malformed =
            |error: &DecodeError| Failure::from(failure::from_decode_error(error, &url));
        // Verified on sqld: a text that is not UTF-8 cuts the body, and so does
        // a server that dies. Before a step has begun, and once all text comes
        // as bytes, only the second is left.
        let plain = |current: &Option<(usize, Decoder)>| {
            let target = current.as_ref().and_then(|(step, _)| targets.get(*step));
            target.is_some_and(|target| target.encoding == Encoding::Plain)
        };
        let ended_early = |current: &Option<(usize, Decoder)>| {
            if plain(current) {
                Failure::NotUtf8
            } else {
                Failure::StreamLost("the answer ended early".to_owned())
            }
        };
        loop {
            let line = match self.lines.next_line() {
                Some(line) => line,
                None => match self.response.chunk() {
                    Ok(Some(chunk)) => {
                        if self.lines.incomplete_bytes() > LINE_BYTES {
                            return Err(malformed(&LINE_TOO_LONG));
                        }
                        self.lines.push(&chunk);
                        continue;
                    }
                    Ok(None) if self.lines.incomplete_bytes() > 0 => match self.lines.last_line() {
                        Some(line) => line,
                        None => continue,
                    },
                    Ok(None) => return Err(ended_early(&self.current)),
                    Err(error) if error.category == Category::Unavailable => {
                        return Err(ended_early(&self.current));
                    }
                    Err(error) => return Err(error.into()),
                },
            };
            let line = line.map_err(|_| Failure::NotUtf8)?;
            if line.is_empty() {
                continue;
            }
            self.bytes += line.len();
            let rows = self.current.as_mut().map(|(_, decoder)| decoder);
            match parse_entry(line, rows) {
                Err(DecodeError::LostInfinity) => return Err(Failure::NotUtf8),
                Err(error) => return Err(malformed(&error)),
                Ok(Entry::Row) => {
                    if let Some((_, decoder)) = &mut self.current
                        && (decoder.batch().len() as u64 >= options.page_rows
                            || self.bytes >= PAGE_BYTES)
                    {
                        self.bytes = 0;
                        output.page(decoder.batch_mut())?;
                        return Ok(false);
                    }
                }
                Ok(Entry::Head { baton, base_url }) => {
                    stream.set_state(StreamState { baton, base_url })?;
                }
                Ok(Entry::StepBegin { step, .. }) => {
                    let target = self
                        .next_target(targets, step)
                        .map_err(|error| malformed(&error))?;
                    output.begin(&target.resource);
                    let mut decoder = Decoder::new(&target.columns);
                    decoder.set_encoding(target.encoding, 0);
                    self.current = Some((step, decoder));
                }
                Ok(Entry::StepEnd) => match self.current.take() {
                    Some((_, mut decoder)) => output.end(decoder.batch_mut())?,
                    None => return Err(malformed(&OUT_OF_STEP)),
                },
                Ok(Entry::StepError { step, error }) => {
                    // A step that has begun can still fail.
                    let target = match self.current.take() {
                        Some((current, _)) if current == step => &targets[current],
                        Some(_) => return Err(malformed(&OUT_OF_STEP)),
                        None => {
                            let target = self
                                .next_target(targets, step)
                                .map_err(|error| malformed(&error))?;
                            output.begin(&target.resource);
                            target
                        }
                    };
                    fail(&target.resource, &error, output)?;
                }
                Ok(Entry::Error(error)) => {
                    return Err(failure::from_sql_error(&error, "the batch"));
                }
                Ok(Entry::End) if self.current.is_some() => {
                    return Err(malformed(&OUT_OF_STEP));
                }
                Ok(Entry::End) if self.seen < targets.len() => {
                    return Err(Failure::StreamLost(
                        "it is no longer inside of the transaction".to_owned(),
                    ));
                }
                Ok(Entry::End) => return Ok(true),
                Ok(Entry::Unknown) => {}
            }
        }
    }

    /// The target of a step that begins. Steps come in their order, one after
    /// the other; those that were skipped are noticed at the end.
    fn next_target<'a>(
        &mut self,
        targets: &'a [Target],
        step: usize,
    ) -> Result<&'a Target, DecodeError> {
        if self.current.is_some() || step < self.seen {
            return Err(OUT_OF_STEP);
        }
        self.seen += 1;
        targets.get(step).ok_or(OUT_OF_STEP)
    }
}

/// All of a resource in one answer.
fn whole_answer(
    stream: &mut Stream,
    target: &Target,
    options: &ReadOptions,
    output: &mut Output,
) -> Result<(), Failure> {
    output.begin(&target.resource);
    output.count_request();
    let url = stream.url();
    let mut decoder = Decoder::new(&target.columns);
    decoder.set_encoding(target.encoding, 0);
    let mut body = Vec::new();
    stream.receive(
        stream.send(&[Request::execute(target.statement(options.row_limit))])?,
        &mut body,
    )?;
    let response = match stream.decode(&body, &mut decoder) {
        Ok(response) => response,
        Err(ResponseError::Decode(DecodeError::LostInfinity))
            if target.encoding == Encoding::Plain =>
        {
            return Err(Failure::NotUtf8);
        }
        Err(ResponseError::Decode(DecodeError::NotUtf8)) => return Err(Failure::NotUtf8),
        Err(error) => return Err(error.into_error(&url).into()),
    };
    match response.outcomes.as_slice() {
        [Outcome::Failed(error)] => {
            decoder.discard_page();
            fail(&target.resource, error, output)
        }
        [Outcome::Executed(executed)] => {
            output.count_billed(executed.rows_read);
            Ok(output.end(decoder.batch_mut())?)
        }
        _ => Err(Error::protocol(format!("{url}: a statement has no result")).into()),
    }
}

/// A refusal of the whole batch is no fault of the table that was read last.
fn of_batch(failure: Failure) -> Failure {
    match failure {
        Failure::Other(error) if error.category == Category::Permission => Failure::Final(error),
        other => other,
    }
}

/// A statement that failed takes its own resource with it, unless it was the
/// transaction that failed.
fn fail(resource: &str, error: &SqlError, output: &mut Output) -> Result<(), Failure> {
    match failure::from_sql_error(error, resource) {
        Failure::Other(error) if !error.retryable => {
            output.record_failure(resource, error);
            Ok(())
        }
        other => Err(other),
    }
}
