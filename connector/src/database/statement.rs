//! The statements that read tables. Names are only ever quoted by [`quoted`],
//! values only ever bound.

use std::fmt::Write as _;

use super::table::{Key, Table};
use crate::hrana::columns::ColumnSpec;
use crate::hrana::decoder::Wire;
use crate::hrana::request::Statement;
use crate::hrana::value::Value;

/// A name as an identifier, whatever is in it.
#[must_use]
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A column of a table. Alone, a quoted name that is no column (any more) is
/// a string to SQLite, the same in every row.
fn qualified(table: &str, column: &str) -> String {
    format!("{}.{}", quoted(table), quoted(column))
}

/// An expression in the two columns of [`Wire::Typed`]: its value, with text
/// as a blob, since servers give up on text that is not UTF-8, and infinities
/// as text, since JSON has none; and the name of its storage class.
fn typed(expression: &str) -> String {
    format!(
        "CASE WHEN typeof({expression}) = 'text' THEN CAST({expression} AS BLOB) \
         WHEN {expression} IN (9e999, -9e999) THEN CAST({expression} AS TEXT) \
         ELSE {expression} END, typeof({expression})"
    )
}

/// A condition on rows, with its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    sql: String,
    args: Vec<Value>,
    /// Whether a user wrote part of it, which no index need help with.
    is_written: bool,
}

impl Condition {
    /// As a user wrote it.
    #[must_use]
    pub fn written(sql: &str) -> Self {
        // Its last line may be a comment.
        Self {
            is_written: true,
            ..Self::of(format!("({sql}\n)"))
        }
    }

    /// Whether a column has no value.
    #[must_use]
    pub fn is_null(table: &str, column: &str) -> Self {
        Self::of(format!("{} IS NULL", qualified(table, column)))
    }

    /// Whether a column has a value.
    #[must_use]
    pub fn is_some(table: &str, column: &str) -> Self {
        Self::of(format!("{} IS NOT NULL", qualified(table, column)))
    }

    /// Whether a column compares in this way with a value.
    #[must_use]
    pub fn compares(table: &str, column: &str, operator: &str, value: &Value) -> Self {
        Self::tuple(
            &[qualified(table, column)],
            operator,
            std::slice::from_ref(value),
        )
    }

    /// Whether all of these are true; whether rows are, without any.
    #[must_use]
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::joined(conditions, " AND ")
    }

    /// Whether any of these is true.
    #[must_use]
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::joined(conditions, " OR ")
    }

    fn of(sql: String) -> Self {
        Self {
            sql,
            ..Self::default()
        }
    }

    /// Rows of expressions compare with rows of values as SQL compares them:
    /// by the first that differs.
    fn tuple(expressions: &[String], operator: &str, values: &[Value]) -> Self {
        let places: Vec<_> = values.iter().map(place).collect();
        let sql = match (expressions, places.as_slice()) {
            ([expression], [place]) => format!("{expression} {operator} {place}"),
            (expressions, places) => format!(
                "({}) {operator} ({})",
                expressions.join(", "),
                places.join(", ")
            ),
        };
        let args = values.iter().filter(|value| !is_infinite(value));
        Self {
            sql,
            args: args.cloned().collect(),
            is_written: false,
        }
    }

    fn joined(conditions: impl IntoIterator<Item = Self>, word: &str) -> Option<Self> {
        let mut conditions = conditions.into_iter();
        let mut joined = conditions.next()?;
        let mut several = false;
        for condition in conditions {
            joined.sql = format!("{}{word}{}", joined.sql, condition.sql);
            joined.args.extend(condition.args);
            joined.is_written |= condition.is_written;
            several = true;
        }
        if several {
            joined.sql = format!("({})", joined.sql);
        }
        Some(joined)
    }
}

/// How a table is read in pages.
#[derive(Clone, Debug)]
pub struct Paging {
    table: String,
    columns: Vec<String>,
    /// Expressions of the key, in whose order pages come.
    key: Vec<String>,
    /// Where the key is in a row, if it is among the columns.
    among: Option<Vec<usize>>,
    /// An expression whose value comes with every row, after the key.
    beside: Option<String>,
    /// Which rows are read.
    filter: Option<Condition>,
}

impl Paging {
    /// By a key of the table, over these columns.
    #[must_use]
    pub fn new(table: &Table, key: &Key, columns: &[ColumnSpec]) -> Self {
        Self::by(table, None, key, columns)
    }

    /// By a column and then a key of the table, over these columns.
    #[must_use]
    pub fn by_column(table: &Table, column: &str, key: &Key, columns: &[ColumnSpec]) -> Self {
        Self::by(table, Some(column), key, columns)
    }

    /// By some columns, and over nothing else.
    #[must_use]
    pub fn of_columns(table: &Table, columns: &[ColumnSpec]) -> Self {
        let names = columns.iter().map(|column| column.name.clone()).collect();
        Self::by(table, None, &Key::Primary(names), columns)
    }

    fn by(table: &Table, first: Option<&str>, key: &Key, columns: &[ColumnSpec]) -> Self {
        let mut names: Vec<String> = first.map(str::to_owned).into_iter().collect();
        let mut expressions: Vec<String> = first
            .map(|column| qualified(&table.name, column))
            .into_iter()
            .collect();
        match key {
            // One of the three names that SQLite gives it.
            Key::RowId(name) => expressions.push(format!("{}.{name}", quoted(&table.name))),
            Key::Alias(name) => names.push(name.clone()),
            Key::Primary(key) => names.extend(key.iter().cloned()),
        }
        let of_key = names.iter().skip(expressions.len().min(names.len()));
        let of_key: Vec<_> = of_key.map(|name| qualified(&table.name, name)).collect();
        expressions.extend(of_key);
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        let among: Option<Vec<_>> = names.iter().map(place).collect();
        Self {
            table: quoted(&table.name),
            columns: columns
                .iter()
                .map(|column| qualified(&table.name, &column.name))
                .collect(),
            among: among.filter(|among| among.len() == expressions.len()),
            key: expressions,
            beside: None,
            filter: None,
        }
    }

    /// Only rows for which a condition is true.
    #[must_use]
    pub fn filtered(mut self, filter: Option<Condition>) -> Self {
        self.filter = filter;
        self
    }

    /// With the value of a column beside the key.
    #[must_use]
    pub fn beside(mut self, table: &str, column: &str) -> Self {
        self.beside = Some(qualified(table, column));
        self.among = None;
        self
    }

    /// The condition that rows are beyond a key.
    #[must_use]
    pub fn beyond(&self, after: &[Value]) -> Condition {
        Condition::tuple(&self.key, ">", after)
    }

    /// Values that come before those of the columns.
    #[must_use]
    pub fn hidden(&self, wire: Wire) -> usize {
        let all = self.key.len() + usize::from(self.beside.is_some());
        match (wire, &self.among) {
            (Wire::Plain, Some(_)) => 0,
            (Wire::Plain, None) => all,
            (Wire::Typed, _) => 2 * all,
        }
    }

    /// The page of `limit` rows after a key; the first page without one.
    #[must_use]
    pub fn page(&self, wire: Wire, after: Option<&[Value]>, limit: u64) -> Statement {
        let hidden: Vec<_> = match self.hidden(wire) {
            0 => Vec::new(),
            _ => self.key.iter().chain(&self.beside).collect(),
        };
        let selected: Vec<_> = hidden
            .into_iter()
            .enumerate()
            .map(|(index, expression)| match wire {
                Wire::Plain => format!("{expression} AS \"__key{index}\""),
                Wire::Typed => typed(expression),
            })
            .chain(self.columns.iter().map(|column| match wire {
                Wire::Plain => column.clone(),
                Wire::Typed => typed(column),
            }))
            .collect();
        let (conditions, args) = self.conditions(after);
        let sql = format!(
            "SELECT {} FROM {}{conditions} ORDER BY {} LIMIT {limit}",
            selected.join(", "),
            self.table,
            self.key.join(", ")
        );
        Statement::with(sql, args)
    }

    /// Whether the server may have to look at more rows than it sends.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        self.filter.as_ref().is_some_and(|filter| filter.is_written)
    }

    /// Whether there is any row after a key.
    #[must_use]
    pub fn probe(&self, after: Option<&[Value]>) -> Statement {
        let (conditions, args) = self.conditions(after);
        Statement::with(
            format!("SELECT 1 FROM {}{conditions} LIMIT 1", self.table),
            args,
        )
    }

    /// How the server would look for the rows after a key. Costs nothing.
    #[must_use]
    pub fn explain(&self, after: Option<&[Value]>) -> Statement {
        let Statement { sql, args } = self.page(Wire::Plain, after, 1);
        Statement::with(format!("EXPLAIN QUERY PLAN {sql}"), args)
    }

    fn conditions(&self, after: Option<&[Value]>) -> (String, Vec<Value>) {
        let after = after.map(|after| self.beyond(after));
        match Condition::all(self.filter.clone().into_iter().chain(after)) {
            Some(Condition { sql, args, .. }) => (format!(" WHERE {sql}"), args),
            None => (String::new(), Vec::new()),
        }
    }

    /// The key of a row, for the next page; none if the row is not one of
    /// these.
    #[must_use]
    pub fn key_of(&self, wire: Wire, row: &[Value]) -> Option<Vec<Value>> {
        let key = self.key.len();
        match (wire, &self.among) {
            (Wire::Plain, Some(among)) => {
                among.iter().map(|index| row.get(*index).cloned()).collect()
            }
            (Wire::Plain, None) => row.get(..key).map(<[Value]>::to_vec),
            (Wire::Typed, _) => row.get(..2 * key).map(untyped_all),
        }
    }

    /// The key of a row and the value beside it, from the values that came
    /// before its columns.
    #[must_use]
    pub fn hidden_of(&self, wire: Wire, hidden: Vec<Value>) -> Option<(Vec<Value>, Value)> {
        let mut values = match wire {
            Wire::Plain => hidden,
            Wire::Typed => untyped_all(&hidden),
        };
        let beside = values.pop()?;
        (values.len() == self.key.len()).then_some((values, beside))
    }
}

fn untyped_all(row: &[Value]) -> Vec<Value> {
    let pairs = row.chunks_exact(2);
    pairs
        .map(|pair| untyped(&pair[0], pair[1].as_text().unwrap_or_default()))
        .collect()
}

/// Where a value of the key stands. JSON has no infinities, so those are
/// written out.
fn place(value: &Value) -> &'static str {
    match value {
        Value::Real(real) if *real == f64::INFINITY => "9e999",
        Value::Real(real) if *real == f64::NEG_INFINITY => "-9e999",
        Value::TextBytes(_) => "CAST(? AS TEXT)",
        _ => "?",
    }
}

fn is_infinite(value: &Value) -> bool {
    matches!(value, Value::Real(real) if real.is_infinite())
}

/// A value of the key that came in two columns.
fn untyped(value: &Value, class: &str) -> Value {
    match (class, value) {
        ("text", Value::Blob(bytes)) => match String::from_utf8(bytes.clone()) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::TextBytes(error.into_bytes()),
        },
        ("real", Value::Text(text)) => Value::Real(if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        }),
        _ => value.clone(),
    }
}

/// All rows of a view, a virtual table, or a table without a key.
#[must_use]
pub fn whole(relation: &str, columns: &[ColumnSpec], wire: Wire, limit: Option<u64>) -> Statement {
    let names: Vec<_> = columns
        .iter()
        .map(|column| qualified(relation, &column.name))
        .collect();
    selection(
        &format!("SELECT {} FROM {}", names.join(", "), quoted(relation)),
        columns.len(),
        wire,
        limit,
    )
}

/// The largest row id of a table: one row, wherever it is.
#[must_use]
pub fn largest(table: &str, row_id: &str) -> Statement {
    Statement::new(format!("SELECT max({row_id}) FROM {}", quoted(table)))
}

/// No row of a relation, for its columns.
#[must_use]
pub fn nothing_of(relation: &str) -> Statement {
    Statement::new(format!("SELECT * FROM {} LIMIT 0", quoted(relation)))
}

/// All rows of a query. Its columns are taken by position: their names need
/// not be unique.
#[must_use]
pub fn selection(query: &str, columns: usize, wire: Wire, limit: Option<u64>) -> Statement {
    let query = query.trim().trim_end_matches(';');
    let mut sql = match wire {
        // What is no SELECT is no subquery. Its last line may be a comment.
        Wire::Plain => format!("SELECT * FROM ({query}\n)"),
        Wire::Typed => {
            let names: Vec<_> = (0..columns).map(|index| format!("c{index}")).collect();
            let pairs: Vec<_> = names.iter().map(|name| typed(name)).collect();
            format!(
                "WITH \"__rows\"({}) AS ({query}\n) SELECT {} FROM \"__rows\"",
                names.join(", "),
                pairs.join(", ")
            )
        }
    };
    if let Some(limit) = limit {
        let _ = write!(sql, " LIMIT {limit}");
    }
    Statement::new(sql)
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
            .map(crate::database::table::Column::spec)
            .collect();
        Paging::new(&table, &table.key().unwrap(), &specs)
    }

    #[test]
    fn a_page_goes_by_the_key_that_is_among_the_columns() {
        let paging = paging(&[("id", "INTEGER", 1), ("na\"me", "TEXT", 0)], false);
        assert_eq!(
            paging.page(Wire::Plain, None, 10),
            Statement::new(r#"SELECT "t"."id", "t"."na""me" FROM "t" ORDER BY "t"."id" LIMIT 10"#)
        );
        let row = [Value::Integer(7), Value::Null];
        let key = paging.key_of(Wire::Plain, &row).unwrap();
        assert_eq!(
            paging.page(Wire::Plain, Some(&key), 10),
            Statement::with(
                r#"SELECT "t"."id", "t"."na""me" FROM "t" WHERE "t"."id" > ? ORDER BY "t"."id" LIMIT 10"#,
                vec![Value::Integer(7)]
            )
        );
    }

    #[test]
    fn a_row_id_comes_before_the_columns() {
        let paging = paging(&[("a", "TEXT", 0)], false);
        assert_eq!(paging.hidden(Wire::Plain), 1);
        let page = paging.page(Wire::Plain, Some(&[Value::Integer(1)]), 5);
        assert_eq!(
            page.sql,
            r#"SELECT "t".rowid AS "__key0", "t"."a" FROM "t" WHERE "t".rowid > ? ORDER BY "t".rowid LIMIT 5"#
        );
    }

    #[test]
    fn a_composite_key_is_compared_as_a_row() {
        let paging = paging(&[("a", "TEXT", 2), ("b", "BLOB", 1)], true);
        let key = paging
            .key_of(Wire::Plain, &[Value::from("x"), Value::Blob(vec![1])])
            .unwrap();
        assert_eq!(key, [Value::Blob(vec![1]), Value::from("x")]);
        let page = paging.page(Wire::Plain, Some(&key), 5);
        assert_eq!(
            page.sql,
            r#"SELECT "t"."a", "t"."b" FROM "t" WHERE ("t"."b", "t"."a") > (?, ?) ORDER BY "t"."b", "t"."a" LIMIT 5"#
        );
    }

    #[test]
    fn a_typed_key_keeps_text_that_is_not_utf8() {
        let paging = paging(&[("a", "TEXT", 1)], true);
        let row = [Value::Blob(vec![0xff]), Value::from("text")];
        let key = paging.key_of(Wire::Typed, &row).unwrap();
        assert_eq!(key, [Value::TextBytes(vec![0xff])]);
        assert!(
            paging
                .page(Wire::Typed, Some(&key), 1)
                .sql
                .contains(r#""t"."a" > CAST(? AS TEXT)"#)
        );
    }

    #[test]
    fn an_infinite_key_is_written_out() {
        let paging = paging(&[("a", "REAL", 1), ("b", "TEXT", 2)], true);
        let key = [Value::Real(f64::NEG_INFINITY), Value::from("x")];
        let page = paging.page(Wire::Typed, Some(&key), 1);
        assert!(
            page.sql.contains(r#"("t"."a", "t"."b") > (-9e999, ?)"#),
            "{}",
            page.sql
        );
        assert_eq!(page.args, [Value::from("x")]);
    }

    #[test]
    fn a_query_may_end_in_a_comment() {
        let query = selection("SELECT 1 -- one ;", 1, Wire::Plain, Some(2));
        assert_eq!(query.sql, "SELECT * FROM (SELECT 1 -- one \n) LIMIT 2");
    }

    #[test]
    fn every_name_stays_inside_its_quotes() {
        for name in [
            "a",
            "\"",
            "a\"b",
            "\"\"; DROP TABLE t; --",
            "ä 表",
            "select",
            "",
        ] {
            let quoted = quoted(name);
            let inner = &quoted[1..quoted.len() - 1];
            assert!(!inner.replace("\"\"", "").contains('"'), "{quoted}");
            assert_eq!(inner.replace("\"\"", "\""), name);
        }
    }
}
