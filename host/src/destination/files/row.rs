//! Values by which rows are compared: the same whether a row is in memory, in
//! Parquet or in text. Must not distinguish values that a database considers
//! equal.

use std::borrow::Cow;
use std::io;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int32Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, TimeUnit};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::io_error::invalid_data;
use crate::destination::stored_type::StoredType;
use crate::destination::text;

/// A value of a row. Dates and times are texts, as two of the formats store
/// them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

/// A row of a table, in memory or in a file.
pub(super) trait Row {
    /// Returns the value of a column by its index in the table, or `None` for
    /// null.
    fn value(&self, column: usize) -> io::Result<Option<Value<'_>>>;
}

/// A row of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchRow<'a> {
    pub(super) batch: &'a RecordBatch,
    /// Index of each table column in the batch.
    pub(super) sources: &'a [Option<usize>],
    pub(super) row: usize,
}

impl Row for BatchRow<'_> {
    fn value(&self, column: usize) -> io::Result<Option<Value<'_>>> {
        let source = self.sources.get(column).copied().flatten();
        match source.and_then(|source| self.batch.columns().get(source)) {
            Some(array) => value_at(array, self.row),
            None => Ok(None),
        }
    }
}

fn value_at(array: &dyn Array, row: usize) -> io::Result<Option<Value<'_>>> {
    if array.is_null(row) {
        return Ok(None);
    }
    Ok(Some(match array.data_type() {
        DataType::Int32 => Value::Integer(array.as_primitive::<Int32Type>().value(row).into()),
        DataType::Int64 => Value::Integer(array.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => Value::Float(array.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => Value::Boolean(array.as_boolean().value(row)),
        DataType::Utf8 => Value::Text(array.as_string::<i32>().value(row).into()),
        DataType::Binary => Value::Blob(array.as_binary::<i32>().value(row).into()),
        DataType::Date32 => {
            Value::Text(text::date(array.as_primitive::<Date32Type>().value(row)).into())
        }
        DataType::Timestamp(TimeUnit::Microsecond, zone) => {
            let micros = array.as_primitive::<TimestampMicrosecondType>().value(row);
            Value::Text(text::time(micros, zone.is_some()).into())
        }
        DataType::Decimal128(_, _) => {
            let digits = array.as_primitive::<Decimal128Type>().value_as_string(row);
            Value::Text(digits.into())
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_dictionary::<Int32Type>();
            return match dictionary.key(row) {
                Some(key) => value_at(dictionary.values(), key),
                None => Ok(None),
            };
        }
        other => {
            return Err(invalid_data(format!(
                "a column has the type {other}, which is not stored"
            )));
        }
    }))
}

/// Parses the text of a value of a stored type.
pub(super) fn parse(stored_type: StoredType, text: Cow<'_, str>) -> io::Result<Value<'_>> {
    let value = match stored_type {
        StoredType::Int32 | StoredType::Int64 => text.parse().ok().map(Value::Integer),
        StoredType::Float64 => text.parse().ok().map(Value::Float),
        StoredType::Boolean => text.parse().ok().map(Value::Boolean),
        StoredType::Blob => {
            let bytes = STANDARD.decode(text.as_bytes()).ok();
            bytes.map(|bytes| Value::Blob(bytes.into()))
        }
        StoredType::Text
        | StoredType::Json
        | StoredType::Date
        | StoredType::Timestamp
        | StoredType::TimestampUtc
        | StoredType::Decimal(_, _) => return Ok(Value::Text(text)),
    };
    value.ok_or_else(|| {
        let start: String = text.chars().take(40).collect();
        invalid_data(format!("`{start}` is not {stored_type}"))
    })
}
