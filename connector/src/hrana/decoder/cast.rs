//! A growing column of a type that the operator wants.

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, Date32Builder, Decimal128Builder, Float64Builder,
    Int64Builder, StringBuilder, TimestampMicrosecondBuilder,
};

use super::builder::Datum;
use super::exact;
use crate::hrana::wanted::{Unit, Wanted};

/// The column, with what its values are judged by.
#[derive(Debug)]
pub(super) struct Cast {
    wanted: Wanted,
    column: Column,
}

#[derive(Debug)]
enum Column {
    Integer(Int64Builder),
    Double(Float64Builder),
    Text(StringBuilder),
    Blob(BinaryBuilder),
    Boolean(BooleanBuilder),
    Date(Date32Builder),
    Timestamp(TimestampMicrosecondBuilder, Unit),
    Decimal {
        builder: Decimal128Builder,
        precision: u8,
        scale: u8,
    },
}

impl Cast {
    pub(super) fn new(wanted: Wanted) -> Self {
        let data_type = wanted.data_type();
        let column = match wanted {
            Wanted::Integer => Column::Integer(Int64Builder::new()),
            Wanted::Double => Column::Double(Float64Builder::new()),
            Wanted::Text | Wanted::Json => Column::Text(StringBuilder::new()),
            Wanted::Blob => Column::Blob(BinaryBuilder::new()),
            Wanted::Boolean => Column::Boolean(BooleanBuilder::new()),
            Wanted::Date => Column::Date(Date32Builder::new()),
            Wanted::Timestamp { unit, .. } => Column::Timestamp(
                TimestampMicrosecondBuilder::new().with_data_type(data_type),
                unit,
            ),
            Wanted::Decimal { precision, scale } => Column::Decimal {
                builder: Decimal128Builder::new().with_data_type(data_type),
                precision,
                scale,
            },
        };
        Self { wanted, column }
    }

    pub(super) fn wanted(&self) -> Wanted {
        self.wanted
    }

    /// Appends a value. Says whether it is exactly one of the type; if not,
    /// nothing is appended.
    pub(super) fn push(&mut self, datum: &Datum<'_>) -> bool {
        if *datum == Datum::Null {
            self.push_null();
            return true;
        }
        let pushed = match &mut self.column {
            Column::Integer(builder) => exact::integer(datum).map(|v| builder.append_value(v)),
            Column::Double(builder) => exact::double(datum).map(|v| builder.append_value(v)),
            Column::Text(builder) => exact::text(datum).map(|v| builder.append_value(v)),
            Column::Blob(builder) => exact::blob(datum).map(|v| builder.append_value(v)),
            Column::Boolean(builder) => exact::boolean(datum).map(|v| builder.append_value(v)),
            Column::Date(builder) => exact::date(datum).map(|v| builder.append_value(v)),
            Column::Timestamp(builder, unit) => {
                exact::timestamp(datum, *unit).map(|v| builder.append_value(v))
            }
            Column::Decimal {
                builder,
                precision,
                scale,
            } => exact::decimal(datum, *precision, *scale).map(|v| builder.append_value(v)),
        };
        pushed.is_some()
    }

    pub(super) fn len(&self) -> usize {
        match &self.column {
            Column::Integer(builder) => builder.len(),
            Column::Double(builder) => builder.len(),
            Column::Text(builder) => builder.len(),
            Column::Blob(builder) => builder.len(),
            Column::Boolean(builder) => builder.len(),
            Column::Date(builder) => builder.len(),
            Column::Timestamp(builder, _) => builder.len(),
            Column::Decimal { builder, .. } => builder.len(),
        }
    }

    /// The column so far, and an empty one of the same type.
    pub(super) fn finish(&mut self) -> ArrayRef {
        let builder: &mut dyn ArrayBuilder = match &mut self.column {
            Column::Integer(builder) => builder,
            Column::Double(builder) => builder,
            Column::Text(builder) => builder,
            Column::Blob(builder) => builder,
            Column::Boolean(builder) => builder,
            Column::Date(builder) => builder,
            Column::Timestamp(builder, _) => builder,
            Column::Decimal { builder, .. } => builder,
        };
        builder.finish()
    }

    fn push_null(&mut self) {
        match &mut self.column {
            Column::Integer(builder) => builder.append_null(),
            Column::Double(builder) => builder.append_null(),
            Column::Text(builder) => builder.append_null(),
            Column::Blob(builder) => builder.append_null(),
            Column::Boolean(builder) => builder.append_null(),
            Column::Date(builder) => builder.append_null(),
            Column::Timestamp(builder, _) => builder.append_null(),
            Column::Decimal { builder, .. } => builder.append_null(),
        }
    }
}
