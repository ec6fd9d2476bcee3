//! The catalogue of a database. Read by SELECT, since servers refuse some
//! PRAGMA statements to read-only tokens.
//!
//! Plain functions over rows. Sends no request.

use std::collections::BTreeMap;

use super::parameters::{self, Parameters};
use super::shadow::ShadowTables;
use super::table::{RelationKind, Table, TableColumn};
use crate::error::Error;
use crate::hrana::request::Statement;
use crate::hrana::response::ResultColumn;
use crate::rows::value::Value;

/// Selects every entry of the schema, with its CREATE statement.
const SCHEMA: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema";
/// Selects every relation.
const RELATIONS: &str = "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'";
/// Selects the columns of all tables.
const TABLE_COLUMNS: &str = "SELECT r.name, c.name, c.type, c.pk, c.hidden \
     FROM pragma_table_list r, pragma_table_xinfo(r.name) c \
     WHERE r.schema = 'main' AND r.type = 'table'";
/// Selects the columns of views and virtual tables. One broken view makes the
/// whole statement fail, so this is a separate statement.
const VIEW_COLUMNS: &str = "SELECT r.name, c.name, c.type, c.pk, c.hidden \
     FROM pragma_table_list r, pragma_table_xinfo(r.name) c \
     WHERE r.schema = 'main' AND r.type IN ('view', 'virtual')";

/// Internal tables of Turso and libSQL tools.
const INTERNAL: [&str; 6] = [
    "libsql_wasm_func_table",
    "libsql_vector_meta_shadow",
    "_litestream_seq",
    "_litestream_lock",
    "turso_cdc_version",
    "turso_sync_last_change_id",
];
const INTERNAL_PREFIXES: [&str; 3] = ["sqlite_", "sqlite3_", "__turso_internal_"];
/// The internal table in which Turso's new engine records changes: the feed of
/// the mode `changes`.
pub const CHANGES: &str = "turso_cdc";

/// Returns the statements that read the catalogue: the rows of the first two
/// are for [`Catalog::from_rows`], those of the next two for
/// [`Catalog::add_columns`], and those of the last for
/// [`Parameters::from_rows`].
#[must_use]
pub fn statements() -> [Statement; 5] {
    let [schema, relations, tables, views] =
        [SCHEMA, RELATIONS, TABLE_COLUMNS, VIEW_COLUMNS].map(Statement::new);
    [schema, relations, tables, views, parameters::probe()]
}

/// Returns the statement for the columns of one relation, for servers and
/// views on which the other statements fail.
#[must_use]
pub fn select_columns(relation: &str, parameters: Parameters) -> Statement {
    let mut args = Vec::new();
    let [name, argument] = [(); 2].map(|()| parameters.sql(&relation.into(), &mut args));
    Statement::with_args(
        format!("SELECT {name}, name, type, pk, hidden FROM pragma_table_xinfo({argument})"),
        args,
    )
}

/// The readable tables and views of a database.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// Tables and views, in the order of their names.
    pub tables: Vec<Table>,
    /// True if the database has a change feed.
    pub has_changes: bool,
    /// Errors of relations that the server cannot read, such as broken views.
    pub unreadable: BTreeMap<String, Error>,
    /// Names of relations as they were created, by the names that the server
    /// lists. Has only those that differ: tursodb lists lower case.
    created_names: BTreeMap<String, String>,
}

impl Catalog {
    /// Creates a catalogue without columns from the rows of the first two
    /// statements.
    #[must_use]
    pub fn from_rows(
        schema: &[Vec<Value>],
        relations: &[Vec<Value>],
        parameters: Parameters,
    ) -> Self {
        let text = |row: &[Value], index: usize| {
            row.get(index)
                .and_then(Value::as_text)
                .unwrap_or_default()
                .to_owned()
        };
        // Triggers and indexes may have the name of a table.
        let is_relation = |row: &&Vec<Value>| matches!(text(row, 0).as_str(), "table" | "view");
        let statements: BTreeMap<_, _> = schema
            .iter()
            .filter(is_relation)
            .map(|row| (text(row, 1), text(row, 3)))
            .collect();
        let mut shadows = ShadowTables::default();
        for row in schema {
            let (name, sql) = (text(row, 1), text(row, 3));
            match text(row, 0).as_str() {
                "index" => shadows.add_index(&name, &sql),
                "table" => shadows.add_table(&name, &sql),
                _ => {}
            }
        }
        let created: BTreeMap<_, _> = statements
            .keys()
            .map(|name| (name.to_lowercase(), name))
            .collect();
        let mut created_names = BTreeMap::new();
        let mut tables: Vec<_> = relations
            .iter()
            .filter_map(|row| {
                let listed = text(row, 0);
                let mut name = listed.clone();
                if !statements.contains_key(&listed)
                    && let Some(created) = created.get(&listed.to_lowercase())
                {
                    name.clone_from(created);
                    created_names.insert(listed, name.clone());
                }
                let kind = match text(row, 1).as_str() {
                    "table" => RelationKind::Table,
                    "view" => RelationKind::View,
                    "virtual" => RelationKind::Virtual,
                    _ => return None,
                };
                let is_hidden = is_internal(&name) || shadows.contains(&name);
                let without_rowid = row.get(2).and_then(Value::as_integer) == Some(1);
                let sql = statements.get(&name).cloned().unwrap_or_default();
                (!is_hidden).then_some(Table {
                    name,
                    kind,
                    without_rowid,
                    columns: Vec::new(),
                    sql,
                    parameters,
                })
            })
            .collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let is_feed = |row: &Vec<Value>| text(row, 0) == CHANGES && text(row, 1) == "table";
        Self {
            tables,
            has_changes: relations.iter().any(is_feed),
            unreadable: BTreeMap::new(),
            created_names,
        }
    }

    /// Adds columns from rows of the third or fourth statement, or of
    /// [`select_columns`].
    pub fn add_columns(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            let [listed, name, declared_type, key, hidden] = row.as_slice() else {
                continue;
            };
            // 1 is a hidden column of a virtual table, which `*` omits; 2 and 3
            // are generated columns.
            let hidden = hidden.as_integer().unwrap_or(0);
            let listed = listed.as_text().unwrap_or_default();
            let relation = self.created_names.get(listed);
            let relation = relation.map_or(listed, String::as_str);
            let Some(table) = self.tables.iter_mut().find(|table| table.name == relation) else {
                continue;
            };
            if hidden == 1 {
                continue;
            }
            table.columns.push(TableColumn {
                name: name.as_text().unwrap_or_default().to_owned(),
                declared_type: declared_type.as_text().unwrap_or_default().to_owned(),
                key_position: key.as_integer().unwrap_or(0),
                is_generated: hidden > 1,
            });
        }
    }

    /// Adds the columns of a relation from the result of a SELECT of all of
    /// them.
    pub fn add_result_columns(&mut self, relation: &str, columns: &[ResultColumn]) {
        let Some(table) = self.tables.iter_mut().find(|table| table.name == relation) else {
            return;
        };
        table
            .columns
            .extend(columns.iter().map(|column| TableColumn {
                name: column.name.clone(),
                declared_type: column.decltype.clone().unwrap_or_default(),
                key_position: 0,
                is_generated: false,
            }));
    }

    /// Returns the names of the relations whose columns are unknown.
    pub fn without_columns(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .filter(|table| table.columns.is_empty())
            .map(|table| table.name.as_str())
    }

    /// Returns the relation with this name. As in SQL, the case of ASCII letters
    /// is ignored.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Table> {
        let mut tables = self.tables.iter();
        tables.find(|table| table.name.eq_ignore_ascii_case(name))
    }
}

fn is_internal(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    INTERNAL.contains(&name.as_str())
        || name == CHANGES
        || INTERNAL_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(texts: &[&str]) -> Vec<Value> {
        texts
            .iter()
            .map(|text| {
                text.parse()
                    .map_or_else(|_| Value::from(*text), Value::Integer)
            })
            .collect()
    }

    #[test]
    fn internal_and_shadow_tables_are_omitted() {
        let schema = [
            row(&[
                "index",
                "films_idx",
                "films",
                "CREATE INDEX films_idx ON films (LIBSQL_VECTOR_IDX(v))",
            ]),
            row(&[
                "table",
                "films",
                "films",
                "CREATE TABLE films(v F32_BLOB(4))",
            ]),
        ];
        let relations = [
            row(&["films", "table", "0"]),
            row(&["films_idx_shadow", "table", "0"]),
            row(&["libsql_vector_meta_shadow", "table", "0"]),
            row(&["sqlite_sequence", "table", "0"]),
            row(&["sqlite3_libsql_tasks", "table", "0"]),
            row(&["docs", "virtual", "0"]),
            row(&["docs_data", "shadow", "0"]),
            row(&["_litestream_seq", "table", "0"]),
            row(&["a view", "view", "0"]),
            row(&["pairs", "table", "1"]),
            row(&["turso_cdc", "table", "0"]),
        ];
        let catalog = Catalog::from_rows(&schema, &relations, Parameters::ALL);
        let names: Vec<_> = catalog
            .tables
            .iter()
            .map(|table| (table.name.as_str(), table.kind))
            .collect();
        assert_eq!(
            names,
            [
                ("a view", RelationKind::View),
                ("docs", RelationKind::Virtual),
                ("films", RelationKind::Table),
                ("pairs", RelationKind::Table)
            ]
        );
        assert!(catalog.get("pairs").unwrap().without_rowid);
        assert!(catalog.has_changes);
    }

    #[test]
    fn columns_are_the_columns_of_a_star() {
        let mut catalog = Catalog::from_rows(&[], &[row(&["t", "table", "0"])], Parameters::ALL);
        catalog.add_columns(&[
            row(&["t", "id", "INTEGER", "1", "0"]),
            row(&["t", "rank", "", "0", "1"]),
            row(&["t", "twice", "INTEGER", "0", "2"]),
            row(&["other", "x", "", "0", "0"]),
        ]);
        let columns: Vec<_> = catalog.tables[0]
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.is_generated))
            .collect();
        assert_eq!(columns, [("id", false), ("twice", true)]);
    }

    #[test]
    fn a_relation_has_the_name_with_which_it_was_created() {
        let schema = [
            row(&["table", "Customer", "Customer", "CREATE TABLE Customer(id)"]),
            row(&["table", "ÄRA", "ÄRA", "CREATE TABLE ÄRA(id)"]),
        ];
        let relations = [
            row(&["customer", "table", "0"]),
            row(&["ära", "table", "0"]),
        ];
        let mut catalog = Catalog::from_rows(&schema, &relations, Parameters::ALL);
        catalog.add_columns(&[
            row(&["customer", "id", "", "0", "0"]),
            // The answer to a statement with the name.
            row(&["ÄRA", "id", "", "0", "0"]),
        ]);
        let names: Vec<_> = catalog.tables.iter().map(|table| &*table.name).collect();
        assert_eq!(names, ["Customer", "ÄRA"]);
        assert!(catalog.tables.iter().all(|table| table.columns.len() == 1));
        let table = catalog.get("CUSTOMER").unwrap();
        assert_eq!(table.sql, "CREATE TABLE Customer(id)");
    }
}
