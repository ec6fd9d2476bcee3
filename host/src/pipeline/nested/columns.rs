//! The columns of a table that grow as values come. A column has the type of
//! its first values, or that of the table that is there; a value of another
//! type goes to a sibling.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::ArrayRef;
use arrow_array::builder::{
    ArrayBuilder, BooleanBuilder, Float64Builder, Int64Builder, StringBuilder,
};
use arrow_schema::{DataType, Field, FieldRef, Schema, SchemaRef};

use crate::model::{Sibling, is_json, json_field};

/// A value that holds no others.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Leaf<'a> {
    Boolean(bool),
    Integer(i64),
    Real(f64),
    Text(&'a str),
    /// Text that is JSON.
    Json(&'a str),
}

/// The types of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Boolean,
    Integer,
    Real,
    Text,
    Json,
}

/// The columns.
#[derive(Debug)]
pub(super) struct Columns {
    all: Vec<Column>,
    /// All names, in lower case, also those of columns that do not grow here.
    taken: BTreeSet<String>,
    /// The table that is there, if it stays.
    known: Option<SchemaRef>,
}

#[derive(Debug)]
struct Column {
    field: FieldRef,
    /// The column whose values that do not fit it takes.
    of: Option<String>,
    kind: Kind,
    values: Values,
    /// Whether rows of it were given away, so that its type stays.
    is_settled: bool,
    siblings: Vec<usize>,
}

#[derive(Debug)]
enum Values {
    Boolean(BooleanBuilder),
    Integer(Int64Builder),
    Real(Float64Builder),
    Text(StringBuilder),
}

impl Columns {
    /// None yet, in a table that has columns of these names beside them.
    pub(super) fn beside<'n>(
        names: impl Iterator<Item = &'n str>,
        known: Option<SchemaRef>,
    ) -> Self {
        Self {
            all: Vec::new(),
            taken: names.map(str::to_ascii_lowercase).collect(),
            known,
        }
    }

    /// Keeps a name free of what grows here.
    pub(super) fn take_name(&mut self, name: &str) {
        self.taken.insert(name.to_ascii_lowercase());
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Takes the value of a row. The column is made when it has its first;
    /// then it gets the name that is wanted, or one like it. Says whether the
    /// value had to go to a sibling.
    pub(super) fn put(
        &mut self,
        column: &mut Option<usize>,
        wanted: &str,
        row: usize,
        leaf: Leaf<'_>,
    ) -> bool {
        let at = *column.get_or_insert_with(|| self.add(wanted, Kind::of(leaf), None));
        if self.all[at].push(row, leaf) {
            return false;
        }
        let sibling = self.sibling(at, Kind::of(leaf));
        self.all[sibling].push(row, leaf);
        true
    }

    /// Takes a text that is not what its column holds, and has no other place.
    pub(super) fn put_misfit(
        &mut self,
        column: &mut Option<usize>,
        of: &str,
        row: usize,
        text: &str,
    ) {
        let add = || self.add(&format!("{of}__text"), Kind::Text, Some(of.to_owned()));
        let at = *column.get_or_insert_with(add);
        self.all[at].push(row, Leaf::Text(text));
    }

    /// The columns, as fields.
    pub(super) fn fields(&self) -> impl Iterator<Item = FieldRef> {
        self.all.iter().map(|column| Arc::clone(&column.field))
    }

    /// Which of them hold what does not fit others.
    pub(super) fn siblings(&self) -> impl Iterator<Item = Sibling> {
        let siblings = self.all.iter();
        siblings.filter_map(|column| {
            Some(Sibling {
                name: column.field.name().clone(),
                column: column.of.clone()?,
            })
        })
    }

    /// The values of so many rows; the next row is the first again.
    pub(super) fn finish(&mut self, rows: usize) -> Vec<ArrayRef> {
        let columns = self.all.iter_mut();
        let finish = |column: &mut Column| {
            column.is_settled = true;
            column.values.finish(rows)
        };
        columns.map(finish).collect()
    }

    /// The sibling of a column that takes values of a type.
    fn sibling(&mut self, of: usize, kind: Kind) -> usize {
        let mut siblings = self.all[of].siblings.iter().copied();
        if let Some(known) = siblings.find(|sibling| self.all[*sibling].kind == kind) {
            return known;
        }
        let base = self.all[of].field.name().clone();
        let sibling = self.add(&format!("{base}__{}", kind.class()), kind, Some(base));
        self.all[of].siblings.push(sibling);
        sibling
    }

    fn add(&mut self, wanted: &str, kind: Kind, of: Option<String>) -> usize {
        let name = self.free_name(wanted);
        let known = self.known.as_ref();
        let known = known.and_then(|known| known.field_with_name(&name).ok());
        let stored = known.and_then(Kind::of_field);
        // What the table holds already decides, where a value may be that.
        let kind = match (stored, &of) {
            (Some(stored), None) => stored,
            _ => kind,
        };
        self.taken.insert(name.to_ascii_lowercase());
        self.all.push(Column {
            field: Arc::new(kind.field(&name)),
            of,
            kind,
            values: Values::new(kind),
            is_settled: stored.is_some(),
            siblings: Vec::new(),
        });
        self.all.len() - 1
    }

    /// The name that is wanted, or the first like it that is free. Names that
    /// differ only in case are told apart in the same way in every load: by
    /// how the table that is there spells them.
    fn free_name(&self, wanted: &str) -> String {
        let of_another = |name: &str| {
            let spelled =
                |known: &SchemaRef| known.field_with_name(name).is_err() && has(known, name);
            self.known.as_ref().is_some_and(spelled)
        };
        let mut name = wanted.to_owned();
        while self.taken.contains(&name.to_ascii_lowercase()) || of_another(&name) {
            name.push('_');
        }
        name
    }
}

fn has(schema: &Schema, name: &str) -> bool {
    let mut fields = schema.fields().iter();
    fields.any(|field| field.name().eq_ignore_ascii_case(name))
}

impl Kind {
    fn of(leaf: Leaf<'_>) -> Self {
        match leaf {
            Leaf::Boolean(_) => Self::Boolean,
            Leaf::Integer(_) => Self::Integer,
            Leaf::Real(_) => Self::Real,
            Leaf::Text(_) => Self::Text,
            Leaf::Json(_) => Self::Json,
        }
    }

    fn of_field(field: &Field) -> Option<Self> {
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

    /// The end of a sibling's name.
    fn class(self) -> &'static str {
        match self {
            Self::Boolean => "boolean",
            Self::Integer => "integer",
            Self::Real => "real",
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl Column {
    /// Takes a value, if it fits.
    fn push(&mut self, row: usize, leaf: Leaf<'_>) -> bool {
        // Of a key that an object has twice, the first value counts.
        if self.values.len() > row {
            return true;
        }
        if let (Leaf::Real(_), false) = (leaf, self.is_settled) {
            self.become_real();
        }
        self.values.pad(row);
        match (&mut self.values, self.kind, leaf) {
            (Values::Boolean(values), _, Leaf::Boolean(value)) => values.append_value(value),
            (Values::Integer(values), _, Leaf::Integer(value)) => values.append_value(value),
            (Values::Integer(values), _, Leaf::Real(value)) => match exact_integer(value) {
                Some(value) => values.append_value(value),
                None => return false,
            },
            (Values::Real(values), _, Leaf::Real(value)) => values.append_value(value),
            (Values::Real(values), _, Leaf::Integer(value)) => match exact_real(value) {
                Some(value) => values.append_value(value),
                None => return false,
            },
            (Values::Text(values), Kind::Text, Leaf::Text(text))
            | (Values::Text(values), Kind::Json, Leaf::Json(text)) => values.append_value(text),
            _ => return false,
        }
        true
    }

    /// Numbers of which the first few were whole are still numbers.
    fn become_real(&mut self) {
        let Values::Integer(integers) = &mut self.values else {
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
            self.kind = Kind::Real;
            self.field = Arc::new(Kind::Real.field(self.field.name()));
            self.values = Values::Real(builder);
        } else {
            for value in &values {
                integers.append_option(value);
            }
        }
    }
}

impl Values {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Boolean => Self::Boolean(BooleanBuilder::new()),
            Kind::Integer => Self::Integer(Int64Builder::new()),
            Kind::Real => Self::Real(Float64Builder::new()),
            Kind::Text | Kind::Json => Self::Text(StringBuilder::new()),
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

    /// Null in all rows before this one.
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

/// Up to here every integer is a float.
const EXACT: i64 = 1 << 53;

fn exact_real(value: i64) -> Option<f64> {
    #[expect(clippy::cast_precision_loss, reason = "up to 2^53 nothing is lost")]
    (-EXACT..=EXACT).contains(&value).then_some(value as f64)
}

fn exact_integer(value: f64) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "it is whole, and within 2^53"
    )]
    let integer = value as i64;
    // Zero below zero is not the integer.
    let is_same = |real: f64| real.to_bits() == value.to_bits();
    exact_real(integer).is_some_and(is_same).then_some(integer)
}
