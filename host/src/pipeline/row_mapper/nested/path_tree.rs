//! The columns and child tables of each path in the documents of a resource,
//! and the walk of one document along them.

use std::collections::{BTreeSet, HashMap};

use arrow_schema::SchemaRef;
use sha2::{Digest as _, Sha256};

use super::growing_columns::{GrowingColumns, Scalar};
use super::json_value::JsonValue;
use super::table::NestedTable;
use crate::model::names;
use crate::pipeline::error::PipelineError;

/// Maximum number of columns of one table that are made of nested values.
const MAX_COLUMNS: usize = 1000;
/// Maximum number of child tables of one resource.
const MAX_TABLES: usize = 100;
/// Maximum number of different paths in the documents of one resource, with
/// those that never had a value.
const MAX_PATHS: usize = 100_000;
/// Maximum depth of lists that become tables. Deeper lists are stored as JSON.
const MAX_LIST_DEPTH: usize = 8;
/// Maximum number of characters that a key adds to a column name.
const MAX_KEY_CHARACTERS: usize = 128;

/// The treatment of a list that has no table yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewTablePolicy {
    Create,
    Skip,
    Refuse,
}

/// Flushes the rows of a table, given by its index, if it buffers many.
pub(super) type FlushIfFull<'f> = dyn FnMut(&mut PathTree, usize) -> Result<(), PipelineError> + 'f;

/// The paths in the documents of a resource.
#[derive(Debug)]
pub(super) struct PathTree {
    paths: Vec<PathNode>,
    /// Table of the resource, followed by its child tables.
    pub(super) tables: Vec<NestedTable>,
    /// Path of the items of each table.
    item_paths: Vec<usize>,
    /// Child tables of earlier loads that no list has used yet.
    unused_tables: BTreeSet<String>,
    new_tables: NewTablePolicy,
    /// True if the items of one row are a group.
    grouped: bool,
    /// Number of values that went to a sibling column.
    pub(super) mismatches: u64,
}

/// One path in a document.
#[derive(Debug)]
struct PathNode {
    /// Column of the values at the path, once it exists.
    column: Option<usize>,
    column_name: String,
    /// Prefix of the column names of members.
    member_prefix: String,
    /// Name of a list at the path, after that of its table.
    list_name: String,
    members: HashMap<String, usize>,
    /// Child table of a list at the path, once it exists.
    items: Option<usize>,
    /// Column of text that is not valid JSON, once it exists.
    invalid_text: Option<usize>,
}

/// The position of a value: a row of the page, and an index in each list
/// around the value.
#[derive(Debug)]
pub(super) struct ListPosition {
    page_row: u32,
    indices: Vec<i64>,
}

impl ListPosition {
    /// Creates the position of a document.
    pub(super) fn new(page_row: u32) -> Self {
        Self {
            page_row,
            indices: Vec::new(),
        }
    }
}

impl PathTree {
    /// Creates the tree of a resource. `columns` are those of its own table.
    pub(super) fn new(
        resource: &str,
        columns: GrowingColumns,
        new_tables: NewTablePolicy,
        grouped: bool,
    ) -> Self {
        Self {
            paths: Vec::new(),
            tables: vec![NestedTable::new(resource.to_owned(), 0, columns)],
            item_paths: vec![0],
            unused_tables: BTreeSet::new(),
            new_tables,
            grouped,
            mismatches: 0,
        }
    }

    /// Adds the path of the documents in a column.
    pub(super) fn add_document(&mut self, column: &str) -> usize {
        self.add_path(column.to_owned(), format!("{column}__"), column.to_owned())
    }

    /// Adds a child table of an earlier load with its columns.
    pub(super) fn add_existing_table(&mut self, name: &str, depth: usize, columns: SchemaRef) {
        if self.tables.iter().all(|table| table.name != name) {
            self.unused_tables.insert(name.to_owned());
            self.add_table(name.to_owned(), depth, Some(columns));
        }
    }

    /// Starts the group of a row in all child tables.
    pub(super) fn begin_group(
        &mut self,
        page_row: u32,
        flush_if_full: &mut FlushIfFull<'_>,
    ) -> Result<(), PipelineError> {
        for table in 1..self.tables.len() {
            self.tables[table].begin_group(page_row);
            flush_if_full(self, table)?;
        }
        Ok(())
    }

    /// Adds a document, or the value at a path in it, to the row of a table.
    pub(super) fn walk(
        &mut self,
        table: usize,
        row: usize,
        path: usize,
        value: &JsonValue,
        position: &mut ListPosition,
        flush_if_full: &mut FlushIfFull<'_>,
    ) -> Result<(), PipelineError> {
        match value {
            JsonValue::Null => {}
            JsonValue::Boolean(value) => self.put(table, row, path, Scalar::Boolean(*value)),
            JsonValue::Integer(value) => self.put(table, row, path, Scalar::Integer(*value)),
            JsonValue::Digits(digits) => self.put(table, row, path, Scalar::Text(digits)),
            JsonValue::Real(value) => self.put(table, row, path, Scalar::Real(*value)),
            JsonValue::Text(text) => self.put(table, row, path, Scalar::Text(text)),
            JsonValue::Object(members) => {
                for (key, member) in members.iter().filter(|(_, member)| !member.is_empty()) {
                    let path = self.member(path, key);
                    self.walk(table, row, path, member, position, flush_if_full)?;
                }
            }
            JsonValue::List(items) => {
                if position.indices.len() >= MAX_LIST_DEPTH {
                    self.put(table, row, path, Scalar::Json(&value.to_json()));
                } else if let Some(child) = self.child_table(table, path, items, position)? {
                    for (index, item) in (0_i64..).zip(items) {
                        position.indices.push(index);
                        let row =
                            self.tables[child].begin_row(position.page_row, &position.indices);
                        let path = self.item_paths[child];
                        self.walk(child, row, path, item, position, flush_if_full)?;
                        position.indices.pop();
                        flush_if_full(self, child)?;
                    }
                }
            }
        }
        if self.paths.len() > MAX_PATHS {
            return Err(self.too_many(&format!("more than {MAX_PATHS} paths")));
        }
        if self.tables[table].columns.len() > MAX_COLUMNS {
            return Err(self.too_many(&format!(
                "more than {MAX_COLUMNS} columns of `{}`",
                self.tables[table].name
            )));
        }
        Ok(())
    }

    /// Stores a text that is not valid JSON.
    pub(super) fn put_invalid(&mut self, row: usize, path: usize, text: &str) {
        self.mismatches += 1;
        let path = &mut self.paths[path];
        let columns = &mut self.tables[0].columns;
        columns.put_text_sibling(&mut path.invalid_text, &path.column_name, row, text);
    }

    fn put(&mut self, table: usize, row: usize, path: usize, value: Scalar<'_>) {
        let path = &mut self.paths[path];
        let columns = &mut self.tables[table].columns;
        let mismatch = columns.put(&mut path.column, &path.column_name, row, value);
        self.mismatches += u64::from(mismatch);
    }

    fn member(&mut self, path: usize, key: &str) -> usize {
        if let Some(member) = self.paths[path].members.get(key) {
            return *member;
        }
        let prefix = &self.paths[path].member_prefix;
        let mut name = format!("{prefix}{}", column_name_of_key(key));
        if prefix.is_empty() && names::is_child_table_column(&name) {
            name.push('_');
        }
        let member = self.add_path(name.clone(), format!("{name}__"), name);
        self.paths[path].members.insert(key.to_owned(), member);
        member
    }

    /// Returns the child table of a list. `None` if the list is empty, or new
    /// tables are skipped.
    fn child_table(
        &mut self,
        table: usize,
        path: usize,
        items: &[JsonValue],
        position: &ListPosition,
    ) -> Result<Option<usize>, PipelineError> {
        if let Some(child) = self.paths[path].items {
            return Ok(Some(child));
        }
        if items.is_empty() {
            return Ok(None);
        }
        let depth = position.indices.len() + 1;
        let mut name = format!(
            "{}__{}",
            self.tables[table].name, self.paths[path].list_name
        );
        let has_name = |table: &NestedTable, name: &str| table.name.eq_ignore_ascii_case(name);
        while let Some(other) = self.tables.iter().position(|table| has_name(table, &name)) {
            let table = &self.tables[other];
            if table.depth == depth && table.name == name && self.unused_tables.remove(&name) {
                self.paths[path].items = Some(other);
                return Ok(Some(other));
            }
            name.push('_');
        }
        match self.new_tables {
            NewTablePolicy::Create => {}
            NewTablePolicy::Skip => return Ok(None),
            NewTablePolicy::Refuse => {
                return Err(PipelineError::settings(
                    format!(
                        "`{}` has a list without a table: `{name}` does not exist, and the schema is frozen",
                        self.tables[0].name
                    ),
                    "set `schema` to `evolve` to add the table, or to `discard_value` to leave the list out",
                ));
            }
        }
        if self.tables.len() > MAX_TABLES {
            return Err(self.too_many(&format!("more than {MAX_TABLES} tables")));
        }
        let child = self.add_table(name, depth, None);
        self.paths[path].items = Some(child);
        if self.grouped {
            self.tables[child].begin_group(position.page_row);
        }
        Ok(Some(child))
    }

    fn too_many(&self, what: &str) -> PipelineError {
        PipelineError::settings(
            format!("the nested values of `{}` make {what}", self.tables[0].name),
            "if the keys of the documents are data, set `nested` to `json` to store them whole",
        )
    }

    fn add_table(&mut self, name: String, depth: usize, existing: Option<SchemaRef>) -> usize {
        let columns = GrowingColumns::new(std::iter::empty(), existing, true);
        let path = self.add_path("value".to_owned(), String::new(), "list".to_owned());
        self.item_paths.push(path);
        self.tables.push(NestedTable::new(name, depth, columns));
        self.tables.len() - 1
    }

    fn add_path(&mut self, column_name: String, member_prefix: String, list_name: String) -> usize {
        self.paths.push(PathNode {
            column: None,
            column_name,
            member_prefix,
            list_name,
            members: HashMap::new(),
            items: None,
            invalid_text: None,
        });
        self.paths.len() - 1
    }
}

/// Returns the column name of a key: the key itself, if it can be a name.
fn column_name_of_key(key: &str) -> String {
    let clean = |c: char| if c.is_control() { '_' } else { c };
    let mut name: String = key.chars().take(MAX_KEY_CHARACTERS).map(clean).collect();
    if name.is_empty() {
        name.push('_');
    }
    if key.chars().nth(MAX_KEY_CHARACTERS).is_some() {
        // Long keys may have the same beginning.
        let digest = Sha256::digest(key);
        let digest = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
        name.push('_');
        name.extend(digest);
    }
    name
}
