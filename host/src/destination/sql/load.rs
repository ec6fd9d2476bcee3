//! One load into an SQL store: one transaction.
//!
//! Rows that replace a table go into a new table, which takes the name of the
//! old one at the commit. Appended rows go into the table itself. Rows that
//! replace others of the same key are staged, and merged when all have been
//! sent.
//!
//! Must not know how staged rows are merged.

use std::collections::BTreeMap;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::SchemaRef;

use super::connection::SqlConnection;
use super::dataset::Dataset;
use super::open_table::{OpenTable, TableOrigin};
use super::origins::RecordedOrigins;
use super::transaction::{StreamContent, Transaction, not_storable, stored_columns};
use crate::destination::batch_mapping::BatchMapping;
use crate::destination::columns::Columns;
use crate::destination::error::DestinationError;
use crate::destination::names::comparison_key;
use crate::destination::records;
use crate::destination::rejected::RejectedBuffer;
use crate::destination::stored_type::StoredType;
use crate::destination::table_write::{TableWrite, WriteStats};
use crate::destination::traits::Load;
use crate::model::{LoadId, LoadRecord, Rejected, UnreadPart, names};

/// A load that is being written.
pub(super) struct SqlLoad<'a> {
    pub(super) transaction: Transaction<'a>,
    /// Open tables by the key by which names are compared.
    pub(super) tables: BTreeMap<String, OpenTable>,
    pub(super) rejected: RejectedBuffer,
    committed: bool,
}

impl<'a> SqlLoad<'a> {
    /// Begins the transaction.
    pub(super) fn begin(
        connection: &'a mut dyn SqlConnection,
        dataset: &'a Dataset,
        id: LoadId,
    ) -> Result<Self, DestinationError> {
        let mut load = Self {
            transaction: Transaction::new(connection, dataset, id),
            tables: BTreeMap::new(),
            rejected: RejectedBuffer::default(),
            committed: false,
        };
        load.begin_transaction()?;
        Ok(load)
    }

    /// Begins the transaction, and creates the dataset with the tables that
    /// describe loads.
    fn begin_transaction(&mut self) -> Result<(), DestinationError> {
        self.transaction.begin()?;
        for (name, schema) in records::tables() {
            if self.transaction.find_table(name)?.is_none() {
                let columns = stored_columns(name, &schema)?;
                self.transaction.create_table(name, name, &columns)?;
            }
        }
        Ok(())
    }

    /// Adds the incoming columns that a table lacks, to it and to its keys.
    fn add_columns(
        &mut self,
        table: &mut OpenTable,
        write: &TableWrite,
        incoming: &Columns,
    ) -> Result<(), DestinationError> {
        self.transaction
            .add_columns(table, &write.schema, incoming)?;
        if let Some(keys) = &mut table.keys {
            let incoming = incoming.select(&write.key_families().concat());
            self.transaction
                .add_key_columns(&table.name, keys, &incoming)?;
        }
        Ok(())
    }

    /// Abandons the transaction with everything in it.
    fn roll_back(&mut self) -> Result<(), DestinationError> {
        self.tables.clear();
        self.rejected = RejectedBuffer::default();
        self.transaction.roll_back()
    }

    /// Sends rows into the table that receives them. `parents` has the numbers
    /// of their parent rows, if they belong to groups.
    fn stage_rows(
        &mut self,
        name: &str,
        batch: &RecordBatch,
        parents: Option<Int64Array>,
    ) -> Result<(), DestinationError> {
        let key = comparison_key(name);
        let action = format!("append rows to `{name}`");
        let Some(table) = self.tables.get_mut(&key) else {
            return Err(self.transaction.failed(&action, "the table was not opened"));
        };
        let rows = table.mapping.apply(batch);
        let rows = rows.and_then(|rows| match &mut table.numbers {
            Some(numbers) => numbers.add_to_rows(&rows, parents),
            None => Ok(rows),
        });
        let rows = rows.map_err(|error| self.transaction.failed(&action, error))?;
        if !self.transaction.is_streaming(&key, StreamContent::Rows) {
            let schema = match &table.numbers {
                Some(numbers) => numbers.add_to_schema(table.mapping.schema()),
                None => SchemaRef::clone(table.mapping.schema()),
            };
            let (stored, content) = (&table.stored, StreamContent::Rows);
            self.transaction
                .start_stream(key, &table.name, content, stored, schema)?;
        }
        self.transaction.send(&action, rows)
    }
}

impl Load for SqlLoad<'_> {
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        self.transaction.flush()?;
        let mut tables = self.transaction.list_tables()?;
        tables.retain(|name| {
            !names::RESERVED_TABLES.contains(&name.as_str())
                && !name.starts_with(names::STAGED_PREFIX)
        });
        Ok(tables)
    }

    fn existing_schema(&mut self, name: &str) -> Result<Option<SchemaRef>, DestinationError> {
        self.transaction.flush()?;
        let identifier = self.transaction.identifier(name, name)?;
        let Some(stored) = self.transaction.find_table(&identifier)? else {
            return Ok(None);
        };
        let schema = self.transaction.table_schema(name, &stored);
        let schema = schema.map_err(|error| error.in_table(name))?;
        Ok(Some(SchemaRef::new(schema)))
    }

    fn convert_column(
        &mut self,
        name: &str,
        column: &str,
        to: StoredType,
    ) -> Result<bool, DestinationError> {
        self.transaction.flush()?;
        let identifier = self.transaction.identifier(name, name)?;
        match self.transaction.find_table(&identifier)? {
            Some(stored) => {
                let converted = self.transaction.convert_column(name, &stored, column, to);
                converted.map_err(|error| error.in_table(name))
            }
            None => Ok(false),
        }
    }

    fn open_table(&mut self, name: &str, write: &TableWrite) -> Result<(), DestinationError> {
        self.transaction.flush()?;
        let key = comparison_key(name);
        let write = self.transaction.write_identifiers(name, write)?;
        let incoming = stored_columns(name, &write.stored_schema())?;
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be the same table, because names differ only in case",
                    open.name
                );
                self.tables.insert(key, open);
                return Err(not_storable(name, reason));
            }
            Some(open) => open,
            None => {
                let identifier = self.transaction.identifier(name, name)?.into_owned();
                let opened = self
                    .transaction
                    .open_new_table(name, identifier, &incoming, &write);
                opened.map_err(|error| error.in_table(name))?
            }
        };
        let added = self.add_columns(&mut table, &write, &incoming);
        table.write = write;
        // Also after an error, so that the table can be discarded.
        self.tables.insert(key, table);
        added.map_err(|error| error.in_table(name))
    }

    fn write_rows(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        self.stage_rows(name, &batch, None)
    }

    fn write_child_rows(
        &mut self,
        name: &str,
        batch: RecordBatch,
        parents: Int64Array,
    ) -> Result<(), DestinationError> {
        self.stage_rows(name, &batch, Some(parents))
    }

    fn write_keys(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let action = format!("store the keys of `{name}`");
        let key = comparison_key(name);
        let schema = self.transaction.schema_identifiers(name, &batch.schema())?;
        let incoming = stored_columns(name, &schema)?;
        let table = self.tables.get(&key);
        let Some((table, mut keys)) = table.and_then(|table| Some((table, table.keys.clone()?)))
        else {
            return Err(self
                .transaction
                .failed(&action, "the table was not opened for keys"));
        };
        // Keys are compared with rows, so their types must be the same.
        let same_types = table.columns.clone().add_missing(&incoming);
        same_types.map_err(|error| not_storable(name, error))?;
        let widened = self
            .transaction
            .add_key_columns(name, &mut keys, &incoming)?;
        let mapping = BatchMapping::new(&schema, &keys.columns);
        if widened || !self.transaction.is_streaming(&key, StreamContent::Keys) {
            let (stored, schema) = (&keys.stored, SchemaRef::clone(mapping.schema()));
            let content = StreamContent::Keys;
            self.transaction
                .start_stream(key.clone(), &table.name, content, stored, schema)?;
        }
        if widened && let Some(table) = self.tables.get_mut(&key) {
            table.keys = Some(keys);
        }
        let rows = mapping.apply(&batch);
        let rows = rows.map_err(|error| self.transaction.failed(&action, error))?;
        self.transaction.send(&action, rows)
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
        self.transaction.flush()?;
        self.transaction.check_usable("continue the load")?;
        let key = comparison_key(name);
        // Another table may be open under a name that differs in case only.
        let is_open = self.tables.get(&key).is_some_and(|open| open.name == name);
        if !is_open {
            return Ok(());
        }
        let Some(table) = self.tables.remove(&key) else {
            return Ok(());
        };
        let action = format!("discard the rows of `{name}`");
        if let Some(keys) = table.keys {
            self.transaction.drop_table(&action, &keys.stored)?;
        }
        let (target, added) = match table.origin {
            TableOrigin::Replacement | TableOrigin::Created => {
                return self.transaction.drop_table(&action, &table.stored);
            }
            TableOrigin::Staged { target, added } => {
                self.transaction.drop_table(&action, &table.stored)?;
                (target, added)
            }
            TableOrigin::Existing { added } => {
                let sql = format!(
                    "DELETE FROM {} WHERE {}",
                    self.transaction.dataset.table(&table.stored),
                    self.transaction.is_of_this_load()
                );
                self.transaction.execute(&action, &sql)?;
                (table.stored, added)
            }
        };
        let dataset = self.transaction.dataset;
        added.iter().try_for_each(|column| {
            let sql = dataset.drop_column(&target, column);
            self.transaction.execute(&action, &sql)
        })
    }

    fn keep_unread(&mut self, name: &str, part: &UnreadPart) -> Result<bool, DestinationError> {
        self.transaction.flush()?;
        let part = UnreadPart {
            column: self
                .transaction
                .identifier(name, &part.column)?
                .into_owned(),
            ..part.clone()
        };
        let key = comparison_key(name);
        let Some(table) = self.tables.get(&key) else {
            return Err(self
                .transaction
                .failed("keep rows", format!("the table `{name}` was not opened")));
        };
        if matches!(table.origin, TableOrigin::Replacement) {
            let mut columns = table.columns.clone();
            if let Some(replaced) = self.transaction.find_table(&table.identifier)?
                && columns
                    .add_missing(&self.transaction.existing_columns(name, &replaced)?)
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
        self.transaction.flush()?;
        let count = |table: &OpenTable| {
            let action = format!("count the rows of `{}`", table.name);
            let rows = self.transaction.count_written(&action, &table.stored)?;
            Ok((table.name.clone(), rows))
        };
        self.tables.values().map(count).collect()
    }

    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
        self.transaction.flush()?;
        let superseded = self.transaction.drop_superseded(&self.tables)?;
        let mut stats = BTreeMap::new();
        for (key, table) in &mut self.tables {
            let applied = self.transaction.apply_table(table);
            let applied = WriteStats {
                superseded: superseded.get(key).copied().unwrap_or_default(),
                ..applied.map_err(|error| error.in_table(&table.name))?
            };
            stats.insert(table.name.clone(), applied);
            if let Some(keys) = &table.keys {
                let action = format!("drop the keys of `{}`", table.name);
                self.transaction.drop_table(&action, &keys.stored)?;
            }
        }
        Ok(stats)
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        self.transaction.flush()?;
        let recorded = match self.transaction.origins.take() {
            Some(recorded) => recorded,
            None if self.tables.is_empty() => RecordedOrigins::default(),
            None => self.transaction.read_origins()?,
        };
        let origins = recorded.changes(&self.tables);
        for table in std::mem::take(&mut self.tables).into_values() {
            if matches!(table.origin, TableOrigin::Replacement) {
                let action = format!("replace `{}`", table.name);
                self.transaction
                    .drop_table(&action, &table.identifier)
                    .and_then(|()| {
                        self.transaction
                            .rename_table(&action, &table.stored, &table.identifier)
                    })
                    .map_err(|error| error.in_table(&table.name))?;
            }
        }
        self.store_rejected()?;
        self.store_cursors(record)?;
        self.append_records(names::LOADS, records::load(record))?;
        self.append_records(names::LOAD_RESOURCES, records::resources(record, &origins))?;
        self.transaction.execute("commit", "COMMIT")?;
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
