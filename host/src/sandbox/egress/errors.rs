//! Failures of the HTTP client as errors of `wasi:http`.

use std::error::Error as _;
use std::io;

use wasmtime_wasi_http::Error;

use super::resolver::{Prohibited, Unresolved};

/// Returns the `wasi:http` error for a transport failure.
pub(super) fn from_transport(error: &reqwest::Error) -> Error {
    tracing::debug!(target: "connector_host::egress", error = chain(error), "transport failure");
    if cause::<Prohibited>(error).is_some() {
        return Error::HttpRequestDenied;
    }
    if cause::<Unresolved>(error).is_some() {
        return Error::DnsError {
            rcode: cause::<Unresolved>(error).map(ToString::to_string),
            info_code: None,
        };
    }
    if let Some(tls) = cause::<rustls::Error>(error).or_else(|| tls_inside_io(error)) {
        return match tls {
            rustls::Error::InvalidCertificate(_) => Error::TlsCertificateError,
            _ => Error::TlsProtocolError,
        };
    }
    if let Some(io) = cause::<io::Error>(error) {
        match io.kind() {
            io::ErrorKind::ConnectionRefused => return Error::ConnectionRefused,
            io::ErrorKind::TimedOut if error.is_connect() => return Error::ConnectionTimeout,
            io::ErrorKind::TimedOut => return Error::ConnectionReadTimeout,
            io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
                return Error::DestinationIpUnroutable;
            }
            io::ErrorKind::UnexpectedEof if error.is_decode() => {
                return Error::HttpResponseIncomplete;
            }
            io::ErrorKind::ConnectionReset
            | io::ErrorKind::BrokenPipe
            | io::ErrorKind::UnexpectedEof => {
                return Error::ConnectionTerminated;
            }
            _ => {}
        }
        // Only decompression fails without a cause in the transfer.
        if error.is_decode() && cause::<hyper::Error>(error).is_none() {
            return Error::HttpResponseContentCoding(None);
        }
    }
    if error.is_timeout() {
        if error.is_connect() {
            Error::ConnectionTimeout
        } else {
            Error::ConnectionReadTimeout
        }
    } else if error.is_connect() {
        Error::DestinationUnavailable
    } else if error.is_body() || error.is_decode() {
        Error::HttpResponseIncomplete
    } else if error.is_request() {
        Error::ConnectionTerminated
    } else {
        Error::HttpProtocolError
    }
}

/// Returns true if the head of a response was larger than the client accepts.
pub(super) fn is_head_too_large(error: &reqwest::Error) -> bool {
    cause::<hyper::Error>(error).is_some_and(hyper::Error::is_parse_too_large)
}

/// Finds the first cause of a type in the chain of an error.
pub(super) fn cause<E: std::error::Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<E>() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// Finds a TLS error inside I/O errors, which hide it from the chain, sometimes
/// several levels deep.
fn tls_inside_io(error: &reqwest::Error) -> Option<&rustls::Error> {
    let mut io = cause::<io::Error>(error)?;
    loop {
        let inner = io.get_ref()?;
        if let Some(tls) = inner.downcast_ref() {
            return Some(tls);
        }
        io = inner.downcast_ref()?;
    }
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
