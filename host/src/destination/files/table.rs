//! A table that a load writes: its columns, its files, and what came.

use std::io;

use arrow_array::RecordBatch;

use super::arrived::{Arrived, Compared};
use super::merge::Merge;
use super::{folder, manifest, part};
use crate::destination::TableWrite;
use crate::destination::columns::{ColumnError, Columns, Shape};
use crate::model::{FileFormat, LoadId, UnreadPart, WriteDisposition};

/// A table that a load writes.
pub(super) struct Table {
    pub(super) name: String,
    folder: String,
    pub(super) format: FileFormat,
    pub(super) write: TableWrite,
    pub(super) columns: Columns,
    pub(super) shape: Shape,
    /// Files of older loads that stay.
    pub(super) kept: Vec<manifest::File>,
    /// Files of a table that gives way, and its columns.
    pub(super) replaced: Option<manifest::Table>,
    /// Rows that are there and stay, because their part was not read.
    pub(super) unread: Option<UnreadPart>,
    /// Files of this load.
    pub(super) written: Vec<manifest::File>,
    /// What came, if rows are told apart.
    pub(super) came: Option<Came>,
    /// How many files this load has begun.
    begun: usize,
}

/// What came into a table whose rows are told apart.
pub(super) struct Came {
    pub(super) compared: Compared,
    pub(super) arrived: Arrived,
    /// Whether the table was there, and does not give way.
    beside: bool,
}

impl Table {
    /// A table of this name, of which the last manifest says what is `known`.
    pub(super) fn new(
        name: &str,
        format: FileFormat,
        table_write: &TableWrite,
        known: Option<&manifest::Table>,
    ) -> Self {
        let stays = known.filter(|_| {
            table_write.disposition != WriteDisposition::Replace && !table_write.full_refresh
        });
        let columns = stays.map(|known| Columns::stored(known.columns.clone()));
        let columns = columns.unwrap_or_default();
        let came = table_write.compares().then(|| Came {
            compared: Compared::new(table_write, &columns),
            arrived: Arrived::default(),
            beside: stays.is_some(),
        });
        Self {
            name: name.to_owned(),
            folder: known.map_or_else(|| folder::name(name), |known| known.folder.clone()),
            format,
            write: table_write.clone(),
            shape: Shape::new(&table_write.schema, &columns),
            columns,
            kept: stays.map(|known| known.files.clone()).unwrap_or_default(),
            replaced: known.filter(|_| stays.is_none()).cloned(),
            unread: None,
            written: Vec::new(),
            came,
            begun: 0,
        }
    }

    /// Takes the columns that come, and says whether some are new.
    pub(super) fn widen(
        &mut self,
        table_write: &TableWrite,
        incoming: &Columns,
    ) -> Result<bool, ColumnError> {
        let added = self.columns.extend(incoming)?;
        self.shape = Shape::new(&table_write.schema, &self.columns);
        if let Some(came) = &mut self.came {
            came.compared = Compared::new(table_write, &self.columns);
        }
        self.write = table_write.clone();
        Ok(!added.is_empty())
    }

    /// Notes what rows bring by which they are told apart.
    pub(super) fn note(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let (sources, deletion_source) = (self.shape.sources(), self.write.deletion_source);
        match &mut self.came {
            Some(came) => came
                .arrived
                .rows(batch, sources, &came.compared, deletion_source),
            None => Ok(()),
        }
    }

    /// Notes keys of all rows that there are.
    pub(super) fn note_keys(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let shape = Shape::new(&batch.schema(), &self.columns);
        match &mut self.came {
            Some(came) => came.arrived.keys(batch, shape.sources(), &came.compared),
            None => Ok(()),
        }
    }

    /// How many rows or keys came that nothing tells apart.
    pub(super) fn without_key(&self) -> u64 {
        let came = self.came.as_ref();
        came.map_or(0, |came| came.arrived.without_key())
    }

    /// Whether what came is still to be brought together with what is there.
    pub(super) fn is_waiting(&self) -> bool {
        self.came.is_some()
    }

    /// The path of the next file.
    pub(super) fn next_path(&mut self, load: &LoadId, format: FileFormat) -> String {
        let number = self.begun;
        self.begun += 1;
        let (folder, ending) = (&self.folder, part::ending(format));
        format!("{folder}/{load}-{number:05}.{ending}")
    }

    /// What came, once all has.
    pub(super) fn take_merge(&mut self) -> Option<(Compared, Merge)> {
        let came = self.came.take()?;
        let merge = Merge {
            arrived: came.arrived,
            write: self.write.disposition,
            deletion_source: self.write.deletion_source,
            deletes: self.write.deletion_mode,
            groups: self.write.group.is_some(),
            beside: came.beside,
        };
        Some((came.compared, merge))
    }

    /// As the manifest has it.
    pub(super) fn entry(&self) -> manifest::Table {
        manifest::Table {
            name: self.name.clone(),
            folder: self.folder.clone(),
            columns: self.columns.as_slice().to_vec(),
            files: self.kept.iter().chain(&self.written).cloned().collect(),
        }
    }
}
