//! Trying again: only what may pass, less and less often, not for ever.

use std::time::Duration;

use crate::clock::{self, Instant};
use crate::error::{Error, Result};
use crate::log;

/// The first wait, doubled each time.
const FIRST: Duration = Duration::from_millis(500);
/// The longest wait.
const LONGEST: Duration = Duration::from_secs(15);
/// Tries in all.
const TRIES: u32 = 5;
/// How long all waits together may take.
const PATIENCE: Duration = Duration::from_secs(45);

/// The waits of one thing that is tried.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    begun: Instant,
    tries: u32,
}

impl Backoff {
    /// Before the first try.
    #[must_use]
    pub fn new() -> Self {
        Self {
            begun: Instant::now(),
            tries: 0,
        }
    }

    /// Tries, and tries again.
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
        self.tries += 1;
        match delay(&error, self.tries, self.begun.elapsed(), clock::noise()) {
            None => Err(error),
            Some(delay) => {
                log::warn(&format!(
                    "{error}; trying again in {:.1} s",
                    delay.as_secs_f64()
                ));
                clock::sleep(delay);
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

/// How long to wait after try number `tries`; none to give up.
fn delay(error: &Error, tries: u32, spent: Duration, noise: u64) -> Option<Duration> {
    if !error.retryable || tries >= TRIES {
        return None;
    }
    let asked = error.retry_after.map(Duration::from_millis);
    let usual = (FIRST * 2_u32.saturating_pow(tries - 1)).min(LONGEST);
    // Up to half more, so that those who failed together do not come back
    // together.
    let half = u64::try_from(usual.as_millis() / 2).unwrap_or(0).max(1);
    let delay = asked.unwrap_or(usual) + Duration::from_millis(noise % half);
    (spent + delay <= PATIENCE).then_some(delay)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    fn busy() -> Error {
        Error::new(Category::RateLimited, "busy").retryable()
    }

    #[test]
    fn waits_grow_and_end() {
        let waits: Vec<_> = (1..=TRIES)
            .map(|tries| delay(&busy(), tries, Duration::ZERO, 0))
            .collect();
        let seconds = |s| Some(Duration::from_millis(s));
        assert_eq!(
            waits,
            [
                seconds(500),
                seconds(1000),
                seconds(2000),
                seconds(4000),
                None
            ]
        );
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
    fn a_server_may_ask_for_more_but_not_for_too_much() {
        let asks = |millis| Error {
            retry_after: Some(millis),
            ..busy()
        };
        assert!(delay(&asks(9000), 1, Duration::ZERO, 0) >= Some(Duration::from_secs(9)));
        assert_eq!(delay(&asks(3_600_000), 1, Duration::ZERO, 0), None);
    }
}
