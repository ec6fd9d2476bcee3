//! Trying again: only what may pass, less and less often, not for ever.

use std::time::Duration;

use crate::clock;
use crate::error::{Error, Result};
use crate::log;

/// The first wait, doubled each time.
const FIRST_DELAY: Duration = Duration::from_millis(500);
/// The longest wait.
const MAX_DELAY: Duration = Duration::from_secs(15);
/// Tries in all.
const MAX_ATTEMPTS: u32 = 5;
/// How long all waits together may take.
const MAX_TOTAL_DELAY: Duration = Duration::from_mins(1);

/// The waits of one thing that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    max_attempts: u32,
    attempts: u32,
    waited: Duration,
}

impl Backoff {
    /// Before the first try.
    #[must_use]
    pub fn new() -> Self {
        Self::with_attempts(MAX_ATTEMPTS)
    }

    /// Before the first of so many attempts.
    #[must_use]
    pub fn with_attempts(max_attempts: u32) -> Self {
        Self {
            max_attempts,
            attempts: 0,
            waited: Duration::ZERO,
        }
    }

    /// Tries, and attempts again.
    pub fn run<T>(mut self, mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        loop {
            match attempt() {
                Ok(value) => return Ok(value),
                Err(error) => self.wait(error)?,
            }
        }
    }

    /// Waits as long as `error` asks for, or gives it back if there is no
    /// point in another try.
    pub fn wait(&mut self, error: Error) -> Result<()> {
        self.attempts += 1;
        let attempts_left = self.attempts < self.max_attempts;
        match delay(&error, self.attempts, self.waited, clock::noise()).filter(|_| attempts_left) {
            None => Err(error),
            Some(delay) => {
                log::warn(&format!(
                    "{error}; trying again in {:.1} s",
                    delay.as_secs_f64()
                ));
                clock::sleep(delay);
                self.waited += delay;
                Ok(())
            }
        }
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::new()
    }
}

/// How long to wait after try number `attempts`; none to give up.
fn delay(error: &Error, attempts: u32, waited: Duration, noise: u64) -> Option<Duration> {
    if !error.retryable {
        return None;
    }
    let requested = error.retry_after.map(Duration::from_millis);
    let usual = (FIRST_DELAY * 2_u32.saturating_pow(attempts - 1)).min(MAX_DELAY);
    // Up to half more, so that those who failed together do not come back
    // together.
    let half = u64::try_from(usual.as_millis() / 2).unwrap_or(0).max(1);
    let delay = requested.unwrap_or(usual) + Duration::from_millis(noise % half);
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
    fn waits_grow() {
        let waits: Vec<_> = (1..=4)
            .filter_map(|attempts| delay(&busy(), attempts, Duration::ZERO, 0))
            .map(|wait| wait.as_millis())
            .collect();
        assert_eq!(waits, [500, 1000, 2000, 4000]);
    }

    #[test]
    fn what_cannot_pass_is_not_tried_again() {
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
    fn all_waits_together_are_bounded() {
        assert_eq!(delay(&busy(), 5, MAX_TOTAL_DELAY, 0), None);
    }

    #[test]
    fn a_server_may_ask_for_more_but_not_for_too_much() {
        let asks = |millis| Error {
            retry_after: Some(millis),
            ..busy()
        };
        assert!(delay(&asks(9000), 1, Duration::ZERO, 0) >= Some(Duration::from_secs(9)));
        assert_eq!(delay(&asks(3_600_000), 1, Duration::ZERO, 0), None);
    }
}
