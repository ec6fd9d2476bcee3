//! Ranges of cursor column values that an incremental read has to read. Sends no
//! requests.
//!
//! SQLite orders values by storage class first: numbers, text, blobs. If a
//! column holds several classes, each of them has its own last row, and a new
//! number is looked for after the last number, a new text after the last text.

use crate::cursor::{RowPosition, StoredValue, key_values};
use crate::database::condition::Condition;
use crate::database::table::Table;
use crate::error::{Error, Result};
use crate::moment;
use crate::rows::columns::Storage;
use crate::rows::value::{SortClass, Value};

/// Range of values of the cursor column.
#[derive(Debug, Default)]
pub(super) struct ValueRange {
    /// Condition of the lower bound.
    pub(super) from: Option<Condition>,
    /// Condition of the upper bound.
    pub(super) to: Option<Condition>,
    /// Value and key after which the range starts, instead of a lower bound.
    pub(super) after: Option<Vec<Value>>,
    /// True if the range includes rows that may have been read before.
    pub(super) overlaps: bool,
}

/// Cursor column whose ranges are determined.
#[derive(Clone, Copy, Debug)]
pub(super) struct RangeColumn<'a> {
    /// Table of the column.
    pub(super) table: &'a Table,
    /// Name of the column.
    pub(super) column: &'a str,
    /// Distance before the last value from which rows are read again.
    pub(super) lag: Option<f64>,
    /// True if rows with the last value are read again, because their keys do
    /// not order them reliably.
    pub(super) repeats_last_value: bool,
}

impl RangeColumn<'_> {
    /// Returns the ranges after the last row of each storage class, in
    /// ascending order.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from a value.
    pub(super) fn ranges(&self, last: &[RowPosition]) -> Result<Vec<ValueRange>> {
        let (table, column) = (self.table, self.column);
        let below = |class| Condition::compare(table, column, "<", &smallest_value(class));
        let known: Vec<(SortClass, &RowPosition)> = last
            .iter()
            .filter_map(|row| Some((row.value.as_ref()?.value()?.sort_class()?, row)))
            .collect();
        let Some((first, _)) = known.first() else {
            return Ok(vec![ValueRange {
                from: Some(Condition::is_not_null(&table.name, column)),
                ..ValueRange::default()
            }]);
        };
        let mut ranges = Vec::with_capacity(known.len() + 1);
        let may_precede =
            *first > SortClass::Text || (*first > SortClass::Number && self.may_hold_numbers());
        if may_precede {
            ranges.push(ValueRange {
                to: Some(below(*first)),
                ..ValueRange::default()
            });
        }
        for (index, (_, row)) in known.iter().enumerate() {
            let to = known.get(index + 1).map(|(next, _)| below(*next));
            ranges.push(ValueRange {
                to,
                ..self.range_after(row)?
            });
        }
        Ok(ranges)
    }

    /// Returns the range after a row, or from it on if that is necessary to
    /// miss no row.
    fn range_after(&self, row: &RowPosition) -> Result<ValueRange> {
        let value = row.value.as_ref().and_then(StoredValue::value);
        let value = value.unwrap_or(Value::Null);
        let from = |value: &Value| {
            let from = Condition::compare(self.table, self.column, ">=", value);
            ValueRange {
                from: Some(from),
                overlaps: true,
                ..ValueRange::default()
            }
        };
        if let Some(lag) = self.lag.filter(|lag| *lag > 0.0) {
            return match subtract(&value, lag) {
                Some(earlier) => Ok(from(&earlier)),
                None => Err(Error::config(
                    format!(
                        "the `lag` cannot be subtracted from a value of the cursor column `{}` of `{}`",
                        self.column, self.table.name
                    ),
                    "use `lag` only with numbers, and with times such as 2024-12-24 01:26:47",
                )),
            };
        }
        if self.repeats_last_value {
            return Ok(from(&value));
        }
        let mut after = vec![value];
        after.extend(key_values(&row.key));
        Ok(ValueRange {
            after: Some(after),
            ..ValueRange::default()
        })
    }

    /// Returns false for a column of text affinity, which stores numbers as
    /// text.
    fn may_hold_numbers(&self) -> bool {
        let mut columns = self.table.columns.iter();
        let column = columns.find(|column| column.name == self.column);
        column.is_none_or(|column| Storage::from_declared(&column.declared_type) != Storage::Text)
    }
}

/// Returns the value that orders before all others of its class.
fn smallest_value(class: SortClass) -> Value {
    match class {
        SortClass::Number => Value::Real(f64::NEG_INFINITY),
        SortClass::Text => Value::Text(String::new()),
        SortClass::Blob => Value::Blob(Vec::new()),
    }
}

/// Subtracts a lag: from numbers in their unit, from times in seconds.
fn subtract(value: &Value, lag: f64) -> Option<Value> {
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
