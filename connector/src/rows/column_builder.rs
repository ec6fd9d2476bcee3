//! One growing Arrow column.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_array::{Array as _, ArrayRef};

use super::cast::CastBuilder;
use super::columns::Storage;
use super::datum::{Datum, StorageClass, exact_real};
use super::suggested_column::SuggestedColumn;
use super::value::Value;

/// Maximum bytes that a column adds to an Arrow message, without its values: the
/// descriptions of its buffers, and the bytes that align them.
const COLUMN_BYTES: usize = 384;

#[derive(Debug)]
pub(super) enum ColumnBuilder {
    /// A count of NULLs. The first value decides the type.
    Undecided(usize),
    Integer(Int64Builder),
    Real(Float64Builder),
    Numeric(Float64Builder),
    Text(StringBuilder),
    Blob(BinaryBuilder),
    /// Bytes of text that is not UTF-8.
    TextBytes(BinaryBuilder),
    /// Values of a logical type.
    Logical(Box<CastBuilder>),
    /// Values of the type that the declaration suggests, so far.
    Suggested(Box<SuggestedColumn>),
}

impl ColumnBuilder {
    pub(super) fn new(storage: Storage) -> Self {
        match storage {
            Storage::Integer => Self::Integer(Int64Builder::new()),
            Storage::Real => Self::Real(Float64Builder::new()),
            Storage::Numeric => Self::Numeric(Float64Builder::new()),
            Storage::Text => Self::Text(StringBuilder::new()),
            Storage::Blob => Self::Blob(BinaryBuilder::new()),
            Storage::ByValue => Self::Undecided(0),
            Storage::Logical(logical) => Self::Logical(Box::new(CastBuilder::new(logical))),
            Storage::Suggested(declared) => {
                Self::Suggested(Box::new(SuggestedColumn::new(declared)))
            }
        }
    }

    /// Creates the builder of a sibling column.
    pub(super) fn for_class(class: StorageClass) -> Self {
        match class {
            StorageClass::TextBytes => Self::TextBytes(BinaryBuilder::new()),
            class => Self::new(class.storage()),
        }
    }

    /// Returns the storage of the column. An undecided column becomes text, and
    /// one with a suggested type is plain.
    pub(super) fn storage(&self) -> Storage {
        match self {
            Self::Integer(_) => Storage::Integer,
            Self::Real(_) => Storage::Real,
            Self::Numeric(_) => Storage::Numeric,
            Self::Undecided(_) | Self::Text(_) => Storage::Text,
            Self::Blob(_) | Self::TextBytes(_) => Storage::Blob,
            Self::Logical(cast) => Storage::Logical(cast.logical_type()),
            Self::Suggested(suggested) => suggested.plain_storage(),
        }
    }

    /// Makes a column plain whose type was only suggested. Returns its values,
    /// which must be appended again. `None` for other columns.
    #[cold]
    pub(super) fn become_plain(&mut self) -> Option<Vec<Value>> {
        let Self::Suggested(suggested) = self else {
            return None;
        };
        let values = suggested.take_values();
        *self = Self::new(suggested.plain_storage());
        Some(values)
    }

    /// Appends a value. Returns false, and appends nothing, on a mismatch.
    #[inline]
    pub(super) fn push(&mut self, datum: &Datum<'_>) -> bool {
        match (self, *datum) {
            (Self::Integer(builder), Datum::Integer(value)) => builder.append_value(value),
            (Self::Integer(builder), Datum::Null) => builder.append_null(),
            (Self::Text(builder), Datum::Text(text)) => builder.append_value(text),
            (Self::Text(builder), Datum::Null) => builder.append_null(),
            (Self::Real(builder) | Self::Numeric(builder), Datum::Real(value)) => {
                builder.append_value(value);
            }
            (Self::Real(builder) | Self::Numeric(builder), Datum::Null) => builder.append_null(),
            (Self::Numeric(builder), Datum::Integer(value)) => match exact_real(value) {
                Some(value) => builder.append_value(value),
                None => return false,
            },
            (Self::Blob(builder), Datum::Blob(bytes))
            | (Self::TextBytes(builder), Datum::TextBytes(bytes)) => builder.append_value(bytes),
            (Self::Blob(builder) | Self::TextBytes(builder), Datum::Null) => builder.append_null(),
            (Self::Undecided(nulls), Datum::Null) => *nulls += 1,
            (this @ Self::Undecided(_), _) => {
                let nulls = this.len();
                // Text that is not UTF-8 decides for a text column, and is
                // itself a mismatch there.
                *this = match datum.storage_class() {
                    StorageClass::TextBytes => Self::new(Storage::Text),
                    class => Self::for_class(class),
                };
                this.pad(nulls);
                return this.push(datum);
            }
            (Self::Logical(cast), _) => return cast.push(datum),
            (Self::Suggested(suggested), _) => return suggested.push(datum),
            _ => return false,
        }
        true
    }

    /// Appends NULLs up to a row count.
    pub(super) fn pad(&mut self, rows: usize) {
        for _ in self.len()..rows {
            self.push(&Datum::Null);
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Undecided(nulls) => *nulls,
            Self::Integer(builder) => builder.len(),
            Self::Real(builder) | Self::Numeric(builder) => builder.len(),
            Self::Text(builder) => builder.len(),
            Self::Blob(builder) | Self::TextBytes(builder) => builder.len(),
            Self::Logical(cast) => cast.len(),
            Self::Suggested(suggested) => suggested.len(),
        }
    }

    /// Returns an upper bound of the bytes of the column in an Arrow message,
    /// once it has this number of rows.
    pub(super) fn message_bytes(&self, rows: usize) -> usize {
        let value_bytes = match self {
            Self::Undecided(_) | Self::Integer(_) | Self::Real(_) | Self::Numeric(_) => 0,
            Self::Text(builder) => builder.values_slice().len(),
            Self::Blob(builder) | Self::TextBytes(builder) => builder.values_slice().len(),
            Self::Logical(cast) => cast.value_bytes(),
            // The column may still become plain.
            Self::Suggested(suggested) => suggested.text_bytes(),
        };
        let row_bytes = match self {
            Self::Logical(cast) => cast.row_bytes(),
            Self::Suggested(_) => size_of::<i128>(),
            _ => size_of::<i64>(),
        };
        // One byte holds the bits that tell NULL from a value.
        COLUMN_BYTES + value_bytes + rows * (row_bytes + 1)
    }

    /// Returns the column so far and starts an empty one of the same type,
    /// with the same capacity.
    pub(super) fn finish(&mut self) -> ArrayRef {
        match self {
            Self::Undecided(nulls) => {
                let mut builder = StringBuilder::new();
                for _ in 0..*nulls {
                    builder.append_null();
                }
                *self = Self::new(Storage::Text);
                Arc::new(builder.finish())
            }
            Self::Integer(builder) => {
                let array = builder.finish();
                *builder = Int64Builder::with_capacity(array.len());
                Arc::new(array)
            }
            Self::Real(builder) | Self::Numeric(builder) => {
                let array = builder.finish();
                *builder = Float64Builder::with_capacity(array.len());
                Arc::new(array)
            }
            Self::Text(builder) => {
                let array = builder.finish();
                *builder = StringBuilder::with_capacity(array.len(), array.value_data().len());
                Arc::new(array)
            }
            Self::Blob(builder) | Self::TextBytes(builder) => {
                let array = builder.finish();
                *builder = BinaryBuilder::with_capacity(array.len(), array.value_data().len());
                Arc::new(array)
            }
            Self::Logical(cast) => cast.finish(),
            Self::Suggested(suggested) => {
                let (array, cast) = suggested.finish();
                *self = Self::Logical(Box::new(cast));
                array
            }
        }
    }
}
