//! What an incremental read of a table reads: its phases, from where the last
//! read ended. Asks nobody: what has to be known of the server comes in.
//!
//! A cursor column is read in its own order where an index has it; then every
//! page is a place to go on from. Without an index the server would look at
//! all rows for each page, so the table is read once in the order of its key,
//! and the cursor is the largest value that came.
//!
//! SQLite compares values by their class first: every text is larger than any
//! number. A column that holds several classes is therefore followed in each
//! of them: a new number after the last number, a new text after the last
//! text. Rows without a value are followed by their key.

use super::progress::Progress;
use crate::cursor::{self, CommitPosition, Cursor, RowPosition, StoredValue, key_values};
use crate::database::condition::Condition;
use crate::database::paging::Paging;
use crate::database::table::{Key, Table};
use crate::error::{Error, Result};
use crate::hrana::request::Statement;
use crate::moment;
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::value::{SortClass, Value};
use crate::selection::Selection;

/// Rows of a table that are read in one go.
#[derive(Clone, Debug)]
pub struct Phase {
    /// The statement of its pages.
    pub paging: Paging,
    /// The key after which it begins.
    pub after: Option<Vec<Value>>,
    /// What its rows are, and what they say of the position.
    pub rows: Rows,
}

impl Phase {
    /// All rows of a table, by its key.
    #[must_use]
    pub fn all(paging: Paging) -> Self {
        Self {
            paging,
            after: None,
            rows: Rows::All,
        }
    }

    /// Whether the server may look at more rows than it sends.
    #[must_use]
    pub fn looks_further(&self) -> bool {
        self.rows == Rows::Unordered || self.paging.is_filtered()
    }

    /// The first value of the key after which it begins.
    #[must_use]
    pub fn first_of_key(&self) -> Option<Value> {
        self.after.as_ref()?.first().cloned()
    }

    /// Whether there is anything in it.
    #[must_use]
    pub fn probe(&self) -> Statement {
        self.paging.probe(self.after.as_deref())
    }

    /// How the server would read it.
    #[must_use]
    pub fn explain(&self) -> Statement {
        self.paging.explain(self.after.as_deref())
    }
}

/// What the rows of a phase are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rows {
    /// All rows, in no connection with a position.
    All,
    /// Rows in the order of the key that the position is.
    ByKey,
    /// Rows in the order of the cursor column. Some may have been read before,
    /// if it overlaps.
    ByColumn {
        /// Whether it does.
        overlaps: bool,
    },
    /// Rows without a value in the cursor column, in the order of their key.
    WithoutValue,
    /// Rows in the order of their key; the value of the cursor column comes
    /// with each.
    Unordered,
    /// Keys, of all rows.
    Keys,
}

/// An incremental read of a table.
#[derive(Clone, Debug)]
pub struct Increment {
    table: Table,
    key: Key,
    columns: Vec<ColumnSpec>,
    cursor_column: Option<String>,
    filter: Option<String>,
    lag: Option<f64>,
    idempotent: bool,
    /// Whether the host has no position yet.
    first: bool,
    /// Where it begins.
    from: Cursor,
    /// What will have been seen when all has been read.
    pub commit: Option<CommitPosition>,
}

impl Increment {
    /// The read of a table that a selection asks for.
    pub fn new(table: &Table, columns: &[ColumnSpec], selection: &Selection) -> Result<Self> {
        let name = &table.name;
        let Some(key) = table.key() else {
            return Err(Error::config(
                format!("`{name}` has no key that its rows could be followed by"),
                "read it in full (`mode = \"full\"`)",
            ));
        };
        let cursor_column = selection.cursor_column.as_ref().map(|wanted| {
            let mut known = table.columns.iter().map(|column| &column.name);
            let found = known.find(|known| known.eq_ignore_ascii_case(wanted));
            found.cloned().ok_or_else(|| {
                let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
                Error::config(
                    format!("`{name}` has no column `{wanted}`, which its cursor names"),
                    format!("it has {}", names.join(", ")),
                )
            })
        });
        let cursor_column = cursor_column.transpose()?;
        if cursor_column.is_none() && matches!(key, Key::Primary(_)) {
            return Err(Error::config(
                format!("`{name}` is a WITHOUT ROWID table, whose key need not grow"),
                "name a column that grows with `cursor`",
            ));
        }
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
        let before = selection.cursor.as_ref();
        if before.is_some_and(|cursor| !cursor.databases.is_empty()) {
            return Err(cursor::database_mismatch(name));
        }
        let is_resumable = |cursor: &&Cursor| cursor.is_resumable();
        let from = match before.filter(is_resumable) {
            None => initial,
            Some(cursor) => {
                let differs = if cursor.cursor_column != initial.cursor_column {
                    Some("goes by another column")
                } else if cursor.key != initial.key {
                    Some("is of another key")
                } else if cursor.filter != initial.filter {
                    Some("was made with another `where`")
                } else {
                    None
                };
                if let Some(reason) = differs {
                    return Err(Error::config(
                        format!("the cursor of `{name}` {reason}"),
                        cursor::full_refresh(name),
                    ));
                }
                Cursor {
                    commit: None,
                    ..cursor.clone()
                }
            }
        };
        Ok(Self {
            table: table.clone(),
            key,
            columns: columns.to_vec(),
            cursor_column,
            filter: selection.filter.clone(),
            lag: selection.lag,
            idempotent: selection.idempotent,
            first: selection.is_first,
            from,
            commit: None,
        })
    }

    /// Whether it goes on from an earlier one.
    #[must_use]
    pub fn continues(&self) -> bool {
        !self.from.last.is_empty() || self.from.last_null.is_some()
    }

    /// The column that it goes by, if it is not the key.
    #[must_use]
    pub fn cursor_column(&self) -> Option<&str> {
        self.cursor_column.as_deref()
    }

    /// Where it begins.
    #[must_use]
    pub fn progress(&self) -> Progress {
        Progress::new(self.from.clone(), !self.first, self.commit.clone())
    }

    /// Whether its key may be another after the server has tidied up.
    #[must_use]
    pub fn has_loose_key(&self) -> bool {
        matches!(self.key, Key::RowId(_))
    }

    /// The phases of a read in the order of the cursor column, which needs an
    /// index; or of the key, if there is no column.
    pub fn ordered(&self) -> Result<Vec<Phase>> {
        let Some(column) = &self.cursor_column else {
            let place = self.from.last.first();
            return Ok(vec![Phase {
                paging: self.by_key(None),
                after: place.map(|place| key_values(&place.key)),
                rows: Rows::ByKey,
            }]);
        };
        let mut phases = vec![self.without_value(column)];
        for range in self.ranges()? {
            let overlaps = range.overlaps;
            let conditions = range.from.into_iter().chain(range.to);
            let paging = Paging::by_column(&self.table, column, &self.key, &self.columns);
            phases.push(Phase {
                paging: paging.with_filter(self.with_filter(conditions)),
                after: range.after,
                rows: Rows::ByColumn { overlaps },
            });
        }
        Ok(phases)
    }

    /// The one phase of a read in the order of the key.
    pub fn unordered(&self, column: &str) -> Result<Phase> {
        let table = &self.table.name;
        let filter = if self.continues() {
            let by_column = Paging::by_column(&self.table, column, &self.key, &self.columns);
            let ranges = self.ranges()?.into_iter().filter_map(|range| {
                let beyond = range.after.map(|after| by_column.after_key(&after));
                Condition::all(range.from.into_iter().chain(range.to).chain(beyond))
            });
            let without = self.without_value(column);
            let nulls = without.after.map(|after| without.paging.after_key(&after));
            let nulls = [Condition::is_null(table, column)].into_iter().chain(nulls);
            Condition::any(ranges.chain(Condition::all(nulls)))
        } else {
            None
        };
        let paging = self.by_key(filter).with_cursor_column(table, column);
        Ok(Phase {
            paging,
            after: None,
            rows: Rows::Unordered,
        })
    }

    /// Rows without a value. Those that are merged are read each time: when
    /// one changes, nothing tells.
    fn without_value(&self, column: &str) -> Phase {
        let begun = self.from.last.is_empty();
        let after = self
            .from
            .last_null
            .as_deref()
            .filter(|_| begun || !self.idempotent);
        Phase {
            paging: self.by_key(Some(Condition::is_null(&self.table.name, column))),
            after: after.map(key_values),
            rows: Rows::WithoutValue,
        }
    }

    fn by_key(&self, condition: Option<Condition>) -> Paging {
        Paging::new(&self.table, &self.key, &self.columns).with_filter(self.with_filter(condition))
    }

    fn with_filter(&self, conditions: impl IntoIterator<Item = Condition>) -> Option<Condition> {
        let written = self.filter.as_deref().map(Condition::from_user);
        Condition::all(conditions.into_iter().chain(written))
    }

    /// The ranges of values that are new, from the smallest on.
    fn ranges(&self) -> Result<Vec<Range>> {
        let Some(column) = &self.cursor_column else {
            return Ok(Vec::new());
        };
        let table = &self.table.name;
        let below = |class: SortClass| Condition::compare(table, column, "<", &smallest(class));
        let known: Vec<(SortClass, &RowPosition)> = self
            .from
            .last
            .iter()
            .filter_map(|place| Some((place.value.as_ref()?.value()?.sort_class()?, place)))
            .collect();
        let Some((first, _)) = known.first() else {
            return Ok(vec![Range {
                from: Some(Condition::is_not_null(table, column)),
                ..Range::default()
            }]);
        };
        let mut ranges = Vec::with_capacity(known.len() + 1);
        if *first > SortClass::Text || (*first > SortClass::Number && self.may_hold_numbers(column))
        {
            ranges.push(Range {
                to: Some(below(*first)),
                ..Range::default()
            });
        }
        for (index, (_, place)) in known.iter().enumerate() {
            let to = known.get(index + 1).map(|(next, _)| below(*next));
            let range = self.beyond(column, place)?;
            ranges.push(Range { to, ..range });
        }
        Ok(ranges)
    }

    /// The rows beyond a place, or from it on where only that is safe.
    fn beyond(&self, column: &str, place: &RowPosition) -> Result<Range> {
        let value = place
            .value
            .as_ref()
            .and_then(StoredValue::value)
            .unwrap_or(Value::Null);
        let from = |value: &Value| Condition::compare(&self.table.name, column, ">=", value);
        if let Some(lag) = self.lag.filter(|lag| *lag > 0.0) {
            let Some(earlier) = earlier(&value, lag) else {
                return Err(Error::config(
                    format!(
                        "the cursor `{column}` of `{}` holds a value from which no `lag` can be taken",
                        self.table.name
                    ),
                    "it takes numbers, and times such as 2024-12-24 01:26:47; leave `lag` out",
                ));
            };
            return Ok(Range {
                from: Some(from(&earlier)),
                overlaps: true,
                ..Range::default()
            });
        }
        if self.idempotent && self.has_loose_key() {
            return Ok(Range {
                from: Some(from(&value)),
                overlaps: true,
                ..Range::default()
            });
        }
        let mut after = vec![value];
        after.extend(key_values(&place.key));
        Ok(Range {
            after: Some(after),
            ..Range::default()
        })
    }

    /// A column of text turns numbers into text.
    fn may_hold_numbers(&self, column: &str) -> bool {
        let mut columns = self.table.columns.iter();
        let declared = columns.find(|known| known.name == *column);
        declared.is_none_or(|column| Storage::from_declared(&column.declared_type) != Storage::Text)
    }
}

/// A range of values of the cursor column.
#[derive(Debug, Default)]
struct Range {
    from: Option<Condition>,
    to: Option<Condition>,
    /// The value and the key after which it begins.
    after: Option<Vec<Value>>,
    overlaps: bool,
}

/// The value before all others of a class.
fn smallest(class: SortClass) -> Value {
    match class {
        SortClass::Number => Value::Real(f64::NEG_INFINITY),
        SortClass::Text => Value::Text(String::new()),
        SortClass::Blob => Value::Blob(Vec::new()),
    }
}

/// A value by so much earlier, in its unit; of times, by so many seconds.
fn earlier(value: &Value, lag: f64) -> Option<Value> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "an `as` saturates, and so does the subtraction"
    )]
    Some(match value {
        Value::Integer(value) => Value::Integer(value.saturating_sub(lag.ceil() as i64)),
        Value::Real(value) => Value::Real(value - lag),
        Value::Text(text) => Value::Text(moment::earlier(text, lag.ceil() as i64)?),
        Value::Null | Value::TextBytes(_) | Value::Blob(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::table::TableColumn;
    use crate::database::table::tests::table;
    use crate::hrana::decoder::Encoding;

    fn increment(selection: &Selection) -> Result<Increment> {
        let table = table(&[("id", "INTEGER", 1), ("at", "DATETIME", 0)], false);
        let specs: Vec<_> = table.columns.iter().map(TableColumn::spec).collect();
        Increment::new(&table, &specs, selection)
    }

    fn by_time(cursor: Option<Cursor>) -> Selection {
        Selection {
            cursor_column: Some("AT".to_owned()),
            idempotent: true,
            cursor,
            ..Selection::default()
        }
    }

    /// What follows the table in the statement of each phase, and its values.
    fn conditions(phases: &[Phase]) -> Vec<(String, Vec<Value>)> {
        let of = |phase: &Phase| {
            let page = phase
                .paging
                .page(Encoding::Plain, phase.after.as_deref(), 9);
            let (_, rest) = page.sql.split_once(r#" FROM "t""#).unwrap();
            (rest.trim().to_owned(), page.args)
        };
        phases.iter().map(of).collect()
    }

    #[test]
    fn what_is_new_is_new_in_each_class() {
        let mut progress = increment(&by_time(None)).unwrap().progress();
        progress.meet(&[Value::Integer(7)], &Value::from("2024-01-02"));
        progress.meet(&[Value::Integer(3)], &Value::from("2024-01-02"));
        progress.meet(&[Value::Integer(9)], &Value::Null);
        let later = increment(&by_time(Some(progress.end()))).unwrap();
        let text = "2024-01-02";
        assert_eq!(
            conditions(&later.ordered().unwrap()),
            [
                (
                    r#"WHERE "t"."at" IS NULL ORDER BY "t"."id" LIMIT 9"#.to_owned(),
                    vec![]
                ),
                (
                    r#"WHERE "t"."at" < ? ORDER BY "t"."at", "t"."id" LIMIT 9"#.to_owned(),
                    vec![Value::from("")]
                ),
                (
                    r#"WHERE ("t"."at", "t"."id") > (?, ?) ORDER BY "t"."at", "t"."id" LIMIT 9"#
                        .to_owned(),
                    vec![Value::from(text), Value::Integer(7)]
                ),
            ]
        );
        assert_eq!(
            conditions(&[later.unordered("at").unwrap()]),
            [(
                r#"WHERE ("t"."at" < ? OR ("t"."at", "t"."id") > (?, ?) OR "t"."at" IS NULL) ORDER BY "t"."id" LIMIT 9"#
                    .to_owned(),
                vec![Value::from(""), Value::from(text), Value::Integer(7)]
            )]
        );
    }

    #[test]
    fn a_lag_goes_back_from_the_last_value_and_never_the_position() {
        let mut progress = increment(&by_time(None)).unwrap().progress();
        progress.meet(&[Value::Integer(1)], &Value::Integer(1_000));
        let selection = Selection {
            lag: Some(60.0),
            ..by_time(Some(progress.end()))
        };
        let later = increment(&selection).unwrap();
        let phases = later.ordered().unwrap();
        let last = phases.last().unwrap();
        assert_eq!(last.rows, Rows::ByColumn { overlaps: true });
        assert_eq!(conditions(&phases).pop().unwrap().1, [Value::Integer(940)]);
        let mut again = later.progress();
        again.advance(last.rows, &[Value::Integer(950), Value::Integer(2)]);
        assert_eq!(again.cursor(), progress.cursor());
        again.advance(last.rows, &[Value::Integer(1_000), Value::Integer(2)]);
        assert_ne!(again.cursor(), progress.cursor());
    }

    #[test]
    fn a_cursor_that_meant_something_else_is_refused() {
        let begun = increment(&by_time(None)).unwrap().progress();
        let mut cursor = begun.end();
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
            let error = increment(&by_time(Some(other))).unwrap_err();
            assert!(error.message.starts_with("the cursor of `t` "), "{error}");
        }
        assert!(increment(&by_time(Some(cursor))).is_ok());
    }
}
