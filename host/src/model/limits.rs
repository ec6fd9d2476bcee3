//! The limits of a connector. The defaults are safe on a machine that is shared
//! by many tenants. An error names the limit that was exceeded.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;

/// The limits of one connector instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory of the guest.
    pub memory: u64,
    /// Elements of all WebAssembly tables, which take memory of the host.
    pub tables: u64,
    /// Simultaneous handles to resources of the host.
    pub handles: u64,
    /// Duration of a command.
    pub time: Duration,
    /// HTTP requests of one command.
    pub requests: u64,
    /// Simultaneous responses that the connector holds, read or not.
    pub open_responses: u64,
    /// Bytes of the headers of a request, and of those of a response.
    pub headers: u64,
    /// Bytes of all request bodies that are sent at the same time.
    pub request_body: u64,
    /// Bytes of one response after decompression. They are streamed, not held in
    /// memory.
    pub response: u64,
    /// Bytes of one response, after decompression, that have to arrive in each
    /// minute in which the connector waits for them. 0 for no minimum.
    pub response_rate: u64,
    /// Random bytes of one command.
    pub random: u64,
    /// Bytes of log messages of one command. Later messages are dropped.
    pub log: u64,
    /// Bytes of one page.
    pub page: u64,
    /// Rows of one page.
    pub page_rows: u64,
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
            tables: 100_000,
            handles: 1_000,
            time: Duration::from_hours(1),
            requests: 1_000_000,
            open_responses: 64,
            headers: 128 * KIB,
            request_body: 16 * MIB,
            response: 16 * KIB * MIB,
            response_rate: 100,
            random: MIB,
            log: MIB,
            page: 64 * MIB,
            page_rows: 1_000_000,
            resources: 10_000,
            columns: 4_000,
            text: MIB,
        }
    }
}

/// Name of one of the [`Limits`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Limit {
    /// [`Limits::memory`].
    Memory,
    /// [`Limits::tables`].
    Tables,
    /// [`Limits::handles`].
    Handles,
    /// [`Limits::time`].
    Time,
    /// [`Limits::requests`].
    Requests,
    /// [`Limits::open_responses`].
    OpenResponses,
    /// [`Limits::headers`].
    Headers,
    /// [`Limits::request_body`].
    RequestBody,
    /// [`Limits::response`].
    Response,
    /// [`Limits::response_rate`].
    ResponseRate,
    /// [`Limits::random`].
    Random,
    /// [`Limits::log`].
    Log,
    /// [`Limits::page`].
    Page,
    /// [`Limits::page_rows`].
    PageRows,
    /// [`Limits::resources`].
    Resources,
    /// [`Limits::columns`].
    Columns,
    /// [`Limits::text`].
    Text,
}

/// The value of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Amount {
    /// Number of bytes.
    Bytes(u64),
    /// Number of items.
    Count(u64),
    /// Duration.
    Time(Duration),
}

impl Limits {
    /// Returns every limit with its value.
    #[must_use]
    pub fn amounts(&self) -> [(Limit, Amount); 17] {
        use Amount::{Bytes, Count, Time};
        [
            (Limit::Memory, Bytes(self.memory)),
            (Limit::Tables, Count(self.tables)),
            (Limit::Handles, Count(self.handles)),
            (Limit::Time, Time(self.time)),
            (Limit::Requests, Count(self.requests)),
            (Limit::OpenResponses, Count(self.open_responses)),
            (Limit::Headers, Bytes(self.headers)),
            (Limit::RequestBody, Bytes(self.request_body)),
            (Limit::Response, Bytes(self.response)),
            (Limit::ResponseRate, Bytes(self.response_rate)),
            (Limit::Random, Bytes(self.random)),
            (Limit::Log, Bytes(self.log)),
            (Limit::Page, Bytes(self.page)),
            (Limit::PageRows, Count(self.page_rows)),
            (Limit::Resources, Count(self.resources)),
            (Limit::Columns, Count(self.columns)),
            (Limit::Text, Bytes(self.text)),
        ]
    }
}

impl Limit {
    /// Returns the name of the setting.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Tables => "tables",
            Self::Handles => "handles",
            Self::Time => "time",
            Self::Requests => "requests",
            Self::OpenResponses => "open_responses",
            Self::Headers => "headers",
            Self::RequestBody => "request_body",
            Self::Response => "response",
            Self::ResponseRate => "response_rate",
            Self::Random => "random",
            Self::Log => "log",
            Self::Page => "page",
            Self::PageRows => "page_rows",
            Self::Resources => "resources",
            Self::Columns => "columns",
            Self::Text => "text",
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}

impl Serialize for Limit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.key())
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scaled = |f: &mut fmt::Formatter<'_>, amount: u64, units: &[(u64, &str)]| {
            let whole = |(size, _): &&(u64, &str)| amount >= *size && amount.is_multiple_of(*size);
            let (size, unit) = units
                .iter()
                .find(whole)
                .copied()
                .unwrap_or((1, units[units.len() - 1].1));
            write!(f, "{}{unit}", amount / size)
        };
        match self {
            Self::Bytes(bytes) => scaled(
                f,
                *bytes,
                &[(KIB * MIB, "GiB"), (MIB, "MiB"), (KIB, "KiB"), (1, "B")],
            ),
            Self::Count(count) => write!(f, "{count}"),
            Self::Time(time) => scaled(
                f,
                u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
                &[(3_600_000, "h"), (60_000, "m"), (1_000, "s"), (1, "ms")],
            ),
        }
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Count(count) => serializer.serialize_u64(*count),
            other => serializer.collect_str(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_formatted_with_the_largest_whole_unit() {
        for (amount, shown) in [
            (Amount::Bytes(256 * MIB), "256MiB"),
            (Amount::Bytes(1_500), "1500B"),
            (Amount::Bytes(0), "0B"),
            (Amount::Count(10_000), "10000"),
            (Amount::Time(Duration::from_hours(1)), "1h"),
            (Amount::Time(Duration::from_millis(1_500)), "1500ms"),
        ] {
            assert_eq!(amount.to_string(), shown);
        }
    }
}
