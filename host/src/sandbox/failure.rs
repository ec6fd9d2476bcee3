//! Causes of a failed call into a guest: a limit, or a defect of the guest. The
//! guest's own message is used last.

use tokio::time::Instant;
use wasmtime::Store;
use wasmtime::component::ResourceTableError;
use wasmtime_wasi_http::FieldMapError;

use super::egress::EgressStats;
use super::error::SandboxError;
use super::state::State;
use super::text::bounded;
use crate::model::Limit;

/// Returns the error for a call that ended with a trap.
pub(super) fn from_trap(
    call: &'static str,
    error: &wasmtime::Error,
    store: &Store<State>,
    stats: &EgressStats,
    deadline: Instant,
) -> SandboxError {
    if Instant::now() >= deadline {
        return SandboxError::Limit(Limit::Time);
    }
    if let Some(limit) = stats.reached_limit().or_else(|| limit(call, error)) {
        return SandboxError::Limit(limit);
    }
    // The last output of the guest, such as the message of a panic, says more
    // than the trap.
    let printed = store.data().printed.contents();
    let printed = bounded(&String::from_utf8_lossy(&printed));
    let reason = if printed.trim().is_empty() {
        format!("{:#}", error.root_cause())
    } else {
        printed
    };
    SandboxError::Crashed { call, reason }
}

/// Returns the limit of wasmtime that an error is about.
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
    // The next two have no public type.
    let reason = error.root_cause().to_string();
    if reason.contains("store handle limit exceeded") {
        Some(Limit::Handles)
    } else if reason.contains("fuel allocated for hostcalls") {
        // The limit of one transfer is that of a page.
        Some(if call == "list-resources" {
            Limit::Resources
        } else {
            Limit::Page
        })
    } else {
        None
    }
}
