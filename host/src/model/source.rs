//! What a connector offers, is asked for and sends, in the host's own types.
//! The shapes of `wit/connector.wit`, with everything checked.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::siblings::Sibling;
use super::{Cursor, ReadMode, Rejected, SourceError};

/// How a connector describes itself.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Descriptor {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// JSON Schema of its config.
    pub config_schema: String,
    /// Secrets that it may ask for.
    pub secrets: Vec<SecretRequest>,
    /// Origins that it wants to reach.
    pub origins: Vec<OriginRequest>,
}

/// A secret that a connector may ask for.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SecretRequest {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Whether nothing works without it.
    pub required: bool,
}

/// An origin that a connector wants to reach.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OriginRequest {
    /// The origin, or a template over the config.
    pub origin: String,
    /// HTTP methods.
    pub methods: Vec<String>,
    /// Paths.
    pub paths: Vec<String>,
    /// Names of the secrets that it sends there.
    pub secrets: Vec<String>,
    /// What it is for.
    pub purpose: String,
}

/// What a resource is in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ResourceKind {
    /// A table.
    Table,
    /// A view.
    View,
    /// An endpoint of an API.
    Endpoint,
    /// A feed of changes.
    Feed,
    /// A query of the user's.
    Query,
}

/// One thing that can be read.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// What it is in the source.
    pub kind: ResourceKind,
    /// A sentence about it.
    pub description: Option<String>,
    /// Its columns; a read may add some.
    pub schema: SchemaRef,
    /// Names of the key columns; empty when there is no key.
    pub primary_key: Vec<String>,
    /// Columns that an incremental read can go by.
    pub cursor_columns: Vec<String>,
    /// How it can be read.
    pub modes: Vec<ReadMode>,
    /// The resource whose records it is fanned out from.
    pub parent: Option<String>,
    /// Whether it is read when nothing is selected.
    pub by_default: bool,
    /// About how many rows it has.
    pub estimated_rows: Option<u64>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Something will not work as one may expect.
    Warning,
    /// Nothing will work.
    Error,
}

/// What a check has to say about one thing.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Finding {
    /// What was looked at.
    pub subject: String,
    /// How bad it is.
    pub severity: Severity,
    /// What was found.
    pub message: String,
    /// How to fix it.
    pub hint: Option<String>,
}

/// One resource to read, and how.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Its name.
    pub resource: String,
    /// How much of it.
    pub mode: ReadMode,
    /// Where to go on.
    pub cursor: Option<Cursor>,
    /// The column that an incremental read goes by.
    pub cursor_column: Option<String>,
    /// How far it goes back.
    pub lag: Option<String>,
    /// Columns to read; empty reads all.
    pub columns: Vec<String>,
    /// Types for columns, by the connector's names for them.
    pub types: BTreeMap<String, String>,
    /// Whether columns that are declared to hold JSON are wanted as JSON.
    pub nested: bool,
    /// A condition in the language of the source.
    pub filter: Option<String>,
    /// Key columns, where the source does not know them.
    pub primary_key: Vec<String>,
    /// The most that the source may bill for it.
    pub max_rows_billed: Option<u64>,
    /// Whether a row that is sent again replaces its older self.
    pub idempotent: bool,
    /// Whether the keys of all rows are wanted as well.
    pub keys: bool,
}

/// Bounds of one read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// The most rows of a page.
    pub page_rows: Option<u32>,
    /// The most bytes of a page.
    pub page_bytes: Option<u64>,
    /// The most rows of each resource.
    pub row_limit: Option<u64>,
    /// How long the read may take, in milliseconds.
    pub time_limit: Option<u64>,
    /// Whether pages need not be of one point in time.
    pub resumable: bool,
}

/// What the rows of a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageKind {
    /// Rows as they are now.
    Rows,
    /// Rows as a feed of changes has them; the last column, of booleans, says
    /// which of them are deleted.
    Changes,
    /// The key columns of rows that are there; in the end, of all of them.
    Keys,
}

/// The columns of a resource, as far as a page has them.
#[derive(Clone, Debug)]
pub struct SourceSchema {
    /// The columns.
    pub columns: SchemaRef,
    /// Names of the key columns; empty when there is no key.
    pub primary_key: Vec<String>,
    /// Which of them belong to others.
    pub siblings: Vec<Sibling>,
}

impl SourceSchema {
    /// Adds the siblings that another schema of the same resource has, of
    /// columns that this one has too.
    pub fn add_siblings(&mut self, other: &Self) {
        let mut fields: Vec<_> = self.columns.fields().iter().cloned().collect();
        let has = |fields: &[arrow_schema::FieldRef], name: &str| {
            let mut fields = fields.iter();
            fields.any(|field| field.name().eq_ignore_ascii_case(name))
        };
        for sibling in &other.siblings {
            let column = other.columns.field_with_name(&sibling.name);
            if let Ok(column) = column
                && has(&fields, &sibling.column)
                && !has(&fields, &sibling.name)
            {
                fields.push(std::sync::Arc::new(column.clone()));
                self.siblings.push(sibling.clone());
            }
        }
        if fields.len() > self.columns.fields().len() {
            self.columns = std::sync::Arc::new(arrow_schema::Schema::new(fields));
        }
    }
}

/// What a read yields.
#[derive(Debug)]
pub enum Event {
    /// The columns of a resource from here on.
    Schema {
        /// Its name.
        resource: String,
        /// The pages that have them.
        kind: PageKind,
        /// The columns.
        schema: SourceSchema,
    },
    /// Rows.
    Page {
        /// The resource they belong to.
        resource: String,
        /// What they are.
        kind: PageKind,
        /// The rows.
        batch: RecordBatch,
        /// The cursor that is true once they are stored.
        cursor: Option<Cursor>,
    },
    /// A record that could not be represented.
    Rejected(Rejected),
    /// How far the read is.
    Progress(Progress),
    /// All before this is void; the read has started anew, for this reason.
    Restarted(String),
    /// The end.
    Done(Summary),
}

/// How far a read is.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Of which resource.
    pub resource: Option<String>,
    /// Rows so far.
    pub rows: u64,
    /// Rows that are expected.
    pub estimated_rows: Option<u64>,
    /// What the connector waits for.
    pub waiting: Option<String>,
}

/// What a read came to, as the connector counts.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// One for each resource.
    pub resources: Vec<ResourceSummary>,
    /// All requests.
    pub requests: u64,
    /// Whether all pages are of one point in time.
    pub point_in_time: bool,
}

/// Rows that a read says nothing about: those that have one of these texts in
/// a column. Those that are there stay as they are.
#[derive(Clone, Debug)]
pub struct UnreadPart {
    /// The column.
    pub column: String,
    /// The texts.
    pub values: Vec<String>,
    /// Why, unless nothing has changed in it.
    pub failure: Option<SourceError>,
}

/// What the read of one resource came to.
#[derive(Clone, Debug)]
pub struct ResourceSummary {
    /// Its name.
    pub resource: String,
    /// Rows sent.
    pub rows: u64,
    /// Records rejected.
    pub rejected: u64,
    /// Values that went to a sibling column.
    pub mismatches: u64,
    /// Rows that the source bills for.
    pub rows_billed: Option<u64>,
    /// Requests made.
    pub requests: u64,
    /// Why it could not be read.
    pub failure: Option<SourceError>,
    /// Which part of it could not, if the rest could.
    pub unread: Option<UnreadPart>,
    /// The cursor that is true once all pages are stored.
    pub cursor: Option<Cursor>,
    /// What the operator should know.
    pub notes: Vec<String>,
}
