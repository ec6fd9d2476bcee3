//! Deadline of a read. What is not complete by then fails, so that the rest is
//! kept. Must not know what is read.

use std::time::Duration;

use crate::clock::{self, Instant};
use crate::error::{Category, Error};

/// Deadline of a read, if it has one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Deadline(Option<(Instant, Duration)>);

impl Deadline {
    /// Creates the deadline at the end of a budget, which begins now.
    #[must_use]
    pub fn after(budget: Option<Duration>) -> Self {
        Self(budget.map(|budget| (Instant::now(), budget)))
    }

    /// True if no time is left.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.time_left() == Some(Duration::ZERO)
    }

    /// Waits for a future. `None` if it is not ready by the deadline.
    pub async fn limit<F: Future>(self, future: F) -> Option<F::Output> {
        match self.time_left() {
            None => Some(future.await),
            Some(Duration::ZERO) => None,
            Some(left) => clock::within(left, future).await,
        }
    }

    fn time_left(self) -> Option<Duration> {
        self.0
            .map(|(begun, budget)| budget.saturating_sub(begun.elapsed()))
    }
}

/// Returns the error of what was not complete by the deadline.
#[must_use]
pub fn error() -> Error {
    Error::new(
        Category::Unavailable,
        "not everything was read within `time_budget`",
    )
    .retryable()
    .hint("raise `time_budget`, or read fewer resources or databases in one run")
}
