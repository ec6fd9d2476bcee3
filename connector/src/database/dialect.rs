//! The versions of the protocol that servers implement.

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Hrana 3: Turso Cloud and sqld.
    V3,
    /// Hrana 2: older sqld. Cannot report if a transaction is still open.
    V2,
    /// The sync server of tursodb: `execute` and `batch` only, no streams,
    /// and one connection that all clients share.
    Minimal,
}

impl Dialect {
    /// Returns the path of pipelines.
    #[must_use]
    pub fn pipeline_path(self) -> &'static str {
        match self {
            Self::V3 => "/v3/pipeline",
            Self::V2 | Self::Minimal => "/v2/pipeline",
        }
    }
}
