//! Statements that read the table `turso_cdc`, and the check that it still holds
//! every change after a cursor. Missing changes are always an error.

use super::change::ChangeId;
use super::refresh_needed;
use crate::cursor::{LastRow, StoredValue};
use crate::database::catalog::CHANGES;
use crate::database::parameters::Parameters;
use crate::database::table::Table;
use crate::error::Result;
use crate::hrana::request::Statement;
use crate::rows::datum::Datum;
use crate::rows::digest::{DIGESTED_BYTES, RowDigest};
use crate::rows::value::Value;

/// Name of the schema table, whose changes are those of the tables themselves.
pub const SCHEMA: &str = "sqlite_schema";

/// Maximum number of changes by which a feed is recognized.
const MAX_LAST_CHANGES: usize = 8;

/// Range of changes that the feed holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FeedExtent {
    /// Number of the first change.
    pub first: Option<i64>,
    /// Last change to read. Later ones belong to an open transaction, which
    /// may still be rolled back.
    pub end: ChangeId,
    /// True if an open transaction has made changes after the end.
    pub has_open_transaction: bool,
}

/// Returns the statements that determine the extent of the feed.
/// [`FeedExtent::from_rows`] takes their results in the same order.
#[must_use]
pub fn select_extent() -> [Statement; 4] {
    [
        format!("SELECT version FROM turso_cdc_version WHERE table_name = '{CHANGES}'"),
        format!("SELECT min(change_id) FROM {CHANGES}"),
        // Since version 2 of the feed, every transaction ends in such a row.
        format!(
            "SELECT change_id, change_time FROM {CHANGES} WHERE change_type = 2 \
             ORDER BY change_id DESC LIMIT 1"
        ),
        format!("SELECT change_id, change_time FROM {CHANGES} ORDER BY change_id DESC LIMIT 1"),
    ]
    .map(Statement::new)
}

/// Returns the statement that reads the last changes, up to one number or of the
/// whole feed. [`last_changes`] takes its rows.
#[must_use]
pub fn select_last_changes(up_to: Option<i64>, parameters: Parameters) -> Statement {
    let mut args = Vec::new();
    let condition = up_to.map_or_else(String::new, |number| {
        let number = parameters.sql(&Value::Integer(number), &mut args);
        format!(" WHERE change_id <= {number}")
    });
    let digested =
        |column: &str| format!("length({column}), hex(substr({column}, 1, {DIGESTED_BYTES}))");
    let sql = format!(
        "SELECT change_id, change_time, change_type, table_name, id, {}, {} FROM {CHANGES}{condition} \
         ORDER BY change_id DESC LIMIT {MAX_LAST_CHANGES}",
        digested("\"before\""),
        digested("\"after\"")
    );
    Statement::with_args(sql, args)
}

/// Returns the numbers and digests of changes up to one of them, in ascending
/// order.
#[must_use]
pub fn last_changes(rows: &[Vec<Value>], up_to: i64) -> Vec<LastRow> {
    let change = |row: &Vec<Value>| {
        let number = row
            .first()?
            .as_integer()
            .filter(|number| *number <= up_to)?;
        let mut digest = RowDigest::new();
        for value in row {
            digest.add(&Datum::from(value));
        }
        Some(LastRow {
            key: vec![StoredValue::Integer(number)],
            digest: format!("{:016x}", digest.finish()),
        })
    };
    rows.iter().rev().filter_map(change).collect()
}

/// Returns the statement that reads the time of a change.
#[must_use]
pub fn select_time(number: i64, parameters: Parameters) -> Statement {
    let mut args = Vec::new();
    let number = parameters.sql(&Value::Integer(number), &mut args);
    let sql = format!("SELECT change_time FROM {CHANGES} WHERE change_id = {number}");
    Statement::with_args(sql, args)
}

/// Returns the statement that reads a table's row id in the schema, which does
/// not change when the table is altered or renamed.
#[must_use]
pub fn select_schema_entry(table: &Table) -> Statement {
    let mut args = Vec::new();
    let name = table.parameters.sql(&table.name.as_str().into(), &mut args);
    let sql = format!("SELECT rowid FROM {SCHEMA} WHERE type = 'table' AND name = {name}");
    Statement::with_args(sql, args)
}

/// Returns the statement that reads the defaults of a table's columns.
#[must_use]
pub fn select_defaults(table: &Table) -> Statement {
    let mut args = Vec::new();
    let name = table.parameters.sql(&table.name.as_str().into(), &mut args);
    let sql = format!("SELECT name, dflt_value FROM pragma_table_xinfo({name})");
    Statement::with_args(sql, args)
}

/// Returns the statement that reads the capture mode of the connection.
#[must_use]
pub fn select_capture_mode() -> Statement {
    Statement::new("PRAGMA capture_data_changes_conn")
}

/// Returns the statement that reads the changes of a table after one number
/// and up to another.
#[must_use]
pub fn select_changes(
    table: &str,
    after: i64,
    end: i64,
    limit: u64,
    parameters: Parameters,
) -> Statement {
    let mut args = Vec::new();
    let [after, end] =
        [after, end].map(|number| parameters.sql(&Value::Integer(number), &mut args));
    let mut sql = format!(
        "SELECT change_id, change_time, change_type, table_name, id, \"before\", \"after\", updates \
         FROM {CHANGES} WHERE change_id > {after} AND change_id <= {end} AND change_type IN (-1, 0, 1)"
    );
    // The feed spells a name like the statement that made the change, and SQL
    // ignores the case of ASCII letters only.
    if table.is_ascii() {
        let name = parameters.sql(&table.into(), &mut args);
        sql.push_str(&format!(" AND table_name = {name} COLLATE NOCASE"));
    }
    sql.push_str(&format!(" ORDER BY change_id LIMIT {limit}"));
    Statement::with_args(sql, args)
}

/// Returns true if a name in the feed denotes a table.
#[must_use]
pub fn is_same_table(table: &str, name: &str) -> bool {
    name.to_lowercase() == table.to_lowercase()
}

impl FeedExtent {
    /// Parses the results of [`select_extent`].
    #[must_use]
    pub fn from_rows(
        version: &[Vec<Value>],
        first: &[Vec<Value>],
        committed: &[Vec<Value>],
        last: &[Vec<Value>],
    ) -> Self {
        let number = |rows: &[Vec<Value>], column: usize| rows.first()?.get(column)?.as_integer();
        let id = |rows: &[Vec<Value>]| ChangeId {
            number: number(rows, 0).unwrap_or(0),
            time: number(rows, 1).unwrap_or(0),
        };
        // Before version 2, the feed does not record the end of a transaction.
        let has_commits = !version.is_empty() || !committed.is_empty();
        let end = id(if has_commits { committed } else { last });
        Self {
            first: number(first, 0),
            end,
            has_open_transaction: id(last).number > end.number,
        }
    }

    /// Checks that the feed holds every change after `from`. `time` is the time
    /// of the change with that number, if the feed still has it.
    ///
    /// # Errors
    /// A data error if changes may be missing.
    pub fn check_continuity(&self, table: &str, from: ChangeId, time: Option<i64>) -> Result<()> {
        let ChangeId { number, .. } = from;
        let problem = match (self.first, time) {
            (None, _) if number == 0 => return Ok(()),
            (None, _) => "it is empty now".to_owned(),
            (Some(first), None) if first == number + 1 => return Ok(()),
            (Some(first), None) if first > number => {
                format!("it begins at change {first} now, so the changes in between are lost")
            }
            (Some(_), Some(time)) if time == from.time && self.end.number >= number => {
                return Ok(());
            }
            _ => "it was restarted since".to_owned(),
        };
        Err(refresh_needed(
            table,
            &format!("the change feed (`{CHANGES}`) was read up to change {number}, and {problem}"),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: i64, time: i64) -> ChangeId {
        ChangeId { number, time }
    }

    fn extent(first: Option<i64>, end: i64) -> FeedExtent {
        FeedExtent {
            first,
            end: id(end, 0),
            has_open_transaction: false,
        }
    }

    #[test]
    fn an_open_transaction_is_not_read() {
        let row = |values: &[i64]| vec![values.iter().copied().map(Value::Integer).collect()];
        let version = vec![vec![Value::from("v2")]];
        let open = FeedExtent::from_rows(&version, &row(&[3]), &row(&[7, 70]), &row(&[9, 90]));
        assert_eq!(
            (open.first, open.end, open.has_open_transaction),
            (Some(3), id(7, 70), true)
        );
        let first = FeedExtent::from_rows(&version, &row(&[1]), &[], &row(&[2, 20]));
        assert_eq!((first.end, first.has_open_transaction), (id(0, 0), true));
        let older = FeedExtent::from_rows(&[], &row(&[1]), &[], &row(&[2, 20]));
        assert_eq!((older.end, older.has_open_transaction), (id(2, 20), false));
        let empty = FeedExtent::from_rows(&version, &[vec![Value::Null]], &[], &[]);
        assert_eq!(empty, FeedExtent::default());
    }

    #[test]
    fn a_read_resumes_if_no_change_is_missing() {
        for (extent, from, time) in [
            (extent(None, 0), id(0, 0), None),
            (extent(Some(1), 9), id(0, 0), None),
            (extent(Some(1), 9), id(9, 5), Some(5)),
            (extent(Some(4), 9), id(4, 5), Some(5)),
            // Changes that were read have been removed.
            (extent(Some(5), 9), id(4, 5), None),
        ] {
            assert_eq!(
                extent.check_continuity("t", from, time),
                Ok(()),
                "{extent:?} {from:?}"
            );
        }
    }

    #[test]
    fn missing_changes_are_an_error() {
        for (extent, from, time) in [
            (extent(None, 0), id(9, 5), None),
            (extent(Some(2), 9), id(0, 0), None),
            (extent(Some(6), 9), id(4, 5), None),
            (extent(Some(1), 3), id(9, 5), None),
            (extent(Some(1), 30), id(9, 5), Some(6)),
            (extent(Some(1), 30), id(9, 5), None),
        ] {
            let error = extent.check_continuity("t", from, time).unwrap_err();
            assert!(
                error.hint.unwrap().contains("full refresh"),
                "{extent:?} {from:?}"
            );
        }
    }

    #[test]
    fn table_names_are_compared_without_case() {
        assert!(is_same_table("orders", "Orders"));
        assert!(is_same_table("Ä", "ä"));
        assert!(!is_same_table("orders", "order"));
    }
}
