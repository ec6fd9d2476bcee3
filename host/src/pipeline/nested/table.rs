//! The rows of one table that is made of nested values: of the resource
//! itself, or of a list in it. Knows no JSON.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::Int64Builder;
use arrow_array::{ArrayRef, RecordBatch, RecordBatchOptions, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use arrow_select::take::take;

use super::columns::Columns;
use crate::model::{Sibling, SourceSchema, names};

/// The columns of a resource that tell which of its rows something is of: its
/// key with the siblings of that, under the names that they have elsewhere.
#[derive(Clone, Debug, Default)]
pub(super) struct Root {
    /// Where the rows of the resource have them.
    places: Vec<usize>,
    fields: Vec<FieldRef>,
    key: Vec<String>,
    siblings: Vec<Sibling>,
}

/// A table of the items of a list.
#[derive(Debug)]
pub(super) struct Table {
    /// Its name.
    pub(super) name: String,
    /// Lists that it is in, itself one of them.
    pub(super) depth: usize,
    pub(super) columns: Columns,
    /// Rows that have not been given away.
    pub(super) rows: usize,
    /// How many of them only begin a group.
    pub(super) heads: u64,
    /// The rows of the page that they are of.
    parents: Vec<u32>,
    positions: Vec<Int64Builder>,
}

impl Root {
    /// That of a resource with this key.
    pub(super) fn new(source: &SourceSchema, key: &[String]) -> Self {
        let mut root = Self::default();
        for column in key {
            let name = root_of(column);
            let siblings = source.siblings.iter();
            let siblings = siblings.filter(|sibling| sibling.column.eq_ignore_ascii_case(column));
            for sibling in siblings {
                if root.add(source, &sibling.name) {
                    root.siblings.push(Sibling {
                        name: root_of(&sibling.name),
                        column: name.clone(),
                    });
                }
            }
            if root.add(source, column) {
                root.key.push(name);
            }
        }
        root
    }

    fn add(&mut self, source: &SourceSchema, column: &str) -> bool {
        let mut fields = source.columns.fields().iter();
        let Some(place) = fields.position(|field| field.name().eq_ignore_ascii_case(column)) else {
            return false;
        };
        let field = source.columns.field(place).clone();
        self.places.push(place);
        let field = field.with_metadata(HashMap::new());
        self.fields.push(Arc::new(
            field.with_name(root_of(column)).with_nullable(true),
        ));
        true
    }
}

/// What a key column is called where it tells whose row one is.
pub(in crate::pipeline) fn root_of(column: &str) -> String {
    format!("{}{column}", names::ROOT)
}

impl Table {
    /// Of no rows yet.
    pub(super) fn new(name: String, depth: usize, columns: Columns) -> Self {
        Self {
            name,
            depth,
            columns,
            rows: 0,
            heads: 0,
            parents: Vec::new(),
            positions: (0..depth).map(|_| Int64Builder::new()).collect(),
        }
    }

    /// Begins the row of an item, and says which it is.
    pub(super) fn begin(&mut self, parent: u32, positions: &[i64]) -> usize {
        self.parents.push(parent);
        for (builder, position) in self.positions.iter_mut().zip(positions) {
            builder.append_value(*position);
        }
        self.rows += 1;
        self.rows - 1
    }

    /// Begins the group of a row of the resource.
    pub(super) fn begin_group(&mut self, parent: u32) {
        self.parents.push(parent);
        self.positions
            .iter_mut()
            .for_each(Int64Builder::append_null);
        self.rows += 1;
        self.heads += 1;
    }

    /// About how many values wait.
    pub(super) fn cells(&self) -> usize {
        self.rows * (self.columns.len() + self.depth + 1)
    }

    /// Its columns now.
    pub(super) fn source(&self, root: &Root) -> SourceSchema {
        let positions = (0..self.depth)
            .map(|depth| Arc::new(Field::new(names::index(depth), DataType::Int64, true)));
        let fields = root.fields.iter().cloned().chain(positions);
        let fields = fields.chain(self.columns.fields());
        SourceSchema {
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            primary_key: root.key.clone(),
            siblings: root
                .siblings
                .iter()
                .cloned()
                .chain(self.columns.siblings())
                .collect(),
        }
    }

    /// Gives its rows away. `page` is the one whose rows they are of.
    pub(super) fn take(
        &mut self,
        root: &Root,
        page: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        let schema = self.source(root).columns;
        let parents = UInt32Array::from(std::mem::take(&mut self.parents));
        let of_root = root
            .places
            .iter()
            .map(|place| take(page.column(*place), &parents, None));
        let mut columns = of_root.collect::<Result<Vec<ArrayRef>, _>>()?;
        let positions = self.positions.iter_mut();
        columns.extend(positions.map(|builder| Arc::new(builder.finish()) as ArrayRef));
        columns.extend(self.columns.finish(self.rows));
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        self.rows = 0;
        self.heads = 0;
        RecordBatch::try_new_with_options(schema, columns, &options)
    }
}
