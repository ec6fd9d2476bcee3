//! Tables and views as the catalogue describes them.

use crate::hrana::columns::{ColumnSpec, Storage, declares_json};

/// What a relation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A table of rows.
    Table,
    /// A virtual table.
    Virtual,
    /// A view.
    View,
}

/// A table, virtual table or view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Whether it is a WITHOUT ROWID table.
    pub without_rowid: bool,
    /// Its columns, without hidden ones.
    pub columns: Vec<Column>,
    /// The statement that made it.
    pub sql: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type it was declared with; empty if none.
    pub declared: String,
    /// Its place in the primary key, from 1; 0 if it is not in it.
    pub key_position: i64,
    /// Whether it is computed from others.
    pub generated: bool,
}

/// By what a table can be read in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A column that is the row id under another name.
    Alias(String),
    /// The row id, under the first of its names that no column has taken.
    RowId(&'static str),
    /// The primary key of a WITHOUT ROWID table, in its order.
    Primary(Vec<String>),
}

impl Key {
    /// The expression of the row id, if that is what it is.
    #[must_use]
    pub fn row_id(&self) -> Option<String> {
        match self {
            Self::Alias(column) => Some(super::statement::quoted(column)),
            Self::RowId(name) => Some((*name).to_owned()),
            Self::Primary(_) => None,
        }
    }
}

impl Table {
    /// By what it can be read in pages; none if there is nothing for that.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        if self.kind != Kind::Table {
            return None;
        }
        let primary = self.primary_key();
        if self.without_rowid {
            // Rows cannot be compared in two directions at once, and pages in
            // another order than the table's would sort all of it each time.
            // And a key may be ordered otherwise than its columns compare.
            let simple = !self.mentions("desc") && !self.mentions("collate");
            return (simple && !primary.is_empty()).then_some(Key::Primary(primary));
        }
        if let [only] = primary.as_slice()
            && self
                .columns
                .iter()
                .any(|column| column.name == *only && column.is_row_id_type())
            && !self.mentions("desc")
        {
            return Some(Key::Alias(only.clone()));
        }
        let free = |name: &&str| {
            !self
                .columns
                .iter()
                .any(|column| column.name.eq_ignore_ascii_case(name))
        };
        ["rowid", "_rowid_", "oid"]
            .into_iter()
            .find(free)
            .map(Key::RowId)
    }

    /// Columns of the declared primary key, in its order. Not by itself
    /// unique: outside of WITHOUT ROWID tables it may hold NULLs.
    #[must_use]
    pub fn primary_key(&self) -> Vec<String> {
        let mut columns: Vec<_> = self
            .columns
            .iter()
            .filter(|column| column.key_position > 0)
            .collect();
        columns.sort_by_key(|column| column.key_position);
        columns
            .into_iter()
            .map(|column| column.name.clone())
            .collect()
    }

    /// Whether the statement that made it has a word. `INTEGER PRIMARY KEY
    /// DESC` is, by an old mistake that SQLite keeps, not even the row id;
    /// rather than parsing the statement, every table that has the word
    /// counts as one.
    fn mentions(&self, word: &str) -> bool {
        self.sql
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|text| text.eq_ignore_ascii_case(word))
    }
}

impl Column {
    fn is_row_id_type(&self) -> bool {
        self.declared.eq_ignore_ascii_case("INTEGER")
    }

    /// How it is stored.
    #[must_use]
    pub fn spec(&self) -> ColumnSpec {
        ColumnSpec {
            name: self.name.clone(),
            storage: Storage::declared(&self.declared),
            holds_json: declares_json(&self.declared),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn table(columns: &[(&str, &str, i64)], without_rowid: bool) -> Table {
        let column = |(name, declared, key_position): &(&str, &str, i64)| Column {
            name: (*name).to_owned(),
            declared: (*declared).to_owned(),
            key_position: *key_position,
            generated: false,
        };
        Table {
            name: "t".to_owned(),
            kind: Kind::Table,
            without_rowid,
            columns: columns.iter().map(column).collect(),
            sql: "CREATE TABLE t(description)".to_owned(),
        }
    }

    #[test]
    fn an_integer_primary_key_is_the_row_id() {
        let table = table(&[("id", "integer", 1), ("a", "", 0)], false);
        assert_eq!(table.key(), Some(Key::Alias("id".into())));
    }

    #[test]
    fn any_other_primary_key_is_not() {
        for columns in [
            &[("id", "INT", 1)][..],
            &[("id", "INTEGER", 1), ("b", "INTEGER", 2)],
            &[("id", "TEXT", 1)],
        ] {
            assert_eq!(
                table(columns, false).key(),
                Some(Key::RowId("rowid")),
                "{columns:?}"
            );
        }
        let mut descending = table(&[("id", "INTEGER", 1)], false);
        descending.sql = "CREATE TABLE t(id INTEGER PRIMARY KEY DESC)".to_owned();
        assert_eq!(descending.key(), Some(Key::RowId("rowid")));
    }

    #[test]
    fn a_column_may_take_the_name_of_the_row_id() {
        assert_eq!(
            table(&[("RowId", "TEXT", 0)], false).key(),
            Some(Key::RowId("_rowid_"))
        );
        let all = table(
            &[("rowid", "", 0), ("_rowid_", "", 0), ("oid", "", 0)],
            false,
        );
        assert_eq!(all.key(), None);
    }

    #[test]
    fn a_table_without_row_ids_has_its_primary_key() {
        let table = table(&[("a", "TEXT", 2), ("b", "TEXT", 1)], true);
        assert_eq!(
            table.key(),
            Some(Key::Primary(vec!["b".into(), "a".into()]))
        );
        let mut descending = table;
        descending.sql = "CREATE TABLE t(a, b, PRIMARY KEY (b DESC, a)) WITHOUT ROWID".to_owned();
        assert_eq!(descending.key(), None);
        descending.sql =
            "CREATE TABLE t(a COLLATE NOCASE, PRIMARY KEY (a COLLATE BINARY))".to_owned();
        assert_eq!(descending.key(), None);
    }
}
