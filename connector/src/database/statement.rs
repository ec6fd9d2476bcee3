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

/// How a table is read in pages.
#[derive(Clone, Debug)]
pub struct Paging {
    table: String,
    columns: Vec<String>,
    /// Expressions of the key.
    key: Vec<String>,
    /// Where the key is in a row, if it is among the columns.
    among: Option<Vec<usize>>,
}

impl Paging {
    /// By a key of the table, over these columns.
    #[must_use]
    pub fn new(table: &Table, key: &Key, columns: &[ColumnSpec]) -> Self {
        let names = match key {
            Key::Alias(name) => vec![name.clone()],
            Key::RowId(_) => Vec::new(),
            Key::Primary(names) => names.clone(),
        };
        let place = |name: &String| columns.iter().position(|column| column.name == *name);
        let among: Option<Vec<_>> = names.iter().map(place).collect();
        let expressions = match key {
            // One of the three names that SQLite gives it.
            Key::RowId(name) => vec![format!("{}.{name}", quoted(&table.name))],
            _ => names
                .iter()
                .map(|name| qualified(&table.name, name))
                .collect(),
        };
        Self {
            table: quoted(&table.name),
            columns: columns
                .iter()
                .map(|column| qualified(&table.name, &column.name))
                .collect(),
            key: expressions,
            among: among.filter(|among| !among.is_empty()),
        }
    }

    /// Values of the key that come before those of the columns.
    #[must_use]
    pub fn hidden(&self, wire: Wire) -> usize {
        match (wire, &self.among) {
            (Wire::Plain, Some(_)) => 0,
            (Wire::Plain, None) => self.key.len(),
            (Wire::Typed, _) => 2 * self.key.len(),
        }
    }

    /// The page of `limit` rows after a key; the first page without one.
    #[must_use]
    pub fn page(&self, wire: Wire, after: Option<&[Value]>, limit: u64) -> Statement {
        let key = if self.hidden(wire) > 0 {
            self.key.as_slice()
        } else {
            &[]
        };
        let selected: Vec<_> = key
            .iter()
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
        let mut sql = format!("SELECT {} FROM {}", selected.join(", "), self.table);
        if let Some(after) = after {
            let places: Vec<_> = after.iter().map(place).collect();
            let _ = match (self.key.as_slice(), places.as_slice()) {
                ([key], [place]) => write!(sql, " WHERE {key} > {place}"),
                (keys, places) => write!(
                    sql,
                    " WHERE ({}) > ({})",
                    keys.join(", "),
                    places.join(", ")
                ),
            };
        }
        let _ = write!(sql, " ORDER BY {} LIMIT {limit}", self.key.join(", "));
        let bound = after
            .unwrap_or_default()
            .iter()
            .filter(|key| !is_infinite(key));
        Statement::with(sql, bound.cloned().collect())
    }

    /// The key of a row, for the next page; none if the row is not one of
    /// these.
    #[must_use]
    pub fn key_of(&self, wire: Wire, row: &[Value]) -> Option<Vec<Value>> {
        match (wire, &self.among) {
            (Wire::Plain, Some(among)) => {
                among.iter().map(|index| row.get(*index).cloned()).collect()
            }
            (Wire::Plain, None) => row.get(..self.key.len()).map(<[Value]>::to_vec),
            (Wire::Typed, _) => {
                let pairs = row.get(..2 * self.key.len())?.chunks_exact(2);
                Some(
                    pairs
                        .map(|pair| untyped(&pair[0], pair[1].as_text().unwrap_or_default()))
                        .collect(),
                )
            }
        }
    }
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
