//! One load into DuckDB: one transaction.
//!
//! Rows that replace others go into a new table beside the old one, which
//! takes its name when the load is committed; rows that are added go into the
//! table itself. Either way they are written once, and a reader sees none of
//! them before the commit. Must not leave a stream running when it runs a
//! statement: they share the connection.

use std::collections::BTreeMap;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_schema::{ArrowError, Schema, SchemaRef};

use super::connection::{self, Connection};
use super::sql::{Dataset, literal, quoted};
use super::stream::{Stream, StreamError};
use super::{records, stored_name};
use crate::destination::columns::{Column, ColumnError, Columns, Shape};
use crate::destination::rejected::Waiting;
use crate::destination::{DestinationError, Load};
use crate::model::{LoadId, LoadRecord, Mode, Rejected, Write, names};

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

/// A table that this load writes.
struct Table {
    name: String,
    /// Where its rows go.
    stored: String,
    origin: Origin,
    columns: Columns,
    shape: Shape,
}

/// How a load came to a table.
enum Origin {
    /// Created by it, to replace what has the name.
    Staged,
    /// Created by it, under its own name.
    Created,
    /// Found, and given these columns.
    Found(Vec<Column>),
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

    fn create(
        &mut self,
        table: &str,
        columns: Columns,
        shape: Shape,
        write: Write,
    ) -> Result<Table, DestinationError> {
        let name = table.to_owned();
        let stored = match write {
            Write::Replace => {
                self.staged += 1;
                format!("_staged {} {}", self.id, self.staged)
            }
            Write::Append => name.clone(),
        };
        let action = format!("create the table `{table}`");
        self.run(
            &action,
            &self.dataset.create_table(&stored, columns.as_slice()),
        )?;
        let origin = match write {
            Write::Replace => Origin::Staged,
            Write::Append => Origin::Created,
        };
        Ok(Table {
            name,
            stored,
            origin,
            columns,
            shape,
        })
    }

    fn find(&mut self, table: &str, stored: String) -> Result<Table, DestinationError> {
        let action = format!("look at the table `{table}`");
        let sql = format!("SELECT * FROM {}", self.dataset.table(&stored));
        let schema = self.connection.schema(&action, &sql)?;
        let columns = self.columns(table, &schema)?;
        let shape = Shape::new(&schema, &columns);
        Ok(Table {
            name: table.to_owned(),
            stored,
            origin: Origin::Found(Vec::new()),
            columns,
            shape,
        })
    }

    /// Gives a table the columns that come and are not there.
    fn widen(
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
            if let Origin::Found(all) = &mut table.origin {
                all.push(column);
            }
        }
        table.shape = Shape::new(schema, &table.columns);
        self.connection
            .expect_columns(table.columns.as_slice().len())
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
        self.open(name, &rows.schema(), Write::Append)?;
        self.write(name, rows)?;
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
            .filter(|resource| resource.cursor_after.is_some() || resource.mode == Mode::Full);
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
        let statement = self.connection.append(self.dataset, &table.stored)?;
        let stream = Stream::start(statement, SchemaRef::clone(table.shape.schema()));
        let stream = stream.map_err(|error| self.streaming("append rows", error))?;
        self.stream = Some((key.to_owned(), stream));
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
    fn open(
        &mut self,
        name: &str,
        schema: &SchemaRef,
        write: Write,
    ) -> Result<(), DestinationError> {
        self.settle()?;
        let key = name.to_ascii_lowercase();
        let incoming = self.columns(name, schema)?;
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be one table, because case does not matter",
                    open.name
                );
                return Err(self.failed(&format!("store `{name}`"), reason));
            }
            Some(open) => open,
            None => match write {
                Write::Append
                    if let Some(stored) = stored_name(self.connection, self.dataset, name)? =>
                {
                    self.find(name, stored)?
                }
                _ => self.create(name, incoming.clone(), Shape::new(schema, &incoming), write)?,
            },
        };
        self.widen(&mut table, schema, &incoming)?;
        self.tables.insert(key, table);
        Ok(())
    }

    fn write(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
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
        let fitted =
            fitted.map_err(|error| self.failed(&format!("append rows to `{name}`"), error))?;
        if let (Some((_, stream)), Some(rows)) = (&mut self.stream, fitted)
            && !stream.send(rows)
        {
            self.settle()?;
            return Err(self.failed(
                &format!("append rows to `{name}`"),
                "DuckDB stopped taking them",
            ));
        }
        Ok(())
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

    fn discard(&mut self, name: &str) -> Result<(), DestinationError> {
        self.settle()?;
        let Some(table) = self.tables.remove(&name.to_ascii_lowercase()) else {
            return Ok(());
        };
        let action = format!("discard the rows of `{name}`");
        match table.origin {
            Origin::Staged | Origin::Created => {
                self.run(&action, &self.dataset.drop_table(&table.stored))
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

    fn stored_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
        self.settle()?;
        let mut stored = BTreeMap::new();
        for table in self.tables.values() {
            let action = format!("count the rows of `{}`", table.name);
            let sql = format!(
                "SELECT count(*) FROM {} WHERE {}",
                self.dataset.table(&table.stored),
                self.of_this_load()
            );
            let batches = self.connection.query(&action, &sql)?;
            let count = batches.first().and_then(|batch| {
                batch
                    .column(0)
                    .as_primitive_opt::<Int64Type>()?
                    .iter()
                    .next()?
            });
            stored.insert(
                table.name.clone(),
                count
                    .and_then(|count| u64::try_from(count).ok())
                    .unwrap_or(0),
            );
        }
        Ok(stored)
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
