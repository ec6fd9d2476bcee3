//! HTTP over `wasi:http`: requests that are sent now and received later, so
//! that the next page is under way while the last one is decoded. Must not
//! interpret a status, except one that limits the rate: the caller does.

mod body;
mod failure;

use std::time::{Duration, SystemTime};

pub use self::body::Body;
use crate::bindings::connector::source::secrets;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    Fields, FutureIncomingResponse, IncomingBody, Method as WasiMethod, OutgoingBody,
    OutgoingRequest, Scheme,
};
use crate::bindings::wasi::io::streams::{InputStream, OutputStream, StreamError};
use crate::clock::{self, Instant};
use crate::error::{Category, Error, Result};
use crate::executor;
use crate::pace;
use crate::retry;
use crate::url::Url;

/// Maximum bytes of one read.
const READ_BYTES: u64 = 1 << 20;
/// Status of a response that limits the rate of requests.
const TOO_MANY_REQUESTS: u16 = 429;

/// Credential of a server: an opaque reference that the host replaces with the
/// secret.
#[derive(Clone, Debug)]
pub struct Credential(Option<String>);

/// HTTP method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// POST.
    Post,
}

/// Request that was sent.
#[derive(Debug)]
pub struct Pending {
    future: FutureIncomingResponse,
    url: String,
    origin: String,
}

/// Response whose body is not read yet.
#[derive(Debug)]
pub struct HttpResponse {
    /// HTTP status.
    pub status: u16,
    /// Delay that `Retry-After` requests, in milliseconds, if present.
    pub retry_after: Option<u64>,
    url: String,
    /// Time at which its head arrived.
    begun: Instant,
    // Fields are dropped in this order: the stream before its body.
    stream: InputStream,
    _body: IncomingBody,
}

impl Credential {
    /// Requests a secret from the host. Without a grant, requests are sent
    /// without a credential.
    #[must_use]
    pub fn from_secret(name: &str) -> Self {
        Self(secrets::get(name).ok().map(|secret| secret.reference()))
    }

    /// Creates the credential of requests without an authorization.
    #[must_use]
    pub fn absent() -> Self {
        Self(None)
    }

    /// True if the host granted the secret.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.0.is_some()
    }
}

/// Sends a request. Waits until it may be sent and its body is accepted, but
/// not for the response.
pub async fn send(
    method: Method,
    url: &Url,
    path: &str,
    credential: &Credential,
    body: Option<&str>,
) -> Result<Pending> {
    let target = url.to_string();
    let internal = |part: &str| {
        Error::new(
            Category::Internal,
            format!("the {part} of a request was not accepted"),
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
    let origin = url.origin();
    pace::wait_for_turn(&origin).await;
    let outgoing = request.body().map_err(|()| internal("body"))?;
    let future = outgoing_handler::handle(request, None)
        .map_err(|code| failure::from_code(&code, &target))?;
    if let Some(body) = body {
        // A server may respond before it has read the request. Then the
        // response tells what happened, not the failure of this write.
        if let Ok(stream) = outgoing.write() {
            let _ = write(&stream, body.as_bytes()).await;
        }
    }
    let _ = OutgoingBody::finish(outgoing, None);
    Ok(Pending {
        future,
        url: target,
        origin,
    })
}

/// Writes a body as fast as the host accepts it.
async fn write(stream: &OutputStream, mut body: &[u8]) -> Result<(), StreamError> {
    while !body.is_empty() {
        let permitted = usize::try_from(stream.check_write()?).unwrap_or(usize::MAX);
        if permitted == 0 {
            executor::wait(stream.subscribe()).await;
            continue;
        }
        let (chunk, rest) = body.split_at(permitted.min(body.len()));
        stream.write(chunk)?;
        body = rest;
    }
    Ok(())
}

impl Pending {
    /// Waits for the response.
    pub async fn wait(self) -> Result<HttpResponse> {
        let received = async {
            loop {
                if let Some(result) = self.future.get() {
                    break result;
                }
                executor::wait(self.future.subscribe()).await;
            }
        };
        let result = retry::wait_for(received).await;
        let response = match result {
            Ok(Ok(response)) => response,
            Ok(Err(code)) => return Err(failure::from_code(&code, &self.url)),
            Err(()) => {
                return Err(Error::new(
                    Category::Internal,
                    "the response was already taken",
                ));
            }
        };
        let status = response.status();
        let retry_after = response.headers().get("retry-after");
        let retry_after = retry_after
            .first()
            .and_then(|value| millis(str::from_utf8(value).ok()?, SystemTime::now()));
        if status == TOO_MANY_REQUESTS {
            pace::record_limit(&self.origin, retry_after.map(Duration::from_millis));
        } else {
            pace::record_success(&self.origin);
        }
        let gone = || Error::new(Category::Internal, "the body was already taken");
        let body = response.consume().map_err(|()| gone())?;
        let stream = body.stream().map_err(|()| gone())?;
        Ok(HttpResponse {
            status,
            retry_after,
            url: self.url,
            begun: Instant::now(),
            stream,
            _body: body,
        })
    }
}

impl HttpResponse {
    /// Reads the next bytes of the body. `None` at its end.
    pub async fn chunk(&mut self) -> Result<Option<Vec<u8>>> {
        loop {
            match self.stream.read(READ_BYTES) {
                Ok(chunk) if chunk.is_empty() => executor::wait(self.stream.subscribe()).await,
                Ok(chunk) => return Ok(Some(chunk)),
                Err(StreamError::Closed) => return Ok(None),
                Err(StreamError::LastOperationFailed(error)) => {
                    let code = crate::bindings::wasi::http::types::http_error_code(&error);
                    return Err(failure::from_body(
                        code.as_ref(),
                        &self.url,
                        self.begun.elapsed(),
                    ));
                }
            }
        }
    }

    /// Reads the next bytes of the body. `None` at its end, or if nothing
    /// arrives before the timeout.
    pub async fn chunk_within(&mut self, timeout: Duration) -> Result<Option<Vec<u8>>> {
        let chunk = clock::within(timeout, self.chunk()).await;
        chunk.unwrap_or(Ok(None))
    }

    /// Reads the whole body.
    pub async fn body(mut self) -> Result<Body> {
        let mut body = Body::new();
        while let Some(chunk) = body.wait_for(self.chunk()).await? {
            let appended = body.append(&chunk).await;
            appended.map_err(|too_large| failure::from_size(too_large, &self.url))?;
        }
        Ok(body)
    }

    /// Reads the whole body as text, for messages and short responses.
    pub async fn text(self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.body().await?).into_owned())
    }
}

/// Returns the delay that `Retry-After` requests, in milliseconds from `now`.
/// The header is a number of seconds or a date (RFC 9110, 10.2.3). `None` if it
/// is neither.
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
    fn a_server_states_a_delay_or_a_time() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_770);
        assert_eq!(millis(" 7 ", now), Some(7000));
        assert_eq!(millis("Sun, 06 Nov 1994 08:49:37 GMT", now), Some(7000));
        assert_eq!(millis("Sun, 06 Nov 1994 08:49:20 GMT", now), Some(0));
        assert_eq!(millis("soon", now), None);
    }
}
