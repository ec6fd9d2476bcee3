//! Minimum rate of a response. A server that sends a byte now and then is never
//! silent, and would hold a run until its time limit. Must not count time in
//! which the connector does not read.

use std::time::Duration;

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Waiting time after which a rate is compared with the minimum.
const PERIOD: Duration = Duration::from_mins(1);
/// Type of responses whose events may be rare.
const EVENTS: &[u8] = b"text/event-stream";

/// Measurement of the rate of one response.
#[derive(Debug)]
pub(super) struct MinimumRate {
    /// Bytes that have to arrive in each period.
    bytes: u64,
    received: u64,
    waited: Duration,
}

impl MinimumRate {
    /// Creates the measurement of a response with these headers.
    pub(super) fn new(bytes: u64, headers: &HeaderMap) -> Self {
        let kind = headers.get(CONTENT_TYPE);
        let is_of_events = kind
            .and_then(|kind| kind.as_bytes().get(..EVENTS.len()))
            .is_some_and(|kind| kind.eq_ignore_ascii_case(EVENTS));
        Self {
            bytes: if is_of_events { 0 } else { bytes },
            received: 0,
            waited: Duration::ZERO,
        }
    }

    /// Records bytes that arrived after a wait. Returns false if the response is
    /// slower than the minimum.
    pub(super) fn record(&mut self, bytes: usize, waited: Duration) -> bool {
        self.received += bytes as u64;
        self.waited += waited;
        if self.waited < PERIOD {
            return true;
        }
        let expected = u128::from(self.bytes) * self.waited.as_millis() / PERIOD.as_millis();
        let is_reached = u128::from(self.received) >= expected;
        self.received = 0;
        self.waited = Duration::ZERO;
        is_reached
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn headers(kind: &'static str) -> HeaderMap {
        let kind = http::HeaderValue::from_static(kind);
        HeaderMap::from_iter([(CONTENT_TYPE, kind)])
    }

    /// Returns the seconds after which a response of chunks fails, or `None` if it
    /// does not fail within an hour.
    fn fails_after(kind: &'static str, chunk: usize, every: Duration) -> Option<u64> {
        let mut rate = MinimumRate::new(100, &headers(kind));
        let mut waited = Duration::ZERO;
        while waited < Duration::from_hours(1) {
            waited += every;
            if !rate.record(chunk, every) {
                return Some(waited.as_secs());
            }
        }
        None
    }

    #[test]
    fn a_response_of_single_bytes_fails_after_a_minute() {
        let json = "application/json";
        assert_eq!(fails_after(json, 1, SECOND), Some(60));
        assert_eq!(fails_after(json, 3, 2 * SECOND), Some(60));
        assert_eq!(fails_after(json, 100, 90 * SECOND), Some(90));
        assert_eq!(fails_after(json, 2, SECOND), None);
        // A query that finds a row now and then.
        assert_eq!(fails_after(json, 100, 50 * SECOND), None);
        assert_eq!(fails_after(json, 16 << 10, SECOND / 100), None);
    }

    #[test]
    fn events_may_be_rare() {
        for kind in ["text/event-stream", "Text/Event-Stream; charset=utf-8"] {
            assert_eq!(fails_after(kind, 1, 15 * SECOND), None, "{kind}");
        }
    }

    #[test]
    fn a_slow_minute_after_a_fast_one_fails() {
        let mut rate = MinimumRate::new(100, &HeaderMap::new());
        assert!(rate.record(1 << 20, 60 * SECOND));
        assert!(rate.record(1, 59 * SECOND));
        assert!(!rate.record(1, SECOND));
    }

    #[test]
    fn no_minimum_is_always_reached() {
        let mut rate = MinimumRate::new(0, &HeaderMap::new());
        assert!(rate.record(0, Duration::from_hours(1)));
    }
}
