//! A server of a database: its URL, its dialect, and short requests that are
//! retried.

use std::cell::Cell;

use super::dialect::Dialect;
use super::failure;
use super::stream::Stream;
use crate::error::{Category, Result};
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, PipelineResponse, ValueRows};
use crate::http::{self, Credential, Method};
use crate::retry::RetryPolicy;
use crate::url::Url;

/// A server of a database.
#[derive(Clone, Debug)]
pub struct Server {
    url: Url,
    credential: Credential,
    dialect: Cell<Option<Dialect>>,
    retry: RetryPolicy,
}

impl Server {
    /// Creates a server of unknown dialect.
    #[must_use]
    pub fn new(url: Url, credential: Credential, retry: RetryPolicy) -> Self {
        Self {
            url,
            credential,
            dialect: Cell::new(None),
            retry,
        }
    }

    /// Returns the URL.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the credential.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Returns the patience with the server.
    #[must_use]
    pub fn retry(&self) -> RetryPolicy {
        self.retry
    }

    /// Creates a stream, which its first request opens.
    #[must_use]
    pub fn stream(&self, dialect: Dialect) -> Stream {
        Stream::new(self.url.clone(), self.credential.clone(), dialect)
    }

    /// Returns the dialect. The first call tries one after the other, because
    /// no endpoint under an allow rule for pipelines reports the dialect.
    pub async fn dialect(&self) -> Result<Dialect> {
        if let Some(dialect) = self.dialect.get() {
            return Ok(dialect);
        }
        let select = || Request::execute(Statement::new("SELECT 1"));
        let attempt = async |dialect, requests: &[Request]| {
            let attempt = async || match self.stream(dialect).run(requests).await {
                Err(Failure::NoSuchEndpoint(error)) => Ok(Err(error)),
                Err(failure) => Err(failure.into()),
                Ok(_) => Ok(Ok(dialect)),
            };
            self.retry.backoff().run(attempt).await
        };
        let dialect = match attempt(Dialect::V3, &[select(), Request::Close]).await? {
            Ok(dialect) => dialect,
            Err(_) => match attempt(Dialect::V2, &[select(), Request::Close]).await {
                Ok(found) => found?,
                // tursodb responds with 500 to an unknown request.
                Err(error) if error.category == Category::Protocol => {
                    attempt(Dialect::Minimal, &[select()])
                        .await?
                        .map_err(|_| error)?
                }
                Err(error) => return Err(error),
            },
        };
        self.dialect.set(Some(dialect));
        Ok(dialect)
    }

    /// Runs requests on a new stream, which is closed afterwards.
    pub async fn run(&self, requests: &[Request]) -> Result<(Vec<Outcome>, ValueRows)> {
        let dialect = self.dialect().await?;
        let mut requests = requests.to_vec();
        if dialect != Dialect::Minimal {
            requests.push(Request::Close);
        }
        let (mut response, rows): (PipelineResponse, ValueRows) = self
            .retry
            .backoff()
            .run(async || Ok(self.stream(dialect).run(&requests).await?))
            .await?;
        if dialect != Dialect::Minimal {
            response.outcomes.pop();
        }
        Ok((response.outcomes, rows))
    }

    /// Requests a path, with retries, and returns the status and the body.
    pub async fn get(&self, path: &str) -> Result<(u16, String)> {
        let attempt = async || {
            let (status, retry_after, body) = self.get_once(path).await?;
            match status {
                408 | 429 | 502..=504 => {
                    Err(
                        failure::from_status(status, retry_after, &body, &self.url.to_string())
                            .into(),
                    )
                }
                _ => Ok((status, body)),
            }
        };
        self.retry.backoff().run(attempt).await
    }

    /// Requests a path once and returns the status and the body, for callers
    /// that report the status itself.
    pub async fn probe(&self, path: &str) -> Result<(u16, String)> {
        let (status, _, body) = self.get_once(path).await?;
        Ok((status, body))
    }

    async fn get_once(&self, path: &str) -> Result<(u16, Option<u64>, String)> {
        let request = http::send(Method::Get, &self.url, path, &self.credential, None);
        let response = request.await?.wait().await?;
        let (status, retry_after) = (response.status, response.retry_after);
        Ok((status, retry_after, response.text().await?))
    }
}
