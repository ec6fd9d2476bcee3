//! What a connector may use. Every limit has a default that is safe for a
//! machine shared by many; each one that is hit is named in the error.

use std::time::Duration;

const MIB: u64 = 1 << 20;

/// The limits of one connector instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Memory of the guest, in bytes.
    pub memory: u64,
    /// How long a whole command may take.
    pub time: Duration,
    /// Bytes of one response, after decompression. They pass through; they
    /// are not held.
    pub response: u64,
    /// Bytes of one request body.
    pub request_body: u64,
    /// HTTP requests of one command.
    pub requests: u64,
    /// Bytes of log messages of one command; what comes after is dropped.
    pub log: u64,
    /// Bytes of one page.
    pub page: u64,
    /// Resources that a connector may list.
    pub resources: u64,
    /// Columns of one resource.
    pub columns: u64,
    /// Bytes of a cursor, a name, a hint or another short text.
    pub text: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 256 * MIB,
            time: Duration::from_hours(1),
            response: 16 * 1024 * MIB,
            request_body: 16 * MIB,
            requests: 1_000_000,
            log: MIB,
            page: 64 * MIB,
            resources: 10_000,
            columns: 4_000,
            text: MIB,
        }
    }
}

/// A limit that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::time`].
    Time,
    /// [`Limits::response`].
    Response,
    /// [`Limits::request_body`].
    RequestBody,
    /// [`Limits::requests`].
    Requests,
    /// [`Limits::page`].
    Page,
    /// [`Limits::resources`].
    Resources,
    /// [`Limits::columns`].
    Columns,
    /// [`Limits::text`].
    Text,
}

impl Limit {
    /// Its key under `[connector.limits]`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Time => "time",
            Self::Response => "response",
            Self::RequestBody => "request_body",
            Self::Requests => "requests",
            Self::Page => "page",
            Self::Resources => "resources",
            Self::Columns => "columns",
            Self::Text => "text",
        }
    }
}
