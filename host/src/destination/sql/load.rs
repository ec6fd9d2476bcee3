//! One load into an SQL store: one transaction.
//!
//! Rows that replace a table go into a new table, which takes the name of the
//! old one at the commit. Appended rows go into the table itself. Rows that
//! replace others of the same key are staged, and merged when all have been
//! sent.
//!
//! Must not execute a statement while a stream is open: they share the
//! connection.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::connection::{IngestStream, SqlConnection};
use super::dataset::Dataset;
use super::open_table::{OpenTable, STAGED_PREFIX, TableOrigin};
use super::{literal, quoted};
use crate::destination::batch_mapping::BatchMapping;
use crate::destination::columns::{ColumnError, Columns};
use crate::destination::names::{NameError, comparison_key};
use crate::destination::rejected::RejectedBuffer;
use crate::destination::{Cause, DestinationError, Load, TableWrite, WriteStats, records};
use crate::model::{LoadId, LoadRecord, Rejected, Sibling, UnreadPart, WriteDisposition, names};

/// A load that is being written.
pub(super) struct SqlLoad<'a> {
    pub(super) connection: &'a mut dyn SqlConnection,
    pub(super) dataset: &'a Dataset,
    pub(super) id: LoadId,
    /// Open tables by the key by which names are compared.
    tables: BTreeMap<String, OpenTable>,
    /// Number of tables that were created for staged rows and keys.
    pub(super) staged_tables: usize,
    stream: Option<OpenStream>,
    rejected: RejectedBuffer,
    committed: bool,
}

/// A stream of rows or keys into one table.
struct OpenStream {
    /// Key of the table in [`SqlLoad::tables`].
    table: String,
    content: StreamContent,
    stream: Box<dyn IngestStream>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum StreamContent {
    Rows,
    Keys,
}

impl<'a> SqlLoad<'a> {
    /// Begins the transaction.
    pub(super) fn begin(
        connection: &'a mut dyn SqlConnection,
        dataset: &'a Dataset,
        id: LoadId,
    ) -> Result<Self, DestinationError> {
        let mut load = Self {
            connection,
            dataset,
            id,
            tables: BTreeMap::new(),
            staged_tables: 0,
            stream: None,
            rejected: RejectedBuffer::default(),
            committed: false,
        };
        load.begin_transaction()?;
        Ok(load)
    }

    /// Begins the transaction, and creates the dataset with the tables that
    /// describe loads.
    fn begin_transaction(&mut self) -> Result<(), DestinationError> {
        self.execute("begin a transaction", "BEGIN TRANSACTION")?;
        self.execute("create the dataset", &self.dataset.create())?;
        for (name, schema) in records::tables() {
            if self.find_table(name)?.is_none() {
                let columns = self.columns(name, &schema)?;
                self.create_table(name, name, &columns)?;
            }
        }
        Ok(())
    }

    /// Appends rows to one of the tables that describe loads.
    fn append_records(
        &mut self,
        name: &str,
        rows: Result<RecordBatch, ArrowError>,
    ) -> Result<(), DestinationError> {
        let action = format!("write to `{name}`");
        let rows = rows.map_err(|error| self.failed(&action, error))?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let write = TableWrite::new(rows.schema(), WriteDisposition::Append);
        self.open_table(name, &write)?;
        self.write_rows(name, rows)?;
        self.flush()?;
        // Only tables of resources are counted and applied.
        self.tables.remove(name);
        Ok(())
    }

    fn store_rejected(&mut self) -> Result<(), DestinationError> {
        let rejected = self.rejected.take();
        self.flush()?;
        self.append_records(names::REJECTED, records::rejected(&self.id, &rejected))
    }

    fn store_cursors(&mut self, record: &LoadRecord) -> Result<(), DestinationError> {
        let cursors = self.dataset.table(names::CURSORS);
        let replaced = record
            .resources
            .iter()
            .filter(|resource| records::replaces_cursor(resource));
        for resource in replaced {
            let sql = format!(
                "DELETE FROM {cursors} WHERE pipeline = {} AND resource = {}",
                literal(&record.pipeline),
                literal(&resource.resource)
            );
            self.execute("replace a cursor", &sql)?;
        }
        self.append_records(names::CURSORS, records::cursors(record))
    }

    /// Waits until the rows of the open stream are stored, and closes it.
    pub(super) fn flush(&mut self) -> Result<(), DestinationError> {
        let Some(open) = self.stream.take() else {
            return Ok(());
        };
        let name = self
            .tables
            .get(&open.table)
            .map_or(open.table.as_str(), |table| &table.name);
        open.stream.finish(&format!("append rows to `{name}`"))
    }

    /// Returns true if the open stream receives these rows or keys.
    fn is_streaming(&self, table: &str, content: StreamContent) -> bool {
        self.stream
            .as_ref()
            .is_some_and(|open| open.table == table && open.content == content)
    }

    /// Opens a stream into the stored table that receives rows or keys.
    fn start_stream(
        &mut self,
        table: String,
        content: StreamContent,
        stored: &str,
        schema: SchemaRef,
    ) -> Result<(), DestinationError> {
        self.flush()?;
        let stream = self.connection.ingest(self.dataset, stored, schema)?;
        self.stream = Some(OpenStream {
            table,
            content,
            stream,
        });
        Ok(())
    }

    /// Sends rows into the open stream.
    fn send(&mut self, action: &str, rows: RecordBatch) -> Result<(), DestinationError> {
        if let Some(open) = &mut self.stream
            && !open.stream.send(rows)
        {
            self.flush()?;
            return Err(self.failed(action, "the database stopped accepting rows"));
        }
        Ok(())
    }

    /// Abandons the transaction with everything in it.
    fn roll_back(&mut self) -> Result<(), DestinationError> {
        if let Some(open) = self.stream.take() {
            // An error of it does not matter: its rows are abandoned.
            let _ = open.stream.finish("roll back");
        }
        self.tables.clear();
        self.rejected = RejectedBuffer::default();
        self.execute("roll back", "ROLLBACK")
    }

    pub(super) fn execute(&mut self, action: &str, sql: &str) -> Result<(), DestinationError> {
        self.connection.execute(action, sql)
    }

    pub(super) fn find_table(&mut self, name: &str) -> Result<Option<String>, DestinationError> {
        self.dataset.find_table(self.connection, name)
    }

    /// Returns the columns of a schema whose names are those of the store.
    pub(super) fn columns(
        &self,
        table: &str,
        schema: &Schema,
    ) -> Result<Columns, DestinationError> {
        Columns::from_schema(schema).map_err(|error| self.not_storable(table, error))
    }

    /// Returns the identifier of a table or a column.
    fn identifier<'n>(&self, table: &str, name: &'n str) -> Result<Cow<'n, str>, DestinationError> {
        let identifier = self.dataset.dialect().identifier(name);
        identifier.map_err(|error: NameError| self.failed(&store_action(table), error))
    }

    /// Returns a schema with the identifiers of its columns.
    fn schema_identifiers(
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
    fn write_identifiers(
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
            group: write.group.as_ref().map(owned).transpose()?,
            ..write.clone()
        })
    }

    pub(super) fn not_storable(&self, table: &str, error: ColumnError) -> DestinationError {
        self.failed(&store_action(table), error)
    }

    pub(super) fn failed(&self, action: &str, source: impl Into<Cause>) -> DestinationError {
        DestinationError::failed(action, self.connection.location(), source)
    }

    /// Returns the condition that a row was written by this load.
    pub(super) fn is_of_this_load(&self) -> String {
        format!("{} = {}", quoted(names::LOAD_ID), literal(self.id.as_str()))
    }
}

fn store_action(table: &str) -> String {
    format!("store `{table}`")
}

impl Load for SqlLoad<'_> {
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        self.flush()?;
        let mut tables = self.dataset.list_tables(self.connection)?;
        tables.retain(|name| {
            !names::RESERVED_TABLES.contains(&name.as_str()) && !name.starts_with(STAGED_PREFIX)
        });
        Ok(tables)
    }

    fn existing_schema(&mut self, name: &str) -> Result<Option<SchemaRef>, DestinationError> {
        self.flush()?;
        let identifier = self.identifier(name, name)?;
        let Some(stored) = self.find_table(&identifier)? else {
            return Ok(None);
        };
        Ok(Some(SchemaRef::new(self.table_schema(name, &stored)?)))
    }

    fn open_table(&mut self, name: &str, write: &TableWrite) -> Result<(), DestinationError> {
        self.flush()?;
        let key = comparison_key(name);
        let write = self.write_identifiers(name, write)?;
        let incoming = self.columns(name, &write.stored_schema())?;
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be the same table, because names differ only in case",
                    open.name
                );
                return Err(self.failed(&store_action(name), reason));
            }
            Some(open) => open,
            None => {
                let identifier = self.identifier(name, name)?.into_owned();
                self.open_new_table(name, identifier, &incoming, &write)?
            }
        };
        self.add_columns(&mut table, &write.schema, &incoming)?;
        if let Some(keys) = &mut table.keys {
            let incoming = incoming.select(&write.key_families().concat());
            self.add_key_columns(name, keys, &incoming)?;
        }
        table.write = write;
        self.tables.insert(key, table);
        Ok(())
    }

    fn write_rows(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let key = comparison_key(name);
        let action = format!("append rows to `{name}`");
        let Some(table) = self.tables.get(&key) else {
            return Err(self.failed(&action, "the table was not opened"));
        };
        let rows = table.mapping.apply(&batch);
        let rows = rows.map_err(|error| self.failed(&action, error))?;
        if !self.is_streaming(&key, StreamContent::Rows) {
            let (stored, schema) = (
                table.stored.clone(),
                SchemaRef::clone(table.mapping.schema()),
            );
            self.start_stream(key, StreamContent::Rows, &stored, schema)?;
        }
        self.send(&action, rows)
    }

    fn write_keys(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let action = format!("store the keys of `{name}`");
        let key = comparison_key(name);
        let schema = self.schema_identifiers(name, &batch.schema())?;
        let incoming = self.columns(name, &schema)?;
        let table = self.tables.get(&key);
        let Some((table, mut keys)) = table.and_then(|table| Some((table, table.keys.clone()?)))
        else {
            return Err(self.failed(&action, "the table was not opened for keys"));
        };
        // Keys are compared with rows, so their types must be the same.
        let same_types = table.columns.clone().add_missing(&incoming);
        same_types.map_err(|error| self.not_storable(name, error))?;
        let widened = self.add_key_columns(name, &mut keys, &incoming)?;
        let mapping = BatchMapping::new(&schema, &keys.columns);
        if widened || !self.is_streaming(&key, StreamContent::Keys) {
            let schema = SchemaRef::clone(mapping.schema());
            self.start_stream(key.clone(), StreamContent::Keys, &keys.stored, schema)?;
        }
        if widened && let Some(table) = self.tables.get_mut(&key) {
            table.keys = Some(keys);
        }
        let rows = mapping.apply(&batch);
        let rows = rows.map_err(|error| self.failed(&action, error))?;
        self.send(&action, rows)
    }

    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError> {
        if self.rejected.push(rejected) {
            self.store_rejected()?;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), DestinationError> {
        self.roll_back()?;
        self.begin_transaction()
    }

    fn discard_table(&mut self, name: &str) -> Result<(), DestinationError> {
        self.flush()?;
        let Some(table) = self.tables.remove(&comparison_key(name)) else {
            return Ok(());
        };
        let action = format!("discard the rows of `{name}`");
        if let Some(keys) = table.keys {
            self.execute(&action, &self.dataset.drop_table(&keys.stored))?;
        }
        let (target, added) = match table.origin {
            TableOrigin::Replacement | TableOrigin::Created => {
                return self.execute(&action, &self.dataset.drop_table(&table.stored));
            }
            TableOrigin::Staged { target, added } => {
                self.execute(&action, &self.dataset.drop_table(&table.stored))?;
                (target, added)
            }
            TableOrigin::Existing { added } => {
                let sql = format!(
                    "DELETE FROM {} WHERE {}",
                    self.dataset.table(&table.stored),
                    self.is_of_this_load()
                );
                self.execute(&action, &sql)?;
                (table.stored, added)
            }
        };
        added.iter().try_for_each(|column| {
            self.execute(&action, &self.dataset.drop_column(&target, column))
        })
    }

    fn keep_unread(&mut self, name: &str, part: &UnreadPart) -> Result<bool, DestinationError> {
        self.flush()?;
        let part = UnreadPart {
            column: self.identifier(name, &part.column)?.into_owned(),
            ..part.clone()
        };
        let key = comparison_key(name);
        let Some(table) = self.tables.get(&key) else {
            return Err(self.failed("keep rows", format!("the table `{name}` was not opened")));
        };
        if matches!(table.origin, TableOrigin::Replacement) {
            let mut columns = table.columns.clone();
            let identifier = table.identifier.clone();
            if let Some(replaced) = self.find_table(&identifier)?
                && columns
                    .add_missing(&self.existing_columns(name, &replaced)?)
                    .is_err()
            {
                return Ok(false);
            }
        }
        if let Some(table) = self.tables.get_mut(&key) {
            table.unread = Some(part);
        }
        Ok(true)
    }

    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
        self.flush()?;
        let tables: Vec<_> = self
            .tables
            .values()
            .map(|table| (table.name.clone(), table.stored.clone()))
            .collect();
        let count = |(name, stored): (String, String)| {
            let rows = self.count_written(&format!("count the rows of `{name}`"), &stored)?;
            Ok((name, rows))
        };
        tables.into_iter().map(count).collect()
    }

    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
        self.flush()?;
        let mut tables = std::mem::take(&mut self.tables);
        let mut stats = BTreeMap::new();
        for table in tables.values_mut() {
            stats.insert(table.name.clone(), self.apply_table(table)?);
            if let Some(keys) = &table.keys {
                let action = format!("drop the keys of `{}`", table.name);
                self.execute(&action, &self.dataset.drop_table(&keys.stored))?;
            }
        }
        self.tables = tables;
        Ok(stats)
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        self.flush()?;
        for table in std::mem::take(&mut self.tables).into_values() {
            if matches!(table.origin, TableOrigin::Replacement) {
                let action = format!("replace `{}`", table.name);
                self.execute(&action, &self.dataset.drop_table(&table.identifier))?;
                let rename = self.dataset.rename_table(&table.stored, &table.identifier);
                self.execute(&action, &rename)?;
            }
        }
        self.store_rejected()?;
        self.store_cursors(record)?;
        self.append_records(names::LOADS, records::load(record))?;
        self.append_records(names::LOAD_RESOURCES, records::resources(record))?;
        self.execute("commit", "COMMIT")?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for SqlLoad<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // An error has no receiver here, and closing the connection rolls
            // back as well.
            let _ = self.roll_back();
        }
    }
}
