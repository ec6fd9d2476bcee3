//! How a running load tells what it does, without knowing to whom.

/// Something that happened in a load.
#[derive(Clone, Copy, Debug)]
pub enum Update<'a> {
    /// The first columns of a resource arrived.
    Opened {
        /// The resource.
        resource: &'a str,
    },
    /// Rows were handed to the destination.
    Rows {
        /// The resource.
        resource: &'a str,
        /// All its rows so far.
        rows: u64,
    },
    /// The connector says how many rows it expects.
    Expected {
        /// The resource.
        resource: &'a str,
        /// About as many.
        rows: u64,
    },
    /// The connector waits.
    Waiting {
        /// For what.
        reason: &'a str,
    },
    /// The read lost its snapshot and starts anew.
    Restarted {
        /// Why.
        reason: &'a str,
    },
    /// Everything was read; the destination makes it visible.
    Committing,
}

/// Is told what happens. Called from another thread; must not block.
pub trait Observer: Send + Sync {
    /// Something happened.
    fn update(&self, update: Update<'_>);
}

/// Does not listen.
impl Observer for () {
    fn update(&self, _: Update<'_>) {}
}
