//! A stream: requests in order on one connection of a server, linked by a
//! baton. A transaction lives as long as its stream.

use std::cell::Cell;

use super::dialect::Dialect;
use super::failure;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::hrana::DecodeError;
use crate::hrana::request::{Batch, CursorRequest, PipelineRequest, Request};
use crate::hrana::response::{Outcome, PipelineResponse, RowSink, ValueRows};
use crate::http::{self, Body, Credential, Method, Pending};
use crate::url::Url;

/// A stream of a server.
#[derive(Debug)]
pub struct Stream {
    /// URL for the next request. The server may change it.
    url: Url,
    credential: Credential,
    dialect: Dialect,
    baton: Option<String>,
    /// Number of requests since the last call of [`Stream::take_requests`].
    requests: Cell<u64>,
}

/// The state that a server returns for the next request of a stream.
#[derive(Debug)]
pub struct StreamState {
    /// Baton of the stream, unless the server has closed it.
    pub baton: Option<String>,
    /// New URL of the stream, if it has moved.
    pub base_url: Option<String>,
}

impl Stream {
    /// Creates a stream, which its first request opens.
    #[must_use]
    pub fn new(url: Url, credential: Credential, dialect: Dialect) -> Self {
        Self {
            url,
            credential,
            dialect,
            baton: None,
            requests: Cell::new(0),
        }
    }

    /// Returns the dialect of the server.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Returns the URL, for messages.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Returns true if the server holds state for the stream.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.baton.is_some()
    }

    /// Sends requests. [`receive`](Self::receive) must take the response before
    /// the next requests are sent.
    pub async fn send(&self, requests: &[Request]) -> Result<Pending> {
        let body = serde_json::to_string(&PipelineRequest {
            baton: self.baton.as_deref(),
            requests,
        });
        self.post(self.dialect.pipeline_path(), &body.unwrap_or_default())
            .await
    }

    /// Sends a batch whose rows the server streams.
    pub async fn send_cursor(&self, batch: Batch) -> Result<Pending> {
        let body = serde_json::to_string(&CursorRequest {
            baton: self.baton.as_deref(),
            batch,
        });
        self.post("/v3/cursor", &body.unwrap_or_default()).await
    }

    /// Returns the number of requests since the last call, and resets it.
    pub fn take_requests(&self) -> u64 {
        self.requests.take()
    }

    async fn post(&self, path: &str, body: &str) -> Result<Pending> {
        self.requests.set(self.requests.get() + 1);
        http::send(Method::Post, &self.url, path, &self.credential, Some(body)).await
    }

    /// Waits for a response, and reads its body.
    pub async fn receive(&self, pending: Pending) -> Result<Body, Failure> {
        let response = self.accept(pending).await?;
        Ok(response.body().await?)
    }

    /// Waits for a response whose body is still to be read.
    pub async fn accept(&self, pending: Pending) -> Result<http::HttpResponse, Failure> {
        let response = pending.wait().await?;
        if response.status == 200 {
            return Ok(response);
        }
        let (status, retry_after) = (response.status, response.retry_after);
        Err(failure::from_status(
            status,
            retry_after,
            &response.text().await?,
            &self.url(),
        ))
    }

    /// Sets the state for the next request.
    pub fn set_state(&mut self, state: StreamState) -> Result<()> {
        self.baton = state.baton;
        if let Some(url) = state.base_url {
            self.url = Url::parse(&url, "base_url").map_err(|error| {
                Error::protocol(format!("the server moved the stream to {url}: {error}"))
            })?;
        }
        Ok(())
    }

    /// Decodes a response and sets the state for the next request.
    pub fn decode(
        &mut self,
        body: &[u8],
        sink: &mut impl RowSink,
    ) -> Result<PipelineResponse, ResponseError> {
        let text = simdutf8::basic::from_utf8(body).map_err(|_| DecodeError::NotUtf8)?;
        let response = PipelineResponse::parse(text, sink)?;
        self.set_state(StreamState {
            baton: response.baton.clone(),
            base_url: response.base_url.clone(),
        })?;
        Ok(response)
    }

    /// Sends requests with small results and waits for the response.
    pub async fn run(
        &mut self,
        requests: &[Request],
    ) -> Result<(PipelineResponse, ValueRows), Failure> {
        let body = self.receive(self.send(requests).await?).await?;
        let mut rows = ValueRows::default();
        let response = self
            .decode(&body, &mut rows)
            .map_err(|error| error.into_error(&self.url()))?;
        if response.outcomes.len() == requests.len() {
            return Ok((response, rows));
        }
        // A server that refuses all requests may return one error for them.
        if let [.., Outcome::Failed(error)] = response.outcomes.as_slice() {
            return Err(failure::from_sql_error(error, &self.url()));
        }
        let error = DecodeError::Malformed {
            at: 0,
            expected: "one result for each request",
        };
        Err(failure::from_decode_error(&error, &self.url()).into())
    }

    /// Closes the stream, so that the server need not keep its connection
    /// until it expires. Errors are ignored, since nothing depends on it.
    pub async fn close(&mut self) {
        if self.baton.is_some() && self.dialect != Dialect::Minimal {
            // A transaction without writes ends with its stream.
            if let Ok(pending) = self.send(&[Request::Close]).await
                && let Ok(response) = pending.wait().await
            {
                let _ = response.text().await;
            }
        }
        self.baton = None;
    }
}

/// The reason why a response could not be used.
#[derive(Debug)]
pub enum ResponseError {
    /// The response could not be decoded.
    Decode(DecodeError),
    /// The response moves the stream to an invalid URL.
    State(Error),
}

impl ResponseError {
    /// Converts to the error of a resource.
    #[must_use]
    pub fn into_error(self, url: &str) -> Error {
        match self {
            Self::Decode(error) => failure::from_decode_error(&error, url),
            Self::State(error) => error,
        }
    }
}

impl From<DecodeError> for ResponseError {
    fn from(error: DecodeError) -> Self {
        Self::Decode(error)
    }
}

impl From<Error> for ResponseError {
    fn from(error: Error) -> Self {
        Self::State(error)
    }
}
