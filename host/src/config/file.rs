//! The tables and keys of the pipeline file, exactly as they are written. The
//! parent module gives them their meaning.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

/// The whole file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFile {
    /// Name of the pipeline, which identifies its state (the file's name without
    /// its extension).
    pub(super) name: Option<String>,
    /// `snapshot` or `resumable`.
    pub(super) consistency: Option<String>,
    /// Interval between commits of a resumable run (10s).
    pub(super) commit_every: Option<String>,
    /// `off`, `count` or `checksum`, for resources that do not set it.
    pub(super) verify: Option<String>,
    pub(super) connector: RawConnector,
    /// Settings of resources that have none of their own.
    #[serde(default)]
    pub(super) defaults: RawDefaults,
    /// Resources to read; without any, the connector's defaults.
    #[serde(default)]
    pub(super) resource: Vec<RawResource>,
    /// Table whose keys depend on the type of the destination.
    pub(super) destination: toml::Table,
}

/// `[connector]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConnector {
    /// Path of the component file.
    pub(super) component: PathBuf,
    /// SHA-256 of the component; a file with another digest is refused.
    pub(super) sha256: Option<String>,
    /// Settings of the connector, which declares their schema.
    pub(super) config: Option<toml::Table>,
    /// Sources of the credentials that the connector asks for. Any value is
    /// accepted here, because a type error would show the value.
    pub(super) secrets: Option<toml::Value>,
    /// Requests that the connector may send; none by default.
    #[serde(default)]
    pub(super) allow: Vec<RawAllow>,
    pub(super) limits: Option<RawLimits>,
}

/// `[[connector.allow]]`
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAllow {
    /// Scheme, host and port; each `*.` before the domain for one label.
    pub(super) origin: String,
    /// HTTP methods (GET).
    #[serde(default)]
    pub(super) methods: Vec<String>,
    /// Paths, with `*` for any characters (all paths).
    #[serde(default)]
    pub(super) paths: Vec<String>,
    /// Names of the secrets that may go there (none).
    #[serde(default)]
    pub(super) secrets: Vec<String>,
    /// Names of the headers that the connector may set there, in addition to the
    /// usual ones (none).
    #[serde(default)]
    pub(super) headers: Vec<String>,
    /// True if this origin may resolve to a private address.
    #[serde(default)]
    pub(super) private: bool,
}

/// `[connector.limits]`. The defaults are those of [`Limits`](crate::model::Limits).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLimits {
    /// Memory of the connector (256MiB).
    pub(super) memory: Option<String>,
    /// Elements of the connector's tables (100000).
    pub(super) tables: Option<u64>,
    /// Handles to host objects at one time (1000).
    pub(super) handles: Option<u64>,
    /// Time of one command (1h).
    pub(super) time: Option<String>,
    /// Requests of one command (1000000).
    pub(super) requests: Option<u64>,
    /// Responses that are open at one time (64).
    pub(super) open_responses: Option<u64>,
    /// Bytes of the headers of a request or a response (128KiB).
    pub(super) headers: Option<String>,
    /// Bytes of request bodies in transit at one time (16MiB).
    pub(super) request_body: Option<String>,
    /// Bytes of one response after decompression, which is streamed (16GiB).
    pub(super) response: Option<String>,
    /// Bytes of one response that have to arrive in each minute (100B).
    pub(super) response_rate: Option<String>,
    /// Random bytes (1MiB).
    pub(super) random: Option<String>,
    /// Bytes of log messages (1MiB).
    pub(super) log: Option<String>,
    /// Bytes of one page of rows (64MiB).
    pub(super) page: Option<String>,
    /// Rows of one page (1000000).
    pub(super) page_rows: Option<u64>,
    /// Resources that the connector lists (10000).
    pub(super) resources: Option<u64>,
    /// Columns of a resource (4000).
    pub(super) columns: Option<u64>,
    /// Bytes of a cursor or another short text (1MiB).
    pub(super) text: Option<String>,
}

/// `[defaults]`. Keys without an explanation are those of a resource.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDefaults {
    pub(super) mode: Option<String>,
    pub(super) write: Option<String>,
    pub(super) deletes: Option<String>,
    pub(super) nested: Option<String>,
    pub(super) schema: Option<String>,
    /// Masks of columns, by patterns of their names.
    #[serde(default)]
    pub(super) mask: BTreeMap<String, String>,
    /// Types of columns, by patterns of their names.
    #[serde(default)]
    pub(super) types: BTreeMap<String, String>,
    /// Types of columns, by patterns of their declared types.
    #[serde(default)]
    pub(super) declared_types: BTreeMap<String, String>,
}

/// `[[resource]]`
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawResource {
    /// Name, or a pattern of the names of resources that are read by default.
    pub(super) name: String,
    /// Patterns of names that a pattern does not select.
    #[serde(default)]
    pub(super) exclude: Vec<String>,
    /// `full`, `incremental` or `changes`.
    pub(super) mode: Option<String>,
    /// Cursor column of an incremental read; without one, a growing key is
    /// used.
    pub(super) cursor: Option<String>,
    /// Overlap of an incremental read with the previous one, for late rows, in
    /// the unit of the cursor column (seconds for times).
    pub(super) lag: Option<toml::Value>,
    /// Smallest value of the cursor column to read: a number, a text or a time.
    pub(super) start: Option<toml::Value>,
    /// Value of the cursor column from which on no rows are read.
    pub(super) end: Option<toml::Value>,
    #[serde(default)]
    pub(super) primary_key: Vec<String>,
    /// `replace`, `append`, `merge` or `scd2`.
    pub(super) write: Option<String>,
    /// `ignore`, `soft` or `hard`.
    pub(super) deletes: Option<String>,
    /// A condition on the rows, in the language of the source.
    pub(super) r#where: Option<String>,
    /// Maximum number of rows that the source may bill.
    pub(super) max_rows_read: Option<u64>,
    /// Columns to read (all).
    #[serde(default)]
    pub(super) columns: Vec<String>,
    /// `keep`, `json` or `tables`.
    pub(super) nested: Option<String>,
    /// Types of columns that replace the default ones, such as `timestamp` or
    /// `decimal(18,2)`. The connector defines the types.
    #[serde(default)]
    pub(super) types: BTreeMap<String, String>,
    /// `sha256`, `null` or `partial`, for columns with masked values.
    #[serde(default)]
    pub(super) mask: BTreeMap<String, String>,
    /// `evolve`, `freeze`, `discard_row` or `discard_value`.
    pub(super) schema: Option<String>,
    /// `off`, `count` or `checksum`.
    pub(super) verify: Option<String>,
}
