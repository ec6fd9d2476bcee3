//! A stream: requests that follow each other on one connection of the
//! server, held together by a baton. A transaction lives as long as it.

use std::cell::Cell;

use super::failure;
use super::server::{Dialect, Server};
use crate::error::Result;
use crate::failure::Failure;
use crate::hrana::request::{Batch, CursorRequest, Pipeline, Request};
use crate::hrana::response::{Outcome, Response, RowSink, Rows};
use crate::http::{self, Method, Pending};
use crate::url::Url;

/// A stream of a server.
#[derive(Debug)]
pub struct Stream {
    server: Server,
    dialect: Dialect,
    /// Where its requests go; the server may move it.
    url: Url,
    baton: Option<String>,
    /// Requests that were sent on it.
    requests: Cell<u64>,
}

/// Where the next request of a stream goes on.
#[derive(Debug)]
pub struct Position {
    /// The baton.
    pub baton: Option<String>,
    /// The URL, if it is another than before.
    pub base_url: Option<String>,
}

impl Stream {
    /// A stream that the first request opens.
    #[must_use]
    pub fn new(server: &Server, dialect: Dialect) -> Self {
        Self {
            server: server.clone(),
            dialect,
            url: server.url().clone(),
            baton: None,
            requests: Cell::new(0),
        }
    }

    /// What its server understands.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Where it is, for people.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Whether the server holds something for it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.baton.is_some()
    }

    /// Sends requests. The answer is to be taken by [`receive`](Self::receive)
    /// before the next ones are sent.
    pub fn send(&self, requests: &[Request]) -> Result<Pending> {
        let body = serde_json::to_string(&Pipeline {
            baton: self.baton.as_deref(),
            requests,
        });
        self.post(self.dialect.pipeline_path(), &body.unwrap_or_default())
    }

    /// Sends a batch whose rows are streamed.
    pub fn send_cursor(&self, batch: Batch) -> Result<Pending> {
        let body = serde_json::to_string(&CursorRequest {
            baton: self.baton.as_deref(),
            batch,
        });
        self.post("/v3/cursor", &body.unwrap_or_default())
    }

    /// Requests that were sent on it since this was last asked.
    pub fn take_requests(&self) -> u64 {
        self.requests.take()
    }

    fn post(&self, path: &str, body: &str) -> Result<Pending> {
        self.requests.set(self.requests.get() + 1);
        http::send(
            Method::Post,
            &self.url,
            path,
            self.server.credential(),
            Some(body),
        )
    }

    /// Waits for an answer, and appends its body.
    pub fn receive(&self, pending: Pending, body: &mut Vec<u8>) -> Result<(), Failure> {
        let response = self.accept(pending)?;
        Ok(response.read_to_end(body)?)
    }

    /// Waits for an answer whose body is still to be read.
    pub fn accept(&self, pending: Pending) -> Result<http::Response, Failure> {
        let response = pending.wait()?;
        if response.status == 200 {
            return Ok(response);
        }
        let (status, retry_after) = (response.status, response.retry_after);
        Err(failure::of_status(
            status,
            retry_after,
            &response.text()?,
            &self.url(),
        ))
    }

    /// Goes on from where the server says.
    pub fn go_on(&mut self, position: Position) -> Result<()> {
        self.baton = position.baton;
        if let Some(url) = position.base_url {
            self.url = Url::parse(&url, "base_url").map_err(|error| {
                crate::error::Error::protocol(format!(
                    "the server moves the stream to {url}: {error}"
                ))
            })?;
        }
        Ok(())
    }

    /// Walks an answer, and goes on from where it says.
    pub fn take(&mut self, body: &[u8], sink: &mut impl RowSink) -> Result<Response, TakeError> {
        let text =
            simdutf8::basic::from_utf8(body).map_err(|_| crate::hrana::DecodeError::NotUtf8)?;
        let response = Response::parse(text, sink)?;
        self.go_on(Position {
            baton: response.baton.clone(),
            base_url: response.base_url.clone(),
        })?;
        Ok(response)
    }

    /// Sends requests with short answers, and waits.
    pub fn ask(&mut self, requests: &[Request]) -> Result<(Response, Rows), Failure> {
        let mut body = Vec::new();
        self.receive(self.send(requests)?, &mut body)?;
        let mut rows = Rows::default();
        let response = self
            .take(&body, &mut rows)
            .map_err(|error| error.into_error(&self.url()))?;
        if response.outcomes.len() == requests.len() {
            return Ok((response, rows));
        }
        // A server that refuses everything may say so only once.
        if let [.., Outcome::Failed(error)] = response.outcomes.as_slice() {
            return Err(failure::of_sql(error, &self.url()));
        }
        let reason = crate::hrana::DecodeError::Malformed {
            at: 0,
            expected: "one result for each request",
        };
        Err(failure::of_decoding(&reason, &self.url()).into())
    }

    /// Closes it, so that the server need not keep its connection until it
    /// expires. Nothing depends on whether that works.
    pub fn close(&mut self) {
        if self.baton.is_some() && self.dialect != Dialect::Minimal {
            // A transaction that only read ends with its stream.
            if let Ok(pending) = self.send(&[Request::Close]) {
                let _ = pending.wait().and_then(http::Response::text);
            }
        }
        self.baton = None;
    }
}

/// Why an answer could not be taken.
#[derive(Debug)]
pub enum TakeError {
    /// It does not decode.
    Decode(crate::hrana::DecodeError),
    /// It says something that cannot be followed.
    Other(crate::error::Error),
}

impl TakeError {
    /// The error for people.
    #[must_use]
    pub fn into_error(self, url: &str) -> crate::error::Error {
        match self {
            Self::Decode(error) => failure::of_decoding(&error, url),
            Self::Other(error) => error,
        }
    }
}

impl From<crate::hrana::DecodeError> for TakeError {
    fn from(error: crate::hrana::DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<crate::error::Error> for TakeError {
    fn from(error: crate::error::Error) -> Self {
        Self::Other(error)
    }
}
