//! How far an incremental read of a table is, by the rows that came. Knows no
//! statement.

use std::cmp::Ordering;

use super::increment::Rows;
use crate::cursor::{CommitPosition, Cursor, RowPosition, StoredValue, key_values, stored_key};
use crate::rows::value::Value;

/// How far a table has been read.
#[derive(Clone, Debug)]
pub struct Progress {
    cursor: Cursor,
    /// Whether it began where another read ended.
    continues: bool,
    /// What will have been seen at the end.
    commit: Option<CommitPosition>,
    /// Rows without a value that came.
    nulls: u64,
    /// Whether numbers, text or bytes came where only others had been.
    mixed: bool,
}

impl Progress {
    /// At a cursor, at which another read ended if it `continues`.
    #[must_use]
    pub fn new(cursor: Cursor, continues: bool, commit: Option<CommitPosition>) -> Self {
        Self {
            cursor,
            continues,
            commit,
            nulls: 0,
            mixed: false,
        }
    }

    /// Takes note of the last row of a page: its key, as its phase orders it.
    pub fn advance(&mut self, rows: Rows, key: &[Value]) {
        match (rows, key) {
            (Rows::ByKey, key) => {
                self.cursor.last = vec![RowPosition {
                    value: None,
                    key: stored_key(key),
                }];
            }
            (Rows::ByColumn { overlaps }, [value, key @ ..]) => self.reach(value, key, overlaps),
            (Rows::WithoutValue, key) => self.cursor.last_null = Some(stored_key(key)),
            _ => {}
        }
    }

    /// Takes note of a row that came in no order.
    pub fn meet(&mut self, key: &[Value], value: &Value) {
        if value.sort_class().is_some() {
            self.reach(value, key, true);
        } else {
            self.nulls += 1;
            self.cursor.last_null = Some(stored_key(key));
        }
    }

    /// Counts rows without a value.
    pub fn count_nulls(&mut self, rows: u64) {
        self.nulls += rows;
    }

    /// The cursor from which the next read goes on.
    #[must_use]
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// The same, once all rows have been read.
    #[must_use]
    pub fn end(&self) -> Cursor {
        Cursor {
            commit: self.commit.clone(),
            ..self.cursor.clone()
        }
    }

    /// Takes note that it ends before all rows have been read. Not the first
    /// read: what does not come with it counts as deleted.
    pub fn stop(&mut self) -> bool {
        self.commit = None;
        self.continues
    }

    /// What is worth saying of it.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let column = self.cursor.cursor_column.as_deref().unwrap_or_default();
        let mut notes = Vec::new();
        if self.nulls > 0 {
            notes.push(format!(
                "{} rows have no value in `{column}`; they were loaded, but whether they change cannot be told by it",
                self.nulls
            ));
        }
        if self.cursor.last.len() > 1 && self.mixed {
            notes.push(format!(
                "`{column}` holds values of several types, which do not compare with each other; each type is followed by itself"
            ));
        }
        notes
    }

    fn reach(&mut self, value: &Value, key: &[Value], only_forward: bool) {
        let class = value.sort_class();
        let of = |place: &RowPosition| place.value.as_ref().and_then(StoredValue::value);
        let new = RowPosition {
            value: Some(StoredValue::new(value)),
            key: stored_key(key),
        };
        let last = &mut self.cursor.last;
        let known = last
            .iter_mut()
            .find(|place| of(place).is_some_and(|value| value.sort_class() == class));
        let Some(place) = known else {
            self.mixed |= !last.is_empty();
            last.push(new);
            last.sort_by_key(|place| of(place).and_then(|value| value.sort_class()));
            return;
        };
        if !only_forward || is_beyond(value, key, place) {
            *place = new;
        }
    }
}

/// Whether a row comes after a place.
fn is_beyond(value: &Value, key: &[Value], place: &RowPosition) -> bool {
    let reached = place.value.as_ref().and_then(StoredValue::value);
    let by_value = value.compare(&reached.unwrap_or(Value::Null));
    let keys = key_values(&place.key);
    let mut by_key = key.iter().zip(&keys).map(|(new, old)| new.compare(old));
    let by_key = by_key.find(|order| order.is_ne());
    by_value.then(by_key.unwrap_or(Ordering::Equal)).is_gt()
}
