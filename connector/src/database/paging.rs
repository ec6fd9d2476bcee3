//! Statements that read a table in pages, in the order of a key.

use super::checksum::{self, ChecksumColumn};
use super::condition::{BINARY_ORDER, Condition};
use super::identifier::{qualify, quote};
use super::parameters::Parameters;
use super::table::{Key, Table};
use super::typed;
use crate::hrana::decoder::{Encoding, Place, decode_typed};
use crate::hrana::request::{Argument, Statement};
use crate::rows::columns::ColumnSpec;
use crate::rows::value::Value;

/// Column whose value is captured from each row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapturedColumn<'a> {
    /// Column of the table.
    Named(&'a str),
    /// One of SQLite's three names of the row id, unquoted.
    RowId(&'static str),
}

/// The statements that read a table in pages.
#[derive(Clone, Debug)]
pub struct Paging {
    table: String,
    columns: Vec<String>,
    /// Expressions of the key that orders the pages.
    key: Vec<String>,
    /// Indices of the key among the columns, if all of it is selected.
    key_indices: Option<Vec<usize>>,
    /// Expressions that are captured from each row, with their indices among
    /// the columns.
    captured: Vec<(String, Option<usize>)>,
    /// For each column, true if its values are digested.
    digested: Vec<bool>,
    filter: Option<Condition>,
    /// Filter of the first page, if it differs.
    first_filter: Option<Condition>,
    parameters: Parameters,
    /// True if the first part of the key is compared in binary order, whatever
    /// the collation of its column.
    is_binary: bool,
}

impl Paging {
    /// Creates pages in the order of a key of the table.
    #[must_use]
    pub fn new(table: &Table, key: &Key, columns: &[ColumnSpec]) -> Self {
        Self::ordered(table, None, key, columns)
    }

    /// Creates pages in the order of a column and then of a key of the table.
    #[must_use]
    pub fn by_column(table: &Table, column: &str, key: &Key, columns: &[ColumnSpec]) -> Self {
        Self::ordered(table, Some(column), key, columns)
    }

    /// Creates pages of some columns, in the order of these columns.
    #[must_use]
    pub fn for_columns(table: &Table, columns: &[ColumnSpec]) -> Self {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Self::ordered(table, None, &Key::Primary(names), columns)
    }

    fn ordered(table: &Table, first: Option<&str>, key: &Key, columns: &[ColumnSpec]) -> Self {
        let key: Vec<_> = key.columns().collect();
        let first = first.map(CapturedColumn::Named);
        let indices = first.iter().chain(&key).map(|part| part.index(columns));
        let mut expressions: Vec<_> = first
            .iter()
            .chain(&key)
            .map(|part| part.expression(table))
            .collect();
        let is_binary = first.is_some() && table.has_collations();
        if let (true, Some(first)) = (is_binary, expressions.first_mut()) {
            first.push_str(BINARY_ORDER);
        }
        Self {
            table: quote(&table.name),
            key_indices: indices.collect(),
            columns: columns
                .iter()
                .map(|column| qualify(&table.name, &column.name))
                .collect(),
            key: expressions,
            captured: Vec::new(),
            digested: Vec::new(),
            filter: None,
            first_filter: None,
            parameters: table.parameters,
            is_binary,
        }
    }

    /// Restricts the pages to rows that meet a condition.
    #[must_use]
    pub fn with_filter(mut self, filter: Option<Condition>) -> Self {
        self.filter = filter;
        self
    }

    /// Restricts the first page in another way: by a bound that later pages do not
    /// need, because they follow a key. With two bounds from below, a server would
    /// read from the first one on for each page.
    #[must_use]
    pub fn with_first_filter(mut self, filter: Option<Condition>) -> Self {
        self.first_filter = filter;
        self
    }

    /// Captures the values of columns from each row.
    #[must_use]
    pub fn capturing(
        mut self,
        table: &Table,
        columns: &[ColumnSpec],
        captured: &[CapturedColumn<'_>],
    ) -> Self {
        let place = |column: &CapturedColumn<'_>| (column.expression(table), column.index(columns));
        self.captured = captured.iter().map(place).collect();
        self
    }

    /// Digests the values of some of the columns of each row.
    #[must_use]
    pub fn digesting(mut self, columns: &[ColumnSpec], digested: &[String]) -> Self {
        let is_digested = |column: &ColumnSpec| digested.contains(&column.name);
        self.digested = columns.iter().map(is_digested).collect();
        self
    }

    /// Returns, for each column, true if its values are digested.
    #[must_use]
    pub fn digested(&self) -> &[bool] {
        &self.digested
    }

    /// Returns the condition that rows follow a key.
    #[must_use]
    pub fn after_key(&self, key: &[Value]) -> Condition {
        let after = Condition::compare_tuple(self.parameters, &self.key, ">", key);
        let bound = match (self.is_binary, &self.key[..], key) {
            // An index supports a comparison of several values only in the
            // collations of their columns.
            (true, [first, _, ..], [value, ..]) => Some(Condition::compare_tuple(
                self.parameters,
                std::slice::from_ref(first),
                ">=",
                std::slice::from_ref(value),
            )),
            _ => None,
        };
        match bound {
            Some(bound) => bound.and(after),
            None => after,
        }
    }

    /// Returns the number of result columns before the columns of each row.
    #[must_use]
    pub fn prefix_length(&self, encoding: Encoding) -> usize {
        let values = self.prefix(encoding).len();
        match encoding {
            Encoding::Plain => values,
            Encoding::Typed => 2 * values,
        }
    }

    /// Returns the places of the captured values.
    #[must_use]
    pub fn places(&self, encoding: Encoding) -> Vec<Place> {
        let prefix = self.prefix(encoding);
        let place = |(expression, index): &(String, Option<usize>)| {
            let in_prefix = || prefix.iter().position(|other| *other == expression);
            let index = index.map(Place::Column);
            index.or_else(|| in_prefix().map(Place::Prefix))
        };
        self.captured.iter().filter_map(place).collect()
    }

    /// Returns the expressions before the columns of each row.
    fn prefix(&self, encoding: Encoding) -> Vec<&String> {
        let has_key = encoding == Encoding::Typed || self.key_indices.is_none();
        let mut prefix: Vec<_> = self.key.iter().filter(|_| has_key).collect();
        for (expression, index) in &self.captured {
            if index.is_none() && !prefix.contains(&expression) {
                prefix.push(expression);
            }
        }
        prefix
    }

    /// Returns the statement for up to `limit` rows after a key, or for the first
    /// page.
    #[must_use]
    pub fn page(&self, encoding: Encoding, after: Option<&[Value]>, limit: u64) -> Statement {
        let selected: Vec<_> = self
            .prefix(encoding)
            .into_iter()
            .enumerate()
            .map(|(index, expression)| match encoding {
                Encoding::Plain => format!("{expression} AS \"__key{index}\""),
                Encoding::Typed => typed::encode(expression),
            })
            .chain(self.columns.iter().map(|column| match encoding {
                Encoding::Plain => column.clone(),
                Encoding::Typed => typed::encode(column),
            }))
            .collect();
        let (conditions, args) = self.conditions(after);
        let sql = format!(
            "SELECT {} FROM {}{conditions} ORDER BY {} LIMIT {limit}",
            selected.join(", "),
            self.table,
            self.key.join(", ")
        );
        Statement::with_args(sql, args)
    }

    /// Returns true if the server may read more rows than it sends.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter
            .as_ref()
            .is_some_and(|filter| filter.is_user_written)
    }

    /// Returns the statement that finds out if a row follows a key.
    #[must_use]
    pub fn probe(&self, after: Option<&[Value]>) -> Statement {
        let (conditions, args) = self.conditions(after);
        Statement::with_args(
            format!("SELECT 1 FROM {}{conditions} LIMIT 1", self.table),
            args,
        )
    }

    /// Returns the statement that counts the rows that follow a key.
    #[must_use]
    pub fn count(&self, after: Option<&[Value]>) -> Statement {
        let (conditions, args) = self.conditions(after);
        Statement::with_args(
            format!("SELECT count(*) FROM {}{conditions}", self.table),
            args,
        )
    }

    /// Returns the statement for the number and the checksum of the rows that
    /// follow a key.
    #[must_use]
    pub fn checksum(&self, columns: &[ChecksumColumn], after: Option<&[Value]>) -> Statement {
        let (conditions, args) = self.conditions(after);
        checksum::select(columns, &format!("{}{conditions}", self.table), args)
    }

    /// Returns the statement that explains the query plan of a page with all
    /// columns. It reads no rows of the table.
    #[must_use]
    pub fn explain(&self, after: Option<&[Value]>) -> Statement {
        let (conditions, args) = self.conditions(after);
        let (table, key) = (&self.table, self.key.join(", "));
        Statement::with_args(
            format!("EXPLAIN QUERY PLAN SELECT * FROM {table}{conditions} ORDER BY {key} LIMIT 1"),
            args,
        )
    }

    fn conditions(&self, after: Option<&[Value]>) -> (String, Vec<Argument>) {
        let first = self.first_filter.as_ref().filter(|_| after.is_none());
        let filter = first.or(self.filter.as_ref()).cloned();
        let after = after.map(|key| self.after_key(key));
        match Condition::all(filter.into_iter().chain(after)) {
            Some(Condition { sql, args, .. }) => (format!(" WHERE {sql}"), args),
            None => (String::new(), Vec::new()),
        }
    }

    /// Returns the key of a row of these statements, for the next page.
    #[must_use]
    pub fn row_key(&self, encoding: Encoding, row: &[Value]) -> Option<Vec<Value>> {
        let length = self.key.len();
        match (encoding, &self.key_indices) {
            (Encoding::Plain, Some(indices)) => {
                let prefix = self.prefix_length(encoding);
                let value = |index: &usize| row.get(prefix + index).cloned();
                indices.iter().map(value).collect()
            }
            (Encoding::Plain, None) => row.get(..length).map(<[Value]>::to_vec),
            (Encoding::Typed, _) => row.get(..2 * length).map(decode_typed),
        }
    }
}

impl CapturedColumn<'_> {
    /// Returns the SQL of the column.
    #[must_use]
    pub fn expression(&self, table: &Table) -> String {
        match self {
            Self::Named(name) => qualify(&table.name, name),
            Self::RowId(name) => format!("{}.{name}", quote(&table.name)),
        }
    }

    /// Returns the index of the column among the selected ones.
    fn index(&self, columns: &[ColumnSpec]) -> Option<usize> {
        match self {
            Self::Named(name) => columns.iter().position(|column| column.name == *name),
            Self::RowId(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::table::tests::table;

    fn paging(columns: &[(&str, &str, i64)], without_rowid: bool) -> Paging {
        let table = table(columns, without_rowid);
        let specs: Vec<_> = table
            .columns
            .iter()
            .map(crate::database::table::TableColumn::spec)
            .collect();
        Paging::new(&table, &table.key().unwrap(), &specs)
    }

    #[test]
    fn a_page_follows_a_key_among_the_columns() {
        let paging = paging(&[("id", "INTEGER", 1), ("na\"me", "TEXT", 0)], false);
        assert_eq!(
            paging.page(Encoding::Plain, None, 10),
            Statement::new(r#"SELECT "t"."id", "t"."na""me" FROM "t" ORDER BY "t"."id" LIMIT 10"#)
        );
        let row = [Value::Integer(7), Value::Null];
        let key = paging.row_key(Encoding::Plain, &row).unwrap();
        assert_eq!(
            paging.page(Encoding::Plain, Some(&key), 10),
            Statement::with_args(
                r#"SELECT "t"."id", "t"."na""me" FROM "t" WHERE "t"."id" > ? ORDER BY "t"."id" LIMIT 10"#,
                vec![Argument::Integer(7)]
            )
        );
    }

    #[test]
    fn a_row_id_is_selected_before_the_columns() {
        let paging = paging(&[("a", "TEXT", 0)], false);
        assert_eq!(paging.prefix_length(Encoding::Plain), 1);
        let page = paging.page(Encoding::Plain, Some(&[Value::Integer(1)]), 5);
        assert_eq!(
            page.sql,
            r#"SELECT "t".rowid AS "__key0", "t"."a" FROM "t" WHERE "t".rowid > ? ORDER BY "t".rowid LIMIT 5"#
        );
    }

    #[test]
    fn a_composite_key_is_compared_as_a_row() {
        let paging = paging(&[("a", "TEXT", 2), ("b", "BLOB", 1)], true);
        let key = paging
            .row_key(Encoding::Plain, &[Value::from("x"), Value::Blob(vec![1])])
            .unwrap();
        assert_eq!(key, [Value::Blob(vec![1]), Value::from("x")]);
        let page = paging.page(Encoding::Plain, Some(&key), 5);
        assert_eq!(
            page.sql,
            r#"SELECT "t"."a", "t"."b" FROM "t" WHERE ("t"."b", "t"."a") > (?, ?) ORDER BY "t"."b", "t"."a" LIMIT 5"#
        );
    }

    #[test]
    fn a_typed_key_keeps_text_that_is_not_utf8() {
        let paging = paging(&[("a", "TEXT", 1)], true);
        let row = [Value::Blob(vec![0xff]), Value::from("text")];
        let key = paging.row_key(Encoding::Typed, &row).unwrap();
        assert_eq!(key, [Value::TextBytes(vec![0xff])]);
        assert!(
            paging
                .page(Encoding::Typed, Some(&key), 1)
                .sql
                .contains(r#""t"."a" > CAST(? AS TEXT)"#)
        );
    }

    #[test]
    fn an_infinite_key_is_written_out() {
        let paging = paging(&[("a", "REAL", 1), ("b", "TEXT", 2)], true);
        let key = [Value::Real(f64::NEG_INFINITY), Value::from("x")];
        let page = paging.page(Encoding::Typed, Some(&key), 1);
        assert!(
            page.sql.contains(r#"("t"."a", "t"."b") > (-9e999, ?)"#),
            "{}",
            page.sql
        );
        assert_eq!(page.args, [Argument::Text("x".into())]);
    }
}
