//! Progress of a running load, for display.

/// A step of a load.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Update<'a> {
    /// The first schema of a resource arrived.
    Opened {
        /// Name of the resource.
        resource: &'a str,
    },
    /// Rows were handed to the destination.
    Rows {
        /// Name of the resource.
        resource: &'a str,
        /// Number of rows of the resource so far.
        rows: u64,
    },
    /// The connector estimates the number of rows of a resource.
    Expected {
        /// Name of the resource.
        resource: &'a str,
        /// Approximate number of rows at the end of the read.
        rows: u64,
    },
    /// The connector waits, for example for a rate limit.
    Waiting {
        /// Reason for waiting.
        reason: &'a str,
    },
    /// The read lost its snapshot, and restarts. All rows so far are void.
    Restarted {
        /// Reason for the restart.
        reason: &'a str,
    },
    /// Everything was read, and the destination commits it.
    Committing,
}

/// A receiver of progress.
pub trait Observer: Send + Sync {
    /// Receives a step of the load. Called on another thread; must not block.
    fn update(&self, update: Update<'_>);
}

/// Ignores all progress.
impl Observer for () {
    fn update(&self, _: Update<'_>) {}
}
