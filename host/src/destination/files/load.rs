//! One load into files: written aside, moved into place, and then named by a
//! manifest, which is what makes it true.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::manifest::Manifest;
use super::open::{OpenFiles, Part};
use super::part;
use super::table::Table;
use super::upload::{Upload, io_error};
use super::{Place, apply, sweep};
use crate::destination::columns::Columns;
use crate::destination::rejected::Waiting;
use crate::destination::{Cause, DeletionSource, DestinationError, Load, TableWrite, WriteStats};
use crate::model::{FileFormat, LoadId, LoadRecord, Rejected, UnreadPart, WriteDisposition, names};

/// A file that has grown to this is followed by another.
pub(super) const PART_BYTES: u64 = 512 << 20;

/// A load that is being written.
pub(super) struct FilesLoad<'a> {
    place: &'a Place,
    format: FileFormat,
    latest: &'a mut Option<Manifest>,
    id: LoadId,
    /// By name in lower case, as databases compare them.
    tables: BTreeMap<String, Table>,
    /// The files that are being written, by the key of their tables.
    open: OpenFiles<'a>,
    rejected: Waiting,
    /// Files moved into place that no manifest names yet.
    moved: Vec<Path>,
    /// Whether tables are half brought together, and must not be committed.
    torn: bool,
}

impl<'a> FilesLoad<'a> {
    pub(super) fn new(
        place: &'a Place,
        format: FileFormat,
        latest: &'a mut Option<Manifest>,
        id: LoadId,
    ) -> Self {
        Self {
            place,
            format,
            latest,
            id,
            tables: BTreeMap::new(),
            open: OpenFiles::default(),
            rejected: Waiting::default(),
            moved: Vec::new(),
            torn: false,
        }
    }

    /// Begins the next file of a table.
    fn part(&mut self, key: &str) -> Result<Part<'a>, DestinationError> {
        let Some(table) = self.tables.get_mut(key) else {
            return Err(self.failed("write rows", format!("the table `{key}` was not opened")));
        };
        let path = table.next_path(&self.id, table.format);
        let begun = part::staged(&path).and_then(|staged| Upload::new(self.place, &staged));
        let encoder =
            begun.and_then(|upload| part::encoder(table.format, upload, table.shape.schema()));
        let encoder = encoder.map_err(|error| self.doing(&format!("create {path}"), error))?;
        Ok(Part { encoder, path })
    }

    /// Finishes the files that are being written.
    fn settle(&mut self) -> Result<(), DestinationError> {
        while let Some((key, part)) = self.open.pop() {
            self.finish(&key, part)?;
        }
        Ok(())
    }

    /// Finishes a file, and counts what is in it.
    fn finish(&mut self, key: &str, part: Part<'a>) -> Result<(), DestinationError> {
        if let Some(table) = self.tables.get_mut(key) {
            let action = format!("write {}", part.path);
            let upload = part.encoder.finish();
            let file = upload
                .and_then(|upload| part::finish(upload, self.place, part.path, table.format))
                .map_err(|error| DestinationError::doing(&action, &self.place.location, error))?;
            table.written.push(file);
        }
        Ok(())
    }

    /// Gives every table a file, so that whoever looks at the folders finds
    /// an empty table too.
    fn complete(&mut self) -> Result<(), DestinationError> {
        self.settle()?;
        let empty = self
            .tables
            .iter()
            .filter(|(_, table)| table.kept.is_empty() && table.written.is_empty());
        let empty: Vec<_> = empty.map(|(key, _)| key.clone()).collect();
        for key in empty {
            let part = self.part(&key)?;
            self.finish(&key, part)?;
        }
        Ok(())
    }

    fn store_rejected(&mut self) -> Result<(), DestinationError> {
        let records = self.rejected.take();
        if records.is_empty() {
            return Ok(());
        }
        let column = |text: fn(&Rejected) -> &str| {
            Arc::new(StringArray::from_iter_values(records.iter().map(text))) as ArrayRef
        };
        let schema = ["load_id", "resource", "record", "reason"]
            .map(|name| Field::new(name, DataType::Utf8, true));
        let schema = Arc::new(Schema::new(schema.to_vec()));
        let load_id = Arc::new(StringArray::from_iter_values(
            records.iter().map(|_| self.id.as_str()),
        )) as ArrayRef;
        let columns = vec![
            load_id,
            column(|row| &row.resource),
            column(|row| &row.record),
            column(|row| &row.reason),
        ];
        let rows = RecordBatch::try_new(Arc::clone(&schema), columns)
            .map_err(|error| self.failed("write rejected records", error))?;
        // A record is JSON, so its file is too, whatever the format of tables.
        let table_write = TableWrite::plain(schema, WriteDisposition::Append);
        self.announce(names::REJECTED, &table_write, FileFormat::Jsonl)?;
        self.write_rows(names::REJECTED, rows)
    }

    fn announce(
        &mut self,
        name: &str,
        table_write: &TableWrite,
        format: FileFormat,
    ) -> Result<(), DestinationError> {
        let action = format!("store `{name}`");
        let key = name.to_ascii_lowercase();
        let incoming = Columns::of(&table_write.stored_schema());
        let incoming = incoming.map_err(|error| self.failed(&action, error))?;
        let incoming = match table_write.deletion_source {
            DeletionSource::Flagged => incoming.without(names::IS_DELETED),
            _ => incoming,
        };
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be one table, because case does not matter",
                    open.name
                );
                return Err(self.failed(&action, reason));
            }
            Some(open) => open,
            None => {
                let known = self.latest.as_ref().and_then(|latest| latest.table(name));
                Table::new(name, format, table_write, known)
            }
        };
        let widened = table.widen(table_write, &incoming);
        let widened = widened.map_err(|error| self.failed(&action, error))?;
        self.tables.insert(key.clone(), table);
        // A file has one set of columns.
        match self.open.remove(&key) {
            Some(part) if widened => self.finish(&key, part),
            Some(part) => {
                self.open.add(key, part);
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Moves the files of this load to where the manifest will name them.
    fn move_into_place(&mut self) -> io::Result<()> {
        let paths: Vec<_> = self
            .tables
            .values()
            .flat_map(|table| &table.written)
            .map(|file| file.path.clone())
            .collect();
        for path in paths {
            let (from, to) = (part::staged(&path)?, Path::parse(&path).map_err(io_error)?);
            tracing::trace!(path, "step: move into place");
            self.place
                .runtime
                .block_on(self.place.store.rename(&from, &to))
                .map_err(io_error)?;
            self.moved.push(to);
        }
        Ok(())
    }

    fn write_manifest(&mut self, manifest: &Manifest) -> io::Result<()> {
        let text = serde_json::to_vec_pretty(manifest).map_err(io_error)?;
        let path = Path::parse(format!("{}/{}.json", names::LOADS, self.id)).map_err(io_error)?;
        tracing::trace!(%path, "step: write the manifest");
        let put = self
            .place
            .runtime
            .block_on(self.place.store.put(&path, PutPayload::from(text)));
        put.map(drop).map_err(|error| {
            // It may be there in spite of the error, and what it names must
            // then stay.
            let file = self.place.root.join(path.as_ref());
            if file.exists() && std::fs::remove_file(file).is_err() {
                self.moved.clear();
            }
            io_error(error)
        })
    }

    /// Removes files that an older manifest named and this one does not.
    fn remove_replaced(&self, older: &Manifest, manifest: &Manifest) {
        let current: BTreeSet<_> = manifest.files().collect();
        for path in older.files().filter(|path| !current.contains(path)) {
            tracing::trace!(path, "step: remove what was replaced");
            let removed = Path::parse(path).map_err(io_error).and_then(|path| {
                self.place
                    .runtime
                    .block_on(self.place.store.delete(&path))
                    .map_err(io_error)
            });
            if let Err(error) = removed {
                // The load is committed; the next one tries again.
                tracing::warn!(path, %error, "a replaced file could not be removed");
            }
        }
    }

    /// Removes what this load has written so far.
    fn undo(&mut self) -> io::Result<()> {
        self.open.clear();
        self.tables.clear();
        self.torn = false;
        self.rejected = Waiting::default();
        for path in std::mem::take(&mut self.moved) {
            self.place
                .runtime
                .block_on(self.place.store.delete(&path))
                .map_err(io_error)?;
        }
        sweep::staged(&self.place.root)
    }

    fn doing(&self, action: &str, error: io::Error) -> DestinationError {
        DestinationError::doing(action, &self.place.location, error)
    }

    fn failed(&self, action: &str, source: impl Into<Cause>) -> DestinationError {
        DestinationError::failed(action, &self.place.location, source)
    }
}

impl Load for FilesLoad<'_> {
    fn existing_tables(&mut self) -> Result<Vec<String>, DestinationError> {
        let tables = self.latest.iter().flat_map(|latest| &latest.tables);
        let tables = tables.map(|table| table.name.clone());
        Ok(tables.filter(|name| name != names::REJECTED).collect())
    }

    fn existing_schema(&mut self, name: &str) -> Result<Option<SchemaRef>, DestinationError> {
        let known = self.latest.as_ref().and_then(|latest| latest.table(name));
        Ok(known.map(|known| Columns::stored(known.columns.clone()).schema()))
    }

    fn open_table(&mut self, name: &str, table_write: &TableWrite) -> Result<(), DestinationError> {
        self.announce(name, table_write, self.format)
    }

    fn write_rows(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let key = name.to_ascii_lowercase();
        if self.open.get(&key).is_none() {
            let part = self.part(&key)?;
            if let Some((other, part)) = self.open.add(key.clone(), part) {
                self.finish(&other, part)?;
            }
        }
        let action = format!("write rows of `{name}`");
        let mut fitted = None;
        if let Some(table) = self.tables.get_mut(&key) {
            let rows = table.shape.fit(&batch);
            let noted = table.note(&batch);
            fitted = Some(rows.map_err(|error| self.failed(&action, error))?);
            noted.map_err(|error| self.doing(&action, error))?;
        }
        let (Some(part), Some(rows)) = (self.open.get(&key), fitted) else {
            return Ok(());
        };
        let written = part.encoder.write(&rows).map(|()| part.encoder.bytes());
        let relieved = written.and_then(|bytes| self.open.relieve().map(|()| bytes));
        if relieved.map_err(|error| self.doing(&action, error))? >= PART_BYTES
            && let Some(part) = self.open.remove(&key)
        {
            self.finish(&key, part)?;
        }
        Ok(())
    }

    fn write_keys(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let action = format!("store the keys of `{name}`");
        let key = name.to_ascii_lowercase();
        let incoming = Columns::of(&batch.schema());
        let incoming = incoming.map_err(|error| self.failed(&action, error))?;
        let table = self.tables.get_mut(&key);
        let Some(table) =
            table.filter(|table| table.write.deletion_source == DeletionSource::AllKeys)
        else {
            return Err(self.failed(&action, "nobody said that they would come"));
        };
        // Of another type they would match no row.
        let known = table.columns.clone().extend(&incoming);
        let noted = table.note_keys(&batch);
        known.map_err(|error| self.failed(&action, error))?;
        noted.map_err(|error| self.doing(&action, error))
    }

    fn reject(&mut self, rejected: Rejected) -> Result<(), DestinationError> {
        if self.rejected.keep(rejected) {
            self.store_rejected()?;
        }
        Ok(())
    }

    fn restart(&mut self) -> Result<(), DestinationError> {
        self.undo().map_err(|error| self.doing("start anew", error))
    }

    fn discard_table(&mut self, name: &str) -> Result<(), DestinationError> {
        let key = name.to_ascii_lowercase();
        self.open.remove(&key);
        // Its files are aside, and go when the load ends.
        self.tables.remove(&key);
        Ok(())
    }

    fn keep_unread(&mut self, name: &str, part: &UnreadPart) -> Result<bool, DestinationError> {
        let Some(table) = self.tables.get_mut(&name.to_ascii_lowercase()) else {
            return Err(self.failed("keep rows", format!("the table `{name}` was not opened")));
        };
        let replaced = table.replaced.as_ref();
        let replaced = replaced.map(|replaced| Columns::stored(replaced.columns.clone()));
        let mut columns = table.columns.clone();
        if replaced.is_some_and(|replaced| columns.extend(&replaced).is_err()) {
            return Ok(false);
        }
        table.unread = Some(part.clone());
        Ok(true)
    }

    fn count_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
        self.complete()?;
        let resources = self
            .tables
            .values()
            .filter(|table| table.name != names::REJECTED);
        Ok(resources
            .map(|table| {
                (
                    table.name.clone(),
                    table.written.iter().map(|file| file.rows).sum(),
                )
            })
            .collect())
    }

    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
        self.complete()?;
        let mut stats_by_table = BTreeMap::new();
        self.torn = true;
        for table in self.tables.values_mut() {
            let rows = table.without_key();
            if rows > 0 {
                return Err(DestinationError::NoKey {
                    table: table.name.clone(),
                    rows,
                    key: table.write.key.join(", "),
                });
            }
            let stats = apply::bring_together(self.place, &self.id, table).map_err(|error| {
                let action = format!("merge into `{}`", table.name);
                DestinationError::doing(&action, &self.place.location, error)
            })?;
            stats_by_table.insert(table.name.clone(), stats);
        }
        self.torn = false;
        stats_by_table.remove(names::REJECTED);
        Ok(stats_by_table)
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        if self.torn {
            return Err(self.failed("commit", "the rows could not be brought together"));
        }
        // What came must not stand beside what it takes the place of.
        if self.tables.values().any(Table::is_waiting) {
            self.apply()?;
        }
        self.store_rejected()?;
        self.complete()?;
        self.move_into_place()
            .map_err(|error| self.doing("commit", error))?;
        let tables = self.tables.values().map(Table::entry);
        let manifest = Manifest::after(self.latest.as_ref(), record, tables.collect());
        self.write_manifest(&manifest)
            .map_err(|error| self.doing("commit", error))?;
        self.moved.clear();
        if let Some(older) = self.latest.replace(manifest.clone()) {
            self.remove_replaced(&older, &manifest);
        }
        Ok(())
    }
}

impl Drop for FilesLoad<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            tracing::warn!(%error, "what the load left is removed by the next one");
        }
    }
}
