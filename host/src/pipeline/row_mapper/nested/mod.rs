//! Storage of JSON columns. Every value is validated here, even if the source
//! declares it to be JSON. Valid documents are stored as JSON, or split: objects become
//! columns of the resource's table, and lists become child tables, whose rows
//! have the key of their parent row and their index in the list.
//!
//! Reading order: this file (one resource), `path_tree` (the columns of each
//! path in a document), `table` and `growing_columns` (tables that grow),
//! `json_value` (JSON). Must not know a destination.

mod growing_columns;
mod json_value;
mod path_tree;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use self::growing_columns::GrowingColumns;
use self::json_value::JsonValue;
use self::path_tree::{ListPosition, NewTablePolicy, PathTree};
pub(in crate::pipeline) use self::table::parent_column;
use self::table::{NestedTable, ParentKey};
use crate::model::{NestedMode, PageKind, SchemaPolicy, SourceSchema, is_json, names};
use crate::pipeline::error::PipelineError;

/// Number of buffered values at which the rows of a child table are flushed.
const FLUSH_CELLS: usize = 1 << 19;

/// The storage of the JSON columns of one resource.
#[derive(Debug)]
pub(super) struct Nesting {
    makes_tables: bool,
    grouped: bool,
    keeps_deleted_rows: bool,
    kind: PageKind,
    /// Columns of the pages.
    source: SourceSchema,
    parent_key: ParentKey,
    /// Columns of JSON: index in the pages, and path in the tree.
    documents: Vec<(usize, usize)>,
    tree: PathTree,
    /// Number of columns of the resource at the last call of `has_grown`.
    reported_columns: usize,
}

/// The settings of a resource that decide how its JSON is stored.
#[derive(Clone, Copy, Debug)]
pub(super) struct NestingOptions {
    pub(super) nested: NestedMode,
    pub(super) schema: SchemaPolicy,
    /// True if the items of a row replace all earlier items of that row.
    pub(super) grouped: bool,
    /// True if the load adds to the existing table.
    pub(super) keeps_table: bool,
    /// True if rows that a feed deletes are kept, and so are their items.
    pub(super) keeps_deleted_rows: bool,
}

/// Rows of a child table.
#[derive(Debug)]
pub(in crate::pipeline) struct ChildRows {
    pub(in crate::pipeline) table: String,
    pub(in crate::pipeline) source: SourceSchema,
    pub(in crate::pipeline) rows: RecordBatch,
    /// Index of the parent row of each row in the page.
    pub(in crate::pipeline) parents: Vec<u32>,
    /// Number of rows that only start a group.
    pub(in crate::pipeline) group_starts: u64,
}

impl Nesting {
    /// Creates the storage for a resource whose pages have the columns of
    /// `source`. `None` if it has no JSON and cannot have child tables.
    pub(super) fn new(
        resource: &str,
        options: NestingOptions,
        kind: PageKind,
        source: &SourceSchema,
        key: &[String],
        existing: Option<&SchemaRef>,
    ) -> Result<Option<Self>, PipelineError> {
        let makes_tables = options.nested == NestedMode::Tables;
        let has_json = source.columns.fields().iter().any(|field| is_json(field));
        if !has_json && !makes_tables {
            return Ok(None);
        }
        if makes_tables && has_json && key.is_empty() {
            return Err(PipelineError::settings(
                format!(
                    "`{resource}` needs a primary key so that its lists can be stored as child tables"
                ),
                "set `primary_key` to columns that identify its rows, or set `nested` to `json`",
            ));
        }
        let new_tables = match options.schema {
            _ if existing.is_none() => NewTablePolicy::Create,
            SchemaPolicy::Evolve | SchemaPolicy::DiscardRow => NewTablePolicy::Create,
            SchemaPolicy::DiscardValue => NewTablePolicy::Skip,
            SchemaPolicy::Freeze => NewTablePolicy::Refuse,
        };
        let other_columns = source.columns.fields().iter();
        let other_columns =
            other_columns.filter(|field| !(makes_tables && is_document(field, key)));
        let columns = GrowingColumns::new(
            other_columns.map(|field| field.name().as_str()),
            existing.cloned(),
            options.keeps_table,
        );
        let mut nesting = Self {
            makes_tables,
            grouped: options.grouped,
            keeps_deleted_rows: options.keeps_deleted_rows,
            kind,
            source: source.clone(),
            parent_key: ParentKey::default(),
            documents: Vec::new(),
            tree: PathTree::new(resource, columns, new_tables, options.grouped),
            reported_columns: 0,
        };
        nesting.set_source(source, key);
        Ok(Some(nesting))
    }

    /// Sets the columns of later pages.
    pub(super) fn set_source(&mut self, source: &SourceSchema, key: &[String]) {
        let fields = source.columns.fields();
        let mut documents = Vec::new();
        for (index, field) in fields.iter().enumerate() {
            if !is_document(field, key) {
                self.tree.tables[0].columns.reserve_name(field.name());
                continue;
            }
            let known = self
                .documents
                .iter()
                .find(|(known, _)| self.source.columns.field(*known).name() == field.name());
            let path = match known {
                Some((_, path)) => *path,
                None => self.tree.add_document(field.name()),
            };
            documents.push((index, path));
        }
        self.documents = documents;
        self.parent_key = ParentKey::new(source, key);
        self.source = source.clone();
    }

    /// True if lists become child tables.
    pub(super) fn makes_tables(&self) -> bool {
        self.makes_tables
    }

    /// Adds a table of an earlier load, if it has the columns of a child table.
    pub(super) fn add_child_table(&mut self, name: &str, existing: &SchemaRef) {
        if let Some(depth) = list_depth(existing) {
            self.tree
                .add_existing_table(name, depth, Arc::clone(existing));
        }
    }

    /// Returns the child tables with their columns.
    pub(super) fn child_tables(&self) -> impl Iterator<Item = (String, SourceSchema)> {
        let tables = self.tree.tables.iter().skip(1);
        tables.map(|table| (table.name.clone(), table.source(&self.parent_key)))
    }

    /// Returns the columns of the resource after its JSON was validated or
    /// split.
    pub(super) fn columns(&self) -> SourceSchema {
        let fields = self.source.columns.fields().iter().enumerate();
        let mut kept: Vec<FieldRef> = fields
            .filter(|(index, _)| !self.is_split(*index))
            .map(|(index, field)| {
                // A key is not validated, so that it stays text.
                if is_json(field) && !self.is_document(index) {
                    as_text(field)
                } else {
                    Arc::clone(field)
                }
            })
            .collect();
        let deleted_flag = match self.kind {
            PageKind::Changes => kept.pop(),
            _ => None,
        };
        let grown = &self.tree.tables[0].columns;
        let fields = kept.into_iter().chain(grown.fields()).chain(deleted_flag);
        let siblings = self.source.siblings.iter().cloned();
        SourceSchema {
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            primary_key: self.source.primary_key.clone(),
            siblings: siblings.chain(grown.siblings()).collect(),
        }
    }

    /// Returns true if the resource has columns that it did not have at the
    /// last call.
    pub(super) fn has_grown(&mut self) -> bool {
        let columns = self.tree.tables[0].columns.len();
        std::mem::replace(&mut self.reported_columns, columns) != columns
    }

    /// Number of values that went to a sibling column.
    pub(super) fn mismatches(&self) -> u64 {
        self.tree.mismatches
    }

    /// Validates or splits the JSON of a page. The rows of child tables go to
    /// `child_rows`.
    pub(super) fn take(
        &mut self,
        page: &RecordBatch,
        child_rows: &mut dyn FnMut(ChildRows) -> Result<(), PipelineError>,
    ) -> Result<RecordBatch, PipelineError> {
        let mut columns = page.columns().to_vec();
        if self.makes_tables {
            self.split(page, child_rows)?;
        } else {
            for (index, path) in self.documents.clone() {
                if let Some(valid) = self.validate(page.column(index), path) {
                    columns[index] = valid;
                }
            }
        }
        self.rows(columns, page.num_rows())
            .map_err(|error| PipelineError::contract(error.to_string()))
    }

    /// Splits the documents of a page into columns and child tables.
    fn split(
        &mut self,
        page: &RecordBatch,
        child_rows: &mut dyn FnMut(ChildRows) -> Result<(), PipelineError>,
    ) -> Result<(), PipelineError> {
        let parent_key = &self.parent_key;
        let mut flush_if_full = |tree: &mut PathTree, table: usize| {
            let table = &mut tree.tables[table];
            if table.cells() < FLUSH_CELLS {
                return Ok(());
            }
            flush(table, parent_key, page, child_rows)
        };
        let deleted = self.deleted(page).filter(|_| self.keeps_deleted_rows);
        for row in 0..page.num_rows() {
            let page_row = u32::try_from(row)
                .map_err(|_| PipelineError::contract("a page has too many rows"))?;
            if deleted.is_some_and(|deleted| deleted.value(row)) {
                continue;
            }
            if self.grouped {
                self.tree.begin_group(page_row, &mut flush_if_full)?;
            }
            for (index, path) in &self.documents {
                let texts = page.column(*index).as_string::<i32>();
                if texts.is_null(row) {
                    continue;
                }
                match JsonValue::parse(texts.value(row)) {
                    Some(value) => {
                        let mut position = ListPosition::new(page_row);
                        let tree = &mut self.tree;
                        tree.walk(0, row, *path, &value, &mut position, &mut flush_if_full)?;
                    }
                    None => self.tree.put_invalid(row, *path, texts.value(row)),
                }
            }
        }
        for table in self.tree.tables.iter_mut().skip(1) {
            if table.rows > 0 {
                flush(table, parent_key, page, child_rows)?;
            }
        }
        Ok(())
    }

    /// Returns a column of JSON in the form that destinations accept: each document
    /// on one line, and `null` as null. Other text goes to a sibling. `None`
    /// if nothing has to change.
    fn validate(&mut self, column: &ArrayRef, path: usize) -> Option<ArrayRef> {
        let texts = column.as_string::<i32>();
        let mut changed = false;
        let mut valid = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                valid.append_null();
                continue;
            };
            match JsonValue::parse(text) {
                Some(JsonValue::Null) => valid.append_null(),
                Some(_) => {
                    let line = on_one_line(text);
                    changed |= line != text;
                    valid.append_value(line);
                    continue;
                }
                None => {
                    self.tree.put_invalid(row, path, text);
                    valid.append_null();
                }
            }
            changed = true;
        }
        changed.then(|| Arc::new(valid.finish()) as ArrayRef)
    }

    fn rows(&mut self, columns: Vec<ArrayRef>, rows: usize) -> Result<RecordBatch, ArrowError> {
        let mut columns: Vec<_> = columns
            .into_iter()
            .enumerate()
            .filter(|(index, _)| !self.is_split(*index))
            .map(|(_, column)| column)
            .collect();
        let deleted_flag = match self.kind {
            PageKind::Changes => columns.pop(),
            _ => None,
        };
        columns.extend(self.tree.tables[0].columns.finish(rows));
        columns.extend(deleted_flag);
        RecordBatch::try_new(self.columns().columns, columns)
    }

    fn is_split(&self, index: usize) -> bool {
        self.makes_tables && self.is_document(index)
    }

    fn is_document(&self, index: usize) -> bool {
        self.documents
            .iter()
            .any(|(document, _)| *document == index)
    }

    /// Returns the flags of deleted rows in a page of changes.
    fn deleted<'p>(&self, page: &'p RecordBatch) -> Option<&'p BooleanArray> {
        let last = page
            .columns()
            .last()
            .filter(|_| self.kind == PageKind::Changes)?;
        last.as_boolean_opt()
    }
}

/// Returns a document without line breaks between its tokens. Line breaks in
/// texts are escaped.
fn on_one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    if text.contains(['\n', '\r']) {
        return text.replace(['\n', '\r'], " ").into();
    }
    text.into()
}

/// Returns the number of lists around the rows of a child table. `None` for
/// other tables.
pub(in crate::pipeline) fn list_depth(table: &Schema) -> Option<usize> {
    let has_index = |depth: &usize| table.field_with_name(&names::index_column(*depth)).is_ok();
    let depth = (0..table.fields().len()).take_while(has_index).count();
    let is_parent_key = |field: &FieldRef| field.name().starts_with(names::PARENT_KEY_PREFIX);
    (depth > 0 && table.fields().iter().any(is_parent_key)).then_some(depth)
}

/// Returns the columns of a resource that are known before its first value.
pub(super) fn known_columns(
    nested: NestedMode,
    source: &SourceSchema,
    key: &[String],
) -> SourceSchema {
    let fields = source.columns.fields().iter();
    let fields = fields.filter_map(|field| match nested {
        NestedMode::Tables if is_document(field, key) => None,
        // The first value decides the type of text that is declared as JSON.
        NestedMode::Keep if is_json(field) => {
            Some(Arc::new(Field::new(field.name(), DataType::Null, true)))
        }
        _ => Some(Arc::clone(field)),
    });
    SourceSchema {
        columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        ..source.clone()
    }
}

/// Returns the columns whose documents are split into other columns.
pub(super) fn split_documents(
    nested: NestedMode,
    source: &SourceSchema,
    key: &[String],
) -> Vec<String> {
    let fields = source.columns.fields().iter();
    fields
        .filter(|field| nested == NestedMode::Tables && is_document(field, key))
        .map(|field| field.name().clone())
        .collect()
}

/// Returns the column as text that need not be JSON.
fn as_text(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_metadata(HashMap::new()))
}

/// True if a column holds documents. A key is compared as text.
fn is_document(field: &FieldRef, key: &[String]) -> bool {
    let mut key = key.iter();
    is_json(field) && !key.any(|column| column.eq_ignore_ascii_case(field.name()))
}

fn flush(
    table: &mut NestedTable,
    parent_key: &ParentKey,
    page: &RecordBatch,
    child_rows: &mut dyn FnMut(ChildRows) -> Result<(), PipelineError>,
) -> Result<(), PipelineError> {
    let group_starts = table.group_starts;
    let (rows, parents) = table
        .take(parent_key, page)
        .map_err(|error| PipelineError::contract(error.to_string()))?;
    child_rows(ChildRows {
        table: table.name.clone(),
        source: table.source(parent_key),
        rows,
        parents,
        group_starts,
    })
}

#[cfg(test)]
mod tests;
