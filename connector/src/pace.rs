//! Pace of the requests to each origin. Requests are sent at once until a
//! server limits their rate; from then on they are spread over time. Must not
//! know what is requested.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use crate::clock;
use crate::retry;

/// Delay after a limited request, if the server does not state one.
const DEFAULT_DELAY: Duration = Duration::from_secs(1);
/// Default of the maximum delay for which all requests to an origin are held back.
/// A request that is told to wait longer decides for itself.
const DEFAULT_MAX_DELAY: Duration = Duration::from_mins(1);
/// Maximum time between two requests.
const MAX_INTERVAL: Duration = Duration::from_secs(1);
/// Part of the time between two requests that remains after each success, in
/// percent.
const INTERVAL_PERCENT: u32 = 98;

thread_local! {
    static PACES: RefCell<BTreeMap<String, Pace>> = const { RefCell::new(BTreeMap::new()) };
    static MAX_DELAY: Cell<Duration> = const { Cell::new(DEFAULT_MAX_DELAY) };
}

/// Pace of one origin: a token bucket that holds one token, once the server has
/// limited the rate. Times are those of the monotonic clock.
#[derive(Debug, Default)]
struct Pace {
    /// Start of the requests that are counted.
    since: Duration,
    /// Number of requests since then.
    sent: u32,
    /// Time between two requests. Zero before the first limit.
    interval: Duration,
    /// Time of the next request.
    next: Duration,
}

/// Limits the delay for which all requests to an origin are held back.
pub fn limit_delay(budget: Duration) {
    MAX_DELAY.set(budget.min(DEFAULT_MAX_DELAY));
}

/// Waits until a request may be sent to an origin.
pub async fn wait_for_turn(origin: &str) {
    while let Some(delay) = with_pace(origin, Pace::take_turn) {
        retry::pause(delay).await;
    }
}

/// Records the response to a request that was not limited.
pub fn record_success(origin: &str) {
    with_pace(origin, |pace, _| pace.speed_up());
}

/// Records that the server limits the rate, and the delay that it asks for.
pub fn record_limit(origin: &str, retry_after: Option<Duration>) {
    with_pace(origin, |pace, now| pace.slow_down(now, retry_after));
}

fn with_pace<T>(origin: &str, act: impl FnOnce(&mut Pace, Duration) -> T) -> T {
    let now = clock::Instant::now().since_start();
    PACES.with_borrow_mut(|paces| {
        if let Some(pace) = paces.get_mut(origin) {
            return act(pace, now);
        }
        let pace = Pace {
            since: now,
            ..Pace::default()
        };
        act(paces.entry(origin.to_owned()).or_insert(pace), now)
    })
}

impl Pace {
    /// Takes the turn to send a request, or returns the delay until then.
    fn take_turn(&mut self, now: Duration) -> Option<Duration> {
        let delay = self.next.saturating_sub(now);
        if !delay.is_zero() {
            return Some(delay);
        }
        self.sent = self.sent.saturating_add(1);
        self.next = now + self.interval;
        None
    }

    fn speed_up(&mut self) {
        self.interval = self.interval * INTERVAL_PERCENT / 100;
    }

    /// Spreads requests over time, at the rate that the server has permitted so
    /// far.
    fn slow_down(&mut self, now: Duration, retry_after: Option<Duration>) {
        let delay = retry_after.unwrap_or(DEFAULT_DELAY);
        // Other requests that were under way are limited for the same reason.
        if delay > MAX_DELAY.get() || now < self.since {
            return;
        }
        let elapsed = now.saturating_sub(self.since) + delay;
        self.interval = (elapsed / self.sent.max(1)).min(MAX_INTERVAL);
        self.next = now + delay;
        self.since = self.next;
        self.sent = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Sends requests to a server that permits some of them in each minute.
    /// Returns the number of limited requests in each minute.
    fn limited_requests(permitted: u32, minutes: u64) -> Vec<u32> {
        let mut pace = Pace::default();
        let mut now = Duration::ZERO;
        let mut limited = vec![0; usize::try_from(minutes).unwrap()];
        let mut window = (0, 0);
        while now.as_secs() / 60 < minutes {
            if let Some(delay) = pace.take_turn(now) {
                now += delay;
                continue;
            }
            let minute = now.as_secs() / 60;
            if window.0 != minute {
                window = (minute, 0);
            }
            window.1 += 1;
            if window.1 > permitted {
                limited[usize::try_from(minute).unwrap()] += 1;
                let end = Duration::from_secs(60 * (minute + 1));
                pace.slow_down(now, Some(end.saturating_sub(now)));
            } else {
                pace.speed_up();
            }
            now += Duration::from_millis(5);
        }
        limited
    }

    #[test]
    fn a_server_that_does_not_limit_the_rate_is_never_waited_for() {
        let mut pace = Pace::default();
        assert!((0..1_000).all(|_| pace.take_turn(SECOND).is_none()));
    }

    #[test]
    fn few_requests_are_limited_once_the_rate_is_known() {
        let limited = limited_requests(600, 10);
        assert!(limited.iter().all(|limited| *limited <= 1), "{limited:?}");
    }

    #[test]
    fn requests_that_were_limited_together_slow_down_once() {
        let mut pace = Pace::default();
        for _ in 0..10 {
            pace.take_turn(SECOND);
        }
        pace.slow_down(SECOND, Some(SECOND));
        let interval = pace.interval;
        pace.slow_down(SECOND, Some(SECOND));
        assert_eq!(pace.interval, interval);
        assert_eq!(pace.take_turn(SECOND), Some(SECOND));
        assert_eq!(pace.take_turn(2 * SECOND), None);
        assert_eq!(pace.take_turn(2 * SECOND), Some(interval));
    }

    #[test]
    fn a_delay_beyond_the_maximum_holds_no_other_request_back() {
        let mut pace = Pace::default();
        pace.slow_down(SECOND, Some(2 * DEFAULT_MAX_DELAY));
        assert_eq!(pace.take_turn(SECOND), None);
    }
}
