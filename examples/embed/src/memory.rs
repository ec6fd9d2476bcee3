//! A destination of the platform's own: tables in memory. It replaces and appends
//! rows, and does not merge them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::SchemaRef;
use connector_host::destination::{
    Destination, DestinationError, DestinationFactory, Load, TableWrite, WriteStats,
};
use connector_host::model::{Cursor, LoadId, LoadRecord, Rejected, UnreadPart, WriteDisposition};

/// Address of the store, for people.
const LOCATION: &str = "memory";

/// The store. Clones share the tables.
#[derive(Clone, Default)]
pub(crate) struct MemoryStore(Arc<Mutex<Stored>>);

#[derive(Clone, Default)]
struct Stored {
    tables: BTreeMap<String, Table>,
    /// Cursors by pipeline and resource.
    cursors: BTreeMap<String, BTreeMap<String, Cursor>>,
}

#[derive(Clone)]
struct Table {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
}

/// A load: the tables that it wrote, invisible before the commit.
struct MemoryLoad<'a> {
    store: &'a MemoryStore,
    written: BTreeMap<String, (TableWrite, Vec<RecordBatch>)>,
}

impl MemoryStore {
    /// Returns the names of the tables and their numbers of rows.
    pub(crate) fn tables(&self) -> Vec<(String, usize)> {
        let rows = |table: &Table| table.batches.iter().map(RecordBatch::num_rows).sum();
        let stored = self.stored();
        let tables = stored.tables.iter();
        tables
            .map(|(name, table)| (name.clone(), rows(table)))
            .collect()
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DestinationFactory for MemoryStore {
    fn location(&self) -> String {
        LOCATION.to_owned()
    }

    fn open(&self) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(Box::new(self.clone()))
    }
}

impl Destination for MemoryStore {
    fn location(&self) -> String {
        LOCATION.to_owned()
    }

    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError> {
        Ok(self
            .stored()
            .cursors
            .get(pipeline)
            .cloned()
            .unwrap_or_default())
    }

    fn pipelines_with_cursors(
        &mut self,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, DestinationError> {
        let mut pipelines = BTreeMap::<_, BTreeSet<_>>::new();
        for (pipeline, cursors) in &self.stored().cursors {
            for resource in cursors.keys() {
                let known = pipelines.entry(resource.clone()).or_default();
                known.insert(pipeline.clone());
            }
        }
        Ok(pipelines)
    }

    fn begin(&mut self, _: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError> {
        Ok(Box::new(MemoryLoad {
            store: self,
            written: BTreeMap::new(),
        }))
    }
}

impl MemoryLoad<'_> {
    fn rows(&mut self, table: &str) -> Result<&mut Vec<RecordBatch>, DestinationError> {
        match self.written.get_mut(table) {
            Some((_, rows)) => Ok(rows),
            None => Err(failed("the table is not open")),
        }
    }
}

impl Load for MemoryLoad<'_> {
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        Ok(self.store.stored().tables.keys().cloned().collect())
    }

    fn existing_schema(&mut self, table: &str) -> Result<Option<SchemaRef>, DestinationError> {
        let stored = self.store.stored();
        Ok(stored
            .tables
            .get(table)
            .map(|table| Arc::clone(&table.schema)))
    }

    fn open_table(&mut self, table: &str, write: &TableWrite) -> Result<(), DestinationError> {
        let replaces = write.full_refresh || write.disposition == WriteDisposition::Replace;
        if !replaces && write.disposition != WriteDisposition::Append {
            return Err(failed("this store only replaces and appends rows"));
        }
        let entry = self.written.entry(table.to_owned());
        entry.or_insert_with(|| (write.clone(), Vec::new())).0 = write.clone();
        Ok(())
    }

    fn write_rows(&mut self, table: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        self.rows(table)?.push(batch);
        Ok(())
    }

    fn write_child_rows(
        &mut self,
        _: &str,
        _: RecordBatch,
        _: Int64Array,
    ) -> Result<(), DestinationError> {
        Err(failed("this store does not merge rows"))
    }

    fn write_keys(&mut self, _: &str, _: RecordBatch) -> Result<(), DestinationError> {
        Err(failed("this store does not detect deleted rows"))
    }

    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError> {
        Err(failed(&rejected.reason))
    }

    fn restart(&mut self) -> Result<(), DestinationError> {
        self.written.clear();
        Ok(())
    }

    fn discard_table(&mut self, table: &str) -> Result<(), DestinationError> {
        self.written.remove(table);
        Ok(())
    }

    fn keep_unread(&mut self, _: &str, _: &UnreadPart) -> Result<bool, DestinationError> {
        Ok(false)
    }

    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
        let rows = |rows: &[RecordBatch]| rows.iter().map(|batch| batch.num_rows() as u64).sum();
        let tables = self.written.iter();
        Ok(tables
            .map(|(table, (_, batches))| (table.clone(), rows(batches)))
            .collect())
    }

    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
        let stats = |written| WriteStats {
            written,
            ..WriteStats::default()
        };
        let counts = self.count_rows()?.into_iter();
        Ok(counts.map(|(table, rows)| (table, stats(rows))).collect())
    }

    fn commit(self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        let mut stored = self.store.stored();
        for (name, (write, batches)) in self.written {
            let replaces = write.full_refresh || write.disposition == WriteDisposition::Replace;
            let table = stored.tables.entry(name).or_insert_with(|| Table {
                schema: Arc::clone(&write.schema),
                batches: Vec::new(),
            });
            if replaces {
                table.batches.clear();
            }
            table.schema = write.schema;
            table.batches.extend(batches);
        }
        let cursors = stored.cursors.entry(record.pipeline.clone()).or_default();
        for resource in &record.resources {
            match &resource.cursor_after {
                Some(cursor) => cursors.insert(resource.resource.clone(), cursor.clone()),
                None => cursors.remove(&resource.resource),
            };
        }
        Ok(())
    }
}

fn failed(reason: &str) -> DestinationError {
    DestinationError::Failed {
        action: "write the rows".to_owned(),
        location: LOCATION.to_owned(),
        source: reason.into(),
    }
}
