//! What a row of the table of endpoints says: where the endpoint is, what its
//! answer looks like, and which columns its records become. Asks nobody.

use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::logical_type::{EpochUnit, LogicalType};

/// The column of what has no column of its own.
pub const EXTRA: &str = "_extra";

/// An endpoint, as a resource.
#[derive(Debug)]
pub struct Endpoint {
    /// Name of the resource.
    pub name: &'static str,
    /// A sentence.
    pub description: &'static str,
    /// Its path, with the names that the OpenAPI document gives to what
    /// stands for something.
    pub path: &'static str,
    /// What follows the path, without a page.
    pub query: &'static str,
    /// Documented paths whose answers only repeat what this one has.
    pub covers: &'static [&'static str],
    /// What it is asked for.
    pub scope: Scope,
    /// Where records are in an answer.
    pub selector: Selector,
    /// How further pages are asked for.
    pub paging: Paging,
    /// Columns of its records, without those that come from the scope.
    pub columns: &'static [Column],
    /// Columns that tell its rows apart.
    pub key: &'static [&'static str],
    /// Whether it is read when nothing is selected.
    pub by_default: bool,
    /// How it can be read in parts.
    pub increment: Option<Increment>,
    /// What is good to know before it is read: what it costs, whom it is for.
    pub note: &'static str,
}

/// What an endpoint is asked for, each one by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The token.
    Token,
    /// The host that knows the closest region. It gets no token.
    Region,
    /// Each organization.
    Organization,
    /// Each group of each organization.
    Group,
    /// Each database of each organization.
    Database,
}

/// Where records are in an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Selector {
    /// In an array of this name. It may be null, and stand alone.
    List(&'static str),
    /// In an object of this name, whose members are a code and a name each.
    Map(&'static str),
    /// In an object of this name.
    One(&'static str),
    /// In an object of this name or, where there is none, in the answer
    /// itself.
    OneOrRoot(&'static str),
    /// In the answer itself.
    Root,
}

/// How further pages are asked for. What an answer says of a next page is
/// followed anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paging {
    /// They are not.
    None,
    /// By number.
    Number {
        /// Records of a page.
        size: u32,
    },
}

/// How an endpoint is read in parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Increment {
    /// By days (UTC) that are asked for with `from` and `to`.
    Days,
    /// By a column of times; newest first, so that a read can end where the
    /// last one began.
    NewestFirst(&'static str),
    /// By a column of times, in no order: all is asked for, and what is older
    /// is left out.
    Unordered(&'static str),
}

/// A column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// Where its values come from.
    pub source: Source,
    /// What they are.
    pub kind: Kind,
    /// Whether it is read only when it is named.
    pub is_sensitive: bool,
}

/// Where the values of a column come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// From the first of these fields that has a value. A point leads into an
    /// object.
    Fields(&'static [&'static str]),
    /// From what the endpoint is asked for.
    Scope(ScopeKey),
    /// The beginning of the time that is asked for.
    From,
    /// Its end.
    To,
    /// A hash of the record, which has no key.
    RecordHash,
    /// A hash of a text that is not read unless it is named.
    HashOf(&'static str),
}

/// A key of what an endpoint is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScopeKey {
    /// The slug of the organization.
    Organization,
    /// The UUID of the group or the database.
    Id,
    /// Its name.
    Name,
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Integers.
    Integer,
    /// True or false.
    Boolean,
    /// Days.
    Date,
    /// Times.
    Timestamp,
    /// Whatever it is, as JSON.
    Json,
}

impl Endpoint {
    /// All its columns, those of the scope first, and what has none last.
    pub fn all_columns(&self) -> impl Iterator<Item = Column> + use<'_> {
        let extra = Column {
            name: EXTRA,
            source: Source::Fields(&[]),
            kind: Kind::Json,
            is_sensitive: false,
        };
        let own = self.columns.iter().copied();
        self.scope
            .columns()
            .iter()
            .copied()
            .chain(own)
            .chain([extra])
    }

    /// The columns that are read unless others are named.
    pub fn usual_columns(&self) -> impl Iterator<Item = Column> + use<'_> {
        self.all_columns().filter(|column| !column.is_sensitive)
    }

    /// All that is to be said of it: which endpoints it covers, what it costs,
    /// and which columns have to be named.
    #[must_use]
    pub fn sentences(&self) -> String {
        let mut text = format!("{}. GET {}", self.description, self.path);
        for path in self.covers {
            text.push_str(&format!("; GET {path} only repeats it"));
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

impl Paging {
    /// The same with one record for each page, to see whether there are any.
    #[must_use]
    pub fn small(self) -> Self {
        match self {
            Self::None => Self::None,
            Self::Number { .. } => Self::Number { size: 1 },
        }
    }
}

impl Scope {
    /// The columns that every row has of what it was asked for.
    #[must_use]
    pub fn columns(self) -> &'static [Column] {
        match self {
            Self::Token | Self::Region => &[],
            Self::Organization => ORGANIZATION,
            Self::Group => GROUP,
            Self::Database => DATABASE,
        }
    }

    /// The resource that it is fanned out from.
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

impl Column {
    /// A column of the field of the same name.
    const fn of(name: &'static str, fields: &'static [&'static str], kind: Kind) -> Self {
        Self {
            name,
            source: Source::Fields(fields),
            kind,
            is_sensitive: false,
        }
    }

    /// The same, read only when it is named.
    #[must_use]
    pub const fn sensitive(mut self) -> Self {
        self.is_sensitive = true;
        self
    }

    /// As the decoder takes it.
    #[must_use]
    pub fn spec(&self) -> ColumnSpec {
        ColumnSpec {
            name: self.name.to_owned(),
            storage: self.kind.storage(),
            holds_json: false,
        }
    }
}

/// Text of a field, which may be one of several.
#[must_use]
pub const fn text(name: &'static str, fields: &'static [&'static str]) -> Column {
    Column::of(name, fields, Kind::Text)
}

/// An integer of a field.
#[must_use]
pub const fn integer(name: &'static str, fields: &'static [&'static str]) -> Column {
    Column::of(name, fields, Kind::Integer)
}

/// A boolean of a field.
#[must_use]
pub const fn boolean(name: &'static str, fields: &'static [&'static str]) -> Column {
    Column::of(name, fields, Kind::Boolean)
}

/// A time of a field.
#[must_use]
pub const fn time(name: &'static str, fields: &'static [&'static str]) -> Column {
    Column::of(name, fields, Kind::Timestamp)
}

/// A day of a field.
#[must_use]
pub const fn date(name: &'static str, fields: &'static [&'static str]) -> Column {
    Column::of(name, fields, Kind::Date)
}

/// A field with more fields in it.
#[must_use]
pub const fn json(name: &'static str, fields: &'static [&'static str]) -> Column {
    Column::of(name, fields, Kind::Json)
}

/// What is made of something else than a field.
#[must_use]
pub const fn made(name: &'static str, source: Source, kind: Kind) -> Column {
    Column {
        name,
        source,
        kind,
        is_sensitive: false,
    }
}

const ORGANIZATION: &[Column] = &[of_scope("organization_slug", ScopeKey::Organization)];

const GROUP: &[Column] = &[
    of_scope("organization_slug", ScopeKey::Organization),
    of_scope("group_uuid", ScopeKey::Id),
    of_scope("group_name", ScopeKey::Name),
];

const DATABASE: &[Column] = &[
    of_scope("organization_slug", ScopeKey::Organization),
    of_scope("database_id", ScopeKey::Id),
    of_scope("database_name", ScopeKey::Name),
];

const fn of_scope(name: &'static str, key: ScopeKey) -> Column {
    made(name, Source::Scope(key), Kind::Text)
}

impl Kind {
    /// How it is stored.
    #[must_use]
    pub fn storage(self) -> Storage {
        match self {
            Self::Text => Storage::Text,
            Self::Integer => Storage::Integer,
            Self::Boolean => Storage::Logical(LogicalType::Boolean),
            Self::Date => Storage::Logical(LogicalType::Date),
            Self::Timestamp => Storage::Logical(LogicalType::Timestamp {
                unit: EpochUnit::Second,
                utc: true,
            }),
            Self::Json => Storage::Logical(LogicalType::Json),
        }
    }
}
