//! The table `turso_cdc`: the statements that read it, and whether it still
//! goes on from where the last read ended. Changes that are not in it any more
//! are never passed over in silence.

use super::lost;
use super::row::{Change, Kind};
use crate::database::catalog::CHANGES;
use crate::error::{Error, Result};
use crate::hrana::request::Statement;
use crate::hrana::value::Value;

/// The schema table, whose changes are those of tables themselves.
pub const SCHEMA: &str = "sqlite_schema";

/// A place in the feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The number of the change; 0 is before the first.
    pub number: i64,
    /// When it was made, in seconds. Numbers begin anew when the feed is
    /// emptied, times do not.
    pub time: i64,
}

/// What the feed holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The number of the first change.
    pub first: Option<i64>,
    /// The last change that is read: what comes after it is of a transaction
    /// that is still open, and may yet be undone.
    pub end: Place,
    /// Whether there is something after it.
    pub is_open: bool,
}

/// What to ask for the extent: its answers go to [`Extent::of`].
#[must_use]
pub fn extent() -> [Statement; 4] {
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

/// When the change of a number was made.
#[must_use]
pub fn time_of(number: i64) -> Statement {
    Statement::with(
        format!("SELECT change_time FROM {CHANGES} WHERE change_id = ?"),
        vec![Value::Integer(number)],
    )
}

/// The entry of a table in the schema, which stays the same when the table is
/// altered or renamed.
#[must_use]
pub fn entry_of(table: &str) -> Statement {
    Statement::with(
        format!("SELECT rowid FROM {SCHEMA} WHERE type = 'table' AND name = ?"),
        vec![table.into()],
    )
}

/// The defaults of a table's columns.
#[must_use]
pub fn defaults_of(table: &str) -> Statement {
    Statement::with(
        "SELECT name, dflt_value FROM pragma_table_xinfo(?)".to_owned(),
        vec![table.into()],
    )
}

/// Whether the connection records changes, and how.
#[must_use]
pub fn mode() -> Statement {
    Statement::new("PRAGMA capture_data_changes_conn")
}

/// Changes of a table between two places. The name is written as it was in
/// the statement that made the change.
#[must_use]
pub fn page(table: &str, after: i64, end: i64, limit: u64) -> Statement {
    let mut sql = format!(
        "SELECT change_id, change_time, change_type, table_name, id, \"before\", \"after\", updates \
         FROM {CHANGES} WHERE change_id > ? AND change_id <= ? AND change_type IN (-1, 0, 1)"
    );
    let mut args = vec![Value::Integer(after), Value::Integer(end)];
    // SQL folds the case of these letters only.
    if table.is_ascii() {
        sql.push_str(" AND table_name = ? COLLATE NOCASE");
        args.push(table.into());
    }
    sql.push_str(&format!(" ORDER BY change_id LIMIT {limit}"));
    Statement::with(sql, args)
}

/// Whether a change names a table.
#[must_use]
pub fn is_of(table: &str, name: &str) -> bool {
    name.to_lowercase() == table.to_lowercase()
}

impl Extent {
    /// From the rows of the answers.
    #[must_use]
    pub fn of(
        version: &[Vec<Value>],
        first: &[Vec<Value>],
        committed: &[Vec<Value>],
        last: &[Vec<Value>],
    ) -> Self {
        let number = |rows: &[Vec<Value>], at: usize| rows.first()?.get(at)?.as_integer();
        let place = |rows: &[Vec<Value>]| Place {
            number: number(rows, 0).unwrap_or(0),
            time: number(rows, 1).unwrap_or(0),
        };
        // Before version 2, nothing says where a transaction ends.
        let has_commits = !version.is_empty() || !committed.is_empty();
        let end = place(if has_commits { committed } else { last });
        Self {
            first: number(first, 0),
            end,
            is_open: place(last).number > end.number,
        }
    }

    /// Refuses to go on from a place, if changes may be missing. `time` is
    /// that of the change there, if it is still in the feed.
    pub fn goes_on(&self, table: &str, from: Place, time: Option<i64>) -> Result<()> {
        let Place { number, .. } = from;
        let gone = match (self.first, time) {
            (None, _) if number == 0 => return Ok(()),
            (None, _) => "it is empty now".to_owned(),
            (Some(first), None) if first == number + 1 => return Ok(()),
            (Some(first), None) if first > number => {
                format!("it begins at change {first} now, and what came between is lost")
            }
            (Some(_), Some(time)) if time == from.time && self.end.number >= number => {
                return Ok(());
            }
            _ => "it was restarted since".to_owned(),
        };
        Err(lost(
            table,
            &format!(
                "the feed of changes (`{CHANGES}`) was read up to change {number}, and {gone}"
            ),
        ))
    }
}

impl Change {
    /// From a row of a page.
    pub fn of(row: Vec<Value>) -> Result<Self> {
        let malformed = || Error::protocol(format!("`{CHANGES}` has a row of another form"));
        let Ok(
            [
                Value::Integer(number),
                time,
                Value::Integer(kind),
                table,
                id,
                before,
                after,
                updates,
            ],
        ) = <[Value; 8]>::try_from(row)
        else {
            return Err(malformed());
        };
        let kind = match kind {
            -1 => Kind::Deleted,
            0 => Kind::Updated,
            1 => Kind::Inserted,
            _ => return Err(malformed()),
        };
        let image = |value| match value {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(malformed()),
        };
        Ok(Self {
            number,
            time: time.as_integer().unwrap_or(0),
            kind,
            table: table.as_text().ok_or_else(malformed)?.to_owned(),
            id,
            before: image(before)?,
            after: image(after)?,
            updates: image(updates)?,
        })
    }

    /// Its place.
    #[must_use]
    pub fn place(&self) -> Place {
        Place {
            number: self.number,
            time: self.time,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(number: i64, time: i64) -> Place {
        Place { number, time }
    }

    fn extent(first: Option<i64>, end: i64) -> Extent {
        Extent {
            first,
            end: place(end, 0),
            is_open: false,
        }
    }

    #[test]
    fn what_is_not_committed_is_not_read() {
        let row = |values: &[i64]| vec![values.iter().copied().map(Value::Integer).collect()];
        let version = vec![vec![Value::from("v2")]];
        let open = Extent::of(&version, &row(&[3]), &row(&[7, 70]), &row(&[9, 90]));
        assert_eq!(
            (open.first, open.end, open.is_open),
            (Some(3), place(7, 70), true)
        );
        let first = Extent::of(&version, &row(&[1]), &[], &row(&[2, 20]));
        assert_eq!((first.end, first.is_open), (place(0, 0), true));
        let older = Extent::of(&[], &row(&[1]), &[], &row(&[2, 20]));
        assert_eq!((older.end, older.is_open), (place(2, 20), false));
        let empty = Extent::of(&version, &[vec![Value::Null]], &[], &[]);
        assert_eq!(empty, Extent::default());
    }

    #[test]
    fn a_read_goes_on_where_nothing_is_missing() {
        for (extent, from, time) in [
            (extent(None, 0), place(0, 0), None),
            (extent(Some(1), 9), place(0, 0), None),
            (extent(Some(1), 9), place(9, 5), Some(5)),
            (extent(Some(4), 9), place(4, 5), Some(5)),
            // What was read was removed.
            (extent(Some(5), 9), place(4, 5), None),
        ] {
            assert_eq!(
                extent.goes_on("t", from, time),
                Ok(()),
                "{extent:?} {from:?}"
            );
        }
    }

    #[test]
    fn changes_that_are_missing_are_never_passed_over() {
        for (extent, from, time) in [
            (extent(None, 0), place(9, 5), None),
            (extent(Some(2), 9), place(0, 0), None),
            (extent(Some(6), 9), place(4, 5), None),
            (extent(Some(1), 3), place(9, 5), None),
            (extent(Some(1), 30), place(9, 5), Some(6)),
            (extent(Some(1), 30), place(9, 5), None),
        ] {
            let error = extent.goes_on("t", from, time).unwrap_err();
            assert!(
                error.hint.unwrap().contains("full refresh"),
                "{extent:?} {from:?}"
            );
        }
    }

    #[test]
    fn only_changes_of_rows_become_changes() {
        let row = |kind: i64, table: Value, before: Value| {
            vec![
                Value::Integer(1),
                Value::Integer(2),
                Value::Integer(kind),
                table,
                Value::Integer(3),
                before,
                Value::Null,
                Value::Null,
            ]
        };
        let change = Change::of(row(-1, "t".into(), Value::Blob(vec![1]))).unwrap();
        assert_eq!((change.kind, change.before), (Kind::Deleted, Some(vec![1])));
        assert!(Change::of(row(2, Value::Null, Value::Null)).is_err());
        assert!(Change::of(row(1, Value::Null, Value::Null)).is_err());
        assert!(Change::of(row(1, "t".into(), Value::Integer(1))).is_err());
        assert!(Change::of(Vec::new()).is_err());
    }

    #[test]
    fn names_are_compared_as_the_server_does() {
        assert!(is_of("orders", "Orders"));
        assert!(is_of("Ä", "ä"));
        assert!(!is_of("orders", "order"));
    }
}
