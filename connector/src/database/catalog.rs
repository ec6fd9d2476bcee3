//! What a database holds, from its own catalogue. In the SELECT form, since
//! tokens that may only read are refused some PRAGMA statements.
//!
//! Plain functions over rows: who asks the server is not known here.

use std::collections::BTreeMap;

use super::table::{Column, Kind, Table};
use crate::hrana::request::Statement;
use crate::hrana::response::Column as ResultColumn;
use crate::hrana::value::Value;

/// Every entry of the schema, with its statement.
const SCHEMA: &str = "SELECT type, name, tbl_name, sql FROM sqlite_schema";
/// Every relation.
const RELATIONS: &str = "SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main'";
/// The columns of all tables.
const TABLE_COLUMNS: &str = "SELECT r.name, c.name, c.type, c.pk, c.hidden \
     FROM pragma_table_list r, pragma_table_xinfo(r.name) c \
     WHERE r.schema = 'main' AND r.type = 'table'";
/// Those of views and virtual tables. Apart, since one that is broken makes
/// the whole statement fail.
const VIEW_COLUMNS: &str = "SELECT r.name, c.name, c.type, c.pk, c.hidden \
     FROM pragma_table_list r, pragma_table_xinfo(r.name) c \
     WHERE r.schema = 'main' AND r.type IN ('view', 'virtual')";
/// Those of one relation.
const ITS_COLUMNS: &str = "SELECT ?1, name, type, pk, hidden FROM pragma_table_xinfo(?1)";

/// Tables that tools of Turso and libSQL keep for themselves.
const INTERNAL: [&str; 6] = [
    "libsql_wasm_func_table",
    "libsql_vector_meta_shadow",
    "_litestream_seq",
    "_litestream_lock",
    "turso_cdc_version",
    "turso_sync_last_change_id",
];
const INTERNAL_PREFIXES: [&str; 3] = ["sqlite_", "sqlite3_", "__turso_internal_"];
/// The table in which Turso's new engine records changes: internal too, but
/// the feed of the mode `changes`.
pub const CHANGES: &str = "turso_cdc";

/// The statements to ask, in the order in which [`Catalog::of`] takes their
/// rows.
#[must_use]
pub fn statements() -> [Statement; 4] {
    [SCHEMA, RELATIONS, TABLE_COLUMNS, VIEW_COLUMNS].map(Statement::new)
}

/// The columns of one relation, for servers and views on which the others
/// fail.
#[must_use]
pub fn columns_of(relation: &str) -> Statement {
    Statement::with(ITS_COLUMNS, vec![relation.into()])
}

/// Tables and views that can be read, by name.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    /// In the order of their names.
    pub tables: Vec<Table>,
    /// Whether there is a feed of changes.
    pub has_changes: bool,
}

impl Catalog {
    /// Tables without their columns, from the first two statements.
    #[must_use]
    pub fn of(schema: &[Vec<Value>], relations: &[Vec<Value>]) -> Self {
        let text = |row: &[Value], index: usize| {
            row.get(index)
                .and_then(Value::as_text)
                .unwrap_or_default()
                .to_owned()
        };
        // Triggers and indexes may have the name of a table.
        let made = |row: &&Vec<Value>| matches!(text(row, 0).as_str(), "table" | "view");
        let statements: BTreeMap<_, _> = schema
            .iter()
            .filter(made)
            .map(|row| (text(row, 1), text(row, 3)))
            .collect();
        // The tables behind vector indexes say that they are tables.
        let shadows: Vec<_> = schema
            .iter()
            .filter(|row| {
                text(row, 0) == "index"
                    && text(row, 3)
                        .to_ascii_lowercase()
                        .contains("libsql_vector_idx")
            })
            .map(|row| format!("{}_shadow", text(row, 1)))
            .collect();
        let mut tables: Vec<_> = relations
            .iter()
            .filter_map(|row| {
                let name = text(row, 0);
                let kind = match text(row, 1).as_str() {
                    "table" => Kind::Table,
                    "view" => Kind::View,
                    "virtual" => Kind::Virtual,
                    _ => return None,
                };
                let left_out = is_internal(&name)
                    || shadows
                        .iter()
                        .any(|shadow| shadow.eq_ignore_ascii_case(&name));
                let without_rowid = row.get(2).and_then(Value::as_integer) == Some(1);
                let sql = statements.get(&name).cloned().unwrap_or_default();
                (!left_out).then_some(Table {
                    name,
                    kind,
                    without_rowid,
                    columns: Vec::new(),
                    sql,
                })
            })
            .collect();
        tables.sort_by(|a, b| a.name.cmp(&b.name));
        let is_feed = |row: &Vec<Value>| text(row, 0) == CHANGES && text(row, 1) == "table";
        Self {
            tables,
            has_changes: relations.iter().any(is_feed),
        }
    }

    /// Adds columns: rows of the third or fourth statement, or of
    /// [`columns_of`].
    pub fn add_columns(&mut self, rows: &[Vec<Value>]) {
        for row in rows {
            let [relation, name, declared, key, hidden] = row.as_slice() else {
                continue;
            };
            // 1 is a hidden column of a virtual table, which `*` leaves out;
            // 2 and 3 are generated ones.
            let hidden = hidden.as_integer().unwrap_or(0);
            let Some(table) = self
                .tables
                .iter_mut()
                .find(|table| Some(table.name.as_str()) == relation.as_text())
            else {
                continue;
            };
            if hidden == 1 {
                continue;
            }
            table.columns.push(Column {
                name: name.as_text().unwrap_or_default().to_owned(),
                declared: declared.as_text().unwrap_or_default().to_owned(),
                key_position: key.as_integer().unwrap_or(0),
                generated: hidden > 1,
            });
        }
    }

    /// Adds the columns that a statement over all of a relation has.
    pub fn add_result_columns(&mut self, relation: &str, columns: &[ResultColumn]) {
        let Some(table) = self.tables.iter_mut().find(|table| table.name == relation) else {
            return;
        };
        table.columns.extend(columns.iter().map(|column| Column {
            name: column.name.clone(),
            declared: column.decltype.clone().unwrap_or_default(),
            key_position: 0,
            generated: false,
        }));
    }

    /// Names of those whose columns are not known.
    pub fn without_columns(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .filter(|table| table.columns.is_empty())
            .map(|table| table.name.as_str())
    }

    /// The one of this name, in its own letter case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.name == name)
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
    fn internal_and_shadow_tables_are_left_out() {
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
        let catalog = Catalog::of(&schema, &relations);
        let names: Vec<_> = catalog
            .tables
            .iter()
            .map(|table| (table.name.as_str(), table.kind))
            .collect();
        assert_eq!(
            names,
            [
                ("a view", Kind::View),
                ("docs", Kind::Virtual),
                ("films", Kind::Table),
                ("pairs", Kind::Table)
            ]
        );
        assert!(catalog.get("pairs").unwrap().without_rowid);
        assert!(catalog.has_changes);
    }

    #[test]
    fn columns_are_those_that_a_star_would_give() {
        let mut catalog = Catalog::of(&[], &[row(&["t", "table", "0"])]);
        catalog.add_columns(&[
            row(&["t", "id", "INTEGER", "1", "0"]),
            row(&["t", "rank", "", "0", "1"]),
            row(&["t", "twice", "INTEGER", "0", "2"]),
            row(&["other", "x", "", "0", "0"]),
        ]);
        let columns: Vec<_> = catalog.tables[0]
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.generated))
            .collect();
        assert_eq!(columns, [("id", false), ("twice", true)]);
    }
}
