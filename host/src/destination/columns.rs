//! The types that a destination stores, and rows brought into the shape of
//! the table that takes them.
//!
//! Knows no destination: how a type is called there is that destination's
//! part.

use std::fmt;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions, new_null_array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use crate::model::{is_json, json_field};

/// A type that every destination stores exactly. Written down by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum StoredType {
    /// 32-bit integer.
    Int32,
    /// 64-bit integer.
    Int64,
    /// 64-bit floating point, infinities included.
    Float64,
    /// UTF-8, any character in it.
    Text,
    /// Text that is JSON.
    Json,
    /// Bytes.
    Blob,
    /// True or false.
    Boolean,
    /// Days.
    Date,
    /// Microseconds, of no time zone.
    Timestamp,
    /// Microseconds since 1970 in UTC.
    TimestampUtc,
    /// Decimal numbers: how many digits, and how many of them are after the
    /// point.
    Decimal(u8, u8),
}

/// The type as which a column is stored, or none if no destination stores it.
#[must_use]
pub fn stored_type(column: &Field) -> Option<StoredType> {
    if is_json(column) {
        return Some(StoredType::Json);
    }
    Some(match column.data_type() {
        DataType::Int32 => StoredType::Int32,
        DataType::Int64 => StoredType::Int64,
        DataType::Float64 => StoredType::Float64,
        DataType::Utf8 => StoredType::Text,
        DataType::Dictionary(key, value)
            if **key == DataType::Int32 && **value == DataType::Utf8 =>
        {
            StoredType::Text
        }
        DataType::Binary => StoredType::Blob,
        DataType::Boolean => StoredType::Boolean,
        DataType::Date32 => StoredType::Date,
        DataType::Timestamp(TimeUnit::Microsecond, None) => StoredType::Timestamp,
        DataType::Timestamp(TimeUnit::Microsecond, Some(_)) => StoredType::TimestampUtc,
        DataType::Decimal128(precision, scale) => {
            return StoredType::decimal(*precision, *scale);
        }
        _ => return None,
    })
}

impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Int32 => "a 32-bit integer",
            Self::Int64 => "an integer",
            Self::Float64 => "a float",
            Self::Text => "text",
            Self::Json => "JSON",
            Self::Blob => "bytes",
            Self::Boolean => "a boolean",
            Self::Date => "a date",
            Self::Timestamp => "a time",
            Self::TimestampUtc => "a time in UTC",
            Self::Decimal(precision, scale) => return write!(f, "a decimal({precision},{scale})"),
        })
    }
}

impl From<StoredType> for String {
    fn from(stored: StoredType) -> Self {
        let name = match stored {
            StoredType::Int32 => "int32",
            StoredType::Int64 => "int64",
            StoredType::Float64 => "float64",
            StoredType::Text => "text",
            StoredType::Json => "json",
            StoredType::Blob => "blob",
            StoredType::Boolean => "boolean",
            StoredType::Date => "date",
            StoredType::Timestamp => "timestamp",
            StoredType::TimestampUtc => "timestamp_utc",
            StoredType::Decimal(precision, scale) => {
                return format!("decimal({precision},{scale})");
            }
        };
        name.to_owned()
    }
}

impl TryFrom<String> for StoredType {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        const PLAIN: [StoredType; 10] = [
            StoredType::Int32,
            StoredType::Int64,
            StoredType::Float64,
            StoredType::Text,
            StoredType::Json,
            StoredType::Blob,
            StoredType::Boolean,
            StoredType::Date,
            StoredType::Timestamp,
            StoredType::TimestampUtc,
        ];
        let decimal = || {
            let digits = name.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = digits.split_once(',')?;
            let (precision, scale) = (precision.parse().ok()?, scale.parse().ok()?);
            StoredType::decimal(precision, scale)
        };
        let mut plain = PLAIN.into_iter();
        plain
            .find(|stored| Self::is_named(*stored, &name))
            .or_else(decimal)
            .ok_or_else(|| format!("`{name}` is no type of a column"))
    }
}

impl StoredType {
    fn is_named(self, name: &str) -> bool {
        String::from(self) == name
    }

    /// Decimals of so many digits, if there are such.
    fn decimal(precision: u8, scale: i8) -> Option<Self> {
        let scale = u8::try_from(scale).ok()?;
        ((1..=38).contains(&precision) && scale <= precision)
            .then_some(Self::Decimal(precision, scale))
    }

    /// A column of it.
    fn field(self, name: &str) -> Field {
        match self {
            Self::Json => json_field(name),
            _ => Field::new(name, self.arrow(), true),
        }
    }

    fn arrow(self) -> DataType {
        match self {
            Self::Int32 => DataType::Int32,
            Self::Int64 => DataType::Int64,
            Self::Float64 => DataType::Float64,
            Self::Text | Self::Json => DataType::Utf8,
            Self::Blob => DataType::Binary,
            Self::Boolean => DataType::Boolean,
            Self::Date => DataType::Date32,
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampUtc => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale.cast_signed()),
        }
    }
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) stored: StoredType,
}

impl Column {
    /// A column of truth values.
    pub(super) fn boolean(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            stored: StoredType::Boolean,
        }
    }
}

/// Why rows cannot go into a table.
#[derive(Debug, thiserror::Error)]
pub(super) enum ColumnError {
    #[error("column `{column}` has the type {data_type}, which no destination stores")]
    NotStored { column: String, data_type: DataType },
    #[error("column `{column}` is stored as {stored:?}, and {incoming:?} comes")]
    Changed {
        column: String,
        stored: StoredType,
        incoming: StoredType,
    },
    #[error("columns `{first}` and `{second}` differ only in case")]
    Ambiguous { first: String, second: String },
}

/// The columns of a table, in its order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns(Vec<Column>);

impl Columns {
    /// The columns of a schema.
    pub(super) fn of(schema: &Schema) -> Result<Self, ColumnError> {
        let mut columns: Vec<Column> = Vec::with_capacity(schema.fields().len());
        for field in schema.fields() {
            let Some(stored) = stored_type(field) else {
                return Err(ColumnError::NotStored {
                    column: field.name().clone(),
                    data_type: field.data_type().clone(),
                });
            };
            columns.push(Column {
                name: field.name().clone(),
                stored,
            });
        }
        // Databases compare names without regard to the case of ASCII
        // letters, and the source does too.
        let mut folded: Vec<_> = columns
            .iter()
            .map(|column| (column.name.to_ascii_lowercase(), &column.name))
            .collect();
        folded.sort_unstable();
        if let Some([first, second]) = folded
            .array_windows()
            .find(|[first, second]| first.0 == second.0)
        {
            return Err(ColumnError::Ambiguous {
                first: first.1.clone(),
                second: second.1.clone(),
            });
        }
        Ok(Self(columns))
    }

    /// Those of these names.
    pub(super) fn only(&self, names: &[String]) -> Self {
        let columns = self.0.iter();
        let columns = columns.filter(|column| names.contains(&column.name));
        Self(columns.cloned().collect())
    }

    /// Those of other names.
    pub(super) fn without(mut self, name: &str) -> Self {
        self.0.retain(|column| column.name != name);
        self
    }

    /// Where the column of a name is.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        self.0
            .iter()
            .position(|column| column.name.eq_ignore_ascii_case(name))
    }

    /// Columns that were written down before.
    pub(super) fn stored(columns: Vec<Column>) -> Self {
        Self(columns)
    }

    pub(super) fn as_slice(&self) -> &[Column] {
        &self.0
    }

    /// The columns as a schema.
    pub(super) fn schema(&self) -> SchemaRef {
        let field = |column: &Column| column.stored.field(&column.name);
        Arc::new(Schema::new(self.0.iter().map(field).collect::<Vec<_>>()))
    }

    /// Adds the columns of `incoming` that are not there, and returns them.
    pub(super) fn extend(&mut self, incoming: &Self) -> Result<Vec<Column>, ColumnError> {
        let mut added = Vec::new();
        for column in &incoming.0 {
            match self
                .0
                .iter()
                .find(|stored| stored.name.eq_ignore_ascii_case(&column.name))
            {
                None => added.push(column.clone()),
                Some(stored) if stored.stored == column.stored => {}
                Some(stored) => {
                    return Err(ColumnError::Changed {
                        column: column.name.clone(),
                        stored: stored.stored,
                        incoming: column.stored,
                    });
                }
            }
        }
        self.0.extend(added.iter().cloned());
        Ok(added)
    }
}

/// Brings batches of one schema into the shape of a table: its columns, in
/// its order, null where the batch has none.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    schema: SchemaRef,
    /// For each column of the table, where the batch has it.
    sources: Vec<Option<usize>>,
}

impl Shape {
    /// From `incoming` to `table`, which has all columns of `incoming`.
    pub(super) fn new(incoming: &Schema, table: &Columns) -> Self {
        let place = |column: &Column| {
            incoming
                .fields()
                .iter()
                .position(|field| field.name().eq_ignore_ascii_case(&column.name))
        };
        let sources: Vec<_> = table.0.iter().map(place).collect();
        let fields = table.0.iter().zip(&sources).map(|(column, source)| {
            let field = column.stored.field(&column.name);
            match source {
                // As it is held in memory: a dictionary, say.
                Some(at) => field.with_data_type(incoming.field(*at).data_type().clone()),
                None => field,
            }
        });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            sources,
        }
    }

    /// The schema of the batches that come out.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// For each column of the table, where a batch that comes in has it.
    pub(super) fn sources(&self) -> &[Option<usize>] {
        &self.sources
    }

    /// The rows in the shape of the table. Copies no value.
    pub(super) fn fit(&self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let rows = batch.num_rows();
        let columns = self
            .sources
            .iter()
            .zip(self.schema.fields())
            .map(|(source, field)| match source {
                Some(at) => batch.columns().get(*at).cloned().ok_or_else(|| {
                    ArrowError::SchemaError(format!("a batch lacks column `{}`", field.name()))
                }),
                None => Ok(new_null_array(field.data_type(), rows)),
            });
        let columns = columns.collect::<Result<Vec<_>, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(columns: &[(&str, DataType)]) -> Result<Columns, ColumnError> {
        Columns::of(&schema(columns))
    }

    fn schema(columns: &[(&str, DataType)]) -> Schema {
        Schema::new(
            columns
                .iter()
                .map(|(name, kind)| Field::new(*name, kind.clone(), true))
                .collect::<Vec<_>>(),
        )
    }

    #[test]
    fn a_type_that_is_not_stored_is_named() {
        let error = columns(&[("a", DataType::Int64), ("b", DataType::UInt8)]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `b` has the type UInt8, which no destination stores"
        );
    }

    #[test]
    fn names_that_differ_only_in_case_are_refused() {
        let error = columns(&[
            ("Name", DataType::Int64),
            ("b", DataType::Int64),
            ("name", DataType::Int64),
        ])
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "columns `Name` and `name` differ only in case"
        );
        assert!(columns(&[("Ä", DataType::Int64), ("ä", DataType::Int64)]).is_ok());
    }

    #[test]
    fn a_decimal_is_stored_with_its_digits() {
        let stored = |precision, scale| {
            stored_type(&Field::new(
                "d",
                DataType::Decimal128(precision, scale),
                true,
            ))
        };
        assert_eq!(stored(38, 0), Some(StoredType::Decimal(38, 0)));
        assert_eq!(stored(18, 2).unwrap().arrow(), DataType::Decimal128(18, 2));
        for (precision, scale) in [(0, 0), (39, 2), (5, 6), (5, -1)] {
            assert_eq!(stored(precision, scale), None, "{precision}, {scale}");
        }
    }

    #[test]
    fn types_are_written_down_as_they_always_were() {
        for (stored, written) in [
            (StoredType::TimestampUtc, r#""timestamp_utc""#),
            (StoredType::Int64, r#""int64""#),
            (StoredType::Json, r#""json""#),
            (StoredType::Decimal(18, 2), r#""decimal(18,2)""#),
        ] {
            assert_eq!(serde_json::to_string(&stored).unwrap(), written);
            let read: StoredType = serde_json::from_str(written).unwrap();
            assert_eq!(read, stored);
        }
        for none in [
            "",
            "Text",
            "decimal",
            "decimal(39,2)",
            "decimal(2,3)",
            "decimal(2,-1)",
        ] {
            assert!(StoredType::try_from(none.to_owned()).is_err(), "{none}");
        }
    }

    #[test]
    fn rows_take_the_shape_of_the_table() {
        let incoming = schema(&[("C", DataType::Int64), ("a", DataType::Int64)]);
        let mut table = columns(&[("a", DataType::Int64), ("b", DataType::Utf8)]).unwrap();
        let added = table.extend(&Columns::of(&incoming).unwrap()).unwrap();
        assert_eq!(
            added
                .iter()
                .map(|column| column.name.as_str())
                .collect::<Vec<_>>(),
            ["C"]
        );

        let numbers =
            |number| Arc::new(arrow_array::Int64Array::from(vec![number])) as arrow_array::ArrayRef;
        let batch =
            RecordBatch::try_new(Arc::new(incoming.clone()), vec![numbers(3), numbers(1)]).unwrap();
        let fitted = Shape::new(&incoming, &table).fit(&batch).unwrap();
        assert_eq!(fitted.column(0), &numbers(1));
        assert_eq!(fitted.column(1).null_count(), 1);
        assert_eq!(fitted.column(2), &numbers(3));
    }

    #[test]
    fn a_type_that_changed_is_refused() {
        let mut table = columns(&[("a", DataType::Int64)]).unwrap();
        let error = table
            .extend(&columns(&[("A", DataType::Utf8)]).unwrap())
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `A` is stored as Int64, and Text comes"
        );
    }
}
