//! Requests to the Platform API: sent now, answered later, and sent again when
//! they fail for a while. Knows no endpoint.

use super::failure;
use crate::config::Platform;
use crate::describe::PLATFORM_TOKEN;
use crate::error::{Category, Error, Result};
use crate::http::{self, Credential, Method, Pending};
use crate::output::Output;
use crate::retry::Backoff;
use crate::url::Url;

/// The most bytes of one answer. Lists are not in pages, and thousands of
/// databases fit in it; more would not fit in memory.
const MOST: usize = 64 << 20;

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Client {
    api: Url,
    region: Url,
    token: Credential,
    none: Credential,
}

/// A request that was sent, or could not be.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) path: String,
    is_region: bool,
    sent: Result<Pending>,
}

impl Client {
    /// A client with the token that was granted.
    #[must_use]
    pub fn new(settings: &Platform) -> Self {
        Self {
            api: settings.url.clone(),
            region: settings.region_url.clone(),
            token: Credential::from_secret(PLATFORM_TOKEN),
            none: Credential::absent(),
        }
    }

    /// Whether there is a token.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_present()
    }

    /// Where the API is.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.api
    }

    /// Sends a request for a path of the API, or of the host of regions.
    pub(super) fn send(&self, is_region: bool, path: String, output: &mut Output) -> Fetch {
        output.count_request();
        let sent = if is_region {
            http::send(Method::Get, &self.region, &path, &self.none, None)
        } else {
            http::send(Method::Get, &self.api, &path, &self.token, None)
        };
        Fetch {
            path,
            is_region,
            sent,
        }
    }

    /// The body of the answer. What may pass is tried again.
    pub(super) fn answer(&self, fetch: Fetch, output: &mut Output) -> Result<String> {
        let mut backoff = Backoff::new();
        let mut fetch = fetch;
        loop {
            let (is_region, path) = (fetch.is_region, fetch.path.clone());
            match self.body(fetch) {
                Ok(body) => return Ok(body),
                Err(error) => backoff.wait(error)?,
            }
            fetch = self.send(is_region, path, output);
        }
    }

    fn body(&self, fetch: Fetch) -> Result<String> {
        let url = if fetch.is_region {
            &self.region
        } else {
            &self.api
        };
        let what = || format!("{url}{}", fetch.path);
        let mut response = fetch.sent.and_then(Pending::wait)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk()? {
            if body.len() + chunk.len() > MOST {
                return Err(Error::new(
                    Category::Data,
                    format!("{}: the answer has more than {} MiB", what(), MOST >> 20),
                )
                .hint("leave the resource out"));
            }
            body.extend_from_slice(&chunk);
        }
        if response.status != 200 {
            let body = String::from_utf8_lossy(&body);
            return Err(failure::from_status(
                response.status,
                response.retry_after,
                &body,
                &what(),
            ));
        }
        String::from_utf8(body).map_err(|_| failure::protocol(&what(), "the answer is not UTF-8"))
    }
}
