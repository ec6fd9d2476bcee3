//! Length limits for the texts of a request. `wasi:http` keeps the texts that a
//! guest sets and checks only their syntax, so a guest could fill the host's
//! memory with requests that it does not send.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest, Method, Scheme};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest as Request;

use super::State;

/// Length limit. Host names have at most 253 characters, methods and schemes
/// fewer.
const MAX_BYTES: usize = 512;
/// Interface with the functions that are replaced.
pub(super) const TYPES: &str = "wasi:http/types@0.2.12";

/// Replaces the functions that take texts by ones that limit their length.
pub(in crate::sandbox) fn limit_texts(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Resource<Request>, Method)| {
            if matches!(&method, Method::Other(text) if text.len() > MAX_BYTES) {
                return Ok((Err(()),));
            }
            let mut http = store.data_mut().http();
            Ok((http.set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store, (request, scheme): (Resource<Request>, Option<Scheme>)| {
            if matches!(&scheme, Some(Scheme::Other(text)) if text.len() > MAX_BYTES) {
                return Ok((Err(()),));
            }
            let mut http = store.data_mut().http();
            Ok((http.set_scheme(request, scheme)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, authority): (Resource<Request>, Option<String>)| {
            if authority
                .as_ref()
                .is_some_and(|text| text.len() > MAX_BYTES)
            {
                return Ok((Err(()),));
            }
            let mut http = store.data_mut().http();
            Ok((http.set_authority(request, authority)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
