//! What a pipeline is: which component, what it is granted, what it reads and
//! where that goes. A pipeline file becomes one of these; a platform makes
//! them from its own records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{DeletionMode, Limits, ReadMode, SchemaPolicy, Secret, WriteDisposition};

/// One pipeline.
#[derive(Clone, Debug)]
pub struct PipelineSpec {
    /// The name under which its state is kept.
    pub name: String,
    /// The component file.
    pub component: PathBuf,
    /// SHA-256 that the file must have, in hex.
    pub sha256: Option<String>,
    /// Handed to the connector, once it fits the connector's JSON Schema.
    pub config: serde_json::Value,
    /// Credentials, by the names that the connector asks for.
    pub secrets: BTreeMap<String, Secret>,
    /// What the connector may reach.
    pub allow: Vec<AllowRule>,
    /// What it may use up.
    pub limits: Limits,
    /// What is read; empty reads the connector's defaults.
    pub resources: Vec<ResourceSpec>,
    /// Whether all rows of a run are of one moment.
    pub consistency: Consistency,
    /// Where it goes.
    pub destination: DestinationSpec,
}

/// Whether all rows of a run are of one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// They are, and become visible at once.
    #[default]
    Snapshot,
    /// What can be resumed is committed now and then, so that a run that is
    /// killed does not begin from the beginning.
    Resumable {
        /// How often.
        commit_every: Duration,
    },
}

/// What a connector may reach, as the operator writes it.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct AllowRule {
    /// Scheme, host and port; `*.` for one label.
    pub origin: String,
    /// HTTP methods; empty means GET.
    pub methods: Vec<String>,
    /// Paths, with `*` for any characters; empty means any.
    pub paths: Vec<String>,
    /// Names of the credentials that may go there.
    pub secrets: Vec<String>,
    /// Whether the origin may have a private address.
    pub private: bool,
}

/// One resource, and how it is read and written.
#[derive(Clone, Debug, Default)]
pub struct ResourceSpec {
    /// Its name.
    pub name: String,
    /// How much of it is read.
    pub mode: ReadMode,
    /// The column that an incremental read goes by; without one, it goes by
    /// a key that only grows.
    pub cursor_column: Option<String>,
    /// How far an incremental read goes back, in the unit of the cursor
    /// (seconds for times).
    pub lag: Option<String>,
    /// Its key, where the source does not say.
    pub primary_key: Vec<String>,
    /// What becomes of the rows that are there; follows from the mode, if
    /// nothing is said.
    pub write: Option<WriteDisposition>,
    /// What becomes of rows that are no longer in the source, likewise.
    pub deletes: Option<DeletionMode>,
    /// What becomes of columns that the destination does not have yet.
    pub schema: SchemaPolicy,
    /// The columns to read; empty reads all.
    pub columns: Vec<String>,
    /// Types for columns in place of those that they would get, by the names
    /// that the connector knows.
    pub types: BTreeMap<String, String>,
    /// What becomes of values with others inside.
    pub nested: NestedMode,
    /// Columns whose values are not stored as they are.
    pub mask: BTreeMap<String, Mask>,
    /// A condition on its rows, in the language of the source.
    pub filter: Option<String>,
    /// The most rows that the source may bill for it.
    pub max_rows_read: Option<u64>,
}

/// What becomes of JSON that a column of text holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NestedMode {
    /// It stays the text that it is.
    #[default]
    Keep,
    /// It is stored as JSON.
    Json,
    /// Objects become columns, and lists tables of their own.
    Tables,
}

/// What is stored in place of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// Its SHA-256, as text in lower-case hex.
    Sha256,
    /// Nothing.
    Null,
    /// The first character of its text, and the domain of an email address.
    Partial,
}

/// Where rows go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DestinationSpec {
    /// A DuckDB database file.
    DuckDb {
        /// The file.
        path: PathBuf,
        /// The schema that holds the tables.
        dataset: String,
        /// The driver library, if it is not where it is looked for.
        driver: Option<PathBuf>,
    },
    /// Files in a folder.
    Files {
        /// A `file:` URL or a path.
        url: String,
        /// The folder inside it that holds the tables.
        dataset: String,
        /// Format of the files.
        format: FileFormat,
    },
}

/// Format of data files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFormat {
    /// Apache Parquet.
    #[default]
    Parquet,
    /// One JSON object on each line.
    Jsonl,
    /// Comma-separated values, RFC 4180.
    Csv,
}
