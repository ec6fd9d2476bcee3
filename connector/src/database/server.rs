//! A server of a database: where it is, which protocol it speaks, and short
//! conversations with it that are repeated when they fail for a while.

use std::cell::Cell;

use super::failure;
use super::stream::Stream;
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, Response, Rows};
use crate::http::{self, Credential, Method};
use crate::retry::Backoff;
use crate::url::Url;

/// What a server understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Hrana 3: Turso Cloud, sqld.
    V3,
    /// Hrana 2: older sqld. Cannot say whether a transaction still holds.
    V2,
    /// The sync server of tursodb: `execute` and `batch` only, no streams,
    /// and one connection that all clients share.
    Minimal,
}

/// A server.
#[derive(Clone, Debug)]
pub struct Server {
    url: Url,
    credential: Credential,
    dialect: Cell<Option<Dialect>>,
}

impl Dialect {
    /// Where pipelines go.
    #[must_use]
    pub fn pipeline_path(self) -> &'static str {
        match self {
            Self::V3 => "/v3/pipeline",
            Self::V2 | Self::Minimal => "/v2/pipeline",
        }
    }
}

impl Server {
    /// A server whose dialect is not known yet.
    #[must_use]
    pub fn new(url: Url, credential: Credential) -> Self {
        Self {
            url,
            credential,
            dialect: Cell::new(None),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Its credential.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// What it understands. Asked once, by trying: there is no endpoint for
    /// it that a rule for pipelines would allow.
    pub fn dialect(&self) -> Result<Dialect> {
        if let Some(dialect) = self.dialect.get() {
            return Ok(dialect);
        }
        let select = || Request::execute(Statement::new("SELECT 1"));
        let attempt = |dialect, requests: &[Request]| {
            Backoff::new().run(|| match Stream::new(self, dialect).ask(requests) {
                Err(Failure::NoSuchEndpoint(error)) => Ok(Err(error)),
                Err(failure) => Err(failure.into()),
                Ok(_) => Ok(Ok(dialect)),
            })
        };
        let found = match attempt(Dialect::V3, &[select(), Request::Close])? {
            Ok(dialect) => dialect,
            Err(_) => match attempt(Dialect::V2, &[select(), Request::Close]) {
                Ok(found) => found?,
                // tursodb answers 500 to a request that it does not know.
                Err(error) if error.category == Category::Protocol => {
                    attempt(Dialect::Minimal, &[select()])?.map_err(|_| error)?
                }
                Err(error) => return Err(error),
            },
        };
        self.dialect.set(Some(found));
        Ok(found)
    }

    /// Asks on a stream of its own, closed afterwards.
    pub fn ask(&self, requests: &[Request]) -> Result<(Vec<Outcome>, Rows)> {
        let dialect = self.dialect()?;
        let mut requests = requests.to_vec();
        if dialect != Dialect::Minimal {
            requests.push(Request::Close);
        }
        let (mut response, rows): (Response, Rows) = Backoff::new().run(|| {
            Stream::new(self, dialect)
                .ask(&requests)
                .map_err(Error::from)
        })?;
        if dialect != Dialect::Minimal {
            response.outcomes.pop();
        }
        Ok((response.outcomes, rows))
    }

    /// Asks for a path, and gives the status and the body.
    pub fn get(&self, path: &str) -> Result<(u16, String)> {
        Backoff::new().run(|| {
            let (status, retry_after, body) = self.get_once(path)?;
            match status {
                408 | 429 | 502 | 503 => {
                    Err(
                        failure::of_status(status, retry_after, &body, &self.url.to_string())
                            .into(),
                    )
                }
                _ => Ok((status, body)),
            }
        })
    }

    /// The same, whatever the status is: for those who ask for just that.
    pub fn probe(&self, path: &str) -> Result<(u16, String)> {
        let (status, _, body) = self.get_once(path)?;
        Ok((status, body))
    }

    fn get_once(&self, path: &str) -> Result<(u16, Option<u64>, String)> {
        let response = http::send(Method::Get, &self.url, path, &self.credential, None)?.wait()?;
        let (status, retry_after) = (response.status, response.retry_after);
        Ok((status, retry_after, response.text()?))
    }
}
