//! Why a call into a guest failed: a limit, or its own doing. The guest's own
//! account of it is asked last.

use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi_http::FieldMapError;

use super::convert;
use super::egress::EgressStats;
use super::error::SandboxError;
use super::state::State;
use crate::model::Limit;

/// What ended `call`, which wasmtime gave up with `error`.
pub(super) fn from_trap(
    call: &'static str,
    error: &wasmtime::Error,
    store: &Store<State>,
    egress_stats: &EgressStats,
    deadline: Instant,
) -> SandboxError {
    if Instant::now() >= deadline {
        return SandboxError::Limit(Limit::Time);
    }
    if let Some(limit) = egress_stats.hit().or_else(|| limit(call, error)) {
        return SandboxError::Limit(limit);
    }
    // What the guest printed last, such as the message of a panic, says more
    // than the trap.
    let printed = store.data().printed.contents();
    let printed = convert::bounded(&String::from_utf8_lossy(&printed));
    let reason = if printed.trim().is_empty() {
        format!("{:#}", error.root_cause())
    } else {
        printed
    };
    SandboxError::Crashed { call, reason }
}

/// The limit that wasmtime keeps for us, and which an error speaks of.
fn limit(call: &str, error: &wasmtime::Error) -> Option<Limit> {
    for cause in error.chain() {
        if matches!(cause.downcast_ref(), Some(ResourceTableError::Full)) {
            return Some(Limit::Handles);
        }
        if let Some(FieldMapError::TooManyFields | FieldMapError::TotalSizeTooBig) =
            cause.downcast_ref()
        {
            return Some(Limit::Headers);
        }
    }
    // These two have no public type.
    let reason = error.root_cause().to_string();
    if reason.contains("store handle limit exceeded") {
        Some(Limit::Handles)
    } else if reason.contains("fuel allocated for hostcalls") {
        // Nothing that is handed over at once may be larger than a page.
        Some(if call == "list-resources" {
            Limit::Resources
        } else {
            Limit::Page
        })
    } else {
        None
    }
}
