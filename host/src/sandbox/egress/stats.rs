//! Network statistics of one instance: counts, the last denial and the first
//! limit that was reached. From them the host knows why a guest failed, whatever
//! the guest reports.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use super::denial::{Denial, DenialReason};
use crate::model::Limit;

/// Network statistics of one instance.
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

/// A counted request whose response the guest holds or waits for.
pub(super) struct OpenResponse(Arc<EgressStats>);

/// The counted bytes of a request body in transit.
pub(super) struct Sending {
    stats: Arc<EgressStats>,
    bytes: u64,
}

/// Number of denials that are logged.
const MAX_LOGGED_DENIALS: u64 = 16;

impl EgressStats {
    /// Counts a request and returns its number, from 1.
    pub(super) fn request(&self) -> u64 {
        self.requests.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn received(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(super) fn deny(&self, denial: Denial) {
        let earlier = self.denied.fetch_add(1, Ordering::Relaxed);
        if earlier < MAX_LOGGED_DENIALS {
            tracing::warn!(target: "connector_host::egress", "{denial}");
        } else if earlier == MAX_LOGGED_DENIALS {
            tracing::warn!(target: "connector_host::egress", "further denied requests are not logged");
        }
        if matches!(denial.reason(), DenialReason::Reflection(_)) {
            let _ = self.reflection.set(denial.clone());
        }
        if let Ok(mut last) = self.last_denial.lock() {
            *last = Some(denial);
        }
    }

    /// Records that a limit was reached. Only the first one is kept.
    pub(crate) fn limit(&self, limit: Limit) {
        let _ = self.limit.set(limit);
    }

    /// Returns the number of requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Returns the bytes received in bodies, after decompression.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Returns the last denial, which explains a failure right after it.
    #[must_use]
    pub fn last_denial(&self) -> Option<Denial> {
        self.last_denial.lock().ok().and_then(|last| last.clone())
    }

    /// Returns the denial of a response with a secret's value. It ends the
    /// instance, even if the guest ignores the error.
    pub(crate) fn reflection(&self) -> Option<&Denial> {
        self.reflection.get()
    }

    /// Returns the limit that was reached.
    #[must_use]
    pub fn reached_limit(&self) -> Option<Limit> {
        self.limit.get().copied()
    }
}

impl OpenResponse {
    /// Counts an open response, unless the limit is reached.
    pub(super) fn new(stats: &Arc<EgressStats>, limit: u64) -> Option<Self> {
        let open = Self(Arc::clone(stats));
        let others = stats.open_responses.fetch_add(1, Ordering::Relaxed);
        if others < limit {
            return Some(open);
        }
        stats.limit(Limit::OpenResponses);
        None
    }
}

impl Drop for OpenResponse {
    fn drop(&mut self) {
        self.0.open_responses.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Sending {
    pub(super) fn new(stats: &Arc<EgressStats>) -> Self {
        Self {
            stats: Arc::clone(stats),
            bytes: 0,
        }
    }

    /// Counts more bytes in transit, unless the limit is reached.
    pub(super) fn grow(&mut self, bytes: u64, limit: u64) -> Option<()> {
        self.bytes += bytes;
        let others = self.stats.sending.fetch_add(bytes, Ordering::Relaxed);
        if others.saturating_add(bytes) <= limit {
            return Some(());
        }
        self.stats.limit(Limit::RequestBody);
        None
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.stats.sending.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}
