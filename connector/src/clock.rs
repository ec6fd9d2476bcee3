//! Time: how long ago something was, what time it is, and waiting.

use std::time::Duration;

use crate::bindings::wasi::clocks::{monotonic_clock, wall_clock};

/// A moment, for measuring.
#[derive(Clone, Copy, Debug)]
pub struct Instant(u64);

impl Instant {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        Self(monotonic_clock::now())
    }

    /// Since then.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(monotonic_clock::now().saturating_sub(self.0))
    }
}

/// Microseconds since 1970.
#[must_use]
pub fn unix_micros() -> i64 {
    let now = wall_clock::now();
    let micros = now
        .seconds
        .saturating_mul(1_000_000)
        .saturating_add(u64::from(now.nanoseconds / 1_000));
    i64::try_from(micros).unwrap_or(i64::MAX)
}

/// A time as text, in UTC (RFC 3339).
#[must_use]
pub fn timestamp(micros: i64) -> String {
    let (days, micros) = (
        micros.div_euclid(86_400_000_000),
        micros.rem_euclid(86_400_000_000),
    );
    // Howard Hinnant's `civil_from_days`: eras of 400 years that begin in
    // March, so that the leap day is the last of its year.
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, year) = (
        if month < 10 { month + 3 } else { month - 9 },
        year + era * 400,
    );
    let year = year + i64::from(month <= 2);
    let (seconds, micros) = (micros / 1_000_000, micros % 1_000_000);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hours:02}:{minutes:02}:{seconds:02}.{micros:06}Z")
}

/// Waits.
pub fn sleep(duration: Duration) {
    let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    monotonic_clock::subscribe_duration(nanos).block();
}

/// A number that differs from call to call, for jitter. Not for secrets.
#[must_use]
pub fn noise() -> u64 {
    // The low bits of nanoseconds, spread by a multiplication.
    monotonic_clock::now().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_utc() {
        assert_eq!(timestamp(0), "1970-01-01T00:00:00.000000Z");
        assert_eq!(
            timestamp(951_782_400_000_001),
            "2000-02-29T00:00:00.000001Z"
        );
        assert_eq!(
            timestamp(1_795_465_599_999_999),
            "2026-11-23T20:26:39.999999Z"
        );
    }
}
