//! Description of an endpoint: its path, the shape of its responses, and the
//! columns of its records. Sends no request.

use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::logical_type::{EpochUnit, LogicalType};

/// Name of the column for fields without a column.
pub const EXTRA: &str = "_extra";

/// Endpoint that is a resource.
#[derive(Debug)]
pub struct Endpoint {
    /// Name of the resource.
    pub name: &'static str,
    /// Description of the records, without a period.
    pub description: &'static str,
    /// Path, with the placeholders of the OpenAPI document.
    pub path: &'static str,
    /// Query of the path, without pagination.
    pub query: &'static str,
    /// Documented paths whose responses only repeat parts of this one.
    pub covers: &'static [&'static str],
    /// Objects for which the endpoint is requested.
    pub scope: Scope,
    /// Position of the records in a response.
    pub selector: Selector,
    /// Pagination of the lists.
    pub pagination: Pagination,
    /// Columns of its records, without those of the scope.
    pub columns: &'static [EndpointColumn],
    /// Columns of the primary key.
    pub key: &'static [&'static str],
    /// True if it is read when nothing is selected.
    pub by_default: bool,
    /// Incremental reading, if the endpoint supports it.
    pub incremental: Option<Incremental>,
    /// Costs and requirements, without a period.
    pub note: &'static str,
}

/// Objects for which an endpoint is requested, one request for each object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The token itself.
    Token,
    /// The server of regions, which receives no token.
    Region,
    /// Every organization.
    Organization,
    /// Every group of every organization.
    Group,
    /// Every database of every organization.
    Database,
}

/// Position of the records in a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// Array of this name, or an array without a name. May be null.
    List(&'static str),
    /// Object of this name. Each member is a record of a code and a name.
    Map(&'static str),
    /// Object of this name.
    One(&'static str),
    /// Object of this name or, without one, the whole response.
    OneOrRoot(&'static str),
    /// Whole response.
    Root,
}

/// Pagination of a list. A cursor in a response is always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pagination {
    /// No page numbers.
    None,
    /// Cursors, with a page size that is requested.
    Cursor {
        /// Number of records on a page.
        limit: u32,
    },
    /// Page numbers.
    Number {
        /// Number of records on a page.
        size: u32,
    },
}

/// Method of reading an endpoint incrementally.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incremental {
    /// Days (UTC), which `from` and `to` select.
    Days,
    /// Column of times, newest first: a read can end where the last one
    /// started.
    NewestFirst(&'static str),
    /// Column of times, in no order: all records are requested, and older
    /// ones are skipped.
    Unordered(&'static str),
}

/// Column of an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct EndpointColumn {
    /// Name of the column.
    pub name: &'static str,
    /// Source of the values.
    pub source: ColumnSource,
    /// Type of the values.
    pub field_type: FieldType,
    /// True if it is read only when `columns` names it.
    pub is_sensitive: bool,
}

/// Source of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColumnSource {
    /// The first of these fields that has a value. A period leads into an
    /// object.
    Fields(&'static [&'static str]),
    /// The object for which the endpoint is requested.
    Scope(ScopeKey),
    /// The beginning of the requested time window.
    From,
    /// The end of the requested time window.
    To,
    /// A hash of the record, for records without a key.
    RecordHash,
    /// A hash of a text in a sensitive field.
    HashOf(&'static str),
}

/// Key of an object for which an endpoint is requested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKey {
    /// The slug of the organization.
    Organization,
    /// The UUID of the group or database.
    Id,
    /// The name of the group or database.
    Name,
}

/// Type of the values of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldType {
    /// Text.
    Text,
    /// Integers.
    Integer,
    /// True or false.
    Boolean,
    /// Dates.
    Date,
    /// Timestamps.
    Timestamp,
    /// Any JSON.
    Json,
}

impl Endpoint {
    /// Returns all columns: first those of the scope, and `_extra` last.
    pub fn all_columns(&self) -> impl Iterator<Item = EndpointColumn> + use<'_> {
        let extra = EndpointColumn {
            name: EXTRA,
            source: ColumnSource::Fields(&[]),
            field_type: FieldType::Json,
            is_sensitive: false,
        };
        self.scope
            .columns()
            .iter()
            .copied()
            .chain(self.columns.iter().copied())
            .chain([extra])
    }

    /// Returns the columns that are read by default.
    pub fn default_columns(&self) -> impl Iterator<Item = EndpointColumn> + use<'_> {
        self.all_columns().filter(|column| !column.is_sensitive)
    }

    /// Returns the full description: the covered paths, the note, and the
    /// columns that must be named.
    #[must_use]
    pub fn full_description(&self) -> String {
        let mut text = format!("{}. GET {}", self.description, self.path);
        for path in self.covers {
            text.push_str(&format!("; GET {path} only repeats parts of it"));
        }
        text.push('.');
        if !self.note.is_empty() {
            text.push_str(&format!(" {}.", self.note));
        }
        let sensitive = self.columns.iter().filter(|column| column.is_sensitive);
        let names: Vec<_> = sensitive.map(|column| column.name).collect();
        if !names.is_empty() {
            text.push_str(&format!(
                " Read only when `columns` names them: {}.",
                names.join(", ")
            ));
        }
        text
    }
}

impl Pagination {
    /// Returns the pagination with one record on each page.
    #[must_use]
    pub fn with_small_pages(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Cursor { .. } => Self::Cursor { limit: 1 },
            Self::Number { .. } => Self::Number { size: 1 },
        }
    }
}

impl Scope {
    /// Returns the columns that identify the object of each row.
    #[must_use]
    pub fn columns(self) -> &'static [EndpointColumn] {
        match self {
            Self::Token | Self::Region => &[],
            Self::Organization => ORGANIZATION,
            Self::Group => GROUP,
            Self::Database => DATABASE,
        }
    }

    /// Returns the resource that lists the objects.
    #[must_use]
    pub fn parent(self) -> Option<&'static str> {
        match self {
            Self::Token | Self::Region => None,
            Self::Organization => Some("platform_organizations"),
            Self::Group => Some("platform_groups"),
            Self::Database => Some("platform_databases"),
        }
    }
}

impl EndpointColumn {
    const fn from_fields(
        name: &'static str,
        fields: &'static [&'static str],
        field_type: FieldType,
    ) -> Self {
        Self {
            name,
            source: ColumnSource::Fields(fields),
            field_type,
            is_sensitive: false,
        }
    }

    /// Marks the column as sensitive: it is read only when `columns` names it.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.is_sensitive = true;
        self
    }

    /// Returns the name and storage of the column.
    #[must_use]
    pub fn spec(&self) -> ColumnSpec {
        ColumnSpec {
            name: self.name.to_owned(),
            storage: self.field_type.storage(),
            declared: String::new(),
        }
    }
}

/// Creates a column of text.
#[must_use]
pub const fn text(name: &'static str, fields: &'static [&'static str]) -> EndpointColumn {
    EndpointColumn::from_fields(name, fields, FieldType::Text)
}

/// Creates a column of integers.
#[must_use]
pub const fn integer(name: &'static str, fields: &'static [&'static str]) -> EndpointColumn {
    EndpointColumn::from_fields(name, fields, FieldType::Integer)
}

/// Creates a column of booleans.
#[must_use]
pub const fn boolean(name: &'static str, fields: &'static [&'static str]) -> EndpointColumn {
    EndpointColumn::from_fields(name, fields, FieldType::Boolean)
}

/// Creates a column of timestamps.
#[must_use]
pub const fn time(name: &'static str, fields: &'static [&'static str]) -> EndpointColumn {
    EndpointColumn::from_fields(name, fields, FieldType::Timestamp)
}

/// Creates a column of dates.
#[must_use]
pub const fn date(name: &'static str, fields: &'static [&'static str]) -> EndpointColumn {
    EndpointColumn::from_fields(name, fields, FieldType::Date)
}

/// Creates a column of JSON.
#[must_use]
pub const fn json(name: &'static str, fields: &'static [&'static str]) -> EndpointColumn {
    EndpointColumn::from_fields(name, fields, FieldType::Json)
}

/// Creates a column from another source than fields.
#[must_use]
pub const fn derived(
    name: &'static str,
    source: ColumnSource,
    field_type: FieldType,
) -> EndpointColumn {
    EndpointColumn {
        name,
        source,
        field_type,
        is_sensitive: false,
    }
}

const ORGANIZATION: &[EndpointColumn] =
    &[scope_column("organization_slug", ScopeKey::Organization)];

const GROUP: &[EndpointColumn] = &[
    scope_column("organization_slug", ScopeKey::Organization),
    scope_column("group_uuid", ScopeKey::Id),
    scope_column("group_name", ScopeKey::Name),
];

const DATABASE: &[EndpointColumn] = &[
    scope_column("organization_slug", ScopeKey::Organization),
    scope_column("database_id", ScopeKey::Id),
    scope_column("database_name", ScopeKey::Name),
];

const fn scope_column(name: &'static str, key: ScopeKey) -> EndpointColumn {
    derived(name, ColumnSource::Scope(key), FieldType::Text)
}

impl FieldType {
    /// Returns the storage of the values.
    #[must_use]
    pub fn storage(self) -> Storage {
        match self {
            Self::Text => Storage::Text,
            Self::Integer => Storage::Integer,
            Self::Boolean => Storage::Logical(LogicalType::Boolean),
            Self::Date => Storage::Logical(LogicalType::Date),
            Self::Timestamp => Storage::Logical(LogicalType::Timestamp {
                unit: EpochUnit::Second,
                rounds: false,
                utc: true,
            }),
            Self::Json => Storage::Logical(LogicalType::Json),
        }
    }
}
