//! Repeats calls that may succeed later, with growing delays and a bound. Must
//! not know what is called.

use std::cell::Cell;
use std::pin::pin;
use std::time::Duration;

use crate::clock::{self, Instant};
use crate::delays;
use crate::error::{Category, Error, Result};
use crate::log;

/// First delay, which doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Maximum of a doubled delay.
const MAX_DELAY: Duration = Duration::from_secs(15);
/// Default maximum of attempts.
const DEFAULT_ATTEMPTS: u32 = 5;
/// Maximum of all delays together, unless the server asks for them.
const MAX_TOTAL_DELAY: Duration = Duration::from_mins(1);
/// First delay between connections to a server that may be down.
const FIRST_PROBE_DELAY: Duration = Duration::from_millis(100);
/// Maximum of connections to a server that may be down.
const MAX_PROBES: u32 = 3;
/// Time after which a server that may be down is not probed again.
const MAX_PROBE_TIME: Duration = Duration::from_secs(2);
/// Maximum of attempts that fail after a long wait.
const MAX_SLOW_ATTEMPTS: u32 = 2;
/// Time after which the wait for a response is a pause.
const SLOW_RESPONSE: Duration = Duration::from_secs(3);
/// Default of [`RetryPolicy::budget`].
const DEFAULT_BUDGET: Duration = Duration::from_mins(5);

thread_local! {
    /// Number of tasks that pause: they wait before another attempt, or for a slow
    /// response.
    static WAITING: Cell<usize> = const { Cell::new(0) };
}

/// Patience with a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Maximum of all delays of one call together, if the server limits the
    /// rate of requests or asks for the delays.
    pub budget: Duration,
    /// True if a server that accepts no connection is given up after a short
    /// probe, because it is one of many.
    pub probes: bool,
}

/// Attempts of one call, and the delays between them.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    policy: RetryPolicy,
    max_attempts: u32,
    attempts: u32,
    /// Number of attempts that failed after a long wait.
    slow_attempts: u32,
    waited: Duration,
    begun: Instant,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            budget: DEFAULT_BUDGET,
            probes: false,
        }
    }
}

impl RetryPolicy {
    /// Creates the backoff of one call, with the default number of attempts.
    #[must_use]
    pub fn backoff(self) -> Backoff {
        self.backoff_with_attempts(DEFAULT_ATTEMPTS)
    }

    /// Creates the backoff of one call. The number of attempts does not count
    /// where the server limits the rate of requests.
    #[must_use]
    pub fn backoff_with_attempts(self, max_attempts: u32) -> Backoff {
        Backoff {
            policy: self,
            max_attempts,
            attempts: 0,
            slow_attempts: 0,
            waited: Duration::ZERO,
            begun: Instant::now(),
        }
    }
}

impl Backoff {
    /// Calls `attempt` until it succeeds or another attempt is useless.
    pub async fn run<T>(mut self, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        loop {
            match attempt().await {
                Ok(value) => return Ok(value),
                Err(error) => self.wait(error).await?,
            }
        }
    }

    /// Waits before another attempt. Returns the error if another attempt is
    /// useless.
    pub async fn wait(&mut self, error: Error) -> Result<()> {
        pause(self.next_delay(error)?).await;
        Ok(())
    }

    /// Returns the delay before another attempt, which the caller has to wait.
    /// Returns the error if another attempt is useless.
    pub fn next_delay(&mut self, error: Error) -> Result<Duration> {
        self.attempts += 1;
        self.slow_attempts += u32::from(error.slow);
        match self.delay(&error, self.begun.elapsed(), clock::noise()) {
            None => Err(self.give_up(error)),
            Some(delay) => {
                match &error.limited_by {
                    Some(origin) => delays::report(origin, delay),
                    None => log::warn(&format!(
                        "{error}; next attempt in {:.1} s",
                        delay.as_secs_f64()
                    )),
                }
                self.waited += delay;
                Ok(delay)
            }
        }
    }

    /// Returns the delay after the current attempt, or `None` to stop.
    fn delay(&self, error: &Error, elapsed: Duration, noise: u64) -> Option<Duration> {
        if !error.retryable
            || error.waited.is_some()
            || error.slow && self.slow_attempts >= MAX_SLOW_ATTEMPTS
        {
            return None;
        }
        let doubled = |first: Duration| first * 2_u32.saturating_pow(self.attempts - 1);
        if error.unreachable && self.policy.probes {
            let delay = doubled(FIRST_PROBE_DELAY);
            return (self.attempts < MAX_PROBES && elapsed < MAX_PROBE_TIME).then_some(delay);
        }
        let requested = error.retry_after.map(Duration::from_millis);
        let doubled = doubled(FIRST_DELAY).min(MAX_DELAY);
        // Up to half is added at random, so that clients that failed together do
        // not return together.
        let half = u64::try_from(doubled.as_millis() / 2).unwrap_or(0).max(1);
        let delay = requested.unwrap_or(doubled) + Duration::from_millis(noise % half);
        let permitted = if is_paced(error) {
            self.waited + requested.unwrap_or(delay) <= self.policy.budget
        } else {
            self.attempts < self.max_attempts && self.waited + delay <= MAX_TOTAL_DELAY
        };
        permitted.then_some(delay)
    }

    /// Adds to an error how long the call has waited, and was told to wait.
    fn give_up(&self, error: Error) -> Error {
        if !error.retryable || error.waited.is_some() || !is_paced(&error) {
            return error;
        }
        let told = error.retry_after.map(Duration::from_millis);
        let told = told.map_or_else(String::new, |told| {
            format!(", and the server asks for {} s", seconds(told))
        });
        Error {
            message: format!(
                "{}; `retry_budget` permits no other attempt: waited {} s of at most {} s{told}",
                error.message,
                seconds(self.waited),
                seconds(self.policy.budget)
            ),
            waited: Some(self.waited),
            ..error.hint("raise `retry_budget`, run again later, or lower `concurrency`")
        }
    }
}

/// True if the server limits the rate of requests, or asks for a delay.
fn is_paced(error: &Error) -> bool {
    error.category == Category::RateLimited || error.retry_after.is_some()
}

fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}

/// Waits for a response. After some time the wait is a pause.
pub async fn wait_for<F: Future>(response: F) -> F::Output {
    let mut response = pin!(response);
    if let Some(output) = clock::within(SLOW_RESPONSE, response.as_mut()).await {
        return output;
    }
    let _guard = Pause::begin();
    response.await
}

/// Waits before another attempt.
pub async fn pause(delay: Duration) {
    let _guard = Pause::begin();
    clock::sleep(delay).await;
}

/// Number of tasks that pause, so that others may begin.
#[must_use]
pub fn waiting() -> usize {
    WAITING.get()
}

/// Pause of a task.
struct Pause;

impl Pause {
    fn begin() -> Self {
        WAITING.set(WAITING.get() + 1);
        Self
    }
}

impl Drop for Pause {
    fn drop(&mut self) {
        WAITING.set(WAITING.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn busy() -> Error {
        Error::new(Category::RateLimited, "busy").retryable()
    }

    fn down() -> Error {
        Error::new(Category::Unavailable, "down").retryable()
    }

    fn backoff(policy: RetryPolicy, waited: Duration) -> Backoff {
        Backoff {
            policy,
            max_attempts: DEFAULT_ATTEMPTS,
            attempts: 0,
            slow_attempts: 0,
            waited,
            begun: Instant::default(),
        }
    }

    /// Returns the delays of a call that always fails in the same way.
    fn delays(policy: RetryPolicy, error: &Error) -> Vec<u128> {
        let mut backoff = backoff(policy, Duration::ZERO);
        std::iter::from_fn(|| {
            backoff.attempts += 1;
            backoff.slow_attempts += u32::from(error.slow);
            let delay = backoff.delay(error, backoff.waited, 0)?;
            backoff.waited += delay;
            Some(delay.as_millis())
        })
        .collect()
    }

    fn asks(millis: u64) -> Error {
        Error {
            retry_after: Some(millis),
            ..busy()
        }
    }

    #[test]
    fn delays_grow_for_as_long_as_a_server_may_be_down() {
        let policy = RetryPolicy::default();
        assert_eq!(delays(policy, &down()), [500, 1000, 2000, 4000]);
        let fatal = Error::new(Category::Authentication, "no");
        assert!(delays(policy, &fatal).is_empty());
    }

    #[test]
    fn a_rate_limit_is_waited_for_within_the_budget() {
        let policy = RetryPolicy::default();
        let waits = delays(policy, &busy());
        let total: u128 = waits.iter().sum();
        assert!((270_000..=300_000).contains(&total), "{waits:?}");
        assert_eq!(delays(policy, &asks(100_000)), [100_000; 3]);
        assert!(delays(policy, &asks(3_600_000)).is_empty());
    }

    #[test]
    fn a_request_that_has_waited_is_not_repeated_by_its_caller() {
        let policy = RetryPolicy::default();
        let backoff = backoff(policy, Duration::ZERO);
        let given_up = backoff.give_up(asks(3_600_000));
        assert!(given_up.retryable && given_up.waited == Some(Duration::ZERO));
        assert!(delays(policy, &given_up).is_empty());
        assert_eq!(backoff.give_up(given_up.clone()), given_up);
        // Other failures are.
        assert_eq!(backoff.give_up(down()).waited, None);
    }

    #[test]
    fn one_of_many_servers_is_probed_shortly() {
        let unreachable = down().unreachable();
        let policy = RetryPolicy {
            probes: true,
            ..RetryPolicy::default()
        };
        assert_eq!(delays(policy, &unreachable), [100, 200]);
        assert_eq!(delays(policy, &down()).len(), 4);
    }

    #[test]
    fn a_server_that_is_silent_for_minutes_is_asked_twice() {
        assert_eq!(delays(RetryPolicy::default(), &down().slow()), [500]);
    }

    #[test]
    fn an_error_states_how_long_the_server_asked_to_wait() {
        let policy = RetryPolicy {
            budget: Duration::from_secs(2),
            probes: false,
        };
        let backoff = backoff(policy, Duration::from_millis(1_500));
        assert_eq!(
            backoff.give_up(asks(60_000)).message,
            "busy; `retry_budget` permits no other attempt: waited 1.5 s of at most 2 s, and the \
             server asks for 60 s"
        );
    }
}
