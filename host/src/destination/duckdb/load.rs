//! One load into DuckDB: one transaction.
//!
//! Rows that replace a table go into a new one beside it, which takes its name
//! when the load is committed; rows that are added go into the table itself;
//! rows that replace others of the same key are staged, and brought together
//! with those when all have come. A reader sees none of them before the
//! commit. Must not leave a stream running when it runs a statement: they
//! share the connection.

mod apply;
mod table;

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use self::table::{Origin, STAGED, Table};
use super::connection::{self, Connection};
use super::sql::{Dataset, literal, quoted};
use super::stream::{Stream, StreamError};
use super::{records, stored_name, tables};
use crate::destination::columns::{ColumnError, Columns, Shape};
use crate::destination::rejected::Waiting;
use crate::destination::{DestinationError, Load, TableWrite, WriteStats};
use crate::model::{LoadId, LoadRecord, ReadMode, Rejected, UnreadPart, WriteDisposition, names};

/// A load that is being written.
pub(super) struct DuckDbLoad<'a> {
    connection: &'a mut Connection,
    dataset: &'a Dataset,
    id: LoadId,
    /// By name in lower case, as DuckDB compares them.
    tables: BTreeMap<String, Table>,
    /// How many tables have been created beside others.
    staged: usize,
    /// Rows on their way into the table of that key.
    stream: Option<(String, Stream)>,
    rejected: Waiting,
    committed: bool,
}

impl<'a> DuckDbLoad<'a> {
    /// Begins the transaction.
    pub(super) fn begin(
        connection: &'a mut Connection,
        dataset: &'a Dataset,
        id: LoadId,
    ) -> Result<Self, DestinationError> {
        connection.run("begin a transaction", "BEGIN TRANSACTION")?;
        let mut load = Self {
            connection,
            dataset,
            id,
            tables: BTreeMap::new(),
            staged: 0,
            stream: None,
            rejected: Waiting::default(),
            committed: false,
        };
        load.prepare()?;
        Ok(load)
    }

    /// Makes the dataset and the tables that describe it.
    fn prepare(&mut self) -> Result<(), DestinationError> {
        self.run("create the dataset", &self.dataset.create())?;
        for (name, schema) in records::tables() {
            if stored_name(self.connection, self.dataset, name)?.is_none() {
                let columns = self.columns(name, &schema)?;
                self.run(
                    &format!("create the table `{name}`"),
                    &self.dataset.create_table(name, columns.as_slice()),
                )?;
            }
        }
        Ok(())
    }

    /// Appends rows to one of the tables that describe the dataset.
    fn describe(
        &mut self,
        name: &str,
        rows: Result<RecordBatch, ArrowError>,
    ) -> Result<(), DestinationError> {
        let action = format!("write to `{name}`");
        let rows = rows.map_err(|error| self.failed(&action, error))?;
        if rows.num_rows() == 0 {
            return Ok(());
        }
        self.open_table(
            name,
            &TableWrite::plain(rows.schema(), WriteDisposition::Append),
        )?;
        self.write_rows(name, rows)?;
        self.settle()?;
        // It is no table of a resource, so nobody asks for its rows.
        self.tables.remove(name);
        Ok(())
    }

    fn store_rejected(&mut self) -> Result<(), DestinationError> {
        let records = self.rejected.take();
        self.settle()?;
        self.describe(names::REJECTED, records::rejected(&self.id, &records))
    }

    fn store_cursors(&mut self, record: &LoadRecord) -> Result<(), DestinationError> {
        let cursors = self.dataset.table(names::CURSORS);
        // What was read in full has no older position worth keeping; where
        // nothing new came, the older one stays true.
        let moved = record
            .resources
            .iter()
            .filter(|resource| resource.cursor_after.is_some() || resource.mode == ReadMode::Full);
        for resource in moved {
            let sql = format!(
                "DELETE FROM {cursors} WHERE pipeline = {} AND resource = {}",
                literal(&record.pipeline),
                literal(&resource.resource)
            );
            self.run("replace a cursor", &sql)?;
        }
        self.describe(names::CURSORS, records::cursors(record))
    }

    /// Waits until the rows on their way are stored.
    fn settle(&mut self) -> Result<(), DestinationError> {
        let Some((key, stream)) = self.stream.take() else {
            return Ok(());
        };
        let name = self
            .tables
            .get(&key)
            .map_or(key.as_str(), |table| &table.name);
        let action = format!("append rows to `{name}`");
        stream
            .finish()
            .map_err(|error| self.streaming(&action, error))
    }

    fn start(&mut self, key: &str) -> Result<(), DestinationError> {
        self.settle()?;
        let Some(table) = self.tables.get(key) else {
            return Err(self.failed("append rows", format!("the table `{key}` was not opened")));
        };
        let (stored, schema) = (table.stored.clone(), SchemaRef::clone(table.shape.schema()));
        self.stream_into(key.to_owned(), &stored, schema)
    }

    /// Begins a stream into a table, which is known by `key` from then on.
    fn stream_into(
        &mut self,
        key: String,
        stored: &str,
        schema: SchemaRef,
    ) -> Result<(), DestinationError> {
        let statement = self.connection.append(self.dataset, stored)?;
        let stream = Stream::start(statement, schema);
        let stream = stream.map_err(|error| self.streaming("append rows", error))?;
        self.stream = Some((key, stream));
        Ok(())
    }

    /// Sends rows down the stream that runs.
    fn send(&mut self, action: &str, rows: RecordBatch) -> Result<(), DestinationError> {
        if let Some((_, stream)) = &mut self.stream
            && !stream.send(rows)
        {
            self.settle()?;
            return Err(self.failed(action, "DuckDB stopped taking them"));
        }
        Ok(())
    }

    /// Gives up the transaction with all that is in it.
    fn roll_back(&mut self) -> Result<(), DestinationError> {
        if let Some((_, stream)) = self.stream.take() {
            // Whatever it says, its rows are given up.
            let _ = stream.finish();
        }
        self.tables.clear();
        self.rejected = Waiting::default();
        self.run("roll back", "ROLLBACK")
    }

    fn run(&mut self, action: &str, sql: &str) -> Result<(), DestinationError> {
        self.connection.run(action, sql)
    }

    fn columns(&self, table: &str, schema: &Schema) -> Result<Columns, DestinationError> {
        Columns::of(schema).map_err(|error| self.refused(table, error))
    }

    fn refused(&self, table: &str, error: ColumnError) -> DestinationError {
        self.failed(&format!("store `{table}`"), error)
    }

    fn streaming(&self, action: &str, error: StreamError) -> DestinationError {
        match error {
            StreamError::Adbc(error) => {
                connection::doing(action, self.connection.location(), error)
            }
            error @ StreamError::Thread(_) => self.failed(action, error),
        }
    }

    fn failed(
        &self,
        action: &str,
        source: impl Into<crate::destination::Cause>,
    ) -> DestinationError {
        DestinationError::failed(action, self.connection.location(), source)
    }
}

impl Load for DuckDbLoad<'_> {
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        self.settle()?;
        let mut tables = tables(self.connection, self.dataset)?;
        // Those of this load are not there yet.
        let is_own = |name: &String| {
            names::RESERVED_TABLES.contains(&name.as_str()) || name.starts_with(STAGED)
        };
        tables.retain(|name| !is_own(name));
        Ok(tables)
    }

    fn existing_schema(&mut self, name: &str) -> Result<Option<SchemaRef>, DestinationError> {
        self.settle()?;
        let Some(stored) = stored_name(self.connection, self.dataset, name)? else {
            return Ok(None);
        };
        Ok(Some(SchemaRef::new(self.stored_schema(name, &stored)?)))
    }

    fn open_table(&mut self, name: &str, table_write: &TableWrite) -> Result<(), DestinationError> {
        self.settle()?;
        let key = name.to_ascii_lowercase();
        let incoming = self.columns(name, &table_write.stored_schema())?;
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be one table, because case does not matter",
                    open.name
                );
                return Err(self.failed(&format!("store `{name}`"), reason));
            }
            Some(open) => open,
            None => self.reach(name, &incoming, table_write)?,
        };
        self.widen(&mut table, &table_write.schema, &incoming)?;
        if let Some(keys) = &mut table.keys {
            self.widen_keys(
                name,
                keys,
                &incoming.only(&table_write.key_families().concat()),
            )?;
        }
        table.write = table_write.clone();
        self.tables.insert(key, table);
        Ok(())
    }

    fn write_rows(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let key = name.to_ascii_lowercase();
        if self
            .stream
            .as_ref()
            .is_none_or(|(current, _)| *current != key)
        {
            self.start(&key)?;
        }
        let fitted = self
            .tables
            .get(&key)
            .map(|table| table.shape.fit(&batch))
            .transpose();
        let action = format!("append rows to `{name}`");
        let fitted = fitted.map_err(|error| self.failed(&action, error))?;
        fitted.map_or(Ok(()), |rows| self.send(&action, rows))
    }

    fn write_keys(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let action = format!("store the keys of `{name}`");
        let key = name.to_ascii_lowercase();
        let incoming = self.columns(name, &batch.schema())?;
        // They are compared with rows, so their types must be those of the
        // table.
        if let Some(table) = self.tables.get(&key) {
            let fits = table.columns.clone().extend(&incoming);
            fits.map_err(|error| self.refused(name, error))?;
        }
        let keys = self.tables.get_mut(&key);
        let Some(mut keys) = keys.and_then(|table| table.keys.take()) else {
            return Err(self.failed(&action, "nobody said that they would come"));
        };
        let widened = self.widen_keys(name, &mut keys, &incoming);
        let (stored, columns) = (keys.stored.clone(), keys.columns.clone());
        if let Some(table) = self.tables.get_mut(&key) {
            table.keys = Some(keys);
        }
        let of_keys = format!("{key}\0keys");
        let running = self
            .stream
            .as_ref()
            .is_some_and(|(open, _)| *open == of_keys);
        if widened? || !running {
            self.settle()?;
            let shape = Shape::new(&batch.schema(), &columns);
            self.stream_into(of_keys, &stored, SchemaRef::clone(shape.schema()))?;
        }
        let rows = Shape::new(&batch.schema(), &columns).fit(&batch);
        let rows = rows.map_err(|error| self.failed(&action, error))?;
        self.send(&action, rows)
    }

    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError> {
        if self.rejected.keep(rejected) {
            self.store_rejected()?;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), DestinationError> {
        self.roll_back()?;
        self.run("begin a transaction", "BEGIN TRANSACTION")?;
        self.prepare()
    }

    fn discard_table(&mut self, name: &str) -> Result<(), DestinationError> {
        self.settle()?;
        let Some(table) = self.tables.remove(&name.to_ascii_lowercase()) else {
            return Ok(());
        };
        let action = format!("discard the rows of `{name}`");
        if let Some(keys) = table.keys {
            self.run(&action, &self.dataset.drop_table(&keys.stored))?;
        }
        match table.origin {
            Origin::Staged | Origin::Created => {
                self.run(&action, &self.dataset.drop_table(&table.stored))
            }
            Origin::Beside { target, added } => {
                self.run(&action, &self.dataset.drop_table(&table.stored))?;
                added.iter().try_for_each(|column| {
                    self.run(&action, &self.dataset.drop_column(&target, column))
                })
            }
            Origin::Found(added) => {
                let rows = format!(
                    "DELETE FROM {} WHERE {}",
                    self.dataset.table(&table.stored),
                    self.of_this_load()
                );
                self.run(&action, &rows)?;
                added.iter().try_for_each(|column| {
                    self.run(&action, &self.dataset.drop_column(&table.stored, column))
                })
            }
        }
    }

    fn keep_unread(&mut self, name: &str, part: &UnreadPart) -> Result<bool, DestinationError> {
        self.settle()?;
        let key = name.to_ascii_lowercase();
        let Some(table) = self.tables.get(&key) else {
            return Err(self.failed("keep rows", format!("the table `{name}` was not opened")));
        };
        let mut columns = table.columns.clone();
        if matches!(table.origin, Origin::Staged)
            && let Some(found) = stored_name(self.connection, self.dataset, name)?
            && columns.extend(&self.stored_columns(name, &found)?).is_err()
        {
            return Ok(false);
        }
        if let Some(table) = self.tables.get_mut(&key) {
            table.unread = Some(part.clone());
        }
        Ok(true)
    }

    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
        self.settle()?;
        let mut stored = BTreeMap::new();
        for table in self.tables.values() {
            let action = format!("count the rows of `{}`", table.name);
            let sql = self.count_of(&table.stored);
            let rows = self.connection.count(&action, &sql)?;
            stored.insert(table.name.clone(), rows);
        }
        Ok(stored)
    }

    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
        self.settle()?;
        let mut tables = std::mem::take(&mut self.tables);
        let mut stats_by_table = BTreeMap::new();
        for table in tables.values_mut() {
            stats_by_table.insert(table.name.clone(), self.apply_to(table)?);
            if let Some(keys) = &table.keys {
                let action = format!("forget the keys of `{}`", table.name);
                self.run(&action, &self.dataset.drop_table(&keys.stored))?;
            }
        }
        self.tables = tables;
        Ok(stats_by_table)
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        self.settle()?;
        for table in std::mem::take(&mut self.tables).into_values() {
            if matches!(table.origin, Origin::Staged) {
                let action = format!("replace `{}`", table.name);
                self.run(&action, &self.dataset.drop_table(&table.name))?;
                self.run(&action, &self.dataset.rename(&table.stored, &table.name))?;
            }
        }
        self.store_rejected()?;
        self.store_cursors(record)?;
        self.describe(names::LOADS, records::load(record))?;
        self.describe(names::LOAD_RESOURCES, records::resources(record))?;
        self.run("commit", "COMMIT")?;
        self.committed = true;
        Ok(())
    }
}

impl DuckDbLoad<'_> {
    fn of_this_load(&self) -> String {
        format!("{} = {}", quoted(names::LOAD_ID), literal(self.id.as_str()))
    }
}

impl Drop for DuckDbLoad<'_> {
    fn drop(&mut self) {
        if !self.committed {
            // Nobody is left to hear of it, and closing the database rolls
            // back as well.
            let _ = self.roll_back();
        }
    }
}
