//! The buffered rows of one table that is made of nested values: that of the
//! resource, or a child table. Knows no JSON.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::Int64Builder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use arrow_select::take::take;

use super::growing_columns::GrowingColumns;
use crate::model::siblings::Sibling;
use crate::model::{SourceSchema, names};

/// The columns of a child table that identify the parent row: the key of the
/// resource with the siblings of its columns.
#[derive(Clone, Debug, Default)]
pub(super) struct ParentKey {
    /// Index of each column in the rows of the resource.
    indices: Vec<usize>,
    fields: Vec<FieldRef>,
    key: Vec<String>,
    siblings: Vec<Sibling>,
}

/// The table of a resource, or of the items of a list.
#[derive(Debug)]
pub(super) struct NestedTable {
    pub(super) name: String,
    /// Number of lists around a row; zero for the table of the resource.
    pub(super) depth: usize,
    pub(super) columns: GrowingColumns,
    /// Number of buffered rows.
    pub(super) rows: usize,
    /// Number of buffered rows that only start a group.
    pub(super) group_starts: u64,
    /// Row of the page that each buffered row belongs to.
    parents: Vec<u32>,
    /// Index of each buffered row, in each list around it.
    indices: Vec<Int64Builder>,
}

impl ParentKey {
    /// Creates the columns for a resource with this key.
    pub(super) fn new(source: &SourceSchema, key: &[String]) -> Self {
        let mut parent_key = Self::default();
        for column in key {
            let name = parent_column(column);
            let siblings = source.siblings.iter();
            let siblings = siblings.filter(|sibling| sibling.column.eq_ignore_ascii_case(column));
            for sibling in siblings {
                if parent_key.add(source, &sibling.name) {
                    let renamed = sibling.renamed(parent_column(&sibling.name), name.clone());
                    parent_key.siblings.push(renamed);
                }
            }
            if parent_key.add(source, column) {
                parent_key.key.push(name);
            }
        }
        parent_key
    }

    fn add(&mut self, source: &SourceSchema, column: &str) -> bool {
        let mut fields = source.columns.fields().iter();
        let Some(index) = fields.position(|field| field.name().eq_ignore_ascii_case(column)) else {
            return false;
        };
        let field = source.columns.field(index).clone();
        self.indices.push(index);
        let field = field.with_metadata(HashMap::new());
        self.fields.push(Arc::new(
            field.with_name(parent_column(column)).with_nullable(true),
        ));
        true
    }
}

/// Returns the name by which a child table stores a key column of its parent.
pub(in crate::pipeline) fn parent_column(key: &str) -> String {
    format!("{}{key}", names::PARENT_KEY_PREFIX)
}

impl NestedTable {
    /// Creates a table without rows.
    pub(super) fn new(name: String, depth: usize, columns: GrowingColumns) -> Self {
        Self {
            name,
            depth,
            columns,
            rows: 0,
            group_starts: 0,
            parents: Vec::new(),
            indices: (0..depth).map(|_| Int64Builder::new()).collect(),
        }
    }

    /// Starts the row of an item, and returns its number.
    pub(super) fn begin_row(&mut self, parent: u32, indices: &[i64]) -> usize {
        self.parents.push(parent);
        for (builder, index) in self.indices.iter_mut().zip(indices) {
            builder.append_value(*index);
        }
        self.rows += 1;
        self.rows - 1
    }

    /// Starts the group of a row of the resource.
    pub(super) fn begin_group(&mut self, parent: u32) {
        self.parents.push(parent);
        self.indices.iter_mut().for_each(Int64Builder::append_null);
        self.rows += 1;
        self.group_starts += 1;
    }

    /// Approximate number of buffered values.
    pub(super) fn cells(&self) -> usize {
        self.rows * (self.columns.len() + self.depth + 1)
    }

    /// Returns the columns that the table has so far.
    pub(super) fn source(&self, parent_key: &ParentKey) -> SourceSchema {
        let indices = (0..self.depth).map(|depth| {
            Arc::new(Field::new(
                names::index_column(depth),
                DataType::Int64,
                true,
            ))
        });
        let fields = parent_key.fields.iter().cloned().chain(indices);
        let fields = fields.chain(self.columns.fields());
        SourceSchema {
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            primary_key: parent_key.key.clone(),
            siblings: parent_key
                .siblings
                .iter()
                .cloned()
                .chain(self.columns.siblings())
                .collect(),
        }
    }

    /// Removes and returns the buffered rows, and the index of the parent row of
    /// each. `page` has their parent rows.
    pub(super) fn take(
        &mut self,
        parent_key: &ParentKey,
        page: &RecordBatch,
    ) -> Result<(RecordBatch, Vec<u32>), ArrowError> {
        let schema = self.source(parent_key).columns;
        let parents = UInt32Array::from(std::mem::take(&mut self.parents));
        let keys = parent_key
            .indices
            .iter()
            .map(|index| take(page.column(*index), &parents, None));
        let mut columns = keys.collect::<Result<Vec<ArrayRef>, _>>()?;
        let indices = self.indices.iter_mut();
        columns.extend(indices.map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.extend(self.columns.finish(self.rows));
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.group_starts = 0;
        let rows = RecordBatch::try_new_with_options(schema, columns, &options)?;
        Ok((rows, parents.values().to_vec()))
    }
}
