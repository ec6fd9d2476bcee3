//! The tables of a load: how it comes to them, and how they get the columns
//! that come. Takes no rows.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{DataType, FieldRef, Schema, SchemaRef};

use super::DuckDbLoad;
use crate::destination::columns::{Column, Columns, Shape};
use crate::destination::duckdb::{stored_name, texts};
use crate::destination::{DeletionSource, DestinationError, TableWrite};
use crate::model::{UnreadPart, WriteDisposition, json_field, names};

/// What the names of tables begin with that a load makes beside others.
pub(super) const STAGED: &str = "_staged ";

/// A table that this load writes.
pub(super) struct Table {
    pub(super) name: String,
    /// Where its rows go.
    pub(super) stored: String,
    pub(super) origin: Origin,
    pub(super) write: TableWrite,
    /// The columns of what is stored.
    pub(super) columns: Columns,
    pub(super) shape: Shape,
    /// Where the keys of all rows go, if they come.
    pub(super) keys: Option<Keys>,
    /// Rows that are there and stay, because their part was not read.
    pub(super) unread: Option<UnreadPart>,
}

/// How a load came to a table.
pub(super) enum Origin {
    /// Created by it, to replace what has the name.
    Staged,
    /// Created by it, under its own name.
    Created,
    /// Found, and given these columns.
    Found(Vec<Column>),
    /// Created by it, to be brought together with one that was found.
    Beside {
        target: String,
        /// Columns that were given to that.
        added: Vec<Column>,
    },
}

/// The keys of all rows.
pub(super) struct Keys {
    pub(super) stored: String,
    pub(super) columns: Columns,
}

impl DuckDbLoad<'_> {
    /// Comes to a table that this load has not written yet.
    pub(super) fn reach(
        &mut self,
        name: &str,
        incoming: &Columns,
        table_write: &TableWrite,
    ) -> Result<Table, DestinationError> {
        let found = match table_write.disposition {
            WriteDisposition::Replace => None,
            _ if table_write.full_refresh => None,
            _ => stored_name(self.connection, self.dataset, name)?,
        };
        let (stored, origin, columns) = match (table_write.disposition, found) {
            (WriteDisposition::Append, Some(found)) => {
                let columns = self.stored_columns(name, &found)?;
                (found, Origin::Found(Vec::new()), columns)
            }
            (WriteDisposition::Append, None) if !table_write.full_refresh => {
                (name.to_owned(), Origin::Created, incoming.clone())
            }
            (_, None) => (self.staged_name(), Origin::Staged, incoming.clone()),
            (_, Some(target)) => {
                let columns = self.stored_columns(name, &target)?;
                let added = Vec::new();
                (
                    self.staged_name(),
                    Origin::Beside { target, added },
                    columns,
                )
            }
        };
        if !matches!(origin, Origin::Found(_)) {
            self.create(name, &stored, &columns)?;
        }
        let keys = match table_write.deletion_source {
            DeletionSource::AllKeys => {
                let stored = self.staged_name();
                let columns = columns.only(&table_write.key_families().concat());
                self.create(name, &stored, &columns)?;
                Some(Keys { stored, columns })
            }
            _ => None,
        };
        Ok(Table {
            name: name.to_owned(),
            stored,
            origin,
            write: table_write.clone(),
            shape: Shape::new(&table_write.schema, &columns),
            columns,
            keys,
            unread: None,
        })
    }

    pub(super) fn create(
        &mut self,
        name: &str,
        stored: &str,
        columns: &Columns,
    ) -> Result<(), DestinationError> {
        let sql = self.dataset.create_table(stored, columns.as_slice());
        self.run(&format!("create the table `{name}`"), &sql)
    }

    pub(super) fn staged_name(&mut self) -> String {
        self.staged += 1;
        format!("{STAGED}{} {}", self.id, self.staged)
    }

    pub(super) fn stored_columns(
        &mut self,
        name: &str,
        stored: &str,
    ) -> Result<Columns, DestinationError> {
        let schema = self.stored_schema(name, stored)?;
        self.columns(name, &schema)
    }

    /// The columns that a table has. What is JSON, DuckDB says in words only.
    pub(super) fn stored_schema(
        &mut self,
        name: &str,
        stored: &str,
    ) -> Result<Schema, DestinationError> {
        let action = format!("look at the table `{name}`");
        let table = self.dataset.table(stored);
        let schema = self
            .connection
            .schema(&action, &format!("SELECT * FROM {table}"))?;
        let is_text = |field: &FieldRef| *field.data_type() == DataType::Utf8;
        if !schema.fields().iter().any(is_text) {
            return Ok(schema);
        }
        let described = self
            .connection
            .query(&action, &format!("DESCRIBE {table}"))?;
        let described = described
            .iter()
            .flat_map(|batch| texts(batch.column(0)).zip(texts(batch.column(1))));
        let json: BTreeSet<_> = described
            .filter(|(_, kind)| kind.as_deref() == Some("JSON"))
            .filter_map(|(column, _)| column)
            .collect();
        let fields = schema.fields().iter().map(|field| {
            if json.contains(field.name()) {
                Arc::new(json_field(field.name()))
            } else {
                Arc::clone(field)
            }
        });
        Ok(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Gives a table the columns that come and are not there.
    pub(super) fn widen(
        &mut self,
        table: &mut Table,
        schema: &SchemaRef,
        incoming: &Columns,
    ) -> Result<(), DestinationError> {
        let action = format!("add columns to `{}`", table.name);
        let added = table
            .columns
            .extend(incoming)
            .map_err(|error| self.refused(&table.name, error))?;
        for column in added {
            self.run(&action, &self.dataset.add_column(&table.stored, &column))?;
            match &mut table.origin {
                Origin::Found(all) => all.push(column),
                Origin::Beside { target, added } if column.name != names::IS_DELETED => {
                    self.run(&action, &self.dataset.add_column(target, &column))?;
                    added.push(column);
                }
                _ => {}
            }
        }
        table.shape = Shape::new(schema, &table.columns);
        self.connection
            .expect_columns(table.columns.as_slice().len())
    }

    /// Gives the table of all keys the columns that come and are not there, and
    /// says whether there were some.
    pub(super) fn widen_keys(
        &mut self,
        name: &str,
        keys: &mut Keys,
        incoming: &Columns,
    ) -> Result<bool, DestinationError> {
        let added = keys.columns.extend(incoming);
        let added = added.map_err(|error| self.refused(name, error))?;
        for column in &added {
            self.settle()?;
            let action = format!("store the keys of `{name}`");
            self.run(&action, &self.dataset.add_column(&keys.stored, column))?;
        }
        Ok(!added.is_empty())
    }
}
