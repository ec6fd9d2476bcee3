//! Requests in any form that the interface can express.

use crate::bindings::connector::source::secrets;
use crate::bindings::wasi::http::outgoing_handler;
use crate::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method,
    OutgoingBody, OutgoingRequest, Scheme,
};
use crate::bindings::wasi::io::streams::StreamError;
use crate::script::Request;

/// Largest number of bytes of one read.
const READ_BYTES: u64 = 1 << 16;
/// Largest number of bytes that the interface accepts in one write.
const WRITE_BYTES: usize = 4096;

/// Result of a request, as text for a test.
pub(crate) type RequestResult = Result<String, Failure>;

/// Failure of a request.
pub(crate) struct Failure {
    /// True if the host denied the request.
    pub(crate) denied: bool,
    pub(crate) reason: String,
}

/// Sends a request and reads the whole response: status, headers, body.
pub(crate) fn exchange(request: &Request) -> RequestResult {
    let future = send(request)?;
    future.subscribe().block();
    let response = match future.get() {
        Some(Ok(Ok(response))) => response,
        Some(Ok(Err(code))) => return Err(Failure::from_code(&code)),
        _ => return Err(Failure::new("the response was consumed already")),
    };
    let headers: Vec<String> = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(&value)))
        .collect();
    let status = response.status();
    let head = format!("{status}\n{}\n\n", headers.join("\n"));
    match read(&response) {
        (body, None) => Ok(head + &body),
        // An attacker would keep the part before a failure.
        (body, Some(failure)) if request.keep => Ok(format!("{head}{body}\n{}", failure.reason)),
        (_, Some(failure)) => Err(failure),
    }
}

/// Sends a request without waiting for the response.
pub(crate) fn send(request: &Request) -> Result<FutureIncomingResponse, Failure> {
    let headers = Fields::new();
    for (name, value) in &request.headers {
        headers
            .append(&with_references(name), with_references(value).as_bytes())
            .map_err(|error| Failure::new(&format!("header {name}: {error:?}")))?;
    }
    for number in 0..request.header_flood {
        headers
            .append(&format!("x-flood-{number}"), b"flood")
            .map_err(|error| Failure::new(&format!("header {number}: {error:?}")))?;
    }
    if request.header_bytes > 0 {
        headers
            .append("x-large", &vec![b'x'; request.header_bytes as usize])
            .map_err(|error| Failure::new(&format!("a large header: {error:?}")))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let refused = |what: &str| Failure::new(&format!("the interface refuses the {what}"));
    let method = match request.method.as_deref() {
        None | Some("GET") => Method::Get,
        Some("HEAD") => Method::Head,
        Some("POST") => Method::Post,
        Some("CONNECT") => Method::Connect,
        Some(other) => Method::Other(other.to_owned()),
    };
    outgoing
        .set_method(&method)
        .map_err(|()| refused("method"))?;
    let scheme = match request.scheme.as_deref() {
        None | Some("http") => Scheme::Http,
        Some("https") => Scheme::Https,
        Some(other) => Scheme::Other(other.to_owned()),
    };
    outgoing
        .set_scheme(Some(&scheme))
        .map_err(|()| refused("scheme"))?;
    if let Some(authority) = &request.authority {
        outgoing
            .set_authority(Some(&with_references(authority)))
            .map_err(|()| refused("authority"))?;
    }
    let path = with_references(request.path.as_deref().unwrap_or("/"));
    outgoing
        .set_path_with_query(Some(&path))
        .map_err(|()| refused("path"))?;
    let trailers = Fields::new();
    for (name, value) in &request.trailers {
        trailers
            .append(name, value.as_bytes())
            .map_err(|error| Failure::new(&format!("trailer {name}: {error:?}")))?;
    }
    let body = outgoing.body().map_err(|()| refused("body"))?;
    let future =
        outgoing_handler::handle(outgoing, None).map_err(|code| Failure::from_code(&code))?;
    if let Some(text) = &request.body {
        write(&body, with_references(text).as_bytes())?;
    }
    let trailers = (!request.trailers.is_empty()).then_some(trailers);
    OutgoingBody::finish(body, trailers).map_err(|code| Failure::from_code(&code))?;
    Ok(future)
}

fn write(body: &OutgoingBody, bytes: &[u8]) -> Result<(), Failure> {
    let stream = body
        .write()
        .map_err(|()| Failure::new("the body was consumed already"))?;
    for chunk in bytes.chunks(WRITE_BYTES) {
        stream
            .blocking_write_and_flush(chunk)
            .map_err(|error| Failure::new(&format!("the body: {error:?}")))?;
    }
    Ok(())
}

/// Reads the body. Returns the received part, and the failure that ended it.
fn read(response: &IncomingResponse) -> (String, Option<Failure>) {
    let mut bytes = Vec::new();
    let failure = read_into(&mut bytes, response).err();
    (String::from_utf8_lossy(&bytes).into_owned(), failure)
}

fn read_into(bytes: &mut Vec<u8>, response: &IncomingResponse) -> Result<(), Failure> {
    let body: IncomingBody = response
        .consume()
        .map_err(|()| Failure::new("the body was consumed already"))?;
    let stream = body
        .stream()
        .map_err(|()| Failure::new("the stream was consumed already"))?;
    loop {
        match stream.blocking_read(READ_BYTES) {
            // The rest of a long response is discarded.
            Ok(chunk) if bytes.len() > 1 << 20 => bytes.truncate(bytes.len() - chunk.len().min(1)),
            Ok(chunk) => bytes.extend(chunk),
            Err(StreamError::Closed) => return Ok(()),
            Err(StreamError::LastOperationFailed(error)) => {
                let code = crate::bindings::wasi::http::types::http_error_code(&error);
                return Err(code.map_or_else(
                    || Failure::new("the body is incomplete"),
                    |code| Failure::from_code(&code),
                ));
            }
        }
    }
}

/// Replaces every `{name}` by the reference to that secret.
fn with_references(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        match secrets::get(name) {
            Ok(secret) => out.push_str(&secret.reference()),
            Err(error) => out.push_str(&format!("no secret: {error:?}")),
        }
        rest = after;
    }
    out + rest
}

impl Failure {
    pub(crate) fn new(reason: &str) -> Self {
        Self {
            denied: false,
            reason: reason.to_owned(),
        }
    }

    fn from_code(code: &ErrorCode) -> Self {
        Self {
            denied: matches!(code, ErrorCode::HttpRequestDenied),
            reason: format!("{code:?}"),
        }
    }
}
