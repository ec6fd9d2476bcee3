//! Names of tables and columns as the store keeps them.

use std::borrow::Cow;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use super::transaction::{Transaction, not_storable};
use crate::destination::error::DestinationError;
use crate::destination::table_write::{RowGroups, RowOrder, TableWrite};
use crate::model::Sibling;

impl Transaction<'_> {
    /// Returns the identifier of a table or a column.
    pub(super) fn identifier<'n>(
        &self,
        table: &str,
        name: &'n str,
    ) -> Result<Cow<'n, str>, DestinationError> {
        let identifier = self.dataset.dialect().identifier(name);
        identifier.map_err(|error| not_storable(table, error))
    }

    /// Returns a schema with the identifiers of its columns.
    pub(super) fn schema_identifiers(
        &self,
        table: &str,
        schema: &SchemaRef,
    ) -> Result<SchemaRef, DestinationError> {
        let mut fields = Vec::with_capacity(schema.fields().len());
        let mut changed = false;
        for field in schema.fields() {
            fields.push(match self.identifier(table, field.name())? {
                Cow::Borrowed(_) => Arc::clone(field),
                Cow::Owned(name) => {
                    changed = true;
                    Arc::new(field.as_ref().clone().with_name(name))
                }
            });
        }
        Ok(if changed {
            Arc::new(Schema::new(fields))
        } else {
            SchemaRef::clone(schema)
        })
    }

    /// Returns a description of a write with the identifiers of all columns.
    pub(super) fn write_identifiers(
        &self,
        table: &str,
        write: &TableWrite,
    ) -> Result<TableWrite, DestinationError> {
        let owned = |name: &String| Ok(self.identifier(table, name)?.into_owned());
        let sibling =
            |sibling: &Sibling| Ok(sibling.renamed(owned(&sibling.name)?, owned(&sibling.column)?));
        Ok(TableWrite {
            schema: self.schema_identifiers(table, &write.schema)?,
            siblings: write
                .siblings
                .iter()
                .map(sibling)
                .collect::<Result<_, DestinationError>>()?,
            key: write
                .key
                .iter()
                .map(owned)
                .collect::<Result<_, DestinationError>>()?,
            group: match &write.group {
                Some(group) => Some(RowGroups {
                    index: owned(&group.index)?,
                    ..group.clone()
                }),
                None => None,
            },
            order: match &write.order {
                Some(order) => Some(RowOrder {
                    column: owned(&order.column)?,
                    ..*order
                }),
                None => None,
            },
            ..write.clone()
        })
    }
}
