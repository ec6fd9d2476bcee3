//! The settings of a pipeline: its grants, resources and destination. A pipeline
//! file is parsed into them; a platform creates them from its own records.

use std::collections::BTreeMap;
use std::time::Duration;

use super::cursor::CursorValue;
use super::destination_spec::DestinationSpec;
use super::limits::Limits;
use super::load::{DeletionMode, ReadMode, SchemaPolicy, Verification, WriteDisposition};
use super::secret::Secret;

/// The settings of one pipeline.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineSpec {
    /// Name under which the state is stored.
    pub name: String,
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
    /// Settings of resources that have none of their own.
    pub defaults: ResourceDefaults,
    /// Consistency of the rows of a run.
    pub consistency: Consistency,
    /// Verification of resources that do not set their own.
    pub verify: Verification,
    /// Destination of the rows. Can be left out if the pipeline gets a factory of
    /// its own.
    pub destination: Option<DestinationSpec>,
}

/// A builder of a [`PipelineSpec`]. Everything that is not set has the default
/// of its type: nothing is granted, and the connector chooses the resources.
#[derive(Clone, Debug)]
pub struct PipelineSpecBuilder(PipelineSpec);

impl PipelineSpec {
    /// Starts to build a spec. The state of the pipeline is stored under `name`.
    #[must_use]
    pub fn builder(name: impl Into<String>) -> PipelineSpecBuilder {
        PipelineSpecBuilder(Self {
            name: name.into(),
            config: serde_json::Value::Object(serde_json::Map::new()),
            secrets: BTreeMap::new(),
            allow: Vec::new(),
            limits: Limits::default(),
            resources: Vec::new(),
            defaults: ResourceDefaults::default(),
            consistency: Consistency::default(),
            verify: Verification::default(),
            destination: None,
        })
    }
}

impl PipelineSpecBuilder {
    /// Sets the config of the connector.
    #[must_use]
    pub fn config(mut self, config: serde_json::Value) -> Self {
        self.0.config = config;
        self
    }

    /// Grants a secret by the name that the connector declares.
    #[must_use]
    pub fn secret(mut self, name: impl Into<String>, value: Secret) -> Self {
        self.0.secrets.insert(name.into(), value);
        self
    }

    /// Adds an allow rule.
    #[must_use]
    pub fn allow(mut self, rule: AllowRule) -> Self {
        self.0.allow.push(rule);
        self
    }

    /// Sets the limits of the connector.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.0.limits = limits;
        self
    }

    /// Adds a resource to read.
    #[must_use]
    pub fn resource(mut self, resource: ResourceSpec) -> Self {
        self.0.resources.push(resource);
        self
    }

    /// Sets the settings of resources that have none of their own.
    #[must_use]
    pub fn defaults(mut self, defaults: ResourceDefaults) -> Self {
        self.0.defaults = defaults;
        self
    }

    /// Sets the consistency of the rows of a run.
    #[must_use]
    pub fn consistency(mut self, consistency: Consistency) -> Self {
        self.0.consistency = consistency;
        self
    }

    /// Sets the verification of resources that do not set their own.
    #[must_use]
    pub fn verify(mut self, verify: Verification) -> Self {
        self.0.verify = verify;
        self
    }

    /// Sets the destination of the rows.
    #[must_use]
    pub fn destination(mut self, destination: impl Into<DestinationSpec>) -> Self {
        self.0.destination = Some(destination.into());
        self
    }

    /// Returns the spec.
    #[must_use]
    pub fn build(self) -> PipelineSpec {
        self.0
    }
}

/// The consistency of the rows of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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

impl ResourceSpec {
    /// Describes a resource that is read in full.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Permission for requests to an origin, before it is parsed.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct AllowRule {
    /// Scheme, host and port; each `*.` before the domain matches one label.
    pub origin: String,
    /// HTTP methods; empty means GET.
    pub methods: Vec<String>,
    /// Paths, in which `*` matches any characters; empty means all.
    pub paths: Vec<String>,
    /// Names of the credentials that requests may contain.
    pub secrets: Vec<String>,
    /// Names of the headers that requests may have in addition to the usual ones.
    pub headers: Vec<String>,
    /// True if the origin may have a private address.
    pub private: bool,
}

/// The settings of one resource, or of all that a pattern selects.
#[derive(Clone, Debug, Default)]
pub struct ResourceSpec {
    /// Name of the resource, or a pattern of names. A pattern selects only
    /// resources that are read by default.
    pub name: String,
    /// Patterns of names that a pattern does not select.
    pub exclude: Vec<String>,
    /// Part of the resource that is read.
    pub mode: ReadMode,
    /// Column whose values order an incremental read. Without one, a key that
    /// only grows does.
    pub cursor_column: Option<String>,
    /// Distance by which an incremental read overlaps with the previous one, in
    /// the unit of the cursor column (seconds for times).
    pub lag: Option<String>,
    /// Smallest value of the cursor column to read.
    pub start: Option<CursorValue>,
    /// Value of the cursor column from which on no rows are read.
    pub end: Option<CursorValue>,
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
    /// Verification of the rows. If set, rows that cannot be verified are not
    /// stored.
    pub verify: Option<Verification>,
}

/// The settings of resources that have none of their own. In a pattern, `*`
/// matches any characters.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ResourceDefaults {
    /// Types by patterns of column names.
    pub types: BTreeMap<String, String>,
    /// Types by patterns of types, as the source declares them.
    pub declared_types: BTreeMap<String, String>,
    /// Masks by patterns of column names.
    pub mask: BTreeMap<String, Mask>,
}

/// The storage of JSON that a text column holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
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
#[non_exhaustive]
pub enum Mask {
    /// SHA-256 of the value, as text in lower-case hex.
    Sha256,
    /// Null.
    Null,
    /// First character of the text, and the domain of an email address.
    Partial,
}
