//! Requests to the Platform API, which are retried after temporary failures.
//! Knows no endpoint.

use super::failure;
use crate::config::Platform;
use crate::describe::PLATFORM_TOKEN;
use crate::error::{Category, Error, Result};
use crate::http::{self, Credential, Method};
use crate::output::Output;
use crate::retry::RetryPolicy;
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
    retry: RetryPolicy,
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
            retry: settings.retry,
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

    /// Requests a path of the API or of the server of regions, and counts the
    /// requests.
    pub(super) async fn get(
        &self,
        is_region: bool,
        path: &str,
        output: &mut Output,
    ) -> Result<String> {
        let (requests, body) = self.fetch(is_region, path).await;
        output.count_requests(requests);
        body
    }

    /// Requests a path. Temporary failures are retried. Returns the number of
    /// requests, and the body.
    pub(super) async fn fetch(&self, is_region: bool, path: &str) -> (u64, Result<String>) {
        let mut backoff = self.retry.backoff();
        let mut requests = 0;
        loop {
            requests += 1;
            let error = match self.fetch_once(is_region, path).await {
                Ok(body) => return (requests, Ok(body)),
                Err(error) => error,
            };
            if let Err(error) = backoff.wait(error).await {
                return (requests, Err(error));
            }
        }
    }

    async fn fetch_once(&self, is_region: bool, path: &str) -> Result<String> {
        let (url, credential) = if is_region {
            (&self.region, &self.no_credential)
        } else {
            (&self.api, &self.token)
        };
        let request = || format!("{url}{path}");
        let sent = http::send(Method::Get, url, path, credential, None).await;
        let mut response = sent?.wait().await?;
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
