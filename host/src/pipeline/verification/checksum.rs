//! The checksum of the rows of a resource, in version 1 of the contract. It is
//! computed from the decoded pages, before rows are mapped, so that it depends on
//! nothing that the connector says about them.

use std::collections::{BTreeMap, BTreeSet};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field};

use super::value_hash::{self, MODULUS, PRESENT};
use crate::model::{SourceSchema, is_json};

/// The checksum of the rows so far.
#[derive(Debug, Default)]
pub(in crate::pipeline) struct RowChecksum {
    /// Columns of the next page, in their order.
    columns: Vec<Column>,
    /// Columns of which only the presence of values counts.
    presence_only: BTreeSet<String>,
    value: u64,
    /// Buffer of the sums of rows.
    sums: Vec<u64>,
}

/// A column of a page.
#[derive(Clone, Copy, Debug)]
struct Column {
    /// Weight of the column, or of the column that a sibling belongs to.
    weight: u64,
    /// True if values count, and not only their presence.
    by_value: bool,
}

impl RowChecksum {
    /// Creates the checksum of no rows.
    pub(in crate::pipeline) fn new(source: &SourceSchema) -> Self {
        let mut checksum = Self::default();
        checksum.set_columns(source);
        checksum
    }

    /// Sets the columns of the pages that follow.
    pub(in crate::pipeline) fn set_columns(&mut self, source: &SourceSchema) {
        let siblings = source.siblings.iter();
        let bases: BTreeMap<&str, &str> = siblings
            .map(|sibling| (sibling.name.as_str(), sibling.column.as_str()))
            .collect();
        let column = |field: &Field| {
            let name = field.name().as_str();
            let base = bases.get(name).copied().unwrap_or(name);
            let field = source.columns.field_with_name(base).unwrap_or(field);
            Column {
                weight: value_hash::weight(base),
                by_value: is_by_value(field),
            }
        };
        let fields = source.columns.fields().iter();
        let presence_only = fields
            .clone()
            .filter(|field| !is_by_value(field) && !bases.contains_key(field.name().as_str()));
        let presence_only = presence_only.map(|field| field.name().clone());
        self.presence_only.extend(presence_only);
        self.columns = fields.map(|field| column(field)).collect();
    }

    /// Adds the rows of a page.
    pub(in crate::pipeline) fn add(&mut self, batch: &RecordBatch) {
        self.sums.clear();
        self.sums.resize(batch.num_rows(), 0);
        for (column, array) in self.columns.iter().zip(batch.columns()) {
            column.add(array.as_ref(), &mut self.sums);
        }
        for sum in &self.sums {
            self.value = self.value.wrapping_add(sum * sum % MODULUS);
        }
    }

    /// Returns the columns of which only the presence of values counts.
    pub(in crate::pipeline) fn presence_only(&self) -> Vec<String> {
        self.presence_only.iter().cloned().collect()
    }

    /// Returns the checksum.
    pub(in crate::pipeline) fn value(&self) -> u64 {
        self.value
    }
}

impl Column {
    /// Adds the values of the column to the sums of their rows.
    fn add(self, array: &dyn Array, sums: &mut [u64]) {
        match array.data_type() {
            DataType::Int64 if self.by_value => {
                let values = array.as_primitive::<Int64Type>().iter();
                self.add_hashes(values.map(|value| value.map(value_hash::integer)), sums);
            }
            DataType::Float64 if self.by_value => {
                let values = array.as_primitive::<Float64Type>().iter();
                self.add_hashes(values.map(|value| value.map(value_hash::float)), sums);
            }
            DataType::Utf8 if self.by_value => {
                let values = array.as_string::<i32>().iter();
                let bytes =
                    values.map(|value| value.map(|text| value_hash::bytes(text.as_bytes())));
                self.add_hashes(bytes, sums);
            }
            DataType::Binary if self.by_value => {
                let values = array.as_binary::<i32>().iter();
                self.add_hashes(values.map(|value| value.map(value_hash::bytes)), sums);
            }
            _ => {
                let rows = 0..array.len();
                self.add_hashes(rows.map(|row| array.is_valid(row).then_some(PRESENT)), sums);
            }
        }
    }

    fn add_hashes(self, hashes: impl Iterator<Item = Option<u64>>, sums: &mut [u64]) {
        for (sum, hash) in sums.iter_mut().zip(hashes) {
            if let Some(hash) = hash {
                *sum = (*sum + hash * self.weight) % MODULUS;
            }
        }
    }
}

/// True if the checksum covers the values of a column.
fn is_by_value(field: &Field) -> bool {
    let is_plain = matches!(
        field.data_type(),
        DataType::Int64 | DataType::Float64 | DataType::Utf8 | DataType::Binary
    );
    is_plain && !is_json(field)
}

#[cfg(test)]
mod tests;
