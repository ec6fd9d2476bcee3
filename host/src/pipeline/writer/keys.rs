//! Keys of all rows on their way to the destination, where they are compared
//! with those of rows. They have to come in the same columns, so whatever else
//! they are goes where rows that are that would go.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field, Schema};

use super::{Writer, contract, unopened};
use crate::destination::stored_type;
use crate::model::{Sibling, SourceSchema};
use crate::pipeline::PipelineError;
use crate::pipeline::nested;
use crate::pipeline::schema_fit::{self, ColumnFate};

impl Writer<'_, '_, '_> {
    /// Takes note of the columns of keys. What a key may be instead of the
    /// values of its columns, rows may be too, even if none of those that come
    /// is.
    pub(super) fn schema_of_keys(
        &mut self,
        resource: &str,
        keys: &SourceSchema,
    ) -> Result<(), PipelineError> {
        self.run.keys_of(resource)?;
        let Some(open) = self.run.open.get_mut(resource) else {
            return Err(unopened(resource));
        };
        let Some(mut source) = open.source.clone() else {
            return Err(unopened(resource));
        };
        let keys = as_rows_have_them(keys, &source);
        let names = keys.columns.fields().iter();
        open.keys = names.map(|field| field.name().clone()).collect();
        let known = source.columns.fields().len();
        source.add_siblings(&keys);
        if source.columns.fields().len() == known {
            return Ok(());
        }
        self.announce(resource, source)
    }

    /// Takes keys of all rows that a resource has.
    pub(super) fn keys(
        &mut self,
        resource: &str,
        batch: &RecordBatch,
    ) -> Result<(), PipelineError> {
        self.run.keys_of(resource)?;
        let names = self.run.opened(resource)?.keys.clone();
        let of_root = names.iter().map(|name| nested::root_of(name)).collect();
        let items = self.run.items_by_keys(resource);
        let items = items.into_iter().map(|items| (items, &of_root));
        for (name, columns) in std::iter::once((resource.to_owned(), &names)).chain(items) {
            self.keys_of(&name, columns, batch)?;
        }
        Ok(())
    }

    /// Takes them for one of the tables that a resource makes.
    fn keys_of(
        &mut self,
        name: &str,
        columns: &[String],
        batch: &RecordBatch,
    ) -> Result<(), PipelineError> {
        self.see_keys(name, columns)?;
        let open = self.run.opened(name)?;
        let stored = columns.iter().map(|column| match open.stored(column) {
            ColumnFate::StoredAs(name) => Ok(name),
            _ => Err(contract(format!(
                "the keys of `{name}` are not those of its rows"
            ))),
        });
        let stored = stored.collect::<Result<Vec<_>, _>>()?;
        let table = open.table.clone();
        let keys = renamed(batch, stored).map_err(|error| contract(error.to_string()))?;
        Ok(self.load.write_keys(&table, keys)?)
    }

    /// Stores columns of which no row that came has had a value, if keys have.
    fn see_keys(&mut self, name: &str, columns: &[String]) -> Result<(), PipelineError> {
        let Some(open) = self.run.open.get_mut(name) else {
            return Err(unopened(name));
        };
        let unseen = columns
            .iter()
            .filter_map(|column| match open.stored(column) {
                ColumnFate::Pending(name) => Some(name),
                _ => None,
            });
        let unseen: Vec<_> = unseen.collect();
        match (unseen.is_empty(), open.source.clone()) {
            (false, Some(source)) => {
                open.seen.extend(unseen);
                self.announce(name, source)
            }
            _ => Ok(()),
        }
    }
}

/// Keys under the names that rows have for values of their types: of a column
/// without a declared type, the first value decides it, and that of the rows
/// that come need not be that of all keys.
fn as_rows_have_them(keys: &SourceSchema, rows: &SourceSchema) -> SourceSchema {
    let mut siblings: Vec<Sibling> = Vec::new();
    let mut taken: Vec<String> = Vec::new();
    let fields = keys.columns.fields().iter().map(|field| {
        let of = keys
            .siblings
            .iter()
            .find(|known| known.name == *field.name());
        let base = of.map_or(field.name(), |sibling| &sibling.column);
        let base = find(rows, base).map_or(base, Field::name);
        let name = same_in(rows, base, field).unwrap_or_else(|| {
            if of.is_none() && find(rows, base).is_none() {
                return base.clone();
            }
            free_name(base, field, |name| {
                find(rows, name).is_some() || taken.iter().any(|taken| taken == name)
            })
        });
        taken.push(name.clone());
        if name != *base {
            siblings.push(Sibling {
                name: name.clone(),
                column: base.clone(),
            });
        }
        Arc::new(field.as_ref().clone().with_name(name))
    });
    let columns = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    SourceSchema {
        columns,
        primary_key: Vec::new(),
        siblings,
    }
}

/// The column of rows, among one and its siblings, that holds values such as
/// those of a column of keys.
fn same_in(rows: &SourceSchema, base: &str, field: &Field) -> Option<String> {
    let siblings = rows.siblings.iter().filter(|known| known.column == base);
    let names = siblings.map(|sibling| sibling.name.as_str());
    let mut family = std::iter::once(base).chain(names);
    let is_same = |name: &&str| {
        schema_fit::is_bytes_of_text(name) == schema_fit::is_bytes_of_text(field.name())
            && find(rows, name).is_some_and(|own| stored_type(own) == stored_type(field))
    };
    family.find(is_same).map(str::to_owned)
}

/// A name for values of another type than their column's.
fn free_name(column: &str, field: &Field, is_taken: impl Fn(&str) -> bool) -> String {
    let class = if schema_fit::is_bytes_of_text(field.name()) {
        "text_bytes"
    } else {
        schema_fit::class(field)
    };
    let mut name = format!("{column}__{class}");
    while is_taken(&name) {
        name.push('_');
    }
    name
}

fn find<'a>(source: &'a SourceSchema, name: &str) -> Option<&'a Field> {
    let mut fields = source.columns.fields().iter();
    let found = fields.find(|field| field.name().eq_ignore_ascii_case(name));
    found.map(AsRef::as_ref)
}

fn renamed(batch: &RecordBatch, names: Vec<String>) -> Result<RecordBatch, ArrowError> {
    let fields = batch.schema_ref().fields().iter().zip(names);
    let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, batch.columns().to_vec())
}
