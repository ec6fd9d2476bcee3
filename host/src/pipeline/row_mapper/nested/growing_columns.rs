//! The columns of a table that are created by the values in documents. A column
//! has the type of its first values, or that of the existing table; a value of
//! another type goes to a sibling.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_schema::{DataType, Field, FieldRef, SchemaRef};

use crate::model::origin::ColumnOrigin;
use crate::model::siblings::{Sibling, sibling_name};
use crate::model::{is_json, json_field};

/// A value that is neither an object nor a list.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scalar<'a> {
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(&'a str),
    /// JSON as text.
    Json(&'a str),
}

/// The type of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ScalarType {
    Boolean,
    Integer,
    Real,
    Text,
    Json,
}

/// The growing columns of one table.
#[derive(Debug)]
pub(super) struct GrowingColumns {
    columns: Vec<GrowingColumn>,
    /// Names of all columns of the table, in lower case.
    taken_names: BTreeSet<String>,
    /// Columns of the table before the load, whose names are used again.
    existing: Option<SchemaRef>,
    /// True if their types are used too, because the load adds to the table.
    keeps_types: bool,
}

#[derive(Debug)]
struct GrowingColumn {
    field: FieldRef,
    /// Column whose values it holds, if it is a sibling.
    sibling_of: Option<String>,
    scalar_type: ScalarType,
    values: ValuesBuilder,
    /// True once rows were flushed or the table decides, so that the type can
    /// no longer change.
    has_final_type: bool,
    siblings: Vec<usize>,
}

#[derive(Debug)]
enum ValuesBuilder {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
}

impl GrowingColumns {
    /// Creates the columns of a table that also has columns of `other_names`.
    pub(super) fn new<'n>(
        other_names: impl Iterator<Item = &'n str>,
        existing: Option<SchemaRef>,
        keeps_types: bool,
    ) -> Self {
        Self {
            columns: Vec::new(),
            taken_names: other_names.map(str::to_ascii_lowercase).collect(),
            existing,
            keeps_types,
        }
    }

    /// Reserves a name for another column of the table.
    pub(super) fn reserve_name(&mut self, name: &str) {
        self.taken_names.insert(name.to_ascii_lowercase());
    }

    /// Number of columns so far.
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    /// Stores the value of a row. The first value creates the column, with
    /// `name` or one like it. Returns true if the value went to a sibling.
    pub(super) fn put(
        &mut self,
        column: &mut Option<usize>,
        name: &str,
        row: usize,
        value: Scalar<'_>,
    ) -> bool {
        let scalar_type = ScalarType::from_scalar(value);
        let index = *column.get_or_insert_with(|| self.add(name, scalar_type, None));
        if self.columns[index].push(row, value) {
            return false;
        }
        let sibling = self.sibling(index, scalar_type);
        self.columns[sibling].push(row, value);
        true
    }

    /// Stores a text in the text sibling of a column.
    pub(super) fn put_text_sibling(
        &mut self,
        sibling: &mut Option<usize>,
        column: &str,
        row: usize,
        text: &str,
    ) {
        let index = *sibling.get_or_insert_with(|| self.add_sibling(column, ScalarType::Text));
        self.columns[index].push(row, Scalar::Text(text));
    }

    /// Returns the columns as fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldRef> {
        self.columns.iter().map(|column| Arc::clone(&column.field))
    }

    /// Returns the columns that are siblings.
    pub(super) fn siblings(&self) -> impl Iterator<Item = Sibling> {
        let columns = self.columns.iter();
        columns.filter_map(|column| {
            let name = column.field.name().clone();
            Some(Sibling::new(name, column.sibling_of.clone()?))
        })
    }

    /// Returns the values of so many rows. The next row is the first again.
    pub(super) fn finish(&mut self, rows: usize) -> Vec<ArrayRef> {
        let columns = self.columns.iter_mut();
        let finish = |column: &mut GrowingColumn| {
            column.has_final_type = true;
            column.values.finish(rows)
        };
        columns.map(finish).collect()
    }

    /// Returns the sibling of a column for values of a type.
    fn sibling(&mut self, column: usize, scalar_type: ScalarType) -> usize {
        let mut siblings = self.columns[column].siblings.iter().copied();
        if let Some(known) =
            siblings.find(|sibling| self.columns[*sibling].scalar_type == scalar_type)
        {
            return known;
        }
        let base = self.columns[column].field.name().clone();
        let sibling = self.add_sibling(&base, scalar_type);
        self.columns[column].siblings.push(sibling);
        sibling
    }

    fn add_sibling(&mut self, column: &str, scalar_type: ScalarType) -> usize {
        let name = sibling_name(column, &scalar_type.field(column));
        self.add(&name, scalar_type, Some(column.to_owned()))
    }

    fn add(&mut self, name: &str, scalar_type: ScalarType, sibling_of: Option<String>) -> usize {
        let name = self.free_name(name, sibling_of.as_deref());
        let existing = self.existing.as_ref().filter(|_| self.keeps_types);
        let existing = existing.and_then(|table| table.field_with_name(&name).ok());
        let stored = existing.and_then(ScalarType::from_field);
        // The type of the existing column applies, unless that is a sibling.
        let scalar_type = match (stored, &sibling_of) {
            (Some(stored), None) => stored,
            _ => scalar_type,
        };
        self.taken_names.insert(name.to_ascii_lowercase());
        self.columns.push(GrowingColumn {
            field: Arc::new(scalar_type.field(&name)),
            sibling_of,
            scalar_type,
            values: ValuesBuilder::new(scalar_type),
            has_final_type: stored.is_some(),
            siblings: Vec::new(),
        });
        self.columns.len() - 1
    }

    /// Returns the name, or the first like it that is free. The existing table
    /// decides which of two names that differ only in case stays unchanged, so
    /// that every load chooses alike.
    fn free_name(&self, name: &str, sibling_of: Option<&str>) -> String {
        let is_of_another = |name: &str| {
            let existing = self.existing.iter().flat_map(|table| table.fields());
            let mut existing = existing.filter(|field| field.name().eq_ignore_ascii_case(name));
            existing
                .next()
                .is_some_and(|field| field.name() != name || !is_of_column(field, sibling_of))
        };
        let mut name = name.to_owned();
        while self.taken_names.contains(&name.to_ascii_lowercase()) || is_of_another(&name) {
            name.push('_');
        }
        name
    }
}

/// True if the recorded origin of a stored column fits: a path, or values of
/// another type of the column `sibling_of`.
fn is_of_column(stored: &Field, sibling_of: Option<&str>) -> bool {
    match (ColumnOrigin::from_field(stored), sibling_of) {
        (Some(ColumnOrigin::Sibling { of, .. }), Some(column)) => of == column,
        (Some(ColumnOrigin::Source(_)), None) | (None, _) => true,
        _ => false,
    }
}

impl ScalarType {
    fn from_scalar(value: Scalar<'_>) -> Self {
        match value {
            Scalar::Boolean(_) => Self::Boolean,
            Scalar::Integer(_) => Self::Integer,
            Scalar::Real(_) => Self::Real,
            Scalar::Text(_) => Self::Text,
            Scalar::Json(_) => Self::Json,
        }
    }

    fn from_field(field: &Field) -> Option<Self> {
        Some(match field.data_type() {
            DataType::Boolean => Self::Boolean,
            DataType::Int64 => Self::Integer,
            DataType::Float64 => Self::Real,
            DataType::Utf8 if is_json(field) => Self::Json,
            DataType::Utf8 => Self::Text,
            _ => return None,
        })
    }

    fn field(self, name: &str) -> Field {
        let data_type = match self {
            Self::Boolean => DataType::Boolean,
            Self::Integer => DataType::Int64,
            Self::Real => DataType::Float64,
            Self::Text => DataType::Utf8,
            Self::Json => return json_field(name),
        };
        Field::new(name, data_type, true)
    }
}

impl GrowingColumn {
    /// Stores the value of a row. Returns false if it has another type.
    fn push(&mut self, row: usize, value: Scalar<'_>) -> bool {
        // If an object has a key twice, the first value counts.
        if self.values.len() > row {
            return true;
        }
        if let (Scalar::Real(_), false) = (value, self.has_final_type) {
            self.convert_to_real();
        }
        self.values.pad(row);
        match (&mut self.values, self.scalar_type, value) {
            (ValuesBuilder::Boolean(values), _, Scalar::Boolean(value)) => {
                values.append_value(value);
            }
            (ValuesBuilder::Integer(values), _, Scalar::Integer(value)) => {
                values.append_value(value);
            }
            (ValuesBuilder::Integer(values), _, Scalar::Real(value)) => {
                match exact_integer(value) {
                    Some(value) => values.append_value(value),
                    None => return false,
                }
            }
            (ValuesBuilder::Real(values), _, Scalar::Real(value)) => values.append_value(value),
            (ValuesBuilder::Real(values), _, Scalar::Integer(value)) => match exact_real(value) {
                Some(value) => values.append_value(value),
                None => return false,
            },
            (ValuesBuilder::Text(values), ScalarType::Text, Scalar::Text(text))
            | (ValuesBuilder::Text(values), ScalarType::Json, Scalar::Json(text)) => {
                values.append_value(text);
            }
            _ => return false,
        }
        true
    }

    /// Converts a column of integers, unless it has one that no float equals.
    fn convert_to_real(&mut self) {
        let ValuesBuilder::Integer(integers) = &mut self.values else {
            return;
        };
        let values = integers.finish();
        let reals: Option<Vec<Option<f64>>> = values
            .iter()
            .map(|value| match value {
                Some(value) => exact_real(value).map(Some),
                None => Some(None),
            })
            .collect();
        if let Some(reals) = reals {
            let mut builder = Float64Builder::new();
            for real in reals {
                builder.append_option(real);
            }
            self.scalar_type = ScalarType::Real;
            self.field = Arc::new(ScalarType::Real.field(self.field.name()));
            self.values = ValuesBuilder::Real(builder);
        } else {
            for value in &values {
                integers.append_option(value);
            }
        }
    }
}

impl ValuesBuilder {
    fn new(scalar_type: ScalarType) -> Self {
        match scalar_type {
            ScalarType::Boolean => Self::Boolean(BooleanBuilder::new()),
            ScalarType::Integer => Self::Integer(Int64Builder::new()),
            ScalarType::Real => Self::Real(Float64Builder::new()),
            ScalarType::Text | ScalarType::Json => Self::Text(StringBuilder::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Boolean(values) => values.len(),
            Self::Integer(values) => values.len(),
            Self::Real(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Adds nulls for all rows before `row`.
    fn pad(&mut self, row: usize) {
        let missing = row.saturating_sub(self.len());
        match self {
            Self::Boolean(values) => values.append_nulls(missing),
            Self::Integer(values) => values.append_nulls(missing),
            Self::Real(values) => values.append_nulls(missing),
            Self::Text(values) => values.append_nulls(missing),
        }
    }

    fn finish(&mut self, rows: usize) -> ArrayRef {
        self.pad(rows);
        match self {
            Self::Boolean(values) => Arc::new(values.finish()),
            Self::Integer(values) => Arc::new(values.finish()),
            Self::Real(values) => Arc::new(values.finish()),
            Self::Text(values) => Arc::new(values.finish()),
        }
    }
}

/// Largest integer up to which every integer equals a float.
const MAX_EXACT: i64 = 1 << 53;

fn exact_real(value: i64) -> Option<f64> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "floats represent integers up to 2^53 exactly"
    )]
    (-MAX_EXACT..=MAX_EXACT)
        .contains(&value)
        .then_some(value as f64)
}

fn exact_integer(value: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the comparison below refuses a value that changes"
    )]
    let integer = value as i64;
    // Negative zero is not an integer.
    let is_same = |real: f64| real.to_bits() == value.to_bits();
    exact_real(integer).is_some_and(is_same).then_some(integer)
}
