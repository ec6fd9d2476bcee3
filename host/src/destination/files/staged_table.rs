//! A table that a load writes: its columns, its files, and the keys that the
//! load received.

use std::collections::HashSet;
use std::io;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};

use super::data_file;
use super::manifest::{ManifestFile, ManifestTable};
use super::merge::Merge;
use super::received::{ComparedColumns, ReceivedKeys};
use crate::destination::batch_mapping::BatchMapping;
use crate::destination::columns::{ColumnError, Columns};
use crate::destination::names;
use crate::destination::table_write::{TableWrite, WriteStats};
use crate::model::{FileFormat, UnreadPart, WriteDisposition};

/// A table that a load writes. Its files are staged until the commit.
pub(super) struct StagedTable {
    pub(super) name: String,
    pub(super) folder: String,
    /// Prefix of the names of its files.
    prefix: String,
    pub(super) format: FileFormat,
    pub(super) write: TableWrite,
    pub(super) columns: Columns,
    pub(super) mapping: BatchMapping,
    /// Files of earlier loads that stay.
    pub(super) kept: Vec<ManifestFile>,
    /// Existing table that the load replaces.
    pub(super) replaced: Option<ManifestTable>,
    /// Stored rows that stay because their part of the source was not read.
    pub(super) unread: Option<UnreadPart>,
    /// Files of this load.
    pub(super) written: Vec<ManifestFile>,
    /// Number of the first of these files that lack columns of the table.
    pub(super) narrow_files: usize,
    /// Keys that were received, if rows are compared. Taken by the merge.
    received: Option<Received>,
    /// Number of files that this load has begun.
    begun_files: usize,
    /// Result of the combination with earlier rows, once it is complete.
    pub(super) applied: Option<Applied>,
}

/// A table that was combined with its earlier rows.
pub(super) struct Applied {
    pub(super) stats: WriteStats,
    /// Number of rows that the load received.
    pub(super) received_rows: u64,
    /// Numbers of the received rows that no other row supersedes, if they may be
    /// parent rows.
    pub(super) remaining: Option<Arc<HashSet<u64>>>,
}

/// The keys that were received for a table, and how they are compared.
struct Received {
    compared: ComparedColumns,
    keys: ReceivedKeys,
    /// True if the table held rows before, and they are not replaced.
    has_earlier_rows: bool,
}

impl StagedTable {
    /// Creates a table that the last manifest describes as `existing`.
    pub(super) fn new(
        name: &str,
        format: FileFormat,
        write: &TableWrite,
        existing: Option<&ManifestTable>,
        prefix: &str,
    ) -> Self {
        let is_full = write.full_refresh || write.disposition == WriteDisposition::Replace;
        let (kept, replaced) = if is_full {
            (None, existing)
        } else {
            (existing, None)
        };
        let columns = kept.map(|kept| Columns::from_stored(kept.columns.clone()));
        let columns = columns.unwrap_or_default();
        let received = write.compares_keys().then(|| Received {
            compared: ComparedColumns::new(write, &columns),
            keys: ReceivedKeys::default(),
            has_earlier_rows: kept.is_some(),
        });
        Self {
            name: name.to_owned(),
            folder: existing.map_or_else(|| names::folder(name), |table| table.folder.clone()),
            prefix: prefix.to_owned(),
            format,
            write: write.clone(),
            mapping: BatchMapping::new(&write.schema, &columns),
            columns,
            kept: kept.map(|kept| kept.files.clone()).unwrap_or_default(),
            replaced: replaced.cloned(),
            unread: None,
            written: Vec::new(),
            narrow_files: 0,
            received,
            begun_files: 0,
            applied: None,
        }
    }

    /// Adds the incoming columns that the table lacks. Returns true if there
    /// were any.
    pub(super) fn add_columns(
        &mut self,
        write: &TableWrite,
        incoming: &Columns,
    ) -> Result<bool, ColumnError> {
        let added = self.columns.add_missing(incoming)?;
        self.mapping = BatchMapping::new(&write.schema, &self.columns);
        if let Some(received) = &mut self.received {
            received.compared = ComparedColumns::new(write, &self.columns);
        }
        self.write = write.clone();
        Ok(!added.is_empty())
    }

    /// Adds the keys of received rows.
    pub(super) fn add_row_keys(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let (sources, source) = (self.mapping.sources(), self.write.deletion_source);
        match &mut self.received {
            Some(received) => received
                .keys
                .add_rows(batch, sources, &received.compared, source),
            None => Ok(()),
        }
    }

    /// Adds the keys of received rows that form groups.
    pub(super) fn add_child_row_keys(
        &mut self,
        batch: &RecordBatch,
        parents: &Int64Array,
    ) -> io::Result<()> {
        let sources = self.mapping.sources();
        match &mut self.received {
            Some(received) => {
                let keys = &mut received.keys;
                keys.add_child_rows(batch, sources, &received.compared, parents)
            }
            None => Ok(()),
        }
    }

    /// Keeps the received groups of these parent rows.
    pub(super) fn keep_groups(&mut self, parents: &HashSet<u64>) {
        if let Some(received) = &mut self.received {
            received.keys.keep_groups(parents);
        }
    }

    /// Adds keys of rows that are in the source.
    pub(super) fn add_source_keys(&mut self, batch: &RecordBatch) -> io::Result<()> {
        let mapping = BatchMapping::new(&batch.schema(), &self.columns);
        match &mut self.received {
            Some(received) => received
                .keys
                .add_keys(batch, mapping.sources(), &received.compared),
            None => Ok(()),
        }
    }

    /// Number of rows that the load received, by the files that hold them.
    pub(super) fn received_rows(&self) -> u64 {
        let staged = || self.written.iter().map(|file| file.rows).sum();
        let applied = self.applied.as_ref();
        applied.map_or_else(staged, |applied| applied.received_rows)
    }

    /// Number of received rows or keys that lack a value of their key.
    pub(super) fn rows_without_key(&self) -> u64 {
        let received = self.received.as_ref();
        received.map_or(0, |received| received.keys.without_key())
    }

    /// Returns true if received rows are still to be merged.
    pub(super) fn is_unmerged(&self) -> bool {
        self.received.is_some()
    }

    /// Returns the path of the next file.
    pub(super) fn next_path(&mut self, format: FileFormat) -> String {
        let number = self.begun_files;
        self.begun_files += 1;
        let (folder, prefix, ending) = (&self.folder, &self.prefix, data_file::ending(format));
        format!("{folder}/{prefix}-{number:05}.{ending}")
    }

    /// Returns the merge of the received rows and keys, after all were received.
    pub(super) fn take_merge(&mut self) -> Option<(ComparedColumns, Merge)> {
        let received = self.received.take()?;
        let merge = Merge {
            received: received.keys,
            disposition: self.write.disposition,
            deletion_source: self.write.deletion_source,
            deletion_mode: self.write.deletion_mode,
            grouped: self.write.group.is_some(),
            ranks_stored_rows: received.compared.ranks_stored_rows(),
            has_earlier_rows: received.has_earlier_rows,
        };
        Some((received.compared, merge))
    }

    /// Returns the entry of the table in the manifest.
    pub(super) fn manifest_entry(&self) -> ManifestTable {
        ManifestTable {
            name: self.name.clone(),
            folder: self.folder.clone(),
            columns: self.columns.as_slice().to_vec(),
            files: self.kept.iter().chain(&self.written).cloned().collect(),
        }
    }
}
