//! What becomes of columns of JSON. Whether their values are JSON is judged
//! here, whoever said so. Then they are stored as that, or taken apart:
//! objects become columns of the resource's table, and lists become tables of
//! their own, whose rows have the key of the row that they are of and their
//! place in the list.
//!
//! Reading order: this file (one resource), [`places`] (where values go),
//! [`table`] and [`columns`] (tables that grow), [`node`] (JSON). Must not
//! know a destination.

mod columns;
mod node;
mod places;
mod table;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::cast::AsArray as _;
use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};

use self::columns::Columns;
use self::node::Node;
use self::places::{NewTables, Path, Places};
pub(super) use self::table::root_of;
use self::table::{Root, Table};
use super::PipelineError;
use crate::model::{NestedMode, PageKind, SchemaPolicy, SourceSchema, is_json, names};
use crate::sandbox::SandboxError;

/// So many values of a table wait until they are given away.
const FULL: usize = 1 << 19;

/// How the columns of JSON of one resource are stored.
#[derive(Debug)]
pub(super) struct Nesting {
    tables: bool,
    groups: bool,
    keeps_deleted: bool,
    kind: PageKind,
    /// The columns as they come.
    source: SourceSchema,
    root: Root,
    /// The columns of JSON: where they are, and their places.
    documents: Vec<(usize, usize)>,
    places: Places,
    /// The columns of the resource when they were last looked at.
    seen: usize,
}

/// How a resource is loaded, as far as it matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Manner {
    pub(super) nested: NestedMode,
    pub(super) schema: SchemaPolicy,
    /// Whether the items of a row give way together to those that come.
    pub(super) groups: bool,
    /// Whether the table that is there stays.
    pub(super) stays: bool,
    /// Whether rows that a feed says are deleted stay, and so their items.
    pub(super) keeps_deleted: bool,
}

/// Rows of a list, on their way into its table.
#[derive(Debug)]
pub(super) struct Items {
    pub(super) table: String,
    pub(super) source: SourceSchema,
    pub(super) rows: RecordBatch,
    /// How many of them only begin a group.
    pub(super) heads: u64,
}

impl Nesting {
    /// Of a resource whose pages have these columns; none if nothing in it is
    /// JSON and never was.
    pub(super) fn new(
        resource: &str,
        manner: Manner,
        kind: PageKind,
        source: &SourceSchema,
        key: &[String],
        known: Option<&SchemaRef>,
    ) -> Result<Option<Self>, PipelineError> {
        let tables = manner.nested == NestedMode::Tables;
        let has_json = source.columns.fields().iter().any(|field| is_json(field));
        if !has_json && !tables {
            return Ok(None);
        }
        if tables && has_json && key.is_empty() {
            return Err(PipelineError::settings(
                format!("`{resource}` has no primary key to say whose the items of its lists are"),
                "name columns that tell its rows apart with `primary_key`, or use `nested = \"json\"`"
                    .to_owned(),
            ));
        }
        let is_there = known.is_some();
        let known = known.filter(|_| manner.stays);
        let taken = source.columns.fields().iter();
        let taken = taken.filter(|field| !(tables && is_document(field, key)));
        let columns = Columns::beside(taken.map(|field| field.name().as_str()), known.cloned());
        let new_tables = match manner.schema {
            _ if !is_there => NewTables::Made,
            SchemaPolicy::Evolve | SchemaPolicy::DiscardRow => NewTables::Made,
            SchemaPolicy::DiscardValue => NewTables::LeftOut,
            SchemaPolicy::Freeze => NewTables::Refused,
        };
        let mut nesting = Self {
            tables,
            groups: manner.groups,
            keeps_deleted: manner.keeps_deleted,
            kind,
            source: source.clone(),
            root: Root::default(),
            documents: Vec::new(),
            places: Places::new(resource, columns, new_tables, manner.groups),
            seen: 0,
        };
        nesting.see(source, key);
        Ok(Some(nesting))
    }

    /// Takes note of more columns.
    pub(super) fn see(&mut self, source: &SourceSchema, key: &[String]) {
        let fields = source.columns.fields();
        let mut documents = Vec::new();
        for (at, field) in fields.iter().enumerate() {
            if !is_document(field, key) {
                self.places.tables[0].columns.take_name(field.name());
                continue;
            }
            let known = self
                .documents
                .iter()
                .find(|(known, _)| self.source.columns.field(*known).name() == field.name());
            let place = match known {
                Some((_, place)) => *place,
                None => self.places.root(field.name()),
            };
            documents.push((at, place));
        }
        self.documents = documents;
        self.root = Root::new(source, key);
        self.source = source.clone();
    }

    /// Whether there may be tables of lists in it.
    pub(super) fn makes_tables(&self) -> bool {
        self.tables
    }

    /// A table that is there from earlier loads, if it is one of these.
    pub(super) fn adopt(&mut self, name: &str, known: &SchemaRef) {
        if let Some(depth) = depth_of(known) {
            self.places.adopt(name, depth, Arc::clone(known));
        }
    }

    /// The tables of its lists, with their columns.
    pub(super) fn lists(&self) -> impl Iterator<Item = (&str, SourceSchema)> {
        let tables = self.places.tables.iter().skip(1);
        tables.map(|table| (table.name.as_str(), table.source(&self.root)))
    }

    /// The columns of the resource as they are stored.
    pub(super) fn columns(&self) -> SourceSchema {
        let fields = self.source.columns.fields().iter().enumerate();
        let mut stay: Vec<FieldRef> = fields
            .filter(|(at, _)| !self.is_taken_apart(*at))
            .map(|(at, field)| {
                // A key is not judged, and so is the text that it is.
                if is_json(field) && !self.is_document(at) {
                    plain(field)
                } else {
                    Arc::clone(field)
                }
            })
            .collect();
        let flag = match self.kind {
            PageKind::Changes => stay.pop(),
            _ => None,
        };
        let grown = &self.places.tables[0].columns;
        let fields = stay.into_iter().chain(grown.fields()).chain(flag);
        let siblings = self.source.siblings.iter().cloned();
        SourceSchema {
            columns: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            primary_key: self.source.primary_key.clone(),
            siblings: siblings.chain(grown.siblings()).collect(),
        }
    }

    /// Whether the resource has columns that it did not have when this was
    /// last asked.
    pub(super) fn has_grown(&mut self) -> bool {
        let columns = self.places.tables[0].columns.len();
        std::mem::replace(&mut self.seen, columns) != columns
    }

    /// How many values went to a sibling.
    pub(super) fn mismatches(&self) -> u64 {
        self.places.mismatches
    }

    /// The rows of a page as they are stored. `give` takes the items of their
    /// lists.
    pub(super) fn take(
        &mut self,
        page: &RecordBatch,
        give: &mut dyn FnMut(Items) -> Result<(), PipelineError>,
    ) -> Result<RecordBatch, PipelineError> {
        let Self { root, .. } = self;
        let root = root.clone();
        let mut full = |places: &mut Places, table: usize| {
            let table = &mut places.tables[table];
            if table.cells() < FULL {
                return Ok(());
            }
            give_away(table, &root, page, give)
        };
        let mut judged = Vec::new();
        if self.tables {
            let deleted = self.deleted(page).filter(|_| self.keeps_deleted);
            for row in 0..page.num_rows() {
                let page_row =
                    u32::try_from(row).map_err(|_| broken("a page has too many rows"))?;
                if deleted.is_some_and(|deleted| deleted.value(row)) {
                    continue;
                }
                if self.groups {
                    self.places.begin_group(page_row, &mut full)?;
                }
                for (at, place) in &self.documents {
                    let texts = page.column(*at).as_string::<i32>();
                    if texts.is_null(row) {
                        continue;
                    }
                    match Node::parse(texts.value(row)) {
                        Some(node) => {
                            let mut path = Path::new(page_row);
                            self.places
                                .walk(0, row, *place, &node, &mut path, &mut full)?;
                        }
                        None => self.places.misfit(row, *place, texts.value(row)),
                    }
                }
            }
        } else {
            for (at, place) in self.documents.clone() {
                if let Some(valid) = self.judge(page.column(at), place) {
                    judged.push((at, valid));
                }
            }
        }
        for table in self.places.tables.iter_mut().skip(1) {
            if table.rows > 0 {
                give_away(table, &root, page, give)?;
            }
        }
        self.rows(page, judged)
            .map_err(|error| broken(&error.to_string()))
    }

    /// A column of JSON as every destination takes it, if it is not so
    /// already: each document on one line, `null` as null, and nothing else
    /// than JSON.
    fn judge(&mut self, column: &ArrayRef, place: usize) -> Option<ArrayRef> {
        let texts = column.as_string::<i32>();
        let mut changed = false;
        let mut judged = StringBuilder::with_capacity(texts.len(), texts.value_data().len());
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                judged.append_null();
                continue;
            };
            match Node::parse(text) {
                Some(Node::Null) => judged.append_null(),
                Some(_) => {
                    let line = on_one_line(text);
                    changed |= line != text;
                    judged.append_value(line);
                    continue;
                }
                None => {
                    self.places.misfit(row, place, text);
                    judged.append_null();
                }
            }
            changed = true;
        }
        changed.then(|| Arc::new(judged.finish()) as ArrayRef)
    }

    fn rows(
        &mut self,
        page: &RecordBatch,
        judged: Vec<(usize, ArrayRef)>,
    ) -> Result<RecordBatch, ArrowError> {
        let mut columns = page.columns().to_vec();
        for (at, valid) in judged {
            columns[at] = valid;
        }
        let mut columns: Vec<_> = columns
            .into_iter()
            .enumerate()
            .filter(|(at, _)| !self.is_taken_apart(*at))
            .map(|(_, column)| column)
            .collect();
        let flag = match self.kind {
            PageKind::Changes => columns.pop(),
            _ => None,
        };
        columns.extend(self.places.tables[0].columns.finish(page.num_rows()));
        columns.extend(flag);
        RecordBatch::try_new(self.columns().columns, columns)
    }

    fn is_taken_apart(&self, at: usize) -> bool {
        self.tables && self.is_document(at)
    }

    fn is_document(&self, at: usize) -> bool {
        self.documents.iter().any(|(document, _)| *document == at)
    }

    /// Which rows of a page a feed says are deleted.
    fn deleted<'p>(&self, page: &'p RecordBatch) -> Option<&'p BooleanArray> {
        let last = page
            .columns()
            .last()
            .filter(|_| self.kind == PageKind::Changes)?;
        last.as_boolean_opt()
    }
}

/// A document without the breaks between its tokens. In texts they are
/// escaped.
fn on_one_line(text: &str) -> Cow<'_, str> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    if text.contains(['\n', '\r']) {
        return text.replace(['\n', '\r'], " ").into();
    }
    text.into()
}

/// How many lists are around the rows of a table, if it is one of lists.
pub(super) fn depth_of(known: &Schema) -> Option<usize> {
    let has = |depth: &usize| known.field_with_name(&names::index(*depth)).is_ok();
    let depth = (0..known.fields().len()).take_while(has).count();
    let of_root = |field: &FieldRef| field.name().starts_with(names::ROOT);
    (depth > 0 && known.fields().iter().any(of_root)).then_some(depth)
}

/// The columns of a resource that are known before its first value.
pub(super) fn announced(nested: NestedMode, source: &SourceSchema, key: &[String]) -> SourceSchema {
    let fields = source.columns.fields().iter();
    let fields = fields.filter_map(|field| match nested {
        NestedMode::Tables if is_document(field, key) => None,
        // Text that is declared to hold JSON is whatever its first value is.
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

/// A column of text, whatever is in it.
fn plain(field: &FieldRef) -> FieldRef {
    Arc::new(field.as_ref().clone().with_metadata(HashMap::new()))
}

/// Whether a column holds documents. A key is compared as it is.
fn is_document(field: &FieldRef, key: &[String]) -> bool {
    let mut key = key.iter();
    is_json(field) && !key.any(|column| column.eq_ignore_ascii_case(field.name()))
}

fn give_away(
    table: &mut Table,
    root: &Root,
    page: &RecordBatch,
    give: &mut dyn FnMut(Items) -> Result<(), PipelineError>,
) -> Result<(), PipelineError> {
    let heads = table.heads;
    let rows = table
        .take(root, page)
        .map_err(|error| broken(&error.to_string()))?;
    give(Items {
        table: table.name.clone(),
        source: table.source(root),
        rows,
        heads,
    })
}

fn broken(reason: &str) -> PipelineError {
    SandboxError::Contract(reason.to_owned()).into()
}

#[cfg(test)]
mod tests;
