//! The mapping of the rows of a resource to the rows of its table. The only
//! owner of the column list at each step:
//!
//! 1. `missing_columns`: columns that a page lacks are null.
//! 2. `mask`: masked values are replaced.
//! 3. `nested`: JSON is validated, or split into columns and child tables.
//! 4. `load_columns`: the host adds its columns.
//! 5. `schema_fit`: each column goes to a column of its type in the table.
//!
//! `column_names` gives each column its stored name, `target_table` chooses the
//! steps by the plan of the resource, `changes` names the differences to the
//! table, `keys` maps pages of keys, and `sibling_values` counts what went to
//! sibling columns. Must not call a destination.

mod changes;
mod column_names;
mod keys;
mod load_columns;
pub(super) mod mask;
mod missing_columns;
mod nested;
mod schema_fit;
mod sibling_values;
mod target_table;

use std::collections::BTreeSet;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, SchemaRef};

pub use self::changes::Change;
pub(super) use self::load_columns::LoadColumns;
pub(super) use self::mask::{Masking, mask_rejected, unselected};
pub(super) use self::missing_columns::add_missing_columns;
pub(super) use self::nested::{ChildRows, list_depth, parent_column};
pub use self::sibling_values::SiblingValues;
pub(super) use self::target_table::{TargetTable, selected_columns};

use self::column_names::ColumnNames;
use self::nested::Nesting;
use self::target_table::Mapping;
use super::error::PipelineError;
use crate::destination::TableWrite;
use crate::model::{Cursor, SourceSchema, UnreadPart};

/// Maps the rows of one resource, or of one child table, to stored rows.
pub(super) struct RowMapper {
    target: TargetTable,
    /// Columns that the connector has announced.
    source: SourceSchema,
    /// Columns of key pages, under their names in `source`.
    key_columns: Vec<String>,
    /// Stored names of columns of another type than the table's that have had
    /// a value.
    valued: BTreeSet<String>,
    names: ColumnNames,
    nesting: Option<Box<Nesting>>,
    mapping: Mapping,
    /// Columns of the table before the run.
    before: Option<SchemaRef>,
    sibling_values: Vec<SiblingValues>,
    /// Columns of the table that were converted.
    converted: Vec<Change>,
}

/// The stored rows of one page.
pub(super) struct MappedRows {
    pub(super) rows: RecordBatch,
    /// Rows that the schema policy rejects.
    pub(super) rejected: Option<RecordBatch>,
    /// True if the table has to be opened again before the rows are written.
    pub(super) has_new_columns: bool,
}

impl RowMapper {
    /// Creates the mapper of rows with the columns of `source`.
    pub(super) fn new(target: TargetTable, source: SourceSchema) -> Result<Self, PipelineError> {
        let mut nesting = None;
        let mut names = ColumnNames::default();
        let valued = BTreeSet::new();
        Ok(Self {
            mapping: target.mapping(&source, &mut nesting, &mut names, &valued)?,
            before: target.existing.clone(),
            sibling_values: Vec::new(),
            converted: Vec::new(),
            target,
            source,
            key_columns: Vec::new(),
            valued,
            names,
            nesting,
        })
    }

    /// Announces the columns of all later pages. The table has to be opened
    /// again.
    pub(super) fn announce(&mut self, mut source: SourceSchema) -> Result<(), PipelineError> {
        if self.target.plan.needs_keys() {
            // Only key pages may have announced some of the siblings.
            source.add_siblings(&self.source);
        }
        self.source = source;
        self.remap()
    }

    /// Continues in another load, for which the table has the `existing`
    /// columns.
    pub(super) fn begin_load(&mut self, existing: Option<SchemaRef>) -> Result<(), PipelineError> {
        self.target.existing = existing;
        self.remap()
    }

    /// Sets the cursor from which a later run resumes.
    pub(super) fn set_cursor(&mut self, cursor: Cursor) {
        self.target.plan.cursor = Some(cursor);
    }

    /// Maps a page. The rows of child tables go to `child_rows`.
    pub(super) fn take(
        &mut self,
        page: &RecordBatch,
        load: &mut LoadColumns,
        child_rows: &mut dyn FnMut(ChildRows, &mut LoadColumns) -> Result<(), PipelineError>,
    ) -> Result<MappedRows, PipelineError> {
        let mut has_new_columns = false;
        let mut rows = add_missing_columns(page, &self.source.columns)
            .and_then(|rows| self.mapping.masking.apply(&rows))
            .map_err(|error| PipelineError::contract(error.to_string()))?;
        if let Some(nesting) = &mut self.nesting {
            rows = nesting.take(&rows, &mut |rows| child_rows(rows, load))?;
            if nesting.has_grown() {
                has_new_columns = true;
                self.remap()?;
            }
        }
        let rows = load
            .add_to(&rows, &self.mapping.loaded)
            .map_err(|error| PipelineError::contract(error.to_string()))?;
        let valued = self.mapping.fit.pending_with_values(&rows);
        if !valued.is_empty() {
            has_new_columns = true;
            self.valued.extend(valued);
            self.remap()?;
        }
        let (rows, rejected) = self
            .mapping
            .fit
            .split(rows)
            .map_err(|error| PipelineError::contract(error.to_string()))?;
        sibling_values::add(
            &mut self.sibling_values,
            &rows,
            self.mapping.fit.siblings(),
            self.target.plan.masks(),
        );
        Ok(MappedRows {
            rows,
            rejected,
            has_new_columns,
        })
    }

    /// True if lists become child tables.
    pub(super) fn makes_child_tables(&self) -> bool {
        let nesting = self.nesting.as_ref();
        nesting.is_some_and(|nesting| nesting.makes_tables())
    }

    /// Returns the child tables that the resource has so far, with their
    /// columns.
    pub(super) fn child_tables(&self) -> impl Iterator<Item = (String, SourceSchema)> {
        let nesting = self.nesting.iter();
        nesting.flat_map(|nesting| nesting.child_tables())
    }

    /// Adds a child table of an earlier load.
    pub(super) fn add_child_table(&mut self, name: &str, existing: &SchemaRef) {
        if let Some(nesting) = &mut self.nesting {
            nesting.add_child_table(name, existing);
        }
    }

    /// Returns the rows of this table that the connector did not read, by
    /// their stored values.
    pub(super) fn stored_unread(&self, part: &UnreadPart) -> Result<UnreadPart, PipelineError> {
        let column = self.source.columns.field_with_name(&part.column).ok();
        if column.is_none_or(|column| *column.data_type() != DataType::Utf8) {
            return Err(PipelineError::contract(format!(
                "a part of `{}` was not read, but no text column identifies it",
                self.target.resource
            )));
        }
        let masks = self.target.plan.masks();
        Ok(UnreadPart {
            column: self.names.stored(&part.column),
            values: mask::stored_texts(masks, &self.target.resource, part)?,
            failure: None,
        })
    }

    /// Instructions for the destination that writes the rows.
    pub(super) fn table_write(&self) -> &TableWrite {
        &self.mapping.table_write
    }

    /// Columns that the connector has announced.
    pub(super) fn source(&self) -> &SourceSchema {
        &self.source
    }

    /// Table that the rows are mapped to.
    pub(super) fn target(&self) -> &TargetTable {
        &self.target
    }

    /// Sets the columns of the table that were converted for the rows.
    pub(super) fn set_converted(&mut self, converted: Vec<Change>) {
        self.converted = converted;
    }

    /// Values that went to sibling columns so far.
    pub(super) fn sibling_values(&self) -> &[SiblingValues] {
        &self.sibling_values
    }

    /// Returns the columns whose values have another type than before the run.
    pub(super) fn type_changes(&self) -> Vec<Change> {
        let Some(before) = &self.before else {
            return Vec::new();
        };
        if !self.target.plan.keeps_table() {
            return changes::replaced_types(&self.mapping.fit, before);
        }
        let added = changes::added_columns(&self.mapping.fit, before);
        let is_type = |change: &Change| matches!(change, Change::TypeChanged { .. });
        let converted = self.converted.iter().cloned();
        converted.chain(added.into_iter().filter(is_type)).collect()
    }

    /// Number of JSON values that went to a sibling column.
    pub(super) fn mismatches(&self) -> u64 {
        self.nesting
            .as_ref()
            .map_or(0, |nesting| nesting.mismatches())
    }

    /// Chooses the steps for the current columns.
    fn remap(&mut self) -> Result<(), PipelineError> {
        self.mapping = self.target.mapping(
            &self.source,
            &mut self.nesting,
            &mut self.names,
            &self.valued,
        )?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
