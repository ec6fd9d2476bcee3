//! Statements that read a relation or a query at once.

use std::fmt::Write as _;

use super::condition::Condition;
use super::identifier::{qualify, quote};
use super::table::Table;
use super::typed;
use crate::hrana::decoder::Encoding;
use crate::hrana::request::Statement;
use crate::rows::columns::ColumnSpec;
use crate::rows::value::Value;

/// Selects all rows of a view, a virtual table, or a table without a key.
#[must_use]
pub fn select_all(
    relation: &str,
    columns: &[ColumnSpec],
    encoding: Encoding,
    limit: Option<u64>,
) -> Statement {
    let names: Vec<_> = columns
        .iter()
        .map(|column| qualify(relation, &column.name))
        .collect();
    select_query(
        &format!("SELECT {} FROM {}", names.join(", "), quote(relation)),
        columns.len(),
        encoding,
        limit,
    )
}

/// Selects all rows of a query. Columns are addressed by position, since their
/// names need not be unique.
#[must_use]
pub fn select_query(
    query: &str,
    columns: usize,
    encoding: Encoding,
    limit: Option<u64>,
) -> Statement {
    let query = query.trim().trim_end_matches(';');
    let mut sql = match encoding {
        // As a subquery, only a SELECT is valid. The line break ends a comment.
        Encoding::Plain => format!("SELECT * FROM ({query}\n)"),
        Encoding::Typed => {
            let names: Vec<_> = (0..columns).map(|index| format!("c{index}")).collect();
            let pairs: Vec<_> = names.iter().map(|name| typed::encode(name)).collect();
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

/// Counts the rows of a query.
#[must_use]
pub fn count_query(query: &str) -> Statement {
    let query = query.trim().trim_end_matches(';');
    // The line break ends a comment.
    Statement::new(format!("SELECT count(*) FROM ({query}\n)"))
}

/// Counts the rows of a relation.
#[must_use]
pub fn count_all(relation: &str) -> Statement {
    Statement::new(format!("SELECT count(*) FROM {}", quote(relation)))
}

/// Selects no row of a relation, to learn its columns.
#[must_use]
pub fn select_no_rows(relation: &str) -> Statement {
    Statement::new(format!("SELECT * FROM {} LIMIT 0", quote(relation)))
}

/// Selects the largest row id of a table, which reads one row.
#[must_use]
pub fn select_max_row_id(table: &str, row_id: &str) -> Statement {
    Statement::new(format!("SELECT max({row_id}) FROM {}", quote(table)))
}

/// Selects the largest value of an expression among rows that meet a condition.
#[must_use]
pub fn select_max(table: &Table, expression: &str, condition: Condition) -> Statement {
    let sql = format!("SELECT max({expression}) FROM {}", quote(&table.name));
    condition.restrict(&sql)
}

/// Selects any row of a table.
#[must_use]
pub fn select_any(table: &str) -> Statement {
    Statement::new(format!("SELECT 1 FROM {} LIMIT 1", quote(table)))
}

/// Selects any row that meets a condition.
#[must_use]
pub fn select_any_of(table: &Table, condition: Condition) -> Statement {
    let mut statement = condition.restrict(&format!("SELECT 1 FROM {}", quote(&table.name)));
    statement.sql.push_str(" LIMIT 1");
    statement
}

/// Selects the last key that AUTOINCREMENT has given to a row of a table.
#[must_use]
pub fn select_sequence(table: &Table) -> Statement {
    let name = Value::from(&*table.name);
    let condition = Condition::compare_expression(table, "name".to_owned(), "=", &name);
    condition.restrict("SELECT max(seq) FROM sqlite_sequence")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_may_end_in_a_comment() {
        let query = select_query("SELECT 1 -- one ;", 1, Encoding::Plain, Some(2));
        assert_eq!(query.sql, "SELECT * FROM (SELECT 1 -- one \n) LIMIT 2");
    }
}
