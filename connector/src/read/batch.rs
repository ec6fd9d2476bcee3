//! Reader of resources that have no key to page by: views, virtual tables,
//! queries. One batch of `/v3/cursor` streams all of them, on the stream of the
//! snapshot. Servers without that endpoint send each result as one response.

use std::collections::VecDeque;

use super::page_size::PageBytes;
use super::snapshot::{Snapshot, transaction_lost};
use super::target::Target;
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

/// Maximum size of a line in bytes: the largest row that servers send, in
/// base64.
const MAX_LINE_BYTES: usize = 256 << 20;

/// Error of a line that is too long.
const LINE_TOO_LONG: DecodeError = DecodeError::Malformed {
    at: MAX_LINE_BYTES,
    expected: "the end of a line",
};
/// Error of steps that are not in the order of the batch.
const STEP_OUT_OF_ORDER: DecodeError = DecodeError::Malformed {
    at: 0,
    expected: "the steps of the batch in their order",
};

/// Reader of resources without a key.
#[derive(Debug)]
pub(super) struct BatchReader {
    snapshot: Snapshot,
    targets: Vec<Target>,
    state: State,
}

#[derive(Debug)]
enum State {
    Start,
    /// Response to the batch, which is being streamed.
    Streaming(Box<BatchResponse>),
    /// Targets that are read with one request each.
    Statements(VecDeque<Target>),
    End,
}

/// Response to a batch.
#[derive(Debug)]
struct BatchResponse {
    response: http::HttpResponse,
    lines: Lines,
    /// Step whose rows are being received, and their decoder.
    current: Option<(usize, Decoder)>,
    /// Number of steps that have begun or failed.
    begun: usize,
    /// Size of the rows since the last page, in bytes.
    bytes: usize,
}

impl BatchReader {
    /// Creates a reader of targets.
    pub(super) fn new(snapshot: Snapshot, targets: Vec<Target>) -> Self {
        Self {
            snapshot,
            targets,
            state: State::Start,
        }
    }

    /// Returns the targets, of which some may have been begun.
    pub(super) fn unread(&self) -> impl Iterator<Item = &Target> {
        let waiting = match &self.state {
            State::Statements(targets) => Some(targets),
            State::Start | State::Streaming(_) | State::End => None,
        };
        self.targets.iter().chain(waiting.into_iter().flatten())
    }

    /// Reads a page. Returns false at the end.
    pub(super) async fn step(
        &mut self,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let stream = &mut self.snapshot.stream;
        match &mut self.state {
            State::Start if self.targets.is_empty() => self.state = State::End,
            State::Start if stream.dialect() == Dialect::V3 => {
                output.requests += 1;
                self.state = State::Streaming(Box::new(self.send_batch(options).await?));
            }
            State::Start => {
                let targets = std::mem::take(&mut self.targets);
                self.state = State::Statements(targets.into());
            }
            State::Streaming(response) => {
                let page = response.read_page(stream, &self.targets, options, output);
                if page.await? {
                    self.state = State::End;
                }
            }
            State::Statements(targets) => match targets.pop_front() {
                Some(target) => read_statement(stream, &target, options, output).await?,
                None => self.state = State::End,
            },
            State::End => return Ok(false),
        }
        Ok(true)
    }

    /// Returns the snapshot, for the reader that follows.
    pub(super) fn into_snapshot(self) -> Snapshot {
        self.snapshot
    }

    /// Closes the stream.
    pub(super) async fn close(&mut self) {
        // A response that is being received occupies the stream.
        self.state = State::End;
        self.snapshot.close().await;
    }

    async fn send_batch(&mut self, options: &ReadOptions) -> Result<BatchResponse, Failure> {
        let is_transaction = self.snapshot.is_transaction();
        let step = |target: &Target| Step {
            condition: is_transaction.then(StepCondition::in_transaction),
            stmt: target.statement(options.row_limit),
        };
        let batch = Batch {
            steps: self.targets.iter().map(step).collect(),
        };
        let stream = &mut self.snapshot.stream;
        let pending = stream.send_cursor(batch).await?;
        Ok(BatchResponse {
            response: stream.accept(pending).await.map_err(batch_refused)?,
            lines: Lines::default(),
            current: None,
            begun: 0,
            bytes: 0,
        })
    }
}

impl BatchResponse {
    /// Reads until a page is full. Returns true at the end of the response.
    async fn read_page(
        &mut self,
        stream: &mut Stream,
        targets: &[Target],
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<bool, Failure> {
        let url = stream.url();
        let malformed =
            |error: &DecodeError| Failure::from(failure::from_decode_error(error, &url));
        let page_bytes = PageBytes::new(options).target;
        loop {
            let line = if let Some(line) = self.lines.next_line() {
                line
            } else if self.receive_chunk(targets, &url).await? {
                continue;
            } else if let Some(line) = self.lines.last_line() {
                line
            } else {
                return Err(self.cut_off(targets));
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
                            || self.bytes >= page_bytes)
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
                    let target = self.begin_step(targets, step, output);
                    let target = target.map_err(|error| malformed(&error))?;
                    let mut decoder = Decoder::new(&target.columns);
                    decoder.set_encoding(target.encoding, 0);
                    self.current = Some((step, decoder));
                }
                Ok(Entry::StepEnd) => match self.current.take() {
                    Some((_, mut decoder)) => output.end(decoder.batch_mut())?,
                    None => return Err(malformed(&STEP_OUT_OF_ORDER)),
                },
                Ok(Entry::StepError { step, error }) => {
                    let target = match self.current.take() {
                        // A step can fail after it has begun.
                        Some((current, _)) if current == step => Ok(&targets[current]),
                        Some(_) => Err(STEP_OUT_OF_ORDER),
                        None => self.begin_step(targets, step, output),
                    };
                    let target = target.map_err(|error| malformed(&error))?;
                    record_failure(&target.resource, &error, output)?;
                }
                Ok(Entry::Error(error)) => {
                    return Err(failure::from_sql_error(&error, "the batch"));
                }
                Ok(Entry::End) if self.current.is_some() => {
                    return Err(malformed(&STEP_OUT_OF_ORDER));
                }
                // Steps were skipped because the transaction is gone.
                Ok(Entry::End) if self.begun < targets.len() => return Err(transaction_lost()),
                Ok(Entry::End) => return Ok(true),
                Ok(Entry::Unknown) => {}
            }
        }
    }

    /// Receives a chunk of the body. Returns false at the end of the body.
    async fn receive_chunk(&mut self, targets: &[Target], url: &str) -> Result<bool, Failure> {
        match self.response.chunk().await {
            Ok(Some(_)) if self.lines.incomplete_bytes() > MAX_LINE_BYTES => {
                Err(failure::from_decode_error(&LINE_TOO_LONG, url).into())
            }
            Ok(Some(chunk)) => {
                self.lines.push(&chunk);
                Ok(true)
            }
            Ok(None) => Ok(false),
            Err(error) if error.category == Category::Unavailable && !error.slow => {
                Err(self.cut_off(targets))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the failure of a body that ends early. Verified on sqld: a text
    /// that is not UTF-8 cuts off the body, and so does a server that dies. Only
    /// the latter is possible outside a step, and if text is sent as bytes.
    fn cut_off(&self, targets: &[Target]) -> Failure {
        let step = self.current.as_ref().map(|(step, _)| *step);
        let target = step.and_then(|step| targets.get(step));
        if target.is_some_and(|target| target.encoding == Encoding::Plain) {
            Failure::NotUtf8
        } else {
            Failure::StreamLost("the response ended early".to_owned())
        }
    }

    /// Begins a step, and returns its target. Steps run one after the other;
    /// skipped ones are noticed at the end.
    fn begin_step<'a>(
        &mut self,
        targets: &'a [Target],
        step: usize,
        output: &mut Output,
    ) -> Result<&'a Target, DecodeError> {
        if self.current.is_some() || step < self.begun {
            return Err(STEP_OUT_OF_ORDER);
        }
        self.begun += 1;
        let target = targets.get(step).ok_or(STEP_OUT_OF_ORDER)?;
        output.begin(&target.resource);
        Ok(target)
    }
}

/// Reads a resource with one request.
async fn read_statement(
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
    let request = Request::execute(target.statement(options.row_limit));
    let body = stream.receive(stream.send(&[request]).await?).await?;
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
            record_failure(&target.resource, error, output)
        }
        [Outcome::Executed(executed)] => {
            output.count_billed(executed.rows_read);
            Ok(output.end(decoder.batch_mut())?)
        }
        _ => Err(Error::protocol(format!("{url}: a statement has no result")).into()),
    }
}

/// Converts the refusal of a whole batch, which is not one of the resource that
/// was read last.
fn batch_refused(failure: Failure) -> Failure {
    match failure {
        Failure::Other(error) if error.category == Category::Permission => Failure::Final(error),
        other => other,
    }
}

/// Records the failure of a statement. If the transaction has failed, it is
/// returned instead.
fn record_failure(resource: &str, error: &SqlError, output: &mut Output) -> Result<(), Failure> {
    match failure::from_sql_error(error, resource) {
        Failure::Other(error) if !error.retryable => {
            output.record_failure(resource, error);
            Ok(())
        }
        other => Err(other),
    }
}
