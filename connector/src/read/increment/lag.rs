//! Lag of an incremental read: how far before its position rows are read again.
//! Knows no statements.

use crate::moment;
use crate::rows::value::Value;

/// Subtracts a lag: from numbers in their unit, from times in seconds.
pub(super) fn earlier(value: &Value, lag: f64) -> Option<Value> {
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
