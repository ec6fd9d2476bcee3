//! The settings of a pipeline: its component, grants, resources and
//! destination. A pipeline file is parsed into them; a platform creates them
//! from its own records.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::{
    DeletionMode, DestinationSpec, Limits, ReadMode, SchemaPolicy, Secret, WriteDisposition,
};

/// The settings of one pipeline.
#[derive(Clone, Debug)]
pub struct PipelineSpec {
    /// Name under which the state is stored.
    pub name: String,
    /// File of the component.
    pub component: PathBuf,
    /// Required SHA-256 of the component, in hex.
    pub sha256: Option<String>,
    /// Config of the connector, validated against its JSON Schema.
    pub config: serde_json::Value,
    /// Credentials by the names that the connector declares.
    pub secrets: BTreeMap<String, Secret>,
    /// Origins that the connector may reach.
    pub allow: Vec<AllowRule>,
    /// Limits of the connector.
    pub limits: Limits,
    /// Resources to read; empty reads the connector's defaults.
    pub resources: Vec<ResourceSpec>,
    /// Consistency of the rows of a run.
    pub consistency: Consistency,
    /// Destination of the rows.
    pub destination: DestinationSpec,
}

/// The consistency of the rows of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Consistency {
    /// All rows belong to one point in time, and become visible at once.
    #[default]
    Snapshot,
    /// Resumable resources are committed at intervals, so that a killed run
    /// does not start from the beginning.
    Resumable {
        /// Time between two commits.
        commit_every: Duration,
    },
}

/// Permission for requests to an origin, before it is parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct AllowRule {
    /// Scheme, host and port; `*.` matches one label.
    pub origin: String,
    /// HTTP methods; empty means GET.
    pub methods: Vec<String>,
    /// Paths, in which `*` matches any characters; empty means all.
    pub paths: Vec<String>,
    /// Names of the credentials that requests may contain.
    pub secrets: Vec<String>,
    /// True if the origin may have a private address.
    pub private: bool,
}

/// The settings of one resource.
#[derive(Clone, Debug, Default)]
pub struct ResourceSpec {
    /// Name of the resource.
    pub name: String,
    /// Part of the resource that is read.
    pub mode: ReadMode,
    /// Column whose values order an incremental read. Without one, a key that
    /// only grows does.
    pub cursor_column: Option<String>,
    /// Distance by which an incremental read overlaps with the previous one, in
    /// the unit of the cursor column (seconds for times).
    pub lag: Option<String>,
    /// Key columns, if the source does not know them.
    pub primary_key: Vec<String>,
    /// Treatment of the rows that the table already has. The default depends on
    /// the mode.
    pub write: Option<WriteDisposition>,
    /// Treatment of rows that were deleted in the source. The default depends on
    /// the mode.
    pub deletes: Option<DeletionMode>,
    /// Treatment of columns that the table does not have yet.
    pub schema: SchemaPolicy,
    /// Columns to read; empty reads all.
    pub columns: Vec<String>,
    /// Types of columns that replace those of the source, by the names that the
    /// connector gives them.
    pub types: BTreeMap<String, String>,
    /// Storage of JSON.
    pub nested: NestedMode,
    /// Masks by column.
    pub mask: BTreeMap<String, Mask>,
    /// Condition on the rows, in the language of the source.
    pub filter: Option<String>,
    /// Maximum number of rows that the source may bill.
    pub max_rows_read: Option<u64>,
}

/// The storage of JSON that a text column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NestedMode {
    /// Unchanged text.
    #[default]
    Keep,
    /// JSON.
    Json,
    /// Objects become columns, and lists become child tables.
    Tables,
}

/// The replacement of a value that must not be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// SHA-256 of the value, as text in lower-case hex.
    Sha256,
    /// Null.
    Null,
    /// First character of the text, and the domain of an email address.
    Partial,
}
