//! Values of stored columns as rows are compared by them: the same whether
//! they are in memory, in Parquet or in text. Must not tell apart what a
//! database holds to be equal.

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

use super::text;
use crate::destination::columns::StoredType;

/// A value. Dates and times are their text: it is what two of the formats
/// hold, and as good to compare by.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
}

/// A row of a table, wherever it is.
pub(super) trait Row {
    /// What it has in a column, by the place of that in the table. None is
    /// null.
    fn value(&self, column: usize) -> io::Result<Option<Value<'_>>>;
}

/// A row of a batch.
#[derive(Clone, Copy, Debug)]
pub(super) struct InBatch<'a> {
    pub(super) batch: &'a RecordBatch,
    /// For each column of the table, where the batch has it.
    pub(super) sources: &'a [Option<usize>],
    pub(super) row: usize,
}

impl Row for InBatch<'_> {
    fn value(&self, column: usize) -> io::Result<Option<Value<'_>>> {
        let source = self.sources.get(column).copied().flatten();
        match source.and_then(|source| self.batch.columns().get(source)) {
            Some(array) => of_array(array, self.row),
            None => Ok(None),
        }
    }
}

fn of_array(array: &dyn Array, row: usize) -> io::Result<Option<Value<'_>>> {
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
                Some(key) => of_array(dictionary.values(), key),
                None => Ok(None),
            };
        }
        other => {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("a column has the type {other}, which is not stored"),
            ));
        }
    }))
}

/// The value that a text stands for in a column of a type.
pub(super) fn of_text(stored: StoredType, text: Cow<'_, str>) -> io::Result<Value<'_>> {
    let value = match stored {
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
        io::Error::new(
            io::ErrorKind::InvalidData,
            format!("`{start}` is no value of a column of the type {stored:?}"),
        )
    })
}
