//! The only way out of the sandbox: every request of a guest is judged here,
//! gets its credential here, and is sent from here.
//!
//! Reading order: [`rule`] (may it?), [`address`] and [`resolver`] (where
//! to?), [`headers`] (as whom?), [`client`] (how?), [`body`] and
//! [`reflection`] (what comes back?). Nothing here knows what a connector
//! reads.

pub mod address;
mod body;
pub mod client;
mod denial;
mod errors;
mod headers;
mod reflection;
pub mod resolver;
pub mod rule;
mod tally;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use http_body_util::{BodyExt, Limited};
use tracing::Instrument;
use url::{Host, Url};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

pub use denial::{Denial, Reason};
pub use tally::Tally;

use self::client::{Clients, Network};
use self::reflection::Guard;
use self::resolver::Prohibited;
use self::rule::Rules;
use super::secrets::GrantedSecrets;
use crate::model::Secret;
use crate::model::{Limit, Limits};

/// The egress of one instance. Cheap to clone; the clones share everything.
#[derive(Clone)]
pub struct Egress(Arc<Inner>);

struct Inner {
    rules: Rules,
    secrets: Arc<GrantedSecrets>,
    limits: Limits,
    clients: Clients,
    tally: Arc<Tally>,
}

type Sent = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl Egress {
    /// An egress with its own connections.
    #[must_use]
    pub fn new(
        rules: Rules,
        secrets: Arc<GrantedSecrets>,
        limits: Limits,
        network: Network,
    ) -> Self {
        let clients = Clients::new(network);
        Self(Arc::new(Inner {
            rules,
            secrets,
            limits,
            clients,
            tally: Arc::default(),
        }))
    }

    /// What was done so far.
    #[must_use]
    pub fn tally(&self) -> Arc<Tally> {
        Arc::clone(&self.0.tally)
    }
}

impl WasiHttpHooks for Egress {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| headers::is_reserved(name))
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let inner = Arc::clone(&self.0);
        let number = inner.tally.request();
        // The query may hold what a person would not want in a log.
        let span = tracing::debug_span!(
            target: "connector_host::egress",
            "request",
            number,
            method = %request.method(),
            host = request.uri().host(),
            path = request.uri().path(),
        );
        Box::new(async move { inner.send(number, request, options).await }.instrument(span))
    }
}

impl Inner {
    async fn send(
        &self,
        number: u64,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Sent, Error> {
        if number > self.limits.requests {
            self.tally.limit(Limit::Requests);
            return Err(Error::HttpRequestDenied);
        }
        let (mut parts, body) = request.into_parts();
        let method = parts.method;
        // What is judged is what is sent: this value, as it serializes.
        let url = match judged_url(&parts.uri) {
            Ok(url) => url,
            Err(reason) => return Err(self.deny(Denial::malformed(&method, reason))),
        };
        let refuse = |reason| self.deny(Denial::new(&method, &url, reason));

        let credential =
            headers::take_credential(&mut parts.headers, &self.secrets).map_err(refuse)?;
        if let Some(name) = parts
            .headers
            .keys()
            .find(|name| **name != HOST && headers::is_reserved(name))
        {
            tracing::debug!(target: "connector_host::egress", %name, "reserved header");
            return Err(refuse(Reason::Header("a reserved one")));
        }
        let allowance = self
            .rules
            .allow(&method, &url)
            .map_err(|why| refuse(Reason::Uncovered(why)))?;
        if let Some((name, _)) = &credential
            && !allowance.secrets.contains(name.as_str())
        {
            return Err(refuse(Reason::Secret(name.clone())));
        }
        let literal = literal_address(&url);
        if !allowance.private
            && let Some(special) = literal.and_then(address::special)
        {
            return Err(refuse(Reason::Address(special)));
        }

        for name in [HOST, CONTENT_LENGTH, ACCEPT_ENCODING] {
            parts.headers.remove(name);
        }
        if is_loopback(&url, literal) {
            // Compressing for a wire that costs nothing only takes time.
            parts
                .headers
                .insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        if let Some((_, secret)) = &credential {
            let value = headers::credential(secret).ok_or(Error::ConfigurationError)?;
            parts.headers.insert(AUTHORIZATION, value);
        }
        let body = self.whole_body(body).await?;

        let client = self.clients.get(allowance.private).map_err(|error| {
            tracing::error!(target: "connector_host::egress", %error, "no HTTP client");
            Error::ConfigurationError
        })?;
        let sending = client
            .request(method.clone(), url.clone())
            .headers(parts.headers)
            .body(body)
            .send();
        let first_byte = options.and_then(|options| options.first_byte_timeout);
        let response = match within(first_byte, sending).await? {
            Ok(response) => response,
            Err(error) => {
                if let Some(Prohibited(special)) = errors::cause(&error) {
                    return Err(refuse(Reason::Address(*special)));
                }
                return Err(errors::of_transport(&error));
            }
        };
        tracing::debug!(target: "connector_host::egress", status = response.status().as_u16(), "answered");

        let sent: BTreeMap<String, Secret> = credential.into_iter().collect();
        let guard = Guard::new(sent);
        if let Some(name) = response
            .headers()
            .values()
            .find_map(|value| guard.find(value.as_bytes()))
        {
            return Err(refuse(Reason::Reflection(name.to_owned())));
        }
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.headers_mut() = response.headers().clone();
        let reception = body::Reception {
            tally: Arc::clone(&self.tally),
            guard,
            limit: self.limits.response,
            method,
            url,
        };
        let body = body::receive(response, reception).boxed_unsync();
        Ok((head.map(|()| body), Box::new(async { Ok(()) })))
    }

    /// The request body in memory: requests of connectors are small, and a
    /// body of known length is framed without the guest's help.
    async fn whole_body(&self, body: WasiBody) -> Result<Bytes, Error> {
        let limit = usize::try_from(self.limits.request_body).unwrap_or(usize::MAX);
        if let Ok(body) = Limited::new(body, limit).collect().await {
            Ok(body.to_bytes())
        } else {
            self.tally.limit(Limit::RequestBody);
            Err(Error::HttpRequestBodySize(Some(self.limits.request_body)))
        }
    }

    fn deny(&self, denial: Denial) -> Error {
        self.tally.deny(denial);
        Error::HttpRequestDenied
    }
}

/// The URL of a request, in the one form that is judged and sent.
fn judged_url(uri: &http::Uri) -> Result<Url, String> {
    let url = Url::parse(&uri.to_string()).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it holds a user or a password".to_owned());
    }
    if url.host().is_none() {
        return Err("it has no host".to_owned());
    }
    Ok(url)
}

fn literal_address(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

fn is_loopback(url: &Url, literal: Option<IpAddr>) -> bool {
    literal.is_some_and(|address| address.is_loopback()) || url.host_str() == Some("localhost")
}

async fn within<T>(timeout: Option<Duration>, future: impl Future<Output = T>) -> Result<T, Error> {
    match timeout {
        None => Ok(future.await),
        Some(timeout) => tokio::time::timeout(timeout, future)
            .await
            .map_err(|_| Error::ConnectionReadTimeout),
    }
}

#[cfg(test)]
mod tests;
