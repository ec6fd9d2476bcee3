//! Query plans of the server, which show if an index has a cursor column. They
//! are requested with the catalogue, for tables as their saved cursors describe
//! them. Sends no requests.

use super::increment::Increment;
use super::pass::Pass;
use super::statements::{MAX_STATEMENTS, StatementResult};
use crate::cursor::Cursor;
use crate::database::parameters::Parameters;
use crate::database::table::{RelationKind, Table, TableColumn};
use crate::error::Result;
use crate::hrana::request::Statement;
use crate::selection::{Mode, ReadOptions, Selection};

/// Names of the row id that no column has.
const ROW_ID_NAMES: [&str; 3] = ["rowid", "_rowid_", "oid"];

/// Statements whose query plans are known.
#[derive(Debug, Default)]
pub(super) struct QueryPlans {
    /// Statements, each with true if it searches an index and does not sort.
    known: Vec<(Statement, bool)>,
}

impl QueryPlans {
    /// Adds statements with the query plans that the server returned.
    pub(super) fn add(&mut self, statements: Vec<Statement>, results: &[StatementResult]) {
        let plans = results.iter().map(searches_index);
        self.known.extend(statements.into_iter().zip(plans));
    }

    /// True if the plan of a statement searches an index and does not sort;
    /// `None` if its plan is not known.
    pub(super) fn searches_index(&self, statement: &Statement) -> Option<bool> {
        let mut known = self.known.iter();
        let (_, searches) = known.find(|(explained, _)| explained == statement)?;
        Some(*searches)
    }
}

/// Returns the statement that explains the plan on which the order of the rows
/// depends, if it depends on one.
///
/// # Errors
/// A config error if the lag cannot be subtracted from the saved value.
pub(super) fn explain(increment: &Increment, options: &ReadOptions) -> Result<Option<Statement>> {
    // Without a cursor, only a read that can resume needs the order.
    let is_limited = increment.continues() || increment.is_bounded();
    if increment.cursor_column().is_none() || !(is_limited || options.resumable) {
        return Ok(None);
    }
    Ok(increment.ordered()?.last().map(Pass::explain))
}

/// Returns the statements that will have to be explained if the tables of the
/// selections still are what their cursors describe.
pub(super) fn expected(requested: &[Selection], options: &ReadOptions) -> Vec<Statement> {
    let statement = |selection: &Selection| {
        let table = described_table(selection)?;
        // If the cursor does not suit the selection, the plan reports that.
        let increment = Increment::new(&table, &[], selection).ok()?;
        explain(&increment, options).ok()?
    };
    let statements = requested.iter().filter_map(statement);
    statements.take(MAX_STATEMENTS).collect()
}

/// Returns the table of a selection as its cursor describes it: with the key and
/// the cursor column.
fn described_table(selection: &Selection) -> Option<Table> {
    let cursor = selection.cursor.as_ref();
    let cursor = cursor.filter(|_| selection.mode == Mode::Incremental)?;
    let cursor_column = cursor.cursor_column.as_ref()?;
    let Cursor { key, .. } = cursor;
    let has_row_id = matches!(key.as_slice(), [only] if ROW_ID_NAMES.contains(&only.as_str()));
    let key: &[String] = if has_row_id { &[] } else { key };
    let positions = key.iter().zip(1..);
    let other = Some((cursor_column, 0)).filter(|(column, _)| !key.contains(column));
    let columns = positions
        .chain(other)
        .map(|(name, key_position)| TableColumn {
            name: name.clone(),
            declared_type: String::new(),
            key_position,
            is_generated: false,
        });
    Some(Table {
        name: selection.resource.clone(),
        kind: RelationKind::Table,
        without_rowid: !has_row_id,
        columns: columns.collect(),
        sql: String::new(),
        // Otherwise the plan is requested again. It does not depend on values.
        parameters: Parameters::ALL,
    })
}

/// True if a plan searches an index and does not sort.
fn searches_index(result: &StatementResult) -> bool {
    // The last column is a description: `SEARCH t USING INDEX i (c>?)`.
    let steps = || result.rows.iter().filter_map(|row| row.last()?.as_text());
    let searches = steps().any(|step| step.starts_with("SEARCH"));
    let sorts = steps().any(|step| step.contains("TEMP B-TREE"));
    searches && !sorts
}

#[cfg(test)]
mod tests {
    use super::super::pass::PassRows;
    use super::*;
    use crate::database::table::tests::table;
    use crate::deadline::Deadline;
    use crate::hrana::decoder::Captured;
    use crate::rows::value::Value;

    fn options(resumable: bool) -> ReadOptions {
        ReadOptions {
            page_rows: 10,
            page_bytes: None,
            row_limit: None,
            resumable,
            lenient: false,
            progress: true,
            deadline: Deadline::default(),
            verify: crate::selection::Verification::Off,
            added_column: None,
            types: std::sync::Arc::default(),
        }
    }

    fn selection(cursor: Option<Cursor>) -> Selection {
        Selection {
            resource: "t".to_owned(),
            mode: Mode::Incremental,
            cursor_column: Some("AT".to_owned()),
            filter: Some("at <> 3".to_owned()),
            idempotent: true,
            cursor,
            ..Selection::default()
        }
    }

    #[test]
    fn a_cursor_describes_the_statement_that_is_explained_later() {
        for (columns, without_rowid) in [
            (vec![("id", "INTEGER", 1), ("at", "TEXT", 0)], false),
            (vec![("id", "TEXT", 1), ("at", "TEXT", 0)], false),
            (
                vec![("a", "TEXT", 2), ("b", "INT", 1), ("at", "REAL", 0)],
                true,
            ),
        ] {
            let table = table(&columns, without_rowid);
            let first = Increment::new(&table, &[], &selection(None)).unwrap();
            let mut tracker = first.tracker();
            // Two key columns, or a row id and the primary key that identifies it.
            let has_alias = columns[0].1 == "INTEGER";
            let key = vec![Value::Integer(7); 2 - usize::from(has_alias)];
            let row = [vec![Value::from("x")], key].concat();
            let captured = Captured {
                values: row,
                digests: Vec::new(),
            };
            tracker.advance(PassRows::Unordered, &captured, &[]);
            let later = selection(Some(tracker.finish().unwrap()));
            let increment = Increment::new(&table, &[], &later).unwrap();
            let statement = explain(&increment, &options(false)).unwrap().unwrap();
            assert_eq!(expected(&[later], &options(false)), [statement]);
        }
    }

    #[test]
    fn only_a_read_that_continues_or_resumes_needs_a_plan() {
        let table = table(&[("id", "INTEGER", 1), ("at", "TEXT", 0)], false);
        let increment = Increment::new(&table, &[], &selection(None)).unwrap();
        assert_eq!(explain(&increment, &options(false)).unwrap(), None);
        assert!(explain(&increment, &options(true)).unwrap().is_some());
        assert!(expected(&[selection(None)], &options(true)).is_empty());
    }

    #[test]
    fn a_plan_that_scans_or_sorts_does_not_search_an_index() {
        for (steps, expected) in [
            (&["SEARCH t USING INDEX t_at (at>?)"][..], true),
            (&["SCAN t", "USE TEMP B-TREE FOR ORDER BY"], false),
            (
                &[
                    "SEARCH t USING INDEX t_at (at>?)",
                    "USE TEMP B-TREE FOR LAST TERM OF ORDER BY",
                ],
                false,
            ),
            (&[], false),
        ] {
            let rows = steps.iter().map(|step| vec![Value::from(*step)]);
            let result = StatementResult {
                rows: rows.collect(),
                ..StatementResult::default()
            };
            let statement = Statement::new("EXPLAIN");
            let mut plans = QueryPlans::default();
            assert_eq!(plans.searches_index(&statement), None);
            plans.add(vec![statement.clone()], &[result]);
            assert_eq!(
                plans.searches_index(&statement),
                Some(expected),
                "{steps:?}"
            );
        }
    }
}
