//! Selections of a read, and the options that bound it. Must not know where
//! rows come from.

use std::sync::Arc;

use crate::cursor::{Cursor, DatabaseIdentity};
use crate::deadline::Deadline;
use crate::error::{Error, Result};
use crate::rows::column_types::{ColumnTypes, RequestedType};
use crate::rows::logical_type::LogicalType;
use crate::rows::page_limit::PageLimit;
use crate::rows::value::Value;

/// Requested resource, and how it is read.
#[derive(Clone, Debug, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the contract has these flags, which are independent"
)]
pub struct Selection {
    /// Name of the resource.
    pub resource: String,
    /// Mode of the read.
    pub mode: Mode,
    /// Columns to read. Empty means all.
    pub columns: Vec<String>,
    /// Columns whose values must not show in a cursor or a note.
    pub masked: Vec<String>,
    /// Requested types of columns.
    pub types: Vec<TypeOverride>,
    /// True if columns that are declared as JSON are read as JSON.
    pub nested: bool,
    /// Condition on the rows, in SQL.
    pub filter: Option<String>,
    /// Primary key, if it differs from the declared one.
    pub primary_key: Vec<String>,
    /// Cursor column of an incremental read.
    pub cursor_column: Option<String>,
    /// Range before the cursor that is read again.
    pub lag: Option<Lag>,
    /// Smallest value of the cursor column that is read.
    pub start: Option<Value>,
    /// Value of the cursor column from which on no rows are read.
    pub end: Option<Value>,
    /// Cursor after which the read continues.
    pub cursor: Option<Cursor>,
    /// Database that is read.
    pub database: Option<DatabaseIdentity>,
    /// True if the host has no cursor for the resource.
    pub is_first: bool,
    /// Maximum rows that the server may bill.
    pub max_rows_billed: Option<u64>,
    /// True if the destination replaces a row that is sent again.
    pub idempotent: bool,
    /// True if the keys of all rows are requested too.
    pub keys: bool,
    /// Figures that the server is asked for.
    pub verify: Verification,
    /// Reason why the selection is invalid. Its resource is not read, and fails.
    pub invalid: Option<Error>,
}

/// Mode in which a resource is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// All rows.
    #[default]
    Full,
    /// Rows after the cursor.
    Incremental,
    /// Changes that the feed has recorded since the cursor.
    Changes,
}

/// Figures about the rows of a resource that the server is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Verification {
    /// None.
    #[default]
    Off,
    /// Number of rows.
    Count,
    /// Number of rows, and a checksum of their values.
    Checksum,
}

/// Distance in the order of a cursor column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Lag {
    /// Number in the unit of the cursor column, or of seconds.
    pub amount: f64,
    /// True if the number counts seconds.
    pub is_time: bool,
}

impl Lag {
    /// Parses a number, or a time such as `600s`. `None` if it is not from 0 on.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (number, is_time) = match text.strip_suffix('s') {
            Some(seconds) => (seconds, true),
            None => (text, false),
        };
        let amount: f64 = number.parse().ok()?;
        let is_usable = amount.is_finite() && amount >= 0.0;
        is_usable.then_some(Self { amount, is_time })
    }
}

/// Requested type of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeOverride {
    /// Name of the column.
    pub column: String,
    /// Requested type.
    pub requested: RequestedType,
}

impl Selection {
    /// True if the values of a column must not show in a cursor or a note.
    #[must_use]
    pub fn is_masked(&self, column: &str) -> bool {
        let mut masked = self.masked.iter();
        masked.any(|masked| masked.eq_ignore_ascii_case(column))
    }
}

impl Selection {
    /// True if the requested type of a column is a time or a day.
    #[must_use]
    pub fn is_time(&self, column: &str) -> bool {
        let mut types = self.types.iter();
        types.any(|requested| {
            let is_time = matches!(
                requested.requested.logical(),
                Some(LogicalType::Timestamp { .. } | LogicalType::Date)
            );
            is_time && requested.column.eq_ignore_ascii_case(column)
        })
    }
}

impl TypeOverride {
    /// Parses the name of a type.
    pub fn parse(column: String, type_name: &str) -> Result<Self> {
        let requested = RequestedType::parse(type_name, &column)?;
        Ok(Self { column, requested })
    }
}

/// Column with the same text in each row, which is added after the rows are read.
#[derive(Clone, Debug)]
pub struct AddedColumn {
    /// Name of the column.
    pub name: String,
    /// Text of each row.
    pub text: String,
    /// Returns the name that a column of the table has next to this one.
    pub rename: fn(&str) -> String,
}

/// Options that apply to all resources of a read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// Maximum rows of a page.
    pub page_rows: u64,
    /// Maximum bytes of a page. The server's maximum is lower than most values.
    pub page_bytes: Option<u64>,
    /// Maximum rows of each resource.
    pub row_limit: Option<u64>,
    /// True if pages may be from different points in time, so that a read can resume.
    pub resumable: bool,
    /// True if missing tables are skipped, because not every one of many
    /// databases has them.
    pub lenient: bool,
    /// True if estimates are requested and progress is reported.
    pub progress: bool,
    /// Time at which the read ends.
    pub deadline: Deadline,
    /// Figures of resources without a selection.
    pub verify: Verification,
    /// Column that the reader of many databases adds to the rows of each.
    pub added_column: Option<AddedColumn>,
    /// Types of the columns of all resources.
    pub types: Arc<ColumnTypes>,
}

impl ReadOptions {
    /// Returns the maximum size of a page, which is at most `max_bytes`.
    #[must_use]
    pub fn page_limit(&self, max_bytes: u64) -> PageLimit {
        PageLimit {
            rows: self.page_rows,
            bytes: self
                .page_bytes
                .map_or(max_bytes, |bytes| bytes.min(max_bytes)),
        }
    }
}
