//! The types of `wit/connector.wit` in the host: descriptors, resources,
//! selections and events, after validation.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::cursor::{Cursor, CursorValue};
use super::error::{SourceError, as_text};
use super::load::{ReadMode, Rejected, Verification};
use super::remedy::Remedy;
use super::siblings::Sibling;

/// The self-description of a connector.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Descriptor {
    /// Name of the connector.
    pub name: String,
    /// Version of the connector.
    pub version: String,
    /// JSON Schema of the config.
    pub config_schema: String,
    /// Secrets that the connector may request.
    pub secrets: Vec<SecretRequest>,
    /// Origins to which the connector sends requests.
    pub origins: Vec<OriginRequest>,
}

/// A secret that a connector may request.
#[derive(Clone, Debug, serde::Serialize)]
pub struct SecretRequest {
    /// Name of the secret.
    pub name: String,
    /// Purpose of the secret.
    pub purpose: String,
    /// True if nothing works without the secret.
    pub required: bool,
}

/// An origin to which a connector sends requests.
#[derive(Clone, Debug, serde::Serialize)]
pub struct OriginRequest {
    /// Origin, or a template over the config.
    pub origin: String,
    /// HTTP methods of the requests.
    pub methods: Vec<String>,
    /// Paths of the requests.
    pub paths: Vec<String>,
    /// Names of the secrets in the requests.
    pub secrets: Vec<String>,
    /// Purpose of the requests.
    pub purpose: String,
}

/// The kind of a resource in the source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ResourceKind {
    /// Table.
    Table,
    /// View.
    View,
    /// Endpoint of an API.
    Endpoint,
    /// Feed of changes.
    Feed,
    /// Query of the user.
    Query,
}

/// Anything that can be read into a table.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Name of the resource.
    pub name: String,
    /// Kind of the resource in the source.
    pub kind: ResourceKind,
    /// Description in a sentence.
    pub description: Option<String>,
    /// Columns; a read may add some.
    pub schema: SchemaRef,
    /// Names of the key columns; empty when there is no key.
    pub primary_key: Vec<String>,
    /// Columns that can be the cursor column of an incremental read.
    pub cursor_columns: Vec<String>,
    /// Supported read modes.
    pub modes: Vec<ReadMode>,
    /// Resource whose records each lead to records of this one.
    pub parent: Option<String>,
    /// True if a read without selections includes the resource.
    pub by_default: bool,
    /// Approximate number of rows.
    pub estimated_rows: Option<u64>,
}

/// The severity of a finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Severity {
    /// Useful information.
    Info,
    /// A part will not work as expected.
    Warning,
    /// A read will fail.
    Error,
}

/// A result of a check.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Finding {
    /// Setting, host or resource that was checked.
    pub subject: String,
    /// Severity.
    pub severity: Severity,
    /// Result of the check.
    pub message: String,
    /// Way to correct the finding.
    #[serde(rename = "hint", serialize_with = "as_text")]
    pub remedy: Option<Remedy>,
}

/// A request to read one resource.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Name of the resource.
    pub resource: String,
    /// Part of the resource to read.
    pub mode: ReadMode,
    /// Cursor from which the read resumes.
    pub cursor: Option<Cursor>,
    /// Column whose values order an incremental read.
    pub cursor_column: Option<String>,
    /// Distance by which an incremental read overlaps with the previous one.
    pub lag: Option<String>,
    /// Smallest value of the cursor column to read.
    pub start: Option<CursorValue>,
    /// Value of the cursor column from which on no rows are read.
    pub end: Option<CursorValue>,
    /// Columns to read; empty reads all.
    pub columns: Vec<String>,
    /// Types of columns, by the names that the connector gives them.
    pub types: BTreeMap<String, String>,
    /// Columns whose values are masked, and must not show in cursors or notes.
    pub masked: Vec<String>,
    /// True to read columns that are declared as JSON with the type JSON.
    pub nested: bool,
    /// Condition on the rows, in the language of the source.
    pub filter: Option<String>,
    /// Key columns, if the source does not know them.
    pub primary_key: Vec<String>,
    /// Maximum number of rows that the source may bill.
    pub max_rows_billed: Option<u64>,
    /// True if a row that is sent again replaces the earlier one.
    pub idempotent: bool,
    /// True to read the keys of all rows as well.
    pub keys: bool,
    /// Figures of the source to compare the rows with.
    pub verify: Verification,
}

/// The limits of one read.
#[derive(Clone, Debug, Default)]
pub struct ReadOptions {
    /// Maximum number of rows of a page.
    pub page_rows: Option<u32>,
    /// Maximum number of bytes of a page.
    pub page_bytes: Option<u64>,
    /// Maximum number of rows of each resource.
    pub row_limit: Option<u64>,
    /// True if pages may belong to different points in time.
    pub resumable: bool,
    /// Figures of resources without a selection.
    pub verify: Verification,
    /// Types for columns of all resources.
    pub types: Vec<TypeRule>,
    /// Existing tables, whose columns keep their types.
    pub stored: Vec<StoredTable>,
}

/// A type for columns of all resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeRule {
    /// Columns to which the rule applies.
    pub subject: TypeSubject,
    /// Type, by the name that the connector gives it.
    pub type_name: String,
}

/// The columns to which a type rule applies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TypeSubject {
    /// Pattern of column names.
    Column(String),
    /// Pattern of types, as the source declares them.
    Declared(String),
}

/// The columns of an existing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredTable {
    /// Resource whose rows the table holds.
    pub resource: String,
    /// Names of the columns, and names of their types.
    pub columns: Vec<(String, String)>,
}

/// The kind of the rows of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageKind {
    /// Current rows.
    Rows,
    /// Rows of a change feed. The last column, of booleans, flags deleted
    /// rows.
    Changes,
    /// Keys of existing rows. A complete read sends those of all rows.
    Keys,
}

/// The columns of a page.
#[derive(Clone, Debug)]
pub struct SourceSchema {
    /// Columns in their order.
    pub columns: SchemaRef,
    /// Names of the key columns; empty when there is no key.
    pub primary_key: Vec<String>,
    /// Columns that hold the values of other columns.
    pub siblings: Vec<Sibling>,
}

impl SourceSchema {
    /// Creates the schema of a batch without a key, and with siblings: pairs of a
    /// name and the column.
    #[cfg(test)]
    pub(crate) fn for_batch(batch: &RecordBatch, siblings: &[(&str, &str)]) -> Self {
        let sibling =
            |(name, column): &(&str, &str)| Sibling::new((*name).to_owned(), (*column).to_owned());
        Self {
            columns: batch.schema(),
            primary_key: Vec::new(),
            siblings: siblings.iter().map(sibling).collect(),
        }
    }

    /// Adds the siblings of another schema of the same resource, if this schema
    /// has the columns whose values they hold.
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

/// An event of a read.
#[derive(Debug)]
pub enum Event {
    /// Columns of the pages that follow.
    Schema {
        /// Name of the resource.
        resource: String,
        /// Kind of the pages with these columns.
        kind: PageKind,
        /// Columns of the pages.
        schema: SourceSchema,
    },
    /// Rows of a resource.
    Page {
        /// Name of the resource.
        resource: String,
        /// Kind of the rows.
        kind: PageKind,
        /// Rows as a batch of the last schema.
        batch: RecordBatch,
        /// Cursor that is valid once the rows are stored.
        cursor: Option<Cursor>,
    },
    /// Record that could not be represented.
    Rejected(Rejected),
    /// Progress of the read.
    Progress(Progress),
    /// Restart of the read, with the reason. All earlier events are void.
    Restarted(String),
    /// End of the read.
    Done(Summary),
}

/// The progress of a read.
#[derive(Clone, Debug)]
pub struct Progress {
    /// Name of the resource.
    pub resource: Option<String>,
    /// Number of rows so far.
    pub rows: u64,
    /// Approximate number of rows at the end of the read.
    pub estimated_rows: Option<u64>,
    /// Reason why the connector waits.
    pub waiting: Option<String>,
}

/// The result of a read by the connector's counts.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Result of each resource.
    pub resources: Vec<ResourceSummary>,
    /// Number of all requests.
    pub requests: u64,
    /// True if all pages belong to one point in time.
    pub point_in_time: bool,
}

/// A part of the source that was not read: the rows with one of these texts in
/// a column. Their stored rows are kept.
#[derive(Clone, Debug)]
pub struct UnreadPart {
    /// Name of the column.
    pub column: String,
    /// Texts of the rows.
    pub values: Vec<String>,
    /// Reason; `None` if the part was skipped because it has not changed.
    pub failure: Option<SourceError>,
}

/// Figures that the source has computed about the rows of a resource.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Number of rows, including those that were rejected.
    pub rows: u64,
    /// Checksum of the rows, in the version that the host knows.
    pub checksum: Option<u64>,
}

/// The result of the read of one resource.
#[derive(Clone, Debug)]
pub struct ResourceSummary {
    /// Name of the resource.
    pub resource: String,
    /// Number of rows sent.
    pub rows: u64,
    /// Number of records rejected.
    pub rejected: u64,
    /// Number of values that went to a sibling column.
    pub mismatches: u64,
    /// Number of rows that the source bills.
    pub rows_billed: Option<u64>,
    /// Number of requests.
    pub requests: u64,
    /// Reason why the resource could not be read.
    pub failure: Option<SourceError>,
    /// Part of the resource that was not read.
    pub unread: Option<UnreadPart>,
    /// Failures of texts of the unread part.
    pub part_failures: Vec<(String, SourceError)>,
    /// Cursor that is valid once all pages are stored.
    pub cursor: Option<Cursor>,
    /// Figures of the source about the rows.
    pub figures: Option<Figures>,
    /// Remarks for the operator.
    pub notes: Vec<String>,
}
