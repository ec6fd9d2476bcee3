//! Incremental read of a table: which passes read the rows after the cursor.
//! Sends no requests; what has to be known of the server is passed in.
//!
//! If an index has the cursor column, rows are read in its order, and the read
//! can resume after every page. Without an index the server would scan the
//! table for every page. The table is then read in the order of its key, and
//! the cursor is the largest value of all rows.
//!
//! Rows without a value in the cursor column are read separately, in the order
//! of their key.

use super::cursor_tracker::CursorTracker;
use super::pass::{Pass, PassRows};
use super::range::{RangeColumn, ValueRange};
use crate::cursor::{self, CommitPosition, Cursor, key_values};
use crate::database::condition::Condition;
use crate::database::paging::Paging;
use crate::database::table::{Key, Table};
use crate::error::{Error, Result};
use crate::rows::columns::ColumnSpec;
use crate::selection::Selection;

/// Incremental read of a table.
#[derive(Clone, Debug)]
pub struct Increment {
    table: Table,
    key: Key,
    columns: Vec<ColumnSpec>,
    cursor_column: Option<String>,
    filter: Option<String>,
    lag: Option<f64>,
    idempotent: bool,
    /// True if the host has no cursor yet.
    is_first: bool,
    /// Cursor after which the read starts.
    from: Cursor,
    /// Commit up to which everything is read at the end.
    pub commit: Option<CommitPosition>,
}

impl Increment {
    /// Creates the incremental read that a selection requests.
    ///
    /// # Errors
    /// A config error if the table or the saved cursor does not permit it.
    pub fn new(table: &Table, columns: &[ColumnSpec], selection: &Selection) -> Result<Self> {
        let name = &table.name;
        let Some(key) = table.key() else {
            return Err(Error::config(
                format!("`{name}` has no key for an incremental read"),
                "set `mode` to `full`",
            ));
        };
        let cursor_column = match &selection.cursor_column {
            Some(column) => Some(find_column(table, column)?),
            None if matches!(key, Key::Primary(_)) => {
                return Err(Error::config(
                    format!("`{name}` is a WITHOUT ROWID table, whose new keys may be smaller"),
                    "set a cursor column (`cursor`) whose values grow",
                ));
            }
            None => None,
        };
        let initial = Cursor {
            cursor_column: cursor_column.clone(),
            key: match &key {
                Key::Alias(column) => vec![column.clone()],
                Key::RowId(name) => vec![(*name).to_owned()],
                Key::Primary(columns) => columns.clone(),
            },
            filter: selection.filter.clone(),
            ..Cursor::default()
        };
        Ok(Self {
            table: table.clone(),
            key,
            columns: columns.to_vec(),
            cursor_column,
            filter: selection.filter.clone(),
            lag: selection.lag,
            idempotent: selection.idempotent,
            is_first: selection.is_first,
            from: resume_from(selection.cursor.as_ref(), initial, name)?,
            commit: None,
        })
    }

    /// True if the read starts after rows of an earlier one.
    #[must_use]
    pub fn continues(&self) -> bool {
        !self.from.last.is_empty() || self.from.last_null.is_some()
    }

    /// Returns the cursor column, or `None` if it is the key.
    #[must_use]
    pub fn cursor_column(&self) -> Option<&str> {
        self.cursor_column.as_deref()
    }

    /// Returns a tracker that starts at the saved cursor.
    #[must_use]
    pub fn tracker(&self) -> CursorTracker {
        CursorTracker::new(self.from.clone(), !self.is_first, self.commit.clone())
    }

    /// Returns the passes in the order of the cursor column, which needs an
    /// index, or of the key if that is the cursor column.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from the saved value.
    pub fn ordered(&self) -> Result<Vec<Pass>> {
        let Some(column) = &self.cursor_column else {
            let last = self.from.last.first();
            return Ok(vec![Pass {
                paging: self.by_key(None),
                after: last.map(|row| key_values(&row.key)),
                rows: PassRows::ByKey,
            }]);
        };
        let mut passes = vec![self.null_pass(column)];
        for range in self.ranges(column)? {
            let conditions = range.from.into_iter().chain(range.to);
            let paging = Paging::by_column(&self.table, column, &self.key, &self.columns);
            passes.push(Pass {
                paging: paging.with_filter(self.with_user_filter(conditions)),
                after: range.after,
                rows: PassRows::ByColumn {
                    overlaps: range.overlaps,
                },
            });
        }
        Ok(passes)
    }

    /// Returns the single pass in the order of the key, which needs no index.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from the saved value.
    pub fn unordered(&self, column: &str) -> Result<Pass> {
        let table = &self.table.name;
        let filter = if self.continues() {
            let by_column = Paging::by_column(&self.table, column, &self.key, &self.columns);
            let ranges = self.ranges(column)?.into_iter().filter_map(|range| {
                let after = range.after.map(|after| by_column.after_key(&after));
                Condition::all(range.from.into_iter().chain(range.to).chain(after))
            });
            let null_pass = self.null_pass(column);
            let after = null_pass.after.map(|key| null_pass.paging.after_key(&key));
            let nulls = [Condition::is_null(table, column)].into_iter().chain(after);
            Condition::any(ranges.chain(Condition::all(nulls)))
        } else {
            None
        };
        let paging = self.by_key(filter).with_cursor_column(table, column);
        Ok(Pass {
            paging,
            after: None,
            rows: PassRows::Unordered,
        })
    }

    /// Returns the pass over rows without a value. If rows are merged, all of
    /// them are read each time, because a change does not show in their key.
    fn null_pass(&self, column: &str) -> Pass {
        let has_begun = self.from.last.is_empty();
        let after = self
            .from
            .last_null
            .as_deref()
            .filter(|_| has_begun || !self.idempotent);
        Pass {
            paging: self.by_key(Some(Condition::is_null(&self.table.name, column))),
            after: after.map(key_values),
            rows: PassRows::Null,
        }
    }

    fn ranges(&self, column: &str) -> Result<Vec<ValueRange>> {
        let column = RangeColumn {
            table: &self.table,
            column,
            lag: self.lag,
            // VACUUM may renumber row ids that have no column of their own.
            repeats_last_value: self.idempotent && matches!(self.key, Key::RowId(_)),
        };
        column.ranges(&self.from.last)
    }

    fn by_key(&self, condition: Option<Condition>) -> Paging {
        Paging::new(&self.table, &self.key, &self.columns)
            .with_filter(self.with_user_filter(condition))
    }

    fn with_user_filter(
        &self,
        conditions: impl IntoIterator<Item = Condition>,
    ) -> Option<Condition> {
        let user_filter = self.filter.as_deref().map(Condition::from_user);
        Condition::all(conditions.into_iter().chain(user_filter))
    }
}

/// Returns the declared spelling of the cursor column.
fn find_column(table: &Table, requested: &str) -> Result<String> {
    let mut columns = table.columns.iter().map(|column| &column.name);
    let found = columns.find(|column| column.eq_ignore_ascii_case(requested));
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
        Error::config(
            format!("`{}` has no cursor column `{requested}`", table.name),
            format!("the columns are {}", names.join(", ")),
        )
    })
}

/// Returns the saved cursor if the read can resume at it, else `initial`.
fn resume_from(saved: Option<&Cursor>, initial: Cursor, table: &str) -> Result<Cursor> {
    let Some(saved) = saved else {
        return Ok(initial);
    };
    if !saved.databases.is_empty() {
        return Err(cursor::database_mismatch(table));
    }
    if !saved.is_resumable() {
        return Ok(initial);
    }
    let difference = if saved.cursor_column != initial.cursor_column {
        "has another cursor column"
    } else if saved.key != initial.key {
        "has another key"
    } else if saved.filter != initial.filter {
        "was saved with another `where`"
    } else {
        return Ok(Cursor {
            commit: None,
            ..saved.clone()
        });
    };
    Err(Error::config(
        format!("the cursor of `{table}` {difference}"),
        cursor::full_refresh(table),
    ))
}

#[cfg(test)]
mod tests {
    use super::super::pass::PassRows;
    use super::*;
    use crate::cursor::{RowPosition, StoredValue};
    use crate::database::table::TableColumn;
    use crate::database::table::tests::table;
    use crate::hrana::decoder::Encoding;
    use crate::hrana::request::Argument;
    use crate::rows::value::Value;

    fn increment(selection: &Selection) -> Result<Increment> {
        let table = table(&[("id", "INTEGER", 1), ("at", "DATETIME", 0)], false);
        let specs: Vec<_> = table.columns.iter().map(TableColumn::spec).collect();
        Increment::new(&table, &specs, selection)
    }

    fn by_timestamp(cursor: Option<Cursor>) -> Selection {
        Selection {
            cursor_column: Some("AT".to_owned()),
            idempotent: true,
            cursor,
            ..Selection::default()
        }
    }

    /// Returns the text after the table in the statement of each pass, and its
    /// arguments.
    fn conditions(passes: &[Pass]) -> Vec<(String, Vec<Argument>)> {
        let clause = |pass: &Pass| {
            let page = pass.paging.page(Encoding::Plain, pass.after.as_deref(), 9);
            let (_, rest) = page.sql.split_once(r#" FROM "t""#).unwrap();
            (rest.trim().to_owned(), page.args)
        };
        passes.iter().map(clause).collect()
    }

    #[test]
    fn each_storage_class_has_its_own_last_row() {
        let mut tracker = increment(&by_timestamp(None)).unwrap().tracker();
        tracker.observe(&[Value::Integer(7)], &Value::from("2024-01-02"));
        tracker.observe(&[Value::Integer(3)], &Value::from("2024-01-02"));
        tracker.observe(&[Value::Integer(9)], &Value::Null);
        let later = increment(&by_timestamp(Some(tracker.final_cursor()))).unwrap();
        let text = |text: &str| Argument::Text(text.to_owned());
        assert_eq!(
            conditions(&later.ordered().unwrap()),
            [
                (
                    r#"WHERE "t"."at" IS NULL ORDER BY "t"."id" LIMIT 9"#.to_owned(),
                    vec![]
                ),
                (
                    r#"WHERE "t"."at" < ? ORDER BY "t"."at", "t"."id" LIMIT 9"#.to_owned(),
                    vec![text("")]
                ),
                (
                    r#"WHERE ("t"."at", "t"."id") > (?, ?) ORDER BY "t"."at", "t"."id" LIMIT 9"#
                        .to_owned(),
                    vec![text("2024-01-02"), Argument::Integer(7)]
                ),
            ]
        );
        assert_eq!(
            conditions(&[later.unordered("at").unwrap()]),
            [(
                r#"WHERE ("t"."at" < ? OR ("t"."at", "t"."id") > (?, ?) OR "t"."at" IS NULL) ORDER BY "t"."id" LIMIT 9"#
                    .to_owned(),
                vec![text(""), text("2024-01-02"), Argument::Integer(7)]
            )]
        );
    }

    #[test]
    fn a_lag_reads_earlier_values_again_without_moving_the_cursor_back() {
        let mut tracker = increment(&by_timestamp(None)).unwrap().tracker();
        tracker.observe(&[Value::Integer(1)], &Value::Integer(1_000));
        let selection = Selection {
            lag: Some(60.0),
            ..by_timestamp(Some(tracker.final_cursor()))
        };
        let later = increment(&selection).unwrap();
        let passes = later.ordered().unwrap();
        let last = passes.last().unwrap();
        assert_eq!(last.rows, PassRows::ByColumn { overlaps: true });
        assert_eq!(
            conditions(&passes).pop().unwrap().1,
            [Argument::Integer(940)]
        );
        let mut again = later.tracker();
        again.advance(last.rows, &[Value::Integer(950), Value::Integer(2)]);
        assert_eq!(again.cursor(), tracker.cursor());
        again.advance(last.rows, &[Value::Integer(1_000), Value::Integer(2)]);
        assert_ne!(again.cursor(), tracker.cursor());
    }

    #[test]
    fn a_cursor_of_another_column_key_or_condition_is_refused() {
        let begun = increment(&by_timestamp(None)).unwrap().tracker();
        let mut cursor = begun.final_cursor();
        cursor.last = vec![RowPosition {
            value: Some(StoredValue::Integer(1)),
            key: vec![StoredValue::Integer(1)],
        }];
        for change in [
            |cursor: &mut Cursor| cursor.cursor_column = Some("id".to_owned()),
            |cursor: &mut Cursor| cursor.key = vec!["rowid".to_owned()],
            |cursor: &mut Cursor| cursor.filter = Some("1".to_owned()),
        ] {
            let mut other = cursor.clone();
            change(&mut other);
            let error = increment(&by_timestamp(Some(other))).unwrap_err();
            assert!(error.message.starts_with("the cursor of `t` "), "{error}");
        }
        assert!(increment(&by_timestamp(Some(cursor))).is_ok());
    }
}
