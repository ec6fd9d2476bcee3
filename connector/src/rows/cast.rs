//! A growing column of a logical type. A value is cast only if the result is
//! exact: nothing is cut or guessed, and values are rounded only on request.
//!
//! Written by hand, because the parsers of `arrow-cast` accept more than that:
//! they round numbers with too many digits and accept text that is not a date.

mod bytes;
mod jsonb;
mod number;
mod time;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};

use super::datum::Datum;
use super::logical_type::{EpochUnit, LogicalType};

/// A growing column and the logical type of its values.
#[derive(Debug)]
pub(super) struct CastBuilder {
    logical: LogicalType,
    values: Values,
}

#[derive(Debug)]
enum Values {
    Integer(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Json(StringBuilder),
    Blob(BinaryBuilder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp {
        builder: TimestampMicrosecondBuilder,
        unit: EpochUnit,
        utc: bool,
        rounds: bool,
    },
    Decimal {
        builder: Decimal128Builder,
        precision: u8,
        scale: u8,
        rounds: bool,
    },
}

impl CastBuilder {
    pub(super) fn new(logical: LogicalType) -> Self {
        let data_type = logical.data_type();
        let values = match logical {
            LogicalType::Integer => Values::Integer(Int64Builder::new()),
            LogicalType::Double => Values::Double(Float64Builder::new()),
            LogicalType::Text => Values::Text(StringBuilder::new()),
            LogicalType::Json => Values::Json(StringBuilder::new()),
            LogicalType::Blob => Values::Blob(BinaryBuilder::new()),
            LogicalType::Boolean => Values::Boolean(BooleanBuilder::new()),
            LogicalType::Date => Values::Date(Date32Builder::new()),
            LogicalType::Timestamp { unit, utc, rounds } => Values::Timestamp {
                builder: TimestampMicrosecondBuilder::new().with_data_type(data_type),
                unit,
                utc,
                rounds,
            },
            LogicalType::Decimal {
                precision,
                scale,
                rounds,
            } => Values::Decimal {
                builder: Decimal128Builder::new().with_data_type(data_type),
                precision,
                scale,
                rounds,
            },
        };
        Self { logical, values }
    }

    pub(super) fn logical_type(&self) -> LogicalType {
        self.logical
    }

    /// Appends a value. Returns false, and appends nothing, if the value is not
    /// exactly one of the type.
    pub(super) fn push(&mut self, datum: &Datum<'_>) -> bool {
        if *datum == Datum::Null {
            self.push_null();
            return true;
        }
        let pushed = match &mut self.values {
            Values::Integer(builder) => number::integer(datum).map(|v| builder.append_value(v)),
            Values::Double(builder) => number::double(datum).map(|v| builder.append_value(v)),
            Values::Text(builder) => bytes::text(datum).map(|v| builder.append_value(v)),
            Values::Json(builder) => bytes::json(datum).map(|v| builder.append_value(v)),
            Values::Blob(builder) => bytes::blob(datum).map(|v| builder.append_value(v)),
            Values::Boolean(builder) => number::boolean(datum).map(|v| builder.append_value(v)),
            Values::Date(builder) => time::date(datum).map(|v| builder.append_value(v)),
            Values::Timestamp {
                builder,
                unit,
                utc,
                rounds,
            } => time::timestamp(datum, *unit, *utc, *rounds).map(|v| builder.append_value(v)),
            Values::Decimal {
                builder,
                precision,
                scale,
                rounds,
            } => {
                number::decimal(datum, *precision, *scale, *rounds).map(|v| builder.append_value(v))
            }
        };
        pushed.is_some()
    }

    pub(super) fn len(&self) -> usize {
        match &self.values {
            Values::Integer(builder) => builder.len(),
            Values::Double(builder) => builder.len(),
            Values::Text(builder) | Values::Json(builder) => builder.len(),
            Values::Blob(builder) => builder.len(),
            Values::Boolean(builder) => builder.len(),
            Values::Date(builder) => builder.len(),
            Values::Timestamp { builder, .. } => builder.len(),
            Values::Decimal { builder, .. } => builder.len(),
        }
    }

    /// Returns the bytes of the values of variable size.
    pub(super) fn value_bytes(&self) -> usize {
        match &self.values {
            Values::Text(builder) | Values::Json(builder) => builder.values_slice().len(),
            Values::Blob(builder) => builder.values_slice().len(),
            _ => 0,
        }
    }

    /// Returns the maximum bytes of each row, without values of variable size.
    pub(super) fn row_bytes(&self) -> usize {
        match &self.values {
            Values::Decimal { .. } => size_of::<i128>(),
            _ => size_of::<i64>(),
        }
    }

    /// Returns the column so far and starts an empty one of the same type.
    pub(super) fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match &mut self.values {
            Values::Integer(builder) => builder,
            Values::Double(builder) => builder,
            Values::Text(builder) | Values::Json(builder) => builder,
            Values::Blob(builder) => builder,
            Values::Boolean(builder) => builder,
            Values::Date(builder) => builder,
            Values::Timestamp { builder, .. } => builder,
            Values::Decimal { builder, .. } => builder,
        };
        builder.finish()
    }

    pub(super) fn push_null(&mut self) {
        match &mut self.values {
            Values::Integer(builder) => builder.append_null(),
            Values::Double(builder) => builder.append_null(),
            Values::Text(builder) | Values::Json(builder) => builder.append_null(),
            Values::Blob(builder) => builder.append_null(),
            Values::Boolean(builder) => builder.append_null(),
            Values::Date(builder) => builder.append_null(),
            Values::Timestamp { builder, .. } => builder.append_null(),
            Values::Decimal { builder, .. } => builder.append_null(),
        }
    }
}
