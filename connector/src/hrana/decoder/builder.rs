//! One Arrow column that grows.

use std::sync::Arc;

use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_array::{Array as _, ArrayRef};

use super::cast::Cast;
use crate::hrana::columns::Storage;

/// A value on its way into a column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Datum<'a> {
    Null,
    Integer(i64),
    Real(f64),
    Text(&'a str),
    /// Text that is not UTF-8.
    TextBytes(&'a [u8]),
    Blob(&'a [u8]),
}

/// The kinds of values that can go to a sibling column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Integer,
    Real,
    Text,
    TextBytes,
    Blob,
}

#[derive(Debug)]
pub(super) enum Builder {
    /// So many NULLs, of a type that the first value decides.
    Undecided(usize),
    Integer(Int64Builder),
    Real(Float64Builder),
    Numeric(Float64Builder),
    Text(StringBuilder),
    Blob(BinaryBuilder),
    /// Bytes of text that is not UTF-8.
    TextBytes(BinaryBuilder),
    /// Of a type that the operator wants.
    Wanted(Box<Cast>),
}

impl Datum<'_> {
    /// Its class; that of text for NULL, which fits everywhere.
    pub(super) fn class(&self) -> Class {
        match self {
            Self::Integer(_) => Class::Integer,
            Self::Real(_) => Class::Real,
            Self::Null | Self::Text(_) => Class::Text,
            Self::TextBytes(_) => Class::TextBytes,
            Self::Blob(_) => Class::Blob,
        }
    }
}

impl Class {
    /// The end of a sibling's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::TextBytes => "text_bytes",
            Self::Blob => "blob",
        }
    }

    pub(super) fn storage(self) -> Storage {
        match self {
            Self::Integer => Storage::Integer,
            Self::Real => Storage::Real,
            Self::Text => Storage::Text,
            Self::TextBytes | Self::Blob => Storage::Blob,
        }
    }
}

impl Builder {
    pub(super) fn new(storage: Storage) -> Self {
        match storage {
            Storage::Integer => Self::Integer(Int64Builder::new()),
            Storage::Real => Self::Real(Float64Builder::new()),
            Storage::Numeric => Self::Numeric(Float64Builder::new()),
            Storage::Text => Self::Text(StringBuilder::new()),
            Storage::Blob => Self::Blob(BinaryBuilder::new()),
            Storage::ByValue => Self::Undecided(0),
            Storage::Wanted(wanted) => Self::Wanted(Box::new(Cast::new(wanted))),
        }
    }

    pub(super) fn of(class: Class) -> Self {
        match class {
            Class::TextBytes => Self::TextBytes(BinaryBuilder::new()),
            class => Self::new(class.storage()),
        }
    }

    /// What it holds. What is undecided becomes text.
    pub(super) fn storage(&self) -> Storage {
        match self {
            Self::Integer(_) => Storage::Integer,
            Self::Real(_) => Storage::Real,
            Self::Numeric(_) => Storage::Numeric,
            Self::Undecided(_) | Self::Text(_) => Storage::Text,
            Self::Blob(_) | Self::TextBytes(_) => Storage::Blob,
            Self::Wanted(cast) => Storage::Wanted(cast.wanted()),
        }
    }

    /// Appends a value. Says whether it fits; if not, nothing is appended.
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
                // Text that is not UTF-8 makes it a column of text, and is
                // itself a misfit.
                *this = match datum.class() {
                    Class::TextBytes => Self::new(Storage::Text),
                    class => Self::of(class),
                };
                this.pad(nulls);
                return this.push(datum);
            }
            (Self::Wanted(cast), _) => return cast.push(datum),
            _ => return false,
        }
        true
    }

    /// NULLs, until there are as many rows.
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
            Self::Wanted(cast) => cast.len(),
        }
    }

    /// The column so far, and an empty one of the same type, with room for
    /// as much again.
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
            Self::Wanted(cast) => cast.finish(),
        }
    }
}

/// The float that is the same number, if there is one. SQLite itself stores
/// whole floats of NUMERIC columns as integers.
pub(super) fn exact_real(value: i64) -> Option<f64> {
    const EXACT: i64 = 1 << 53;
    #[expect(
        clippy::cast_precision_loss,
        reason = "every integer up to 2^53 is exact"
    )]
    (-EXACT..=EXACT).contains(&value).then_some(value as f64)
}
