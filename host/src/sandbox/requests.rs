//! What a guest can park in a request that it never sends: `wasi:http` keeps
//! the texts that it is given, and only their spelling is judged there. Longer
//! ones are refused here, before they are kept.

use wasmtime::component::{Linker, Resource};
use wasmtime_wasi_http::WasiHttpView;
use wasmtime_wasi_http::p2::bindings::http::types::{HostOutgoingRequest, Method, Scheme};
use wasmtime_wasi_http::p2::types::HostOutgoingRequest as Request;

use super::state::State;

/// Names of hosts have at most 253 characters, methods and schemes a few.
const LONGEST: usize = 512;
/// Where the functions are that this replaces.
const TYPES: &str = "wasi:http/types@0.2.12";

/// Puts bounds before the functions that take texts.
pub(super) fn bound(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    let mut types = linker.instance(TYPES)?;
    types.func_wrap(
        "[method]outgoing-request.set-method",
        |mut store, (request, method): (Resource<Request>, Method)| {
            if matches!(&method, Method::Other(text) if text.len() > LONGEST) {
                return Ok((Err(()),));
            }
            let mut http = store.data_mut().http();
            Ok((http.set_method(request, method)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-scheme",
        |mut store, (request, scheme): (Resource<Request>, Option<Scheme>)| {
            if matches!(&scheme, Some(Scheme::Other(text)) if text.len() > LONGEST) {
                return Ok((Err(()),));
            }
            let mut http = store.data_mut().http();
            Ok((http.set_scheme(request, scheme)?,))
        },
    )?;
    types.func_wrap(
        "[method]outgoing-request.set-authority",
        |mut store, (request, authority): (Resource<Request>, Option<String>)| {
            if authority.as_ref().is_some_and(|text| text.len() > LONGEST) {
                return Ok((Err(()),));
            }
            let mut http = store.data_mut().http();
            Ok((http.set_authority(request, authority)?,))
        },
    )?;
    linker.allow_shadowing(false);
    Ok(())
}
