//! HTTP over `wasi:http`: requests that are sent now and answered later, so
//! that the next page travels while the last one is decoded.
//!
//! Knows nothing of SQL. What a status means is decided by who asked.

use std::time::{Duration, SystemTime};

use crate::bindings::connector::source::secrets;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, Method as WasiMethod, OutgoingBody,
    OutgoingRequest, Scheme,
};
use crate::bindings::wasi::io::poll::poll;
use crate::bindings::wasi::io::streams::{InputStream, StreamError};
use crate::error::{Category, Error, Result};
use crate::url::Url;

/// How much is read at once.
const READ_BYTES: u64 = 1 << 20;
/// What is sent at once; the most that the interface takes.
const WRITE_BYTES: usize = 4096;

/// The credential of a server: an opaque reference that the host replaces.
#[derive(Clone, Debug)]
pub struct Credential(Option<String>);

/// The two methods that are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// A request that was sent.
#[derive(Debug)]
pub struct Pending {
    future: FutureIncomingResponse,
    what: String,
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Milliseconds that `Retry-After` asks to wait, if it says so.
    pub retry_after: Option<u64>,
    what: String,
    // The order of fields is that in which they must be dropped.
    stream: InputStream,
    _body: IncomingBody,
}

impl Credential {
    /// The secret of this name; without one, requests go out without a
    /// credential.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(secrets::get(name).ok().map(|secret| secret.reference()))
    }

    /// None, for servers that get none.
    #[must_use]
    pub fn none() -> Self {
        Self(None)
    }

    /// Whether there is one.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.0.is_some()
    }
}

/// Sends a request.
pub fn send(
    method: Method,
    url: &Url,
    path: &str,
    credential: &Credential,
    body: Option<&str>,
) -> Result<Pending> {
    let what = url.to_string();
    let internal = |what: &str| {
        Error::new(
            Category::Internal,
            format!("could not make a request: {what}"),
        )
    };
    let headers = Fields::new();
    let set = |name: &str, value: &str| {
        headers
            .append(name, value.as_bytes())
            .map_err(|_| internal(name))
    };
    if body.is_some() {
        set("content-type", "application/json")?;
    }
    if let Some(reference) = &credential.0 {
        set("authorization", &format!("Bearer {reference}"))?;
    }
    let request = OutgoingRequest::new(headers);
    let scheme = if url.is_https() {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let method = match method {
        Method::Get => WasiMethod::Get,
        Method::Post => WasiMethod::Post,
    };
    request
        .set_method(&method)
        .map_err(|()| internal("method"))?;
    request
        .set_scheme(Some(&scheme))
        .map_err(|()| internal("scheme"))?;
    request
        .set_authority(Some(url.authority()))
        .map_err(|()| internal("authority"))?;
    let path = format!("{}{path}", url.prefix());
    request
        .set_path_with_query(Some(&path))
        .map_err(|()| internal("path"))?;
    let outgoing = request.body().map_err(|()| internal("body"))?;
    let future = outgoing_handler::handle(request, None).map_err(|code| failure(&code, &what))?;
    if let Some(body) = body {
        // A server that answers before it has read the request is judged by
        // its answer, so what goes wrong here is left to that.
        if let Ok(stream) = outgoing.write() {
            let _ = body
                .as_bytes()
                .chunks(WRITE_BYTES)
                .try_for_each(|chunk| stream.blocking_write_and_flush(chunk));
        }
    }
    let _ = OutgoingBody::finish(outgoing, None);
    Ok(Pending { future, what })
}

impl Pending {
    /// Waits for the answer.
    pub fn wait(self) -> Result<Response> {
        let result = loop {
            if let Some(result) = self.future.get() {
                break result;
            }
            self.future.subscribe().block();
        };
        let response = match result {
            Ok(Ok(response)) => response,
            Ok(Err(code)) => return Err(failure(&code, &self.what)),
            Err(()) => return Err(Error::new(Category::Internal, "an answer was taken twice")),
        };
        let retry_after = response.headers().get("retry-after");
        let gone = || Error::new(Category::Internal, "a body was taken twice");
        let body = response.consume().map_err(|()| gone())?;
        let stream = body.stream().map_err(|()| gone())?;
        Ok(Response {
            status: response.status(),
            retry_after: retry_after
                .first()
                .and_then(|value| millis(str::from_utf8(value).ok()?, SystemTime::now())),
            what: self.what,
            stream,
            _body: body,
        })
    }
}

impl Response {
    /// The next bytes of the body; none at its end.
    pub fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            match self.stream.read(READ_BYTES) {
                Ok(chunk) if chunk.is_empty() => self.stream.subscribe().block(),
                Ok(chunk) => return Ok(Some(chunk)),
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(error)) => {
                    let code = crate::bindings::wasi::http::types::http_error_code(&error);
                    return Err(match code {
                        Some(code) => failure(&code, &self.what),
                        None => unavailable(&self.what, "the answer ended early"),
                    });
                }
            }
        }
    }

    /// The next bytes of the body; none at its end, or when nothing comes for
    /// so long.
    pub fn chunk_within(&mut self, time: Duration) -> Result<Option<Vec<u8>>> {
        let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let timer = monotonic_clock::subscribe_duration(nanos);
        let data = self.stream.subscribe();
        let ready = poll(&[&data, &timer]);
        drop(data);
        if ready.contains(&0) {
            self.chunk()
        } else {
            Ok(None)
        }
    }

    /// Appends the whole body.
    pub fn read_to_end(mut self, body: &mut Vec<u8>) -> Result<()> {
        while let Some(chunk) = self.chunk()? {
            body.extend_from_slice(&chunk);
        }
        Ok(())
    }

    /// The whole body as text, for messages and short answers.
    pub fn text(self) -> Result<String> {
        let mut body = Vec::new();
        self.read_to_end(&mut body)?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

fn unavailable(what: &str, how: &str) -> Error {
    Error::new(Category::Unavailable, format!("{what}: {how}")).retryable()
}

/// A failure of the transport.
fn failure(code: &ErrorCode, what: &str) -> Error {
    match code {
        ErrorCode::HttpRequestDenied => Error::new(
            Category::Denied,
            format!("{what}: the host denied the request"),
        )
        .hint("allow the origin, method and path in [[connector.allow]]"),
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) => {
            unavailable(what, "the name cannot be resolved")
                .hint("look at the host in `database_url`")
        }
        ErrorCode::ConnectionRefused
        | ErrorCode::DestinationUnavailable
        | ErrorCode::DestinationNotFound => {
            unavailable(what, "no server accepts connections there")
                .hint("is it running, and is the port right?")
        }
        ErrorCode::TlsCertificateError => Error::new(
            Category::Unavailable,
            format!("{what}: the server's certificate is not valid for this name"),
        )
        .hint("a server without a certificate is reached by `http://`"),
        ErrorCode::TlsProtocolError => Error::new(
            Category::Unavailable,
            format!("{what}: the server does not speak TLS"),
        )
        .hint("a server without TLS is reached by `http://`"),
        ErrorCode::HttpResponseBodySize(_) => Error::new(
            Category::Data,
            format!("{what}: the answer is larger than the host allows"),
        )
        .hint("raise `response` in [connector.limits], or lower `page_rows`"),
        other => unavailable(what, &format!("the connection failed ({other:?})")),
    }
}

/// Returns the milliseconds from `now` that a `Retry-After` asks to wait. It
/// is a number of seconds or a date (RFC 9110, 10.2.3). `None` if it is
/// neither.
fn millis(retry_after: &str, now: SystemTime) -> Option<u64> {
    let text = retry_after.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return seconds.checked_mul(1000);
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let wait = date.duration_since(now).unwrap_or_default();
    u64::try_from(wait.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_may_name_the_time_or_how_long_to_wait() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(millis(" 7 ", now), Some(7000));
        assert_eq!(millis("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(7000));
        assert_eq!(millis("Sun, 06 Nov 1994 08:49:20 GMT", now), Some(0));
        assert_eq!(millis("soon", now), None);
    }
}
