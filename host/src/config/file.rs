//! The shapes of the pipeline file, exactly as they are written. What the
//! values mean is decided elsewhere.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    /// The name under which state is kept; by default the file's name without
    /// its ending.
    pub(super) name: Option<String>,
    /// `snapshot` or `resumable`.
    pub(super) consistency: Option<String>,
    /// How often a run that can be resumed is committed (10s).
    pub(super) commit_every: Option<String>,
    pub(super) connector: RawConnector,
    /// What is read; without any, the connector's defaults.
    #[serde(default)]
    pub(super) resource: Vec<RawResource>,
    pub(super) destination: RawDestination,
}

/// `[connector]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnector {
    /// The component file.
    pub(super) component: PathBuf,
    /// Digest of the component; another file is refused.
    pub(super) sha256: Option<String>,
    /// Handed to the connector, which declares what it holds.
    pub(super) config: Option<toml::Table>,
    /// Where the host finds the credentials that the connector asks for. Of
    /// any shape, because an error about the shape would show the value.
    pub(super) secrets: Option<toml::Value>,
    /// What the connector may reach; nothing by default.
    #[serde(default)]
    pub(super) allow: Vec<RawAllow>,
    pub(super) limits: Option<RawLimits>,
}

/// `[[connector.allow]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllow {
    /// Scheme, host and port; `*.` for one label.
    pub(super) origin: String,
    /// HTTP methods, by default GET.
    #[serde(default)]
    pub(super) methods: Vec<String>,
    /// Paths, with `*` for any characters; by default any.
    #[serde(default)]
    pub(super) paths: Vec<String>,
    /// Credentials that may go there, by default none.
    #[serde(default)]
    pub(super) secrets: Vec<String>,
    /// Whether this origin may resolve to a private address.
    #[serde(default)]
    pub(super) private: bool,
}

/// `[connector.limits]`. The defaults are those of [`Limits`](crate::model::Limits).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// Memory of the connector (256MiB).
    pub(super) memory: Option<String>,
    /// Elements of its tables (100000).
    pub(super) tables: Option<u64>,
    /// Handles that it holds at once (1000).
    pub(super) handles: Option<u64>,
    /// Time of one command (1h).
    pub(super) time: Option<String>,
    /// Requests of one command (1000000).
    pub(super) requests: Option<u64>,
    /// Requests whose answers it holds at once (64).
    pub(super) open_responses: Option<u64>,
    /// Bytes of the headers of a request or a response (128KiB).
    pub(super) headers: Option<String>,
    /// Bytes of the request bodies that are being sent (16MiB).
    pub(super) request_body: Option<String>,
    /// Bytes of one response, decompressed (16GiB; they are streamed).
    pub(super) response: Option<String>,
    /// Random bytes (1MiB).
    pub(super) random: Option<String>,
    /// Bytes of log messages (1MiB).
    pub(super) log: Option<String>,
    /// Bytes of one page of rows (64MiB).
    pub(super) page: Option<String>,
    /// Rows of one page (1000000).
    pub(super) page_rows: Option<u64>,
    /// Resources that may be listed (10000).
    pub(super) resources: Option<u64>,
    /// Columns of a resource (4000).
    pub(super) columns: Option<u64>,
    /// Bytes of a cursor or another short text (1MiB).
    pub(super) text: Option<String>,
}

/// `[[resource]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResource {
    pub(super) name: String,
    /// `full`, `incremental` or `changes`.
    pub(super) mode: Option<String>,
    /// The column that an incremental read goes by; without one, it goes by
    /// a key that only grows.
    pub(super) cursor: Option<String>,
    /// How far an incremental read goes back for rows that came late, in the
    /// unit of the cursor (seconds for times).
    pub(super) lag: Option<toml::Value>,
    #[serde(default)]
    pub(super) primary_key: Vec<String>,
    /// `replace`, `append`, `merge` or `scd2`.
    pub(super) write: Option<String>,
    /// `ignore`, `soft` or `hard`.
    pub(super) deletes: Option<String>,
    /// A condition on the rows, in the language of the source.
    pub(super) r#where: Option<String>,
    /// The most rows that the source may bill.
    pub(super) max_rows_read: Option<u64>,
    /// The columns to read, by default all.
    #[serde(default)]
    pub(super) columns: Vec<String>,
    /// `keep`, `json` or `tables`.
    pub(super) nested: Option<String>,
    /// Types of columns in place of those that they would get, such as
    /// `timestamp` or `decimal(18,2)`. The connector knows which there are.
    #[serde(default)]
    pub(super) types: BTreeMap<String, String>,
    /// `sha256`, `null` or `partial`, for columns whose values are not to be
    /// stored as they are.
    #[serde(default)]
    pub(super) mask: BTreeMap<String, String>,
    /// `evolve`, `freeze`, `discard_row` or `discard_value`.
    pub(super) schema: Option<String>,
}

/// `[destination]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDestination {
    /// `duckdb` or `files`.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// duckdb: the database file, by default `turso.duckdb`.
    pub(super) path: Option<PathBuf>,
    /// The schema or folder that holds the tables, by default `turso_data`.
    pub(super) dataset: Option<String>,
    /// duckdb: the driver library.
    pub(super) driver: Option<PathBuf>,
    /// files: a path or a `file:` URL.
    pub(super) url: Option<String>,
    /// files: `parquet`, `jsonl` or `csv`.
    pub(super) format: Option<String>,
}
