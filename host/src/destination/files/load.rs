//! One load into files: staged, published, and then committed by a manifest
//! that names them.

use std::collections::BTreeMap;
use std::io;

use arrow_array::{Int64Array, RecordBatch};
use arrow_schema::SchemaRef;

use super::known_commit::KnownCommit;
use super::open_files::{OpenFile, OpenFiles};
use super::open_table::not_storable;
use super::staged_table::StagedTable;
use super::store::{Store, StoredBytes};
use super::{data_file, merge_order};
use crate::destination::columns::Columns;
use crate::destination::error::{Cause, DestinationError};
use crate::destination::names::comparison_key;
use crate::destination::records;
use crate::destination::rejected::RejectedBuffer;
use crate::destination::table_write::{DeletionSource, TableWrite, WriteStats};
use crate::destination::traits::Load;
use crate::model::{FileFormat, LoadId, LoadRecord, Rejected, UnreadPart, WriteDisposition, names};

/// A load that is being written.
pub(super) struct FilesLoad<'a> {
    pub(super) store: &'a dyn Store,
    format: FileFormat,
    pub(super) known: &'a mut KnownCommit,
    pub(super) id: LoadId,
    /// Prefix of the names of its files.
    pub(super) prefix: String,
    /// Tables by the key by which names are compared.
    pub(super) tables: BTreeMap<String, StagedTable>,
    pub(super) open_files: OpenFiles,
    pub(super) rejected: RejectedBuffer,
    /// Published files that no manifest names yet.
    pub(super) published: Vec<String>,
    /// Bytes of the committed files, as the store listed them before the load.
    pub(super) stored_bytes: StoredBytes,
    /// Key of a table that could not be combined with its earlier rows. The load
    /// must not be committed with it.
    pub(super) failed_table: Option<String>,
    /// True if rows were not stored, or a merge failed halfway, so that the load
    /// must not be committed.
    pub(super) incomplete: bool,
}

impl<'a> FilesLoad<'a> {
    pub(super) fn new(
        store: &'a dyn Store,
        format: FileFormat,
        known: &'a mut KnownCommit,
        id: LoadId,
        prefix: String,
        stored_bytes: StoredBytes,
    ) -> Self {
        Self {
            store,
            format,
            known,
            id,
            prefix,
            tables: BTreeMap::new(),
            open_files: OpenFiles::default(),
            rejected: RejectedBuffer::default(),
            published: Vec::new(),
            stored_bytes,
            failed_table: None,
            incomplete: false,
        }
    }

    /// Begins the next file of a table.
    fn begin_file(&mut self, key: &str) -> Result<OpenFile, DestinationError> {
        let Some(table) = self.tables.get_mut(key) else {
            return Err(self.failed("write rows", format!("the table `{key}` was not opened")));
        };
        let path = table.next_path(table.format);
        let encoder = self
            .store
            .upload(&path)
            .and_then(|upload| data_file::encoder(table.format, upload, table.mapping.schema()));
        let encoder = encoder.map_err(|error| self.io_failed(&format!("create {path}"), error))?;
        Ok(OpenFile { encoder, path })
    }

    /// Finishes all open files.
    fn flush(&mut self) -> Result<(), DestinationError> {
        while let Some((key, file)) = self.open_files.pop() {
            self.finish_file(&key, file)?;
        }
        Ok(())
    }

    /// Finishes a file, and counts its rows.
    pub(super) fn finish_file(
        &mut self,
        key: &str,
        file: OpenFile,
    ) -> Result<(), DestinationError> {
        if let Some(table) = self.tables.get_mut(key) {
            let action = format!("write {}", file.path);
            let upload = file.encoder.finish();
            let file = upload.and_then(|upload| {
                data_file::complete(upload, self.store, file.path, table.format)
            });
            self.incomplete |= file.is_err();
            let location = self.store.location();
            table
                .written
                .push(file.map_err(|error| DestinationError::doing(&action, location, error))?);
        }
        Ok(())
    }

    /// Finishes all files, and gives each table without files an empty one, so
    /// that readers of the folders find the table too.
    fn finish_tables(&mut self) -> Result<(), DestinationError> {
        self.flush()?;
        let empty = self
            .tables
            .iter()
            .filter(|(_, table)| table.kept.is_empty() && table.written.is_empty());
        let empty: Vec<_> = empty.map(|(key, _)| key.clone()).collect();
        for key in empty {
            let file = self.begin_file(&key)?;
            self.finish_file(&key, file)?;
        }
        Ok(())
    }

    fn store_rejected(&mut self) -> Result<(), DestinationError> {
        let rejected = self.rejected.take();
        if rejected.is_empty() {
            return Ok(());
        }
        let rows = records::rejected(&self.id, &rejected)
            .map_err(|error| self.failed("write rejected records", error))?;
        let write = TableWrite::new(rows.schema(), WriteDisposition::Append);
        // A record is JSON, so its file is too, whatever the format of tables.
        self.open_in_format(names::REJECTED, &write, FileFormat::Jsonl)?;
        self.write_rows(names::REJECTED, rows)
    }

    /// Writes rows of an open table, and finishes its file if that is large.
    /// `parents` has the numbers of their parent rows, if they form groups.
    fn write_batch(
        &mut self,
        name: &str,
        batch: &RecordBatch,
        parents: Option<&Int64Array>,
    ) -> Result<(), DestinationError> {
        let key = comparison_key(name);
        if self.open_files.get(&key).is_none() {
            if let Some((evicted, file)) = self.open_files.make_room() {
                self.finish_file(&evicted, file)?;
            }
            let file = self.begin_file(&key)?;
            self.open_files.add(key.clone(), file);
        }
        let action = format!("write rows of `{name}`");
        let (Some(table), Some(file)) = (self.tables.get_mut(&key), self.open_files.get(&key))
        else {
            return Err(self.failed(&action, "the table was not opened"));
        };
        let location = self.store.location();
        let failed = |error| DestinationError::doing(&action, location, error);
        let rows = table
            .mapping
            .apply(batch)
            .map_err(|error| DestinationError::failed(&action, location, error))?;
        let added = match parents {
            Some(parents) => table.add_child_row_keys(batch, parents),
            None => table.add_row_keys(batch),
        };
        added.map_err(failed)?;
        file.encoder.write(&rows).map_err(failed)?;
        let bytes = file.encoder.bytes();
        self.open_files.limit_memory().map_err(failed)?;
        if bytes >= data_file::MAX_FILE_BYTES
            && let Some(file) = self.open_files.remove(&key)
        {
            self.finish_file(&key, file)?;
        }
        Ok(())
    }

    pub(super) fn io_failed(&self, action: &str, error: io::Error) -> DestinationError {
        DestinationError::doing(action, self.store.location(), error)
    }

    fn failed(&self, action: &str, source: impl Into<Cause>) -> DestinationError {
        DestinationError::failed(action, self.store.location(), source)
    }
}

impl Load for FilesLoad<'_> {
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        let last = self.known.manifest();
        let tables = last.into_iter().flat_map(|last| &last.tables);
        let names = tables.map(|table| table.name.clone());
        Ok(names.filter(|name| name != names::REJECTED).collect())
    }

    fn existing_schema(&mut self, name: &str) -> Result<Option<SchemaRef>, DestinationError> {
        let table = self.known.manifest().and_then(|last| last.table(name));
        Ok(table.map(|table| Columns::from_stored(table.columns.clone()).schema()))
    }

    fn open_table(&mut self, name: &str, write: &TableWrite) -> Result<(), DestinationError> {
        self.open_in_format(name, write, self.format)
    }

    fn write_rows(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let written = self.write_batch(name, &batch, None);
        self.incomplete |= written.is_err();
        written
    }

    fn write_child_rows(
        &mut self,
        name: &str,
        batch: RecordBatch,
        parents: Int64Array,
    ) -> Result<(), DestinationError> {
        let written = self.write_batch(name, &batch, Some(&parents));
        self.incomplete |= written.is_err();
        written
    }

    fn write_keys(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let action = format!("store the keys of `{name}`");
        let incoming = Columns::from_schema(&batch.schema());
        let incoming = incoming.map_err(|error| self.failed(&action, error))?;
        let table = self.tables.get_mut(&comparison_key(name));
        let Some(table) =
            table.filter(|table| table.write.deletion_source == DeletionSource::AllKeys)
        else {
            return Err(self.failed(&action, "the table was not opened for keys"));
        };
        // Keys of another type would match no row.
        let same_types = table.columns.clone().add_missing(&incoming);
        let added = table.add_source_keys(&batch);
        same_types.map_err(|error| not_storable(name, error))?;
        added.map_err(|error| self.io_failed(&action, error))
    }

    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError> {
        if self.rejected.push(rejected) {
            self.store_rejected()?;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), DestinationError> {
        let prefix = self.undo().and_then(|()| self.store.file_prefix(&self.id));
        self.prefix = prefix.map_err(|error| self.io_failed("restart the load", error))?;
        Ok(())
    }

    fn discard_table(&mut self, name: &str) -> Result<(), DestinationError> {
        let key = comparison_key(name);
        // Another table may be open under a name that differs in case only.
        if self.tables.get(&key).is_some_and(|open| open.name == name) {
            // The staged files of the table are removed when the load ends.
            self.open_files.remove(&key);
            self.tables.remove(&key);
            self.failed_table.take_if(|failed| *failed == key);
        }
        Ok(())
    }

    fn keep_unread(&mut self, name: &str, part: &UnreadPart) -> Result<bool, DestinationError> {
        let Some(table) = self.tables.get_mut(&comparison_key(name)) else {
            return Err(self.failed("keep rows", format!("the table `{name}` was not opened")));
        };
        let replaced = table.replaced.as_ref();
        let replaced = replaced.map(|replaced| Columns::from_stored(replaced.columns.clone()));
        let mut columns = table.columns.clone();
        if replaced.is_some_and(|replaced| columns.add_missing(&replaced).is_err()) {
            return Ok(false);
        }
        table.unread = Some(part.clone());
        Ok(true)
    }

    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
        self.finish_tables()
            .map_err(|error| self.or_conflict(error))?;
        let resources = self
            .tables
            .values()
            .filter(|table| table.name != names::REJECTED);
        let count = |table: &StagedTable| (table.name.clone(), table.received_rows());
        Ok(resources.map(count).collect())
    }

    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
        self.finish_tables()?;
        merge_order::require_keys(&self.tables)?;
        let was_incomplete = std::mem::replace(&mut self.incomplete, true);
        let applied = merge_order::apply_tables(self.store, &self.id, &mut self.tables);
        let applied = applied.map_err(|error| self.or_conflict(error));
        match &applied {
            Err(error) if error.voids_load() => {}
            Err(error) => {
                self.failed_table = error.table().map(comparison_key);
                self.incomplete = was_incomplete;
            }
            Ok(()) => self.incomplete = was_incomplete,
        }
        applied?;
        Ok(merge_order::stats(&self.tables))
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        if self.incomplete || self.failed_table.is_some() {
            return Err(self.failed("commit", "rows of this load could not be stored"));
        }
        // Received rows must not be stored without replacing those of their
        // keys.
        if self.tables.values().any(StagedTable::is_unmerged) {
            self.apply()?;
        }
        self.store_rejected()?;
        self.finish_tables()?;
        self.commit_files(record)
            .map_err(|error| self.or_conflict(error))
    }
}
