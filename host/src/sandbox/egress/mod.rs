//! The only way out of the sandbox. Every request of a guest is checked, given
//! its credential and sent here.
//!
//! Reading order: [`rule`] (allowed requests), [`address`] and [`resolver`]
//! (allowed addresses), [`headers`] (credentials), [`client`] (connections),
//! [`body`], [`coding`], [`rate`] and [`reflection`] (responses), [`denial`],
//! [`stats`] and [`record`] (what happened). Nothing here knows what a connector reads.

pub(crate) mod address;
mod body;
pub(crate) mod client;
mod coding;
mod denial;
mod errors;
mod headers;
mod rate;
mod record;
mod reflection;
pub(crate) mod resolver;
pub(crate) mod rule;
mod stats;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::Method;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION};
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http_body_util::BodyExt;
use tracing::Instrument;
use url::{Host, Url};
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

pub use denial::{Denial, DenialReason};
pub use record::PolicyRecorder;
pub use stats::EgressStats;

use self::body::SharedWindow;
use self::client::{Clients, Network};
use self::coding::Coding;
use self::rate::MinimumRate;
use self::record::Permissions;
use self::reflection::Needles;
use self::resolver::Prohibited;
use self::rule::Rules;
use self::rule::header::is_reserved;
use self::stats::{OpenResponse, Sending};
use super::secrets::GrantedSecrets;
use crate::model::{Limit, Limits};

/// Bytes that a guest can write to a request body in one call.
const BODY_CHUNK_BYTES: usize = 16 << 10;
/// Length limit of a method; the longest registered one has 17 letters.
const MAX_METHOD_BYTES: usize = 32;

/// Egress of one instance. Clones share everything.
#[derive(Clone)]
pub(super) struct Egress(Arc<EgressInner>);

struct EgressInner {
    rules: Rules,
    secrets: Arc<GrantedSecrets>,
    limits: Limits,
    clients: Clients,
    needles: Needles,
    shared_window: SharedWindow,
    recorder: Option<Arc<PolicyRecorder>>,
    stats: Arc<EgressStats>,
}

type Sent = (
    http::Response<WasiBody>,
    Box<dyn Future<Output = Result<(), Error>> + Send>,
);

impl Egress {
    /// Creates an egress with its own connections.
    #[must_use]
    pub(super) fn new(
        rules: Rules,
        secrets: Arc<GrantedSecrets>,
        limits: Limits,
        recorder: Option<Arc<PolicyRecorder>>,
        network: Network,
    ) -> Self {
        Self(Arc::new(EgressInner {
            rules,
            needles: Needles::new(&secrets),
            secrets,
            limits,
            clients: Clients::new(network),
            shared_window: SharedWindow::default(),
            recorder,
            stats: Arc::default(),
        }))
    }

    /// Returns the statistics of the instance.
    #[must_use]
    pub(super) fn stats(&self) -> Arc<EgressStats> {
        Arc::clone(&self.0.stats)
    }
}

impl WasiHttpHooks for Egress {
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name: &HeaderName| is_reserved(name))
    }

    /// Limits what a guest can write before it sends the request, because the
    /// host buffers it.
    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK_BYTES
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _processed: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Result<Sent, Error>> + Send> {
        let inner = Arc::clone(&self.0);
        let number = inner.stats.request();
        // The query is left out because it may hold personal data.
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

/// A request that passed the checks, in the form in which it is sent.
struct CheckedRequest {
    method: Method,
    url: Url,
    headers: HeaderMap,
    /// Name of the secret that the request carries.
    credential: Option<String>,
    /// Names of its headers that the rules had to name.
    named_headers: Vec<String>,
    /// True if the host may have a private address.
    private: bool,
}

impl EgressInner {
    async fn send(
        &self,
        number: u64,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
    ) -> Result<Sent, Error> {
        if number > self.limits.requests {
            self.stats.limit(Limit::Requests);
            return Err(Error::HttpRequestDenied);
        }
        // A server that returned a credential may have leaked it elsewhere too.
        if self.stats.reflection().is_some() {
            return Err(Error::HttpRequestDenied);
        }
        let open = OpenResponse::new(&self.stats, self.limits.open_responses)
            .ok_or(Error::HttpRequestDenied)?;
        let (parts, body) = request.into_parts();
        let request = self.check(parts)?;
        let (body, sending) = self.read_body(body).await?;
        // The connector may have received a credential while it wrote the body.
        if self.stats.reflection().is_some() {
            return Err(Error::HttpRequestDenied);
        }
        let first_byte = options.and_then(|options| options.first_byte_timeout);
        let response = self.exchange(&request, body, first_byte).await;
        drop(sending);
        self.record(&request, &response);
        self.receive_response(request, response?, open)
    }

    /// Checks a request. The returned value is what is sent, byte for byte.
    fn check(&self, mut parts: http::request::Parts) -> Result<CheckedRequest, Error> {
        let method = parts.method;
        if method.as_str().len() > MAX_METHOD_BYTES {
            let reason = "its method is too long".to_owned();
            return Err(self.deny(Denial::malformed(&Method::GET, reason)));
        }
        let url = match request_url(&parts.uri) {
            Ok(url) => url,
            Err(reason) => return Err(self.deny(Denial::malformed(&method, reason))),
        };
        let refuse = |reason| self.deny(Denial::new(&method, &url, reason));
        let credential =
            headers::take_credential(&mut parts.headers, &self.secrets).map_err(refuse)?;
        let allowance = self
            .rules
            .allow(&method, &url)
            .map_err(|why| refuse(DenialReason::Uncovered(why)))?;
        if let Some((name, _)) = &credential
            && !allowance.secrets.contains(name.as_str())
        {
            return Err(refuse(DenialReason::Secret(name.clone())));
        }
        headers::check(&mut parts.headers, &allowance, credential.is_some()).map_err(refuse)?;
        let literal = literal_address(&url);
        if !allowance.private
            && let Some(special) = literal.and_then(address::special)
        {
            return Err(refuse(DenialReason::Address(special)));
        }
        let private = allowance.private;

        let named = parts.headers.keys().map(|name| name.as_str().to_owned());
        let named: Vec<_> = named
            .filter(|name| allowance.headers.contains(name.as_str()))
            .collect();
        // On the loopback interface, compression only costs time.
        let coding = if is_loopback(&url, literal) {
            "identity"
        } else {
            "gzip"
        };
        let coding = HeaderValue::from_static(coding);
        parts.headers.insert(ACCEPT_ENCODING, coding);
        if let Some((_, secret)) = &credential {
            let value = headers::credential(secret).ok_or(Error::ConfigurationError)?;
            parts.headers.insert(AUTHORIZATION, value);
        }
        Ok(CheckedRequest {
            method,
            url,
            headers: parts.headers,
            credential: credential.map(|(name, _)| name),
            named_headers: named,
            private,
        })
    }

    async fn exchange(
        &self,
        request: &CheckedRequest,
        body: Bytes,
        first_byte: Option<Duration>,
    ) -> Result<reqwest::Response, Error> {
        let client = self.clients.get(request.private).map_err(|error| {
            tracing::error!(target: "connector_host::egress", %error, "no HTTP client");
            Error::ConfigurationError
        })?;
        let exchange = client
            .request(request.method.clone(), request.url.clone())
            .headers(request.headers.clone())
            .body(body)
            .send();
        within(first_byte, exchange).await?.map_err(|error| {
            if let Some(Prohibited(special)) = errors::cause(&error) {
                let reason = DenialReason::Address(*special);
                return self.deny(Denial::new(&request.method, &request.url, reason));
            }
            if errors::is_head_too_large(&error) {
                self.stats.limit(Limit::Headers);
            }
            errors::from_transport(&error)
        })
    }

    /// Records the permissions that the request needed.
    fn record(&self, request: &CheckedRequest, response: &Result<reqwest::Response, Error>) {
        let Some(recorder) = &self.recorder else {
            return;
        };
        if matches!(response, Err(Error::HttpRequestDenied)) {
            return;
        }
        let address = response
            .as_ref()
            .ok()
            .and_then(reqwest::Response::remote_addr);
        // Without a response, the rule decides.
        let private = address.map_or(request.private, |address| {
            address::special(address.ip()).is_some()
        });
        let needed = Permissions {
            secrets: request.credential.iter().cloned().collect(),
            headers: request.named_headers.iter().cloned().collect(),
            private,
        };
        recorder.add(&request.method, &request.url, needed);
    }

    /// Checks the head of a response and starts to receive its body.
    fn receive_response(
        &self,
        request: CheckedRequest,
        response: reqwest::Response,
        open: OpenResponse,
    ) -> Result<Sent, Error> {
        let CheckedRequest { method, url, .. } = request;
        let headers = response.headers();
        tracing::debug!(target: "connector_host::egress", status = response.status().as_u16(), "response received");
        let size = |(name, value): (&HeaderName, &HeaderValue)| name.as_str().len() + value.len();
        if headers.iter().map(size).sum::<usize>() as u64 > self.limits.headers {
            self.stats.limit(Limit::Headers);
            return Err(Error::HttpResponseHeaderSectionSize(None));
        }
        let texts: Vec<_> = headers
            .iter()
            .flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()])
            .collect();
        let guard = self.needles.guard(&texts).map_err(|name| {
            let reason = DenialReason::Reflection(name.to_owned());
            self.deny(Denial::new(&method, &url, reason))
        })?;
        let coding = Coding::of_response(headers)
            .map_err(|name| Error::HttpResponseContentCoding(Some(name)))?;
        let mut head = http::Response::new(());
        *head.status_mut() = response.status();
        *head.headers_mut() = headers.clone();
        coding.remove_headers(head.headers_mut());
        let reception = body::Reception {
            stats: Arc::clone(&self.stats),
            open,
            shared_window: self.shared_window.clone(),
            guard,
            limit: self.limits.response,
            rate: MinimumRate::new(self.limits.response_rate, response.headers()),
            coding,
            method,
            url,
        };
        let body = body::receive(response, reception).boxed_unsync();
        Ok((head.map(|()| body), Box::new(async { Ok(()) })))
    }

    /// Reads a request body into memory. Requests of connectors are small, and
    /// the host frames a body of known length itself. Trailers are not sent.
    async fn read_body(&self, mut body: WasiBody) -> Result<(Bytes, Sending), Error> {
        let mut sending = Sending::new(&self.stats);
        let mut whole = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame?.into_data() else {
                continue;
            };
            sending
                .grow(data.len() as u64, self.limits.request_body)
                .ok_or(Error::HttpRequestBodySize(Some(self.limits.request_body)))?;
            whole.extend_from_slice(&data);
        }
        Ok((whole.freeze(), sending))
    }

    fn deny(&self, denial: Denial) -> Error {
        self.stats.deny(denial);
        Error::HttpRequestDenied
    }
}

/// Parses the URL of a request into the form that is checked and sent.
fn request_url(uri: &http::Uri) -> Result<Url, String> {
    let url = Url::parse(&uri.to_string()).map_err(|error| error.to_string())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("it contains a user name or a password".to_owned());
    }
    let Some(host) = url.host_str() else {
        return Err("it has no host".to_owned());
    };
    // In a rule, it stands for any name.
    if host.contains('*') {
        return Err("its host contains `*`".to_owned());
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
