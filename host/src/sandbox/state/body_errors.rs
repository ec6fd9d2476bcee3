//! Error codes of bodies. `wasi:http` expects another type of error than the one
//! with which the stream of a response body fails. Without this module, no guest
//! would learn why a body failed. Must not pass on a text of the host.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::p2::bindings::http::types::{ErrorCode, Host as _, IoError};
use wasmtime_wasi_http::{Error, WasiHttpView};

use super::State;
use super::requests::TYPES;

/// Replaces the function that returns the error code of a failed stream.
pub(in crate::sandbox) fn name_causes(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    linker.instance(TYPES)?.func_wrap(
        "http-error-code",
        |mut store, (error,): (Resource<IoError>,)| {
            let state = store.data_mut();
            let code = state.table.get(&error)?.downcast_ref().map(code);
            Ok((match code {
                Some(code) => Some(code),
                // A request body.
                None => state.http().http_error_code(error)?,
            },))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}

/// Returns the code of a failure of a response body. Only sizes, which the guest
/// knows, are passed on with it: a text could hold what the host hides.
fn code(error: &Error) -> ErrorCode {
    match error {
        Error::HttpRequestDenied => ErrorCode::HttpRequestDenied,
        Error::HttpResponseBodySize(size) => ErrorCode::HttpResponseBodySize(*size),
        Error::HttpResponseTimeout => ErrorCode::HttpResponseTimeout,
        Error::HttpResponseIncomplete => ErrorCode::HttpResponseIncomplete,
        Error::HttpResponseContentCoding(_) => ErrorCode::HttpResponseContentCoding(None),
        Error::ConnectionReadTimeout => ErrorCode::ConnectionReadTimeout,
        Error::ConnectionTerminated => ErrorCode::ConnectionTerminated,
        Error::TlsProtocolError => ErrorCode::TlsProtocolError,
        Error::HttpProtocolError => ErrorCode::HttpProtocolError,
        _ => ErrorCode::InternalError(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_has_no_text_of_the_host() {
        let text = || Some("10.0.0.7".to_owned());
        for error in [
            Error::HttpResponseContentCoding(text()),
            Error::InternalError(text()),
            Error::DnsError {
                rcode: text(),
                info_code: None,
            },
            Error::TlsAlertReceived {
                alert_id: None,
                alert_message: text(),
            },
            Error::Connect(std::io::Error::other("10.0.0.7")),
        ] {
            let code = format!("{:?}", code(&error));
            assert!(!code.contains("10.0.0.7"), "{code}");
        }
    }
}
