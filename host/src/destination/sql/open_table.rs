//! Tables that a load writes: opening them and adding columns.
//!
//! Must not send rows.

use arrow_schema::SchemaRef;

use super::connection::texts;
use super::row_numbers::RowNumbers;
use super::transaction::{Transaction, not_storable};
use crate::destination::batch_mapping::BatchMapping;
use crate::destination::columns::{Column, Columns};
use crate::destination::error::DestinationError;
use crate::destination::table_write::{DeletionSource, TableWrite};
use crate::model::{UnreadPart, WriteDisposition, names};

/// A table that a load writes.
pub(super) struct OpenTable {
    /// Name that the caller uses.
    pub(super) name: String,
    /// Name of the table in the store once the load is committed.
    pub(super) identifier: String,
    /// Table that receives the rows.
    pub(super) stored: String,
    pub(super) origin: TableOrigin,
    pub(super) write: TableWrite,
    /// Columns of the table that receives the rows, without their numbers.
    pub(super) columns: Columns,
    pub(super) mapping: BatchMapping,
    /// Numbers of the rows, if those of one key are compared.
    pub(super) numbers: Option<RowNumbers>,
    /// Table that receives the keys of all rows, if they are sent.
    pub(super) keys: Option<KeyTable>,
    /// Stored rows that stay because their part of the source was not read.
    pub(super) unread: Option<UnreadPart>,
}

/// Origin of the table that receives the rows.
pub(super) enum TableOrigin {
    /// Created by the load. Replaces the table of its name at the commit.
    Replacement,
    /// Created by the load under its own name.
    Created,
    /// Existed before the load, which added some columns.
    Existing { added: Vec<Column> },
    /// Created by the load. Merged into a target that existed before, or appended
    /// to it.
    Staged {
        target: String,
        /// Columns that the load added to the target.
        added: Vec<Column>,
    },
}

/// A table of the keys of all rows in the source.
#[derive(Clone)]
pub(super) struct KeyTable {
    pub(super) stored: String,
    pub(super) columns: Columns,
}

impl Transaction<'_> {
    /// Opens a table that this load has not written yet.
    pub(super) fn open_new_table(
        &mut self,
        name: &str,
        identifier: String,
        incoming: &Columns,
        write: &TableWrite,
    ) -> Result<OpenTable, DestinationError> {
        let replaces = write.full_refresh || write.disposition == WriteDisposition::Replace;
        let found = self.find_table(&identifier)?;
        self.check_unobstructed(name, &identifier, replaces)?;
        let existing = found.filter(|_| !replaces);
        let (stored, origin, columns) = match (write.disposition, existing) {
            (WriteDisposition::Append, Some(existing))
                if !self.has_constraints(name, &existing)? =>
            {
                let columns = self.existing_columns(name, &existing)?;
                (
                    existing,
                    TableOrigin::Existing { added: Vec::new() },
                    columns,
                )
            }
            (WriteDisposition::Append, None) if !write.full_refresh => {
                (identifier.clone(), TableOrigin::Created, incoming.clone())
            }
            (_, None) => (
                self.next_staged_name(),
                TableOrigin::Replacement,
                incoming.clone(),
            ),
            (_, Some(target)) => {
                let columns = self.existing_columns(name, &target)?;
                let added = Vec::new();
                (
                    self.next_staged_name(),
                    TableOrigin::Staged { target, added },
                    columns,
                )
            }
        };
        let compares_keys = write.compares_keys();
        let numbers = compares_keys.then(|| RowNumbers::new(&columns));
        if let Some(numbers) = &numbers {
            self.create_table(name, &stored, &numbers.add_to_columns(&columns))?;
        } else if !matches!(origin, TableOrigin::Existing { .. }) {
            self.create_table(name, &stored, &columns)?;
        }
        let keys = if write.deletion_source == DeletionSource::AllKeys {
            let stored = self.next_staged_name();
            let columns = columns.select(&write.key_families().concat());
            self.create_table(name, &stored, &columns)?;
            Some(KeyTable { stored, columns })
        } else {
            None
        };
        Ok(OpenTable {
            name: name.to_owned(),
            identifier,
            stored,
            origin,
            write: write.clone(),
            mapping: BatchMapping::new(&write.schema, &columns),
            columns,
            numbers,
            keys,
            unread: None,
        })
    }

    /// Returns true if someone added a constraint, an index or a computed column
    /// to a table. Rows for it are staged: of rows that are sent into it, a driver
    /// may lose the error.
    fn has_constraints(&mut self, name: &str, stored: &str) -> Result<bool, DestinationError> {
        if names::RESERVED_TABLES.contains(&name) {
            return Ok(false);
        }
        let action = format!("look for constraints of `{name}`");
        let sql = (self.dataset.dialect()).count_constraints(self.dataset.name(), stored);
        Ok(self.connection.query_count(&action, &sql)? > 0)
    }

    /// Fails if something that no load made prevents that a table is written.
    fn check_unobstructed(
        &mut self,
        name: &str,
        identifier: &str,
        replaces: bool,
    ) -> Result<(), DestinationError> {
        if names::RESERVED_TABLES.contains(&name) {
            return Ok(());
        }
        let dataset = self.dataset.name();
        let dialect = self.dataset.dialect();
        let sql = dialect.list_obstacles(dataset, identifier, replaces);
        let action = format!("look for what prevents that `{name}` is written");
        let found = self.connection.query(&action, &sql)?;
        let mut obstacles = found.iter().flat_map(|batch| texts(batch.column(0)));
        match obstacles.next().flatten() {
            Some(obstacle) => Err(DestinationError::Obstructed {
                table: name.to_owned(),
                obstacle,
            }),
            None => Ok(()),
        }
    }

    /// Adds the incoming columns that a table lacks, to it and to its target.
    pub(super) fn add_columns(
        &mut self,
        table: &mut OpenTable,
        schema: &SchemaRef,
        incoming: &Columns,
    ) -> Result<(), DestinationError> {
        let action = format!("add columns to `{}`", table.name);
        let missing = table
            .columns
            .add_missing(incoming)
            .map_err(|error| not_storable(&table.name, error))?;
        if let Some(numbers) = &mut table.numbers
            && let Some(previous) = numbers.make_way(&table.columns)
        {
            let dataset = self.dataset;
            let sql = dataset.rename_column(&table.stored, &previous, numbers.name());
            self.execute(&action, &sql)?;
        }
        for column in missing {
            self.execute(&action, &self.dataset.add_column(&table.stored, &column))?;
            match &mut table.origin {
                TableOrigin::Existing { added } => added.push(column),
                TableOrigin::Staged { target, added } if column.name != names::IS_DELETED => {
                    self.execute(&action, &self.dataset.add_column(target, &column))?;
                    added.push(column);
                }
                _ => {}
            }
        }
        table.mapping = BatchMapping::new(schema, &table.columns);
        self.connection
            .prepare_table(table.columns.as_slice().len())
    }

    /// Adds the incoming columns that the table of all keys lacks. Returns true
    /// if there were any.
    pub(super) fn add_key_columns(
        &mut self,
        name: &str,
        keys: &mut KeyTable,
        incoming: &Columns,
    ) -> Result<bool, DestinationError> {
        let missing = keys.columns.add_missing(incoming);
        let missing = missing.map_err(|error| not_storable(name, error))?;
        for column in &missing {
            self.flush()?;
            let action = format!("store the keys of `{name}`");
            self.execute(&action, &self.dataset.add_column(&keys.stored, column))?;
        }
        Ok(!missing.is_empty())
    }

    fn next_staged_name(&mut self) -> String {
        self.staged_tables += 1;
        format!("{}{} {}", names::STAGED_PREFIX, self.id, self.staged_tables)
    }
}
