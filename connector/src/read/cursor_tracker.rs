//! Cursor of an incremental read, advanced by the rows that are received. Knows
//! no statements.

use std::cmp::Ordering;

use super::pass::PassRows;
use crate::cursor::{CommitPosition, Cursor, RowPosition, StoredValue, key_values, stored_key};
use crate::rows::value::Value;

/// Cursor of a read that is in progress.
#[derive(Clone, Debug)]
pub struct CursorTracker {
    cursor: Cursor,
    /// True if the read continues an earlier one.
    continues: bool,
    /// Commit up to which everything is read at the end.
    commit: Option<CommitPosition>,
    /// Number of rows without a value in the cursor column.
    nulls: u64,
    /// True if a value of a new storage class was received.
    mixed: bool,
}

impl CursorTracker {
    /// Creates a tracker that starts at a cursor.
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

    /// Advances to the last row of a page. `key` is in the order of the pass.
    pub fn advance(&mut self, rows: PassRows, key: &[Value]) {
        match (rows, key) {
            (PassRows::ByKey, key) => {
                self.cursor.last = vec![RowPosition {
                    value: None,
                    key: stored_key(key),
                }];
            }
            (PassRows::ByColumn { overlaps }, [value, key @ ..]) => {
                self.set_last(value, key, overlaps);
            }
            (PassRows::Null, key) => self.cursor.last_null = Some(stored_key(key)),
            _ => {}
        }
    }

    /// Advances by one row of an unordered pass.
    pub fn observe(&mut self, key: &[Value], value: &Value) {
        if value.sort_class().is_some() {
            self.set_last(value, key, true);
        } else {
            self.nulls += 1;
            self.cursor.last_null = Some(stored_key(key));
        }
    }

    /// Counts rows without a value.
    pub fn count_nulls(&mut self, rows: u64) {
        self.nulls += rows;
    }

    /// Returns the cursor after the rows so far.
    #[must_use]
    pub fn cursor(&self) -> &Cursor {
        &self.cursor
    }

    /// Returns the cursor after all rows.
    #[must_use]
    pub fn final_cursor(&self) -> Cursor {
        Cursor {
            commit: self.commit.clone(),
            ..self.cursor.clone()
        }
    }

    /// Ends the read before all rows were received. Returns false for a first
    /// read, which must not be partial: missing rows would count as deleted.
    pub fn stop_early(&mut self) -> bool {
        self.commit = None;
        self.continues
    }

    /// Returns notes for the operator.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let column = self.cursor.cursor_column.as_deref().unwrap_or_default();
        let mut notes = Vec::new();
        if self.nulls > 0 {
            notes.push(format!(
                "rows without a value in `{column}`: {}; they were loaded, but later changes of them are not detected",
                self.nulls
            ));
        }
        if self.cursor.last.len() > 1 && self.mixed {
            notes.push(format!(
                "`{column}` contains values of several types, which do not compare with each other; \
                 each type has its own last value"
            ));
        }
        notes
    }

    /// Sets the last row of the value's storage class, if `forward_only` only
    /// to a later row.
    fn set_last(&mut self, value: &Value, key: &[Value], forward_only: bool) {
        let class = value.sort_class();
        let stored = |row: &RowPosition| row.value.as_ref().and_then(StoredValue::value);
        let stored_class = |row: &RowPosition| stored(row).and_then(|value| value.sort_class());
        let row = RowPosition {
            value: Some(StoredValue::new(value)),
            key: stored_key(key),
        };
        let last = &mut self.cursor.last;
        let known = last
            .iter_mut()
            .find(|known| stored(known).is_some_and(|value| value.sort_class() == class));
        let Some(known) = known else {
            self.mixed |= !last.is_empty();
            last.push(row);
            last.sort_by_key(stored_class);
            return;
        };
        if !forward_only || is_after(value, key, known) {
            *known = row;
        }
    }
}

/// Returns true if a row follows a position.
fn is_after(value: &Value, key: &[Value], position: &RowPosition) -> bool {
    let last = position.value.as_ref().and_then(StoredValue::value);
    let by_value = value.compare(&last.unwrap_or(Value::Null));
    let last_key = key_values(&position.key);
    let mut by_key = key.iter().zip(&last_key).map(|(new, old)| new.compare(old));
    let by_key = by_key.find(|order| order.is_ne());
    by_value.then(by_key.unwrap_or(Ordering::Equal)).is_gt()
}
