//! Faults that a test adds: their kind, paths, start and number. This module
//! only selects faults; the server carries them out.

use serde_json::{Value as Json, json};

/// Treatment of a request.
#[derive(Clone, Debug)]
pub enum ApiFault {
    /// Error with this status, without `retry-after`.
    Status(u16),
    /// Error with this status and these seconds in `retry-after`.
    RetryAfter(u16, u64),
    /// Error with this status and an HTML page, as from a gateway.
    Page(u16),
    /// Half of the response, sent as a complete one.
    Malformed,
    /// JSON with a text instead of every list and object.
    WrongShape,
    /// Half of the response, then a closed connection.
    Truncate,
    /// Closed connection without a response.
    Reset,
    /// Request without a response while the server runs.
    Stall,
    /// Normal response, once this many requests are in flight at the same time.
    Together(usize),
}

impl ApiFault {
    /// Selects the requests of a path pattern. `*` matches one segment, and `**`
    /// at the end matches all that follow.
    #[must_use]
    pub fn at(self, path: &str) -> ActiveFault {
        ActiveFault {
            fault: self,
            path: path.to_owned(),
            skipped: 0,
            left: None,
        }
    }
}

/// A fault and the requests that it affects.
#[derive(Clone, Debug)]
pub struct ActiveFault {
    fault: ApiFault,
    path: String,
    skipped: usize,
    left: Option<usize>,
}

impl ActiveFault {
    /// Excludes the first matching requests.
    #[must_use]
    pub fn after(mut self, requests: usize) -> Self {
        self.skipped = requests;
        self
    }

    /// Limits the number of affected requests.
    #[must_use]
    pub fn times(mut self, times: usize) -> Self {
        self.left = Some(times);
        self
    }

    /// Counts a request, and returns true if the fault affects it.
    fn take(&mut self, path: &str) -> bool {
        if self.left == Some(0) || !matches(&self.path, path) {
            return false;
        }
        if let Some(fewer) = self.skipped.checked_sub(1) {
            self.skipped = fewer;
            return false;
        }
        self.left = self.left.map(|left| left - 1);
        true
    }
}

/// Rate limit. It counts requests and ignores time, so that tests are
/// reproducible.
#[derive(Clone, Copy, Debug)]
pub struct RateLimit {
    /// Interval of refused requests: 3 refuses every third.
    pub every: usize,
    /// Seconds in `retry-after`, if it is sent.
    pub retry_after: Option<u64>,
}

/// Active faults and rate limit.
#[derive(Debug, Default)]
pub(super) struct Faults {
    pub(super) active: Vec<ActiveFault>,
    pub(super) limit: Option<RateLimit>,
    requests: usize,
}

impl Faults {
    /// Returns the first fault that affects a request.
    pub(super) fn next(&mut self, path: &str) -> Option<ApiFault> {
        self.requests += 1;
        for active in &mut self.active {
            if active.take(path) {
                return Some(active.fault.clone());
            }
        }
        let limit = self.limit?;
        self.requests
            .is_multiple_of(limit.every.max(1))
            .then_some(match limit.retry_after {
                Some(seconds) => ApiFault::RetryAfter(429, seconds),
                None => ApiFault::Status(429),
            })
    }
}

/// Error page of a gateway.
pub(super) const PAGE: &str = "<html><body><h1>Bad gateway</h1></body></html>";

/// Returns the body of an error with this status.
pub(super) fn refusal(status: u16) -> String {
    let error = match status {
        402 => "payment required",
        403 => "forbidden",
        404 => "not found",
        409 => "conflict",
        429 => "too many requests",
        500 => "internal server error",
        503 => "service unavailable",
        _ => "unknown error",
    };
    json!({"error": error}).to_string()
}

/// Returns a response with other types than the original.
pub(super) fn misshapen(response: &Json) -> Json {
    match response {
        Json::Object(object) => object
            .iter()
            .map(|(name, part)| {
                let inside = part.is_array() || part.is_object();
                (
                    name.clone(),
                    if inside {
                        json!("surprise")
                    } else {
                        json!([part])
                    },
                )
            })
            .collect(),
        _ => json!("surprise"),
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), parts.next()) {
            (Some("**"), _) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(pattern), Some(part)) if pattern == part => {}
            _ => return false,
        }
    }
}
