//! Description of the rows that a load writes to a table, and the counts of
//! what it did.

use std::sync::Arc;

use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit};

use crate::model::{DeletionMode, Sibling, WriteDisposition, names};

/// Description of the rows that a load writes to a table.
#[derive(Clone, Debug)]
pub struct TableWrite {
    /// Columns of the rows. Their types are those of
    /// [`stored_type`](super::stored_type()); the last column is
    /// [`LOAD_ID`](crate::model::names::LOAD_ID), dictionary-encoded text.
    /// Names are not quoted, folded or otherwise made safe; the destination
    /// does that.
    pub schema: SchemaRef,
    /// Columns for the values that do not match the type of another column.
    pub siblings: Vec<Sibling>,
    /// Treatment of the rows that the table holds already.
    pub disposition: WriteDisposition,
    /// Columns that identify a row. Never empty if rows are compared: with
    /// [`WriteDisposition::Merge`], [`WriteDisposition::Scd2`], or any
    /// [`DeletionSource`] except `Unknown`.
    pub key: Vec<String>,
    /// True if the load replaces the whole table, whatever the disposition.
    pub full_refresh: bool,
    /// Evidence of which rows are no longer in the source.
    pub deletion_source: DeletionSource,
    /// Treatment of rows that are no longer in the source.
    pub deletion_mode: DeletionMode,
    /// Groups that the rows form, only with [`WriteDisposition::Merge`]. The
    /// rows are written with
    /// [`Load::write_child_rows`](super::Load::write_child_rows).
    pub group: Option<RowGroups>,
    /// Order of the rows of one key, of which the largest is stored. Without it,
    /// the last row that was written is stored.
    pub order: Option<RowOrder>,
}

/// Groups that the rows of a table form: a group has the rows that one row of
/// another table leads to, such as the items of its list. The groups of a parent
/// row that is stored replace all rows of their key. Others are dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowGroups {
    /// Column that is null in the first row of a group. That row has no values
    /// except its key, and is not stored.
    pub index: String,
    /// Name of the table of the parent rows, which the load opens too.
    pub parent: String,
}

/// Order of rows that have the same key. Rows with equal values, or with values
/// that do not compare because one is in a sibling, are in the order in which
/// they were written. A row without a value is before all others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowOrder {
    /// Column whose largest value decides.
    pub column: String,
    /// True if stored rows are compared too, so that a row that is older than
    /// the stored one is not stored. Stored rows that have ended are not
    /// compared.
    pub includes_stored: bool,
}

impl TableWrite {
    /// Creates a write whose rows are not compared with others.
    #[must_use]
    pub fn new(schema: SchemaRef, disposition: WriteDisposition) -> Self {
        Self {
            schema,
            siblings: Vec::new(),
            disposition,
            key: Vec::new(),
            full_refresh: false,
            deletion_source: DeletionSource::Unknown,
            deletion_mode: DeletionMode::Ignore,
            group: None,
            order: None,
        }
    }

    /// Returns true if rows are identified by their key.
    pub(super) fn compares_keys(&self) -> bool {
        matches!(
            self.disposition,
            WriteDisposition::Merge | WriteDisposition::Scd2
        )
    }

    /// Returns each key column with its siblings.
    pub(super) fn key_families(&self) -> Vec<Vec<String>> {
        self.key.iter().map(|column| self.family(column)).collect()
    }

    /// Returns the column by which rows of one key are ordered, with its
    /// siblings.
    pub(super) fn order_family(&self) -> Option<Vec<String>> {
        Some(self.family(&self.order.as_ref()?.column))
    }

    /// Returns a column with its siblings.
    fn family(&self, column: &String) -> Vec<String> {
        let siblings = self
            .siblings
            .iter()
            .filter(|sibling| sibling.column == *column);
        let names = siblings.map(|sibling| sibling.name.clone());
        std::iter::once(column.clone()).chain(names).collect()
    }

    /// Returns the column that the destination fills: the time at which a row
    /// was deleted or its version ended.
    pub(super) fn end_column(&self) -> Option<&'static str> {
        match (self.disposition, self.deletion_mode) {
            (WriteDisposition::Scd2, _) => Some(names::VALID_TO),
            (WriteDisposition::Merge, DeletionMode::Soft) => Some(names::DELETED_AT),
            _ => None,
        }
    }

    /// Returns the columns of the stored table: those of the rows, and the one
    /// that the destination fills.
    pub(super) fn stored_schema(&self) -> SchemaRef {
        let Some(end_column) = self.end_column() else {
            return SchemaRef::clone(&self.schema);
        };
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let mut fields: Vec<FieldRef> = self.schema.fields().iter().cloned().collect();
        fields.push(Arc::new(Field::new(end_column, time, true)));
        Arc::new(Schema::new(fields))
    }
}

/// Returns true if a change in a column makes a new version of a row.
pub(super) fn is_content_column(name: &str) -> bool {
    ![
        names::LOAD_ID,
        names::VALID_FROM,
        names::VALID_TO,
        names::IS_DELETED,
    ]
    .contains(&name)
}

/// Evidence of which rows are no longer in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeletionSource {
    /// The load does not know.
    #[default]
    Unknown,
    /// The rows of the load are all rows of the source.
    AllRows,
    /// The keys sent with [`Load::write_keys`](super::Load::write_keys) are
    /// the keys of all rows of the source.
    AllKeys,
    /// Each row is flagged in the column
    /// [`IS_DELETED`](crate::model::names::IS_DELETED). Rows are sent in the
    /// order in which they changed.
    Flagged,
}

/// Counts of what a load did to a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriteStats {
    /// Rows that were stored.
    pub written: u64,
    /// Rows that were deleted, marked as deleted, or whose version ended.
    pub deleted: u64,
    /// Rows that were not stored, because another row has their key. Rows of
    /// groups are not counted.
    pub superseded: u64,
}
