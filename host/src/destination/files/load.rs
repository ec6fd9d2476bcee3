//! One load into files: written aside, moved into place, and then named by a
//! manifest, which is what makes it true.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use object_store::path::Path;
use object_store::{ObjectStoreExt, PutPayload};

use super::manifest::{self, Manifest};
use super::part::{self, Encoder};
use super::sweep::{self, STAGED};
use super::upload::{Upload, io_error};
use super::{Place, folder};
use crate::destination::columns::{Columns, Shape};
use crate::destination::rejected::Waiting;
use crate::destination::{Arrival, Cause, DestinationError, Effect, Load};
use crate::model::{FileFormat, LoadId, LoadRecord, Rejected, Write, names};

/// A file that has grown to this is followed by another.
const PART_BYTES: u64 = 512 << 20;

/// A load that is being written.
pub(super) struct FilesLoad<'a> {
    place: &'a Place,
    format: FileFormat,
    latest: &'a mut Option<Manifest>,
    id: LoadId,
    /// By name in lower case, as databases compare them.
    tables: BTreeMap<String, Table>,
    /// The file that is being written, and the key of its table. Only one:
    /// an encoder holds memory.
    open: Option<(String, Part<'a>)>,
    rejected: Waiting,
    /// Files moved into place that no manifest names yet.
    moved: Vec<Path>,
}

/// A table that this load writes.
struct Table {
    name: String,
    folder: String,
    format: FileFormat,
    columns: Columns,
    shape: Shape,
    /// Files of older loads that stay.
    kept: Vec<manifest::File>,
    /// Files of this load.
    written: Vec<manifest::File>,
}

/// A file that is being written.
struct Part<'a> {
    encoder: Box<dyn Encoder<'a> + Send + 'a>,
    path: String,
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
            open: None,
            rejected: Waiting::default(),
            moved: Vec::new(),
        }
    }

    fn announce(
        &self,
        name: &str,
        incoming: Columns,
        schema: &SchemaRef,
        write: Write,
        format: FileFormat,
    ) -> Table {
        let known = self.latest.as_ref().and_then(|latest| latest.table(name));
        let (columns, kept) = match (write, known) {
            (Write::Append, Some(known)) => {
                (Columns::stored(known.columns.clone()), known.files.clone())
            }
            _ => (incoming, Vec::new()),
        };
        Table {
            name: name.to_owned(),
            folder: known.map_or_else(|| folder::name(name), |known| known.folder.clone()),
            format,
            shape: Shape::new(schema, &columns),
            columns,
            kept,
            written: Vec::new(),
        }
    }

    /// Begins the next file of a table.
    fn part(&self, key: &str) -> Result<Part<'a>, DestinationError> {
        let Some(table) = self.tables.get(key) else {
            return Err(self.failed("write rows", format!("the table `{key}` was not opened")));
        };
        let number = table.written.len();
        let path = format!(
            "{}/{}-{number:05}.{}",
            table.folder,
            self.id,
            part::ending(table.format)
        );
        let begun = staged(&path).and_then(|staged| Upload::new(self.place, &staged));
        let encoder =
            begun.and_then(|upload| part::encoder(table.format, upload, table.shape.schema()));
        let encoder = encoder.map_err(|error| self.doing(&format!("create {path}"), error))?;
        Ok(Part { encoder, path })
    }

    /// Finishes the file that is being written, and counts what is in it.
    fn settle(&mut self) -> Result<(), DestinationError> {
        let Some((key, part)) = self.open.take() else {
            return Ok(());
        };
        let action = format!("write {}", part.path);
        let bytes = part
            .encoder
            .finish()
            .and_then(Upload::finish)
            .map_err(|error| self.doing(&action, error))?;
        let staged = self.place.root.join(STAGED).join(&part.path);
        if let Some(table) = self.tables.get_mut(&key) {
            let rows = part::rows(table.format, &staged);
            let rows = rows
                .map_err(|error| DestinationError::doing(&action, &self.place.location, error))?;
            table.written.push(manifest::File {
                path: part.path,
                rows,
                bytes,
            });
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
            self.open = Some((key, part));
            self.settle()?;
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
        self.announced(names::REJECTED, &schema, Write::Append, FileFormat::Jsonl)?;
        self.write(names::REJECTED, rows)
    }

    fn announced(
        &mut self,
        name: &str,
        schema: &SchemaRef,
        write: Write,
        format: FileFormat,
    ) -> Result<(), DestinationError> {
        let action = format!("store `{name}`");
        let key = name.to_ascii_lowercase();
        let incoming = Columns::of(schema).map_err(|error| self.failed(&action, error))?;
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be one table, because case does not matter",
                    open.name
                );
                return Err(self.failed(&action, reason));
            }
            Some(open) => open,
            None => self.announce(name, incoming.clone(), schema, write, format),
        };
        let before = table.columns.as_slice().len();
        table
            .columns
            .extend(&incoming)
            .map_err(|error| self.failed(&action, error))?;
        table.shape = Shape::new(schema, &table.columns);
        let widened = table.columns.as_slice().len() > before;
        self.tables.insert(key.clone(), table);
        // A file has one set of columns.
        if widened && self.open.as_ref().is_some_and(|(open, _)| *open == key) {
            self.settle()
        } else {
            Ok(())
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
            let (from, to) = (staged(&path)?, Path::parse(&path).map_err(io_error)?);
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
        self.open = None;
        self.tables.clear();
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
    fn known(&mut self, name: &str) -> Result<Option<SchemaRef>, DestinationError> {
        let known = self.latest.as_ref().and_then(|latest| latest.table(name));
        Ok(known.map(|known| Columns::stored(known.columns.clone()).schema()))
    }

    fn open(&mut self, name: &str, arrival: &Arrival) -> Result<(), DestinationError> {
        if matches!(arrival.write, Write::Merge | Write::Scd2) {
            return Err(self.failed(
                &format!("store `{name}`"),
                "files cannot be merged into by this version",
            ));
        }
        self.announced(name, &arrival.schema, arrival.write, self.format)
    }

    fn write(&mut self, name: &str, batch: RecordBatch) -> Result<(), DestinationError> {
        let key = name.to_ascii_lowercase();
        if self.open.as_ref().is_none_or(|(open, _)| *open != key) {
            self.settle()?;
            let part = self.part(&key)?;
            self.open = Some((key.clone(), part));
        }
        let action = format!("write rows of `{name}`");
        let fitted = self
            .tables
            .get(&key)
            .map(|table| table.shape.fit(&batch))
            .transpose();
        let fitted = fitted.map_err(|error| self.failed(&action, error))?;
        if let (Some((_, part)), Some(rows)) = (&mut self.open, fitted) {
            let written = part.encoder.write(&rows).map(|()| part.encoder.bytes());
            if written.map_err(|error| self.doing(&action, error))? >= PART_BYTES {
                self.settle()?;
            }
        }
        Ok(())
    }

    fn keys(&mut self, name: &str, _batch: RecordBatch) -> Result<(), DestinationError> {
        Err(self.failed(
            &format!("store the keys of `{name}`"),
            "nobody said that they would come",
        ))
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

    fn discard(&mut self, name: &str) -> Result<(), DestinationError> {
        let key = name.to_ascii_lowercase();
        if self.open.as_ref().is_some_and(|(open, _)| *open == key) {
            self.open = None;
        }
        // Its files are aside, and go when the load ends.
        self.tables.remove(&key);
        Ok(())
    }

    fn stored_rows(&mut self) -> Result<BTreeMap<String, u64>, DestinationError> {
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

    fn apply(&mut self) -> Result<BTreeMap<String, Effect>, DestinationError> {
        let effect = |written| Effect {
            written,
            ..Effect::default()
        };
        let stored = self.stored_rows()?;
        Ok(stored
            .into_iter()
            .map(|(table, rows)| (table, effect(rows)))
            .collect())
    }

    fn commit(mut self: Box<Self>, record: &LoadRecord) -> Result<(), DestinationError> {
        self.store_rejected()?;
        self.complete()?;
        self.move_into_place()
            .map_err(|error| self.doing("commit", error))?;
        let tables = self.tables.values().map(|table| manifest::Table {
            name: table.name.clone(),
            folder: table.folder.clone(),
            columns: table.columns.as_slice().to_vec(),
            files: table.kept.iter().chain(&table.written).cloned().collect(),
        });
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

/// Where a file is until it is moved to `path`.
fn staged(path: &str) -> io::Result<Path> {
    Path::parse(format!("{STAGED}/{path}")).map_err(io_error)
}

impl Drop for FilesLoad<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            tracing::warn!(%error, "what the load left is removed by the next one");
        }
    }
}
