//! The fit of incoming columns into an existing table. Columns are never
//! converted: values of another type than the table's column go to a sibling,
//! and values of a sibling go to the column that has their type.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::column_names::ColumnNames;
use crate::destination::{StoredType, stored_type};
use crate::model::origin::{ColumnOrigin, recorded_sibling};
use crate::model::siblings::{Sibling, sibling_kind, sibling_name};
use crate::model::{SchemaPolicy, is_json, names};

/// The columns of a source under the names by which a table stores them.
#[derive(Clone, Debug)]
pub(super) struct SchemaFit {
    schema: SchemaRef,
    siblings: Vec<Sibling>,
    /// Index in the incoming batches, for each stored column.
    kept: Vec<usize>,
    /// Columns of another type than the table's that have had no value yet:
    /// index in the incoming batches, and name of the future column.
    pending: Vec<(usize, String)>,
    /// Indices of the incoming columns whose values reject a row.
    forbidden: Vec<usize>,
}

/// The destination of an incoming column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ColumnFate {
    /// The table stores the column under this name.
    StoredAs(String),
    /// The table will get a column of this name with the first value.
    Pending(String),
    /// The column is left out.
    Dropped,
}

impl SchemaFit {
    /// Creates the fit into a table that does not exist yet.
    pub(super) fn new(schema: SchemaRef, siblings: Vec<Sibling>) -> Self {
        Self {
            kept: (0..schema.fields().len()).collect(),
            schema,
            siblings,
            pending: Vec::new(),
            forbidden: Vec::new(),
        }
    }

    /// Stored columns of the incoming batches.
    pub(super) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Siblings among the stored columns.
    pub(super) fn siblings(&self) -> &[Sibling] {
        &self.siblings
    }

    /// Renames the columns so that each goes to a column of its type in a
    /// table with the `existing` columns.
    pub(super) fn into_table(self, existing: &Schema) -> Self {
        let names: Vec<String> = (0..self.schema.fields().len())
            .map(|index| self.stored_name(index, existing))
            .collect();
        let fields = self.schema.fields().iter().zip(&names);
        let siblings = fields.clone().filter_map(|(field, name)| {
            let declared = self.sibling(field.name());
            let base = declared.map_or(field.name(), |sibling| &sibling.column);
            let column = find(existing, base).map_or(base, Field::name);
            if name == column {
                return None;
            }
            let (name, column) = (name.clone(), column.clone());
            Some(match declared {
                Some(sibling) => sibling.renamed(name, column),
                None => Sibling::new(name, column),
            })
        });
        let siblings = siblings.collect();
        let fields = fields.map(|(field, name)| {
            let stored = find(existing, name).and_then(stored_type);
            if is_json(field) && stored == Some(StoredType::Text) {
                return Arc::new(Field::new(name, DataType::Utf8, true));
            }
            Arc::new(field.as_ref().clone().with_name(name))
        });
        Self {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            siblings,
            ..self
        }
    }

    /// Leaves out the columns of another type than the table's that have had
    /// no value: without a value, the type of a column is only a guess.
    /// `valued` names the columns that have had one.
    pub(super) fn without_pending(self, existing: &Schema, valued: &BTreeSet<String>) -> Self {
        let is_pending = |field: &FieldRef| {
            let (name, base) = (field.name(), self.base_of(field.name()));
            name != base
                && find(existing, base).is_some()
                && find(existing, name).is_none()
                && !valued.contains(name)
        };
        let (pending, rest): (Vec<usize>, Vec<usize>) = (0..self.schema.fields().len())
            .partition(|index| is_pending(&self.schema.fields()[*index]));
        let pending = pending
            .into_iter()
            .map(|index| (self.kept[index], self.schema.field(index).name().clone()));
        let pending = pending.collect();
        Self {
            pending,
            ..self.only(&rest)
        }
    }

    /// Applies the policy for columns that the table does not have. The caller
    /// applies [`SchemaPolicy::Freeze`].
    pub(super) fn with_policy(self, policy: SchemaPolicy, existing: &Schema) -> Self {
        let fields = self.schema.fields();
        let is_new =
            |field: &Field| find(existing, field.name()).is_none() && !is_host_column(field.name());
        let (new, old): (Vec<usize>, Vec<usize>) =
            (0..fields.len()).partition(|index| is_new(&fields[*index]));
        if new.is_empty() || matches!(policy, SchemaPolicy::Evolve | SchemaPolicy::Freeze) {
            return self;
        }
        let mut rest = self.only(&old);
        if policy == SchemaPolicy::DiscardRow {
            rest.forbidden = new.iter().map(|index| self.kept[*index]).collect();
        }
        rest
    }

    /// Records the origin of each stored column.
    pub(super) fn with_origins(self, names: &ColumnNames) -> Self {
        Self {
            schema: Arc::new(names.with_origins(&self.schema, &self.siblings)),
            ..self
        }
    }

    /// Returns the destination of an incoming column by its index.
    pub(super) fn column_fate(&self, index: usize) -> ColumnFate {
        if let Some(stored) = self.kept.iter().position(|kept| *kept == index) {
            return ColumnFate::StoredAs(self.schema.field(stored).name().clone());
        }
        let mut pending = self.pending.iter();
        match pending.find(|(pending, _)| *pending == index) {
            Some((_, name)) => ColumnFate::Pending(name.clone()),
            None => ColumnFate::Dropped,
        }
    }

    /// Returns the names of the pending columns that have a value in a batch.
    pub(super) fn pending_with_values(&self, batch: &RecordBatch) -> Vec<String> {
        let has_value = |index: usize| batch.column(index).null_count() < batch.num_rows();
        let valued = self.pending.iter().filter(|(index, _)| has_value(*index));
        valued.map(|(_, name)| name.clone()).collect()
    }

    /// Returns the rows of a batch with the stored columns, and the rejected
    /// rows with all columns.
    pub(super) fn split(
        &self,
        batch: RecordBatch,
    ) -> Result<(RecordBatch, Option<RecordBatch>), ArrowError> {
        let (batch, rejected) = self.reject(batch)?;
        let columns = self
            .kept
            .iter()
            .map(|index| Arc::clone(batch.column(*index)));
        let columns = columns.collect();
        Ok((
            RecordBatch::try_new(Arc::clone(&self.schema), columns)?,
            rejected,
        ))
    }

    fn reject(&self, batch: RecordBatch) -> Result<(RecordBatch, Option<RecordBatch>), ArrowError> {
        if self.forbidden.is_empty() {
            return Ok((batch, None));
        }
        let is_rejected = |row: usize| {
            let mut forbidden = self.forbidden.iter();
            forbidden.any(|index| batch.column(*index).is_valid(row))
        };
        let rejected: Vec<bool> = (0..batch.num_rows()).map(is_rejected).collect();
        if !rejected.contains(&true) {
            return Ok((batch, None));
        }
        let accepted: BooleanArray = rejected
            .iter()
            .map(|is_rejected| Some(!is_rejected))
            .collect();
        Ok((
            filter_record_batch(&batch, &accepted)?,
            Some(filter_record_batch(&batch, &BooleanArray::from(rejected))?),
        ))
    }

    /// Returns the column whose values a column holds: itself, unless it is a
    /// sibling.
    pub(super) fn base_of<'a>(&'a self, name: &'a str) -> &'a str {
        self.sibling(name)
            .map_or(name, |sibling| sibling.column.as_str())
    }

    fn sibling(&self, name: &str) -> Option<&Sibling> {
        self.siblings.iter().find(|sibling| sibling.name == name)
    }

    /// Keeps some of the stored columns.
    fn only(&self, indices: &[usize]) -> Self {
        let fields = indices
            .iter()
            .map(|index| Arc::clone(&self.schema.fields()[*index]));
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        let siblings = self.siblings.iter();
        let siblings = siblings.filter(|sibling| find(&schema, &sibling.name).is_some());
        Self {
            siblings: siblings.cloned().collect(),
            kept: indices.iter().map(|index| self.kept[*index]).collect(),
            schema,
            pending: self.pending.clone(),
            forbidden: self.forbidden.clone(),
        }
    }

    /// Returns the name under which a table stores a column. The name is that of
    /// a sibling if the table has the column with another type.
    fn stored_name(&self, index: usize, existing: &Schema) -> String {
        let field = self.schema.field(index);
        let name = field.name();
        if is_host_column(name) {
            return name.clone();
        }
        let sibling = self.sibling(name);
        let base = self.base_of(name);
        if let (Some(sibling), Some(column)) = (sibling, find(existing, base)) {
            // The values of a sibling may have the type of the table's column,
            // if the type of the source column has changed since.
            let base_has_moved =
                find(&self.schema, base).is_some_and(|own| !is_storable_in(own, column));
            if !sibling.holds_text_bytes() && is_storable_in(field, column) && base_has_moved {
                return column.name().clone();
            }
        }
        let column = find(existing, base).map_or(base, |stored| stored.name().as_str());
        let holds_text_bytes = sibling.is_some_and(Sibling::holds_text_bytes);
        let is_suitable = |stored: &Field| is_storable_in(field, stored);
        let own = find(existing, name).filter(|stored| sibling.is_none() && is_suitable(stored));
        let recorded = || {
            let kind = sibling_kind(field, holds_text_bytes);
            recorded_sibling(existing, column, kind, is_suitable)
        };
        let is_known = sibling.is_some() || find(existing, name).is_some();
        if let Some(stored) = own.or_else(|| recorded().filter(|_| is_known)) {
            return stored.name().clone();
        }
        let is_free = |candidate: &str| candidate == name || !self.has_own(candidate);
        let is_unknown =
            |stored: &Field| is_suitable(stored) && ColumnOrigin::from_field(stored).is_none();
        let mut candidate = name.clone();
        loop {
            match find(existing, &candidate) {
                // The origin of the columns of an earlier release is unknown.
                Some(taken) if is_free(&candidate) && is_unknown(taken) => {
                    return taken.name().clone();
                }
                None if is_free(&candidate) => return candidate,
                _ => {}
            }
            candidate = if candidate == *name {
                sibling_name(base, field)
            } else {
                candidate + "_"
            };
        }
    }

    /// True if a column that is no sibling has this name.
    fn has_own(&self, name: &str) -> bool {
        find(&self.schema, name).is_some_and(|field| self.sibling(field.name()).is_none())
    }
}

/// True if an existing column can store the values of an incoming one.
fn is_storable_in(incoming: &Field, existing: &Field) -> bool {
    // No value has decided the type yet, so any type is accepted.
    *incoming.data_type() == DataType::Null
        || stored_type(incoming) == stored_type(existing)
        // JSON is text, but text need not be JSON.
        || is_json(incoming) && stored_type(existing) == Some(StoredType::Text)
}

/// Finds a column without regard to the case of its name.
pub(super) fn find<'a>(schema: &'a Schema, name: &str) -> Option<&'a Field> {
    let mut fields = schema.fields().iter();
    fields
        .find(|field| field.name().eq_ignore_ascii_case(name))
        .map(AsRef::as_ref)
}

/// True if the host fills the column itself.
pub(super) fn is_host_column(name: &str) -> bool {
    names::OWN_COLUMNS
        .iter()
        .any(|own| own.eq_ignore_ascii_case(name))
}

#[cfg(test)]
mod tests;
