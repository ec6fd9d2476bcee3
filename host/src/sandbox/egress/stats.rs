//! What one instance did on the network: counts, the last refusal and the
//! first limit. The place where the host learns why a guest failed, whatever
//! the guest says about it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::denial::{Denial, Reason};
use crate::model::Limit;

/// Counts of one instance.
#[derive(Debug, Default)]
pub struct EgressStats {
    requests: AtomicU64,
    bytes: AtomicU64,
    open_responses: AtomicU64,
    sending: AtomicU64,
    denied: AtomicU64,
    last_denial: Mutex<Option<Denial>>,
    reflection: OnceLock<Denial>,
    limit: OnceLock<Limit>,
}

/// A request whose answer the guest holds or waits for.
pub(super) struct OpenResponse(Arc<EgressStats>);

/// The bytes of a request body that is being sent.
pub(super) struct Sending {
    egress_stats: Arc<EgressStats>,
    bytes: u64,
}

/// More refusals than these would only fill the log.
const LOGGED_DENIALS: u64 = 16;

impl EgressStats {
    /// Counts a request, and says which one it is.
    pub(super) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn deny(&self, denial: Denial) {
        let earlier = self.denied.fetch_add(1, Ordering::Relaxed);
        if earlier < LOGGED_DENIALS {
            tracing::warn!(target: "connector_host::egress", "{denial}");
        } else if earlier == LOGGED_DENIALS {
            tracing::warn!(target: "connector_host::egress", "further requests were denied; they are not shown");
        }
        if matches!(denial.reason(), Reason::Reflection(_)) {
            let _ = self.reflection.set(denial.clone());
        }
        if let Ok(mut last) = self.last_denial.lock() {
            *last = Some(denial);
        }
    }

    /// Notes that a limit was hit. The first one counts.
    pub(crate) fn limit(&self, limit: Limit) {
        let _ = self.limit.set(limit);
    }

    /// Requests made.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Bytes received in bodies, after decompression.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The last refusal, the one that a failure right after it is due to.
    #[must_use]
    pub fn last_denial(&self) -> Option<Denial> {
        self.last_denial.lock().ok().and_then(|last| last.clone())
    }

    /// The refusal of a response that held a secret's value: what the guest
    /// makes of the error does not matter.
    pub(crate) fn reflection(&self) -> Option<&Denial> {
        self.reflection.get()
    }

    /// The limit that was hit.
    #[must_use]
    pub fn hit(&self) -> Option<Limit> {
        self.limit.get().copied()
    }
}

impl OpenResponse {
    /// One more, unless there are as many as may be.
    pub(super) fn new(egress_stats: &Arc<EgressStats>, limit: u64) -> Option<Self> {
        let open = Self(Arc::clone(egress_stats));
        let others = egress_stats.open_responses.fetch_add(1, Ordering::Relaxed);
        if others < limit {
            return Some(open);
        }
        egress_stats.limit(Limit::OpenResponses);
        None
    }
}

impl Drop for OpenResponse {
    fn drop(&mut self) {
        self.0.open_responses.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sending {
    pub(super) fn new(egress_stats: &Arc<EgressStats>) -> Self {
        Self {
            egress_stats: Arc::clone(egress_stats),
            bytes: 0,
        }
    }

    /// Makes room for so many bytes more, unless there is none.
    pub(super) fn grow(&mut self, bytes: u64, limit: u64) -> Option<()> {
        self.bytes += bytes;
        let others = self
            .egress_stats
            .sending
            .fetch_add(bytes, Ordering::Relaxed);
        if others.saturating_add(bytes) <= limit {
            return Some(());
        }
        self.egress_stats.limit(Limit::RequestBody);
        None
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.egress_stats
            .sending
            .fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
