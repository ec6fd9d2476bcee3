//! Ranges of cursor column values that an incremental read has to read. Sends no
//! requests.
//!
//! SQLite orders values by storage class first: numbers, text, blobs. Each class
//! has its own position and its own ranges, so a new number is looked for after
//! the last number, and a new text after the last text.

use super::bounds::{Bounds, ClassBound};
use super::known::Known;
use super::lag::ColumnLag;
use crate::cursor::{RowPosition, StoredValue, key_values};
use crate::database::condition::Condition;
use crate::database::paging::{CapturedColumn, Paging};
use crate::database::table::{Key, Table};
use crate::error::{Error, Result};
use crate::rows::columns::Storage;
use crate::rows::value::{SortClass, Value};

/// Range of values of the cursor column.
#[derive(Debug)]
pub(super) struct ValueRange {
    /// Bound from below, which rows that follow a key of the range do not need.
    pub(super) lower: Option<Condition>,
    /// Conditions of all rows.
    pub(super) rest: Option<Condition>,
    /// True if known rows are left out, which the server reads.
    pub(super) skips_rows: bool,
}

impl ValueRange {
    /// Returns the condition of the rows of the range.
    pub(super) fn condition(self) -> Condition {
        let condition = Condition::all(self.lower.into_iter().chain(self.rest));
        condition.unwrap_or_else(Condition::never)
    }
}

/// Cursor column whose ranges are determined.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeColumn<'a> {
    /// Table of the column.
    pub(super) table: &'a Table,
    /// Key of the table.
    pub(super) key: &'a Key,
    /// Name of the column.
    pub(super) column: &'a str,
    /// Distance before the last value from which rows are read again.
    pub(super) lag: Option<ColumnLag>,
    /// Bounds of the values.
    pub(super) bounds: &'a Bounds,
    /// Rows that must not be read again, with the columns that identify them.
    /// `None` if rows may be read again.
    pub(super) known: Option<(&'a Known, &'a [CapturedColumn<'a>])>,
}

impl RangeColumn<'_> {
    /// Returns the ranges after the position of each storage class, in ascending
    /// order.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from a value.
    pub(super) fn ranges(&self, last: &[RowPosition]) -> Result<Vec<ValueRange>> {
        let classes = [SortClass::Number, SortClass::Text, SortClass::Blob];
        let mut ranges = Vec::new();
        for class in classes {
            if [self.bounds.start(class), self.bounds.end(class)].contains(&ClassBound::Nothing) {
                continue;
            }
            let is_class = |value: &Value| value.sort_class() == Some(class);
            let position = last
                .iter()
                .filter_map(|position| Some((value_of(position)?, position)));
            match position.into_iter().find(|(value, _)| is_class(value)) {
                Some((value, position)) => ranges.extend(self.after(class, &value, position)?),
                None if self.may_hold(class) => {
                    let from = self.start(class).unwrap_or_else(|| smallest_value(class));
                    ranges.push(self.range(class, self.compare(">=", &from)));
                }
                None => {}
            }
        }
        Ok(ranges)
    }

    /// Returns the ranges of a class after its position.
    fn after(
        &self,
        class: SortClass,
        value: &Value,
        position: &RowPosition,
    ) -> Result<Vec<ValueRange>> {
        let late = self.earliest(value)?;
        let start = self.start(class);
        let late = match &start {
            Some(start) if start.compare(&late).is_gt() => start.clone(),
            _ => late,
        };
        let Some((known, identity)) = self.known else {
            return Ok(vec![self.range(class, self.compare(">=", &late))]);
        };
        if let Some(start) = start.filter(|start| start.compare(value).is_gt()) {
            return Ok(vec![self.range(class, self.compare(">=", &start))]);
        }
        let above = self.range(class, self.compare(">", value));
        // Without either, the read before did not append, and noted no rows.
        if !known.contains(value) && position.key.is_empty() {
            return Ok(vec![above]);
        }
        let from = known_from(position).unwrap_or_else(|| value.clone());
        let from = if from.compare(&late).is_gt() {
            from
        } else {
            late
        };
        let (lower, mut window) = if from.compare(value).is_eq() {
            (None, self.compare("=", value))
        } else {
            (Some(self.compare(">=", &from)), self.compare("<=", value))
        };
        if !position.key.is_empty() {
            let mut after = vec![value.clone()];
            after.extend(key_values(&position.key));
            let paging = Paging::by_column(self.table, self.column, self.key, &[]);
            window = window.and(paging.after_key(&after));
        }
        if let Some(unknown) = known.exclusion(self.table, self.column, identity, (&from, value)) {
            window = window.and(unknown);
        }
        if let Some(end) = self.end(class).filter(|end| end.compare(value).is_le()) {
            window = window.and(self.compare("<", &end));
        }
        let window = ValueRange {
            lower,
            rest: Some(window),
            skips_rows: true,
        };
        Ok(vec![window, above])
    }

    /// Returns the value from which rows may be late.
    fn earliest(&self, value: &Value) -> Result<Value> {
        let Some(lag) = self.lag else {
            return Ok(value.clone());
        };
        lag.check(value, &self.table.name, self.column)?;
        lag.earlier(value).ok_or_else(|| {
            Error::config(
                format!(
                    "the `lag` cannot be subtracted from a value of the cursor column `{}` of `{}`",
                    self.column, self.table.name
                ),
                "use `lag` only with numbers, and with times such as 2024-12-24 01:26:47",
            )
        })
    }

    /// Returns the values of a class that meet a condition.
    pub(super) fn range(&self, class: SortClass, lower: Condition) -> ValueRange {
        let next = match class {
            SortClass::Number => Some(SortClass::Text),
            SortClass::Text => Some(SortClass::Blob),
            SortClass::Blob => None,
        };
        let next = next.filter(|next| self.may_hold(*next));
        let to = self.end(class).or_else(|| next.map(smallest_value));
        let to = to.map(|to| self.compare("<", &to));
        ValueRange {
            lower: Some(lower),
            rest: to,
            skips_rows: false,
        }
    }

    fn start(&self, class: SortClass) -> Option<Value> {
        match self.bounds.start(class) {
            ClassBound::At(value) => Some(value),
            ClassBound::Nothing | ClassBound::Everything => None,
        }
    }

    fn end(&self, class: SortClass) -> Option<Value> {
        match self.bounds.end(class) {
            ClassBound::At(value) => Some(value),
            ClassBound::Nothing | ClassBound::Everything => None,
        }
    }

    fn compare(&self, operator: &str, value: &Value) -> Condition {
        Condition::compare(self.table, self.column, operator, value)
    }

    /// True if the column may hold values of a class.
    fn may_hold(&self, class: SortClass) -> bool {
        if matches!(self.key, Key::Alias(alias) if alias == self.column) {
            return class == SortClass::Number;
        }
        let mut columns = self.table.columns.iter();
        let column = columns.find(|column| column.name == self.column);
        let storage = column.map(|column| Storage::from_declared(&column.declared_type));
        // A column of text affinity stores numbers as text.
        class != SortClass::Number || storage != Some(Storage::Text)
    }
}

/// Returns the value of a position in a cursor column.
pub(super) fn value_of(position: &RowPosition) -> Option<Value> {
    position.value.as_ref()?.value()
}

/// Returns the value from which on all rows that were read are known.
pub(super) fn known_from(position: &RowPosition) -> Option<Value> {
    position.from.as_ref().and_then(StoredValue::value)
}

/// Returns the value that orders before all others of its class.
fn smallest_value(class: SortClass) -> Value {
    match class {
        SortClass::Number => Value::Real(f64::NEG_INFINITY),
        SortClass::Text => Value::Text(String::new()),
        SortClass::Blob => Value::Blob(Vec::new()),
    }
}
