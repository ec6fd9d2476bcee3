//! Clocks of the host, and waiting. The calendar is in
//! [`crate::moment`].

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use crate::executor;
use crate::moment::MICROS_PER_DAY;

/// Reading of the monotonic clock, for measuring.
#[derive(Clone, Copy, Debug, Default)]
pub struct Instant(u64);

impl Instant {
    /// Reads the clock.
    #[must_use]
    pub fn now() -> Self {
        Self(monotonic_clock::now())
    }

    /// Returns the time from the clock's start to the reading.
    #[must_use]
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }

    /// Returns the time since the reading.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(monotonic_clock::now().saturating_sub(self.0))
    }
}

/// Current time in microseconds since 1970.
#[must_use]
pub fn unix_micros() -> i64 {
    let now = wall_clock::now();
    let micros = now
        .seconds
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(now.nanoseconds / 1_000));
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// Current day (UTC) in days since 1970.
#[must_use]
pub fn today() -> i64 {
    unix_micros().div_euclid(MICROS_PER_DAY)
}

/// Waits for a duration.
pub async fn sleep(duration: Duration) {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    executor::wait(monotonic_clock::subscribe_duration(nanos)).await;
}

/// Waits for a future, but not longer than a timeout. `None` after the timeout.
pub async fn within<F: Future>(timeout: Duration, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut timer = pin!(sleep(timeout));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => timer.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// Returns a number that differs from call to call, for jitter. Not for
/// secrets.
#[must_use]
pub fn noise() -> u64 {
    // The low bits of nanoseconds, spread by a multiplication.
    monotonic_clock::now().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}
