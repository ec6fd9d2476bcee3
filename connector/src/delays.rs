//! Reports of waits for a server that limits the rate of requests: one for each
//! wait, however many requests wait. Must not decide how long a request waits.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::clock::Instant;
use crate::log;

/// Minimum delay that is reported.
const MIN_REPORTED_DELAY: Duration = Duration::from_secs(1);

thread_local! {
    static DELAYS: RefCell<Delays> = RefCell::default();
    /// True if a read takes the reports. Otherwise they are logged.
    static ARE_TAKEN: Cell<bool> = const { Cell::new(false) };
}

/// Delays that have begun.
#[derive(Debug, Default)]
struct Delays {
    /// End of the reported delay of each origin, by the monotonic clock.
    ends: BTreeMap<String, Duration>,
    /// Reports that were not taken yet.
    reports: VecDeque<String>,
}

/// Keeps the reports for [`take_report`] from now on.
pub fn keep_reports() {
    ARE_TAKEN.set(true);
}

/// Reports that a request waits for a delay that begins now, because an origin
/// limits the rate of requests.
pub fn report(origin: &str, delay: Duration) {
    let now = Instant::now().since_start();
    DELAYS.with_borrow_mut(|delays| delays.begin(origin, now, delay));
    if !ARE_TAKEN.get() {
        while let Some(report) = take_report() {
            log::warn(&report);
        }
    }
}

/// Removes the report of a delay that has begun.
#[must_use]
pub fn take_report() -> Option<String> {
    DELAYS.with_borrow_mut(|delays| delays.reports.pop_front())
}

impl Delays {
    /// Adds a report, unless another request to the origin waits already.
    fn begin(&mut self, origin: &str, now: Duration, delay: Duration) {
        let is_reported = self.ends.get(origin).is_some_and(|end| now < *end);
        if is_reported || delay < MIN_REPORTED_DELAY {
            return;
        }
        self.ends.insert(origin.to_owned(), now + delay);
        self.reports.push_back(format!(
            "{origin} limits the rate of requests; they continue in {:.0} s",
            delay.as_secs_f64()
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_that_wait_together_are_reported_once() {
        let mut delays = Delays::default();
        let millis = Duration::from_millis;
        for (origin, now, delay) in [
            ("a", 0, 500),
            ("a", 10, 2_000),
            ("a", 20, 2_300),
            ("b", 20, 4_000),
            ("a", 2_010, 4_000),
        ] {
            delays.begin(origin, millis(now), millis(delay));
        }
        assert_eq!(
            Vec::from(delays.reports),
            [
                "a limits the rate of requests; they continue in 2 s",
                "b limits the rate of requests; they continue in 4 s",
                "a limits the rate of requests; they continue in 4 s",
            ]
        );
    }
}
