//! Repeats calls that may succeed later, with growing delays and a bound. Must
//! not know what is called.

use std::time::Duration;

use crate::clock;
use crate::error::{Error, Result};
use crate::log;

/// First delay, which doubles each time.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// Maximum of a doubled delay.
const MAX_DELAY: Duration = Duration::from_secs(15);
/// Default maximum of attempts.
const DEFAULT_ATTEMPTS: u32 = 5;
/// Maximum of all delays together.
const MAX_TOTAL_DELAY: Duration = Duration::from_mins(1);

/// Attempts of one call, and the delays between them.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    max_attempts: u32,
    attempts: u32,
    waited: Duration,
}

impl Backoff {
    /// Creates a backoff with the default number of attempts.
    #[must_use]
    pub fn new() -> Self {
        Self::with_attempts(DEFAULT_ATTEMPTS)
    }

    /// Creates a backoff with a number of attempts.
    #[must_use]
    pub fn with_attempts(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            attempts: 0,
            waited: Duration::ZERO,
        }
    }

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
        clock::sleep(self.next_delay(error)?).await;
        Ok(())
    }

    /// Returns the delay before another attempt, which the caller has to wait.
    /// Returns the error if another attempt is useless.
    pub fn next_delay(&mut self, error: Error) -> Result<Duration> {
        self.attempts += 1;
        let attempts_left = self.attempts < self.max_attempts;
        match delay(&error, self.attempts, self.waited, clock::noise()).filter(|_| attempts_left) {
            None => Err(error),
            Some(delay) => {
                log::warn(&format!(
                    "{error}; next attempt in {:.1} s",
                    delay.as_secs_f64()
                ));
                self.waited += delay;
                Ok(delay)
            }
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// Returns the delay after attempt number `attempts`, or `None` to stop.
fn delay(error: &Error, attempts: u32, waited: Duration, noise: u64) -> Option<Duration> {
    if !error.retryable {
        return None;
    }
    let requested = error.retry_after.map(Duration::from_millis);
    let doubled = (FIRST_DELAY * 2_u32.saturating_pow(attempts - 1)).min(MAX_DELAY);
    // Up to half is added at random, so that clients that failed together do
    // not return together.
    let half = u64::try_from(doubled.as_millis() / 2).unwrap_or(0).max(1);
    let delay = requested.unwrap_or(doubled) + Duration::from_millis(noise % half);
    (waited + delay <= MAX_TOTAL_DELAY).then_some(delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    fn busy() -> Error {
        Error::new(Category::RateLimited, "busy").retryable()
    }

    #[test]
    fn delays_grow() {
        let delays: Vec<_> = (1..=4)
            .filter_map(|attempts| delay(&busy(), attempts, Duration::ZERO, 0))
            .map(|delay| delay.as_millis())
            .collect();
        assert_eq!(delays, [500, 1000, 2000, 4000]);
    }

    #[test]
    fn a_permanent_error_is_not_retried() {
        assert_eq!(
            delay(
                &Error::new(Category::Authentication, "no"),
                1,
                Duration::ZERO,
                0
            ),
            None
        );
    }

    #[test]
    fn the_sum_of_delays_is_bounded() {
        assert_eq!(delay(&busy(), 5, MAX_TOTAL_DELAY, 0), None);
    }

    #[test]
    fn a_server_may_ask_for_a_longer_delay_within_the_bound() {
        let asks = |millis| Error {
            retry_after: Some(millis),
            ..busy()
        };
        assert!(delay(&asks(9000), 1, Duration::ZERO, 0) >= Some(Duration::from_secs(9)));
        assert_eq!(delay(&asks(3_600_000), 1, Duration::ZERO, 0), None);
    }
}
