//! Lag of an incremental read: how far before its position rows are read again.
//! Knows no statements.

use super::time_unit::TimeUnit;
use crate::error::{Error, Result};
use crate::moment;
use crate::rows::value::{SortClass, Value};
use crate::selection::{Lag, Selection};

/// Lag of a cursor column.
#[derive(Clone, Copy, Debug)]
pub(super) struct ColumnLag {
    /// Distance of numbers. `None` if the lag is a time and their unit is not
    /// known.
    number: Option<f64>,
    /// Distance of times in text, in seconds.
    seconds: f64,
}

impl ColumnLag {
    /// Returns the lag of a column as a selection requests it, unless it is zero.
    pub(super) fn new(selection: &Selection, column: &str) -> Option<Self> {
        let Lag { amount, is_time } = selection.lag.filter(|lag| lag.amount > 0.0)?;
        let number = if is_time {
            TimeUnit::of_column(selection, column).map(|unit| unit.units(amount))
        } else {
            Some(amount)
        };
        Some(Self {
            number,
            seconds: amount,
        })
    }

    /// Returns the value that precedes a value by the lag. `None` if the lag
    /// cannot be subtracted.
    pub(super) fn earlier(self, value: &Value) -> Option<Value> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "an `as` saturates, and so does the subtraction"
        )]
        Some(match value {
            Value::Integer(value) => {
                Value::Integer(value.saturating_sub(self.number?.ceil() as i64))
            }
            Value::Real(value) => Value::Real(value - self.number?),
            Value::Text(text) => Value::Text(moment::earlier(text, self.seconds.ceil() as i64)?),
            Value::Null | Value::TextBytes(_) | Value::Blob(_) => return None,
        })
    }

    /// Returns the distance of times in text, in seconds.
    pub(super) fn seconds(self) -> f64 {
        self.seconds
    }

    /// Checks that the unit of a value is known.
    ///
    /// # Errors
    /// A config error if the lag is a time and the value a number without a unit.
    pub(super) fn check(self, value: &Value, table: &str, column: &str) -> Result<()> {
        if self.number.is_some() || value.sort_class() != Some(SortClass::Number) {
            return Ok(());
        }
        Err(Error::config(
            format!(
                "the `lag` of `{table}` is a time, but the unit of the numbers in `{column}` is not known"
            ),
            format!(
                "set the type of the column (`types`) to `timestamp(s)`, `timestamp(ms)` or `timestamp(us)`, \
                 or set `lag` to a number in the unit of `{column}`"
            ),
        ))
    }
}
