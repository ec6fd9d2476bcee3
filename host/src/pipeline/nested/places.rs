//! Where values go: a tree of the places in the documents of a resource, and
//! the walk of one document through it.

use std::collections::{BTreeSet, HashMap};

use arrow_schema::SchemaRef;
use sha2::{Digest as _, Sha256};

use super::columns::{Columns, Leaf};
use super::node::Node;
use super::table::Table;
use crate::model::names;
use crate::pipeline::PipelineError;

/// The most columns of one table that are made of nested values.
const MOST_COLUMNS: usize = 1000;
/// The most tables that are made of one resource.
const MOST_TABLES: usize = 100;
/// The most places of documents that are kept in mind, whether a value was
/// ever there or not.
const MOST_PLACES: usize = 100_000;
/// The most lists in each other that become tables. What is deeper stays JSON.
const MOST_DEPTH: usize = 8;
/// The longest name that a key gets, in characters.
const LONGEST_NAME: usize = 128;

/// What becomes of a list for which there is no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NewTables {
    Made,
    LeftOut,
    Refused,
}

/// Takes the rows of a table, by its place among them, once they are many.
pub(super) type Full<'f> = dyn FnMut(&mut Places, usize) -> Result<(), PipelineError> + 'f;

/// The tree.
#[derive(Debug)]
pub(super) struct Places {
    all: Vec<Place>,
    /// The first is the resource itself.
    pub(super) tables: Vec<Table>,
    /// The place of the items of each.
    items: Vec<usize>,
    /// Tables that are there, which nothing has come for yet.
    waiting: BTreeSet<String>,
    new_tables: NewTables,
    /// Whether the rows of one document are a group.
    groups: bool,
    /// Values that went to a sibling.
    pub(super) mismatches: u64,
}

/// A place in a document.
#[derive(Debug)]
struct Place {
    /// The column of what is there, and its name.
    column: Option<usize>,
    name: String,
    /// What comes before the names of members.
    prefix: String,
    /// The name of a list that is there, behind that of its table.
    list: String,
    members: HashMap<String, usize>,
    /// The table of its items.
    items: Option<usize>,
    /// Where text goes that is no JSON.
    misfit: Option<usize>,
}

/// Whose row is written: which of a page, and where it is in the lists.
#[derive(Debug)]
pub(super) struct Path {
    pub(super) page_row: u32,
    positions: Vec<i64>,
}

impl Path {
    pub(super) fn new(page_row: u32) -> Self {
        Self {
            page_row,
            positions: Vec::new(),
        }
    }
}

impl Places {
    /// Of a resource that has other columns too.
    pub(super) fn new(
        resource: &str,
        columns: Columns,
        new_tables: NewTables,
        groups: bool,
    ) -> Self {
        Self {
            all: Vec::new(),
            tables: vec![Table::new(resource.to_owned(), 0, columns)],
            items: vec![0],
            waiting: BTreeSet::new(),
            new_tables,
            groups,
            mismatches: 0,
        }
    }

    /// The place of the documents of a column.
    pub(super) fn root(&mut self, column: &str) -> usize {
        self.add(column.to_owned(), format!("{column}__"), column.to_owned())
    }

    /// A table that is there from earlier loads, with these columns.
    pub(super) fn adopt(&mut self, name: &str, depth: usize, known: SchemaRef) {
        if self.tables.iter().all(|table| table.name != name) {
            self.waiting.insert(name.to_owned());
            self.add_table(name.to_owned(), depth, Some(known));
        }
    }

    /// Begins the group of a document in all tables of lists.
    pub(super) fn begin_group(
        &mut self,
        page_row: u32,
        full: &mut Full<'_>,
    ) -> Result<(), PipelineError> {
        for of in 1..self.tables.len() {
            self.tables[of].begin_group(page_row);
            full(self, of)?;
        }
        Ok(())
    }

    /// Takes a document, or what is at a place in it.
    pub(super) fn walk(
        &mut self,
        table: usize,
        row: usize,
        place: usize,
        node: &Node,
        path: &mut Path,
        full: &mut Full<'_>,
    ) -> Result<(), PipelineError> {
        match node {
            Node::Null => {}
            Node::Boolean(value) => self.put(table, row, place, Leaf::Boolean(*value)),
            Node::Integer(value) => self.put(table, row, place, Leaf::Integer(*value)),
            Node::Digits(digits) => self.put(table, row, place, Leaf::Text(digits)),
            Node::Real(value) => self.put(table, row, place, Leaf::Real(*value)),
            Node::Text(text) => self.put(table, row, place, Leaf::Text(text)),
            Node::Object(members) => {
                for (key, member) in members.iter().filter(|(_, node)| !node.is_nothing()) {
                    let place = self.member(place, key);
                    self.walk(table, row, place, member, path, full)?;
                }
            }
            Node::List(items) => {
                if path.positions.len() >= MOST_DEPTH {
                    self.put(table, row, place, Leaf::Json(&node.to_json()));
                } else if let Some(of) = self.list(table, place, items, path)? {
                    for (position, item) in (0_i64..).zip(items) {
                        path.positions.push(position);
                        let row = self.tables[of].begin(path.page_row, &path.positions);
                        let place = self.items[of];
                        self.walk(of, row, place, item, path, full)?;
                        path.positions.pop();
                        full(self, of)?;
                    }
                }
            }
        }
        if self.all.len() > MOST_PLACES {
            return Err(self.too_many(&format!("more than {MOST_PLACES} places")));
        }
        if self.tables[table].columns.len() > MOST_COLUMNS {
            return Err(self.too_many(&format!(
                "more than {MOST_COLUMNS} columns of `{}`",
                self.tables[table].name
            )));
        }
        Ok(())
    }

    /// Takes a text that is no JSON.
    pub(super) fn misfit(&mut self, row: usize, place: usize, text: &str) {
        self.mismatches += 1;
        let place = &mut self.all[place];
        let columns = &mut self.tables[0].columns;
        columns.put_misfit(&mut place.misfit, &place.name, row, text);
    }

    fn put(&mut self, table: usize, row: usize, place: usize, leaf: Leaf<'_>) {
        let place = &mut self.all[place];
        let columns = &mut self.tables[table].columns;
        self.mismatches += u64::from(columns.put(&mut place.column, &place.name, row, leaf));
    }

    fn member(&mut self, place: usize, key: &str) -> usize {
        if let Some(member) = self.all[place].members.get(key) {
            return *member;
        }
        let prefix = &self.all[place].prefix;
        let mut name = format!("{prefix}{}", name_of(key));
        if prefix.is_empty() && names::is_of_list(&name) {
            name.push('_');
        }
        let member = self.add(name.clone(), format!("{name}__"), name);
        self.all[place].members.insert(key.to_owned(), member);
        member
    }

    /// The table of a list; none if it is to be left out, or has no items.
    fn list(
        &mut self,
        table: usize,
        place: usize,
        items: &[Node],
        path: &Path,
    ) -> Result<Option<usize>, PipelineError> {
        if let Some(of) = self.all[place].items {
            return Ok(Some(of));
        }
        if items.is_empty() {
            return Ok(None);
        }
        let depth = path.positions.len() + 1;
        let mut name = format!("{}__{}", self.tables[table].name, self.all[place].list);
        let is_other = |table: &Table, name: &str| table.name.eq_ignore_ascii_case(name);
        while let Some(other) = self.tables.iter().position(|table| is_other(table, &name)) {
            let table = &self.tables[other];
            if table.depth == depth && table.name == name && self.waiting.remove(&name) {
                self.all[place].items = Some(other);
                return Ok(Some(other));
            }
            name.push('_');
        }
        match self.new_tables {
            NewTables::Made => {}
            NewTables::LeftOut => return Ok(None),
            NewTables::Refused => {
                return Err(PipelineError::settings(
                    format!(
                        "`{}` has a list for which there is no table `{name}`",
                        self.tables[0].name
                    ),
                    "`schema = \"freeze\"` refuses that; `evolve` adds tables, `discard_value` leaves them out"
                        .to_owned(),
                ));
            }
        }
        if self.tables.len() > MOST_TABLES {
            return Err(self.too_many(&format!("more than {MOST_TABLES} tables")));
        }
        let of = self.add_table(name, depth, None);
        self.all[place].items = Some(of);
        if self.groups {
            self.tables[of].begin_group(path.page_row);
        }
        Ok(Some(of))
    }

    fn too_many(&self, what: &str) -> PipelineError {
        PipelineError::settings(
            format!("the nested values of `{}` make {what}", self.tables[0].name),
            "their keys may be data; store them whole, with `nested = \"json\"`".to_owned(),
        )
    }

    fn add_table(&mut self, name: String, depth: usize, known: Option<SchemaRef>) -> usize {
        let columns = Columns::beside(std::iter::empty(), known);
        let place = self.add("value".to_owned(), String::new(), "list".to_owned());
        self.items.push(place);
        self.tables.push(Table::new(name, depth, columns));
        self.tables.len() - 1
    }

    fn add(&mut self, name: String, prefix: String, list: String) -> usize {
        self.all.push(Place {
            column: None,
            name,
            prefix,
            list,
            members: HashMap::new(),
            items: None,
            misfit: None,
        });
        self.all.len() - 1
    }
}

/// What a key is called: itself, where a name can be that.
fn name_of(key: &str) -> String {
    let clean = |c: char| if c.is_control() { '_' } else { c };
    let mut name: String = key.chars().take(LONGEST_NAME).map(clean).collect();
    if name.is_empty() {
        name.push('_');
    }
    if key.chars().nth(LONGEST_NAME).is_some() {
        // Long keys may begin alike.
        let digest = Sha256::digest(key);
        let digest = digest.iter().take(8).map(|byte| format!("{byte:02x}"));
        name.push('_');
        name.extend(digest);
    }
    name
}
