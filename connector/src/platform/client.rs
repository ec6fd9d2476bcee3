//! Requests to the Platform API. Requests are sent first and received later,
//! and retried after temporary failures. Knows no endpoint.

use super::failure;
use crate::config::Platform;
use crate::describe::PLATFORM_TOKEN;
use crate::error::{Category, Error, Result};
use crate::http::{self, Credential, Method, Pending};
use crate::output::Output;
use crate::retry::Backoff;
use crate::url::Url;

/// Maximum size of a response. Lists without pages hold thousands of
/// databases; larger ones would not fit in memory.
const MAX_RESPONSE_BYTES: usize = 64 << 20;

/// Client of the Platform API.
#[derive(Clone, Debug)]
pub struct Client {
    api: Url,
    region: Url,
    token: Credential,
    no_credential: Credential,
}

/// Request that was sent, or whose sending failed.
#[derive(Debug)]
pub(super) struct Fetch {
    pub(super) path: String,
    is_region: bool,
    pending: Result<Pending>,
}

impl Client {
    /// Creates a client with the granted token.
    #[must_use]
    pub fn new(settings: &Platform) -> Self {
        Self {
            api: settings.url.clone(),
            region: settings.region_url.clone(),
            token: Credential::from_secret(PLATFORM_TOKEN),
            no_credential: Credential::absent(),
        }
    }

    /// Returns true if a token was granted.
    #[must_use]
    pub fn has_token(&self) -> bool {
        self.token.is_present()
    }

    /// Returns the URL of the API.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.api
    }

    /// Sends a request for a path of the API or of the server of regions.
    pub(super) async fn send(&self, is_region: bool, path: String, output: &mut Output) -> Fetch {
        output.count_request();
        let pending = if is_region {
            http::send(Method::Get, &self.region, &path, &self.no_credential, None).await
        } else {
            http::send(Method::Get, &self.api, &path, &self.token, None).await
        };
        Fetch {
            path,
            is_region,
            pending,
        }
    }

    /// Receives the body of a response. Temporary failures are retried.
    pub(super) async fn receive(&self, fetch: Fetch, output: &mut Output) -> Result<String> {
        let mut backoff = Backoff::new();
        let mut fetch = fetch;
        loop {
            let (is_region, path) = (fetch.is_region, fetch.path.clone());
            match self.receive_once(fetch).await {
                Ok(body) => return Ok(body),
                Err(error) => backoff.wait(error).await?,
            }
            fetch = self.send(is_region, path, output).await;
        }
    }

    async fn receive_once(&self, fetch: Fetch) -> Result<String> {
        let url = if fetch.is_region {
            &self.region
        } else {
            &self.api
        };
        let request = || format!("{url}{}", fetch.path);
        let mut response = fetch.pending?.wait().await?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            if body.len() + chunk.len() > MAX_RESPONSE_BYTES {
                return Err(Error::new(
                    Category::Data,
                    format!(
                        "{}: the response is larger than {} MiB",
                        request(),
                        MAX_RESPONSE_BYTES >> 20
                    ),
                )
                .hint("remove the resource from the selection"));
            }
            body.extend_from_slice(&chunk);
        }
        if response.status != 200 {
            let body = String::from_utf8_lossy(&body);
            return Err(failure::from_status(
                response.status,
                response.retry_after,
                &body,
                &request(),
            ));
        }
        String::from_utf8(body)
            .map_err(|_| failure::protocol(&request(), "the response is not UTF-8"))
    }
}
