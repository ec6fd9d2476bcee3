//! Tables and views, as described by the catalogue.

use super::identifier;
use super::paging::CapturedColumn;
use super::parameters::Parameters;
use crate::rows::columns::{ColumnSpec, Storage};

/// The type of a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
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
    /// Name of the relation.
    pub name: String,
    /// Type of the relation.
    pub kind: RelationKind,
    /// True for a WITHOUT ROWID table.
    pub without_rowid: bool,
    /// Columns, without hidden ones.
    pub columns: Vec<TableColumn>,
    /// CREATE statement of the relation.
    pub sql: String,
    /// Kinds of values that its server receives as parameters.
    pub parameters: Parameters,
}

/// A column of a relation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// Name of the column.
    pub name: String,
    /// Declared type, or an empty string.
    pub declared_type: String,
    /// Position in the primary key, from 1, or 0 for other columns.
    pub key_position: i64,
    /// True for a generated column.
    pub is_generated: bool,
}

/// A key by which a table can be read in pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Key {
    /// A column that is an alias of the row id.
    Alias(String),
    /// The row id, by the first of its names that no column has.
    RowId(&'static str),
    /// The columns of a WITHOUT ROWID table's primary key, in its order.
    Primary(Vec<String>),
}

impl Key {
    /// Returns the expression of the row id, if this is the key.
    #[must_use]
    pub fn row_id(&self) -> Option<String> {
        match self {
            Self::Alias(column) => Some(identifier::quote(column)),
            Self::RowId(name) => Some((*name).to_owned()),
            Self::Primary(_) => None,
        }
    }

    /// Returns the columns of the key.
    pub fn columns(&self) -> impl Iterator<Item = CapturedColumn<'_>> {
        let (row_id, named) = match self {
            Self::RowId(name) => (Some(CapturedColumn::RowId(name)), &[][..]),
            Self::Alias(name) => (None, std::slice::from_ref(name)),
            Self::Primary(names) => (None, names.as_slice()),
        };
        let named = named.iter().map(|name| CapturedColumn::Named(name));
        row_id.into_iter().chain(named)
    }

    /// Returns the names of the columns of the key.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        let name = |column| match column {
            CapturedColumn::Named(name) | CapturedColumn::RowId(name) => name.to_owned(),
        };
        self.columns().map(name).collect()
    }
}

impl Table {
    /// Returns the key by which the relation can be read in pages, if any.
    #[must_use]
    pub fn key(&self) -> Option<Key> {
        if self.kind != RelationKind::Table {
            return None;
        }
        let primary = self.primary_key();
        if self.without_rowid {
            // Row values cannot be compared in two directions at once, and
            // pages in another order than the table's would sort the whole
            // table each time. A collation may order the key in another way
            // than its columns compare.
            let is_plain = !self.mentions("desc") && !self.has_collations();
            return (is_plain && !primary.is_empty()).then_some(Key::Primary(primary));
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
        let is_free = |name: &&str| {
            !self
                .columns
                .iter()
                .any(|column| column.name.eq_ignore_ascii_case(name))
        };
        ["rowid", "_rowid_", "oid"]
            .into_iter()
            .find(is_free)
            .map(Key::RowId)
    }

    /// Returns the columns of the declared primary key, in its order. The key
    /// is not always unique: outside of WITHOUT ROWID tables it may hold NULLs.
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

    /// Returns true if a column may have another collation than the binary
    /// order of text.
    #[must_use]
    pub fn has_collations(&self) -> bool {
        self.mentions("collate")
    }

    /// Returns the expression whose largest value suggests the number of rows.
    #[must_use]
    pub fn row_number(&self) -> Option<String> {
        self.key()?.row_id().filter(|_| !self.has_random_row_ids())
    }

    /// Returns true if the keys of deleted rows are not given to new ones.
    #[must_use]
    pub fn has_autoincrement(&self) -> bool {
        self.mentions("autoincrement")
    }

    /// Returns true if new rows get random row ids, an option of libSQL.
    #[must_use]
    pub fn has_random_row_ids(&self) -> bool {
        let options = self.sql.rsplit(')').next().unwrap_or_default();
        let words: Vec<_> = options
            .split(|c: char| !c.is_ascii_alphanumeric())
            .map(str::to_ascii_uppercase)
            .filter(|word| !word.is_empty())
            .collect();
        words.windows(2).any(|pair| pair == ["RANDOM", "ROWID"])
    }

    /// Returns true if the CREATE statement contains a word. `INTEGER PRIMARY
    /// KEY DESC` is not an alias of the row id, because of an old defect that
    /// SQLite preserves. The statement is not parsed: the word anywhere in it
    /// counts.
    fn mentions(&self, word: &str) -> bool {
        self.sql
            .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .any(|text| text.eq_ignore_ascii_case(word))
    }
}

impl TableColumn {
    fn is_row_id_type(&self) -> bool {
        self.declared_type.eq_ignore_ascii_case("INTEGER")
    }

    /// Returns the name and storage of the column.
    #[must_use]
    pub fn spec(&self) -> ColumnSpec {
        ColumnSpec {
            name: self.name.clone(),
            storage: Storage::from_declared(&self.declared_type),
            declared: self.declared_type.clone(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn table(columns: &[(&str, &str, i64)], without_rowid: bool) -> Table {
        let column = |(name, declared, key_position): &(&str, &str, i64)| TableColumn {
            name: (*name).to_owned(),
            declared_type: (*declared).to_owned(),
            key_position: *key_position,
            is_generated: false,
        };
        Table {
            name: "t".to_owned(),
            kind: RelationKind::Table,
            without_rowid,
            columns: columns.iter().map(column).collect(),
            sql: "CREATE TABLE t(description)".to_owned(),
            parameters: Parameters::ALL,
        }
    }

    #[test]
    fn an_integer_primary_key_is_the_row_id() {
        let table = table(&[("id", "integer", 1), ("a", "", 0)], false);
        assert_eq!(table.key(), Some(Key::Alias("id".into())));
    }

    #[test]
    fn any_other_primary_key_is_not_the_row_id() {
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
    fn a_column_may_have_a_name_of_the_row_id() {
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
    fn random_row_ids_are_an_option_of_the_table() {
        let mut table = table(&[("page", "TEXT", 0)], false);
        for (sql, expected) in [
            ("CREATE TABLE t(page TEXT) RANDOM ROWID", true),
            ("CREATE TABLE t(page TEXT) strict,random  rowid", true),
            ("CREATE TABLE t(page TEXT DEFAULT 'RANDOM ROWID')", false),
            ("CREATE TABLE t(page TEXT) WITHOUT ROWID", false),
        ] {
            sql.clone_into(&mut table.sql);
            assert_eq!(table.has_random_row_ids(), expected, "{sql}");
        }
    }

    #[test]
    fn a_table_without_row_ids_is_keyed_by_its_primary_key() {
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
