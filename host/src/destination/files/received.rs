//! The keys that a load received for one table: a digest for each, and no row.

use std::collections::{HashMap, HashSet};
use std::io;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};

use super::digest::{Digest, Digester};
use super::io_error::invalid_data;
use super::row::{BatchRow, Row};
use crate::destination::columns::Columns;
use crate::destination::table_write::is_content_column;
use crate::destination::table_write::{DeletionSource, TableWrite};
use crate::model::{WriteDisposition, names};

/// Indices of the columns by which rows of a table are compared.
#[derive(Clone, Debug)]
pub(super) struct ComparedColumns {
    /// Each key column with its siblings.
    families: Vec<Vec<usize>>,
    /// Columns in which a change makes a new version. Empty if every received
    /// row is a change.
    content: Vec<usize>,
    /// Column of the time at which a row ended, if the destination fills it.
    end: Option<usize>,
    /// Column that is null in the first row of a group, if rows are grouped.
    group: Option<usize>,
}

impl ComparedColumns {
    /// Returns the compared columns of a table with these columns.
    pub(super) fn new(write: &TableWrite, columns: &Columns) -> Self {
        let indices = |family: Vec<String>| {
            let indices = family.iter().map(|name| columns.index_of(name));
            indices.flatten().collect()
        };
        let content = if write.disposition == WriteDisposition::Scd2 {
            let content = columns.names().enumerate();
            let content = content.filter(|(_, name)| is_content_column(name));
            content.map(|(index, _)| index).collect()
        } else {
            Vec::new()
        };
        Self {
            families: write.key_families().into_iter().map(indices).collect(),
            content,
            end: write.end_column().and_then(|name| columns.index_of(name)),
            group: write.group.as_ref().and_then(|name| columns.index_of(name)),
        }
    }

    /// Returns the indices of all compared columns.
    pub(super) fn indices(&self) -> Vec<usize> {
        let all = self.families.iter().flatten().chain(&self.content);
        all.chain(&self.end).copied().collect()
    }

    /// Index of the column of the time at which a row ended.
    pub(super) fn end(&self) -> Option<usize> {
        self.end
    }

    /// Returns the digest of the key of a row, or `None` if a value of it is
    /// missing.
    pub(super) fn key(&self, row: &dyn Row) -> io::Result<Option<Digest>> {
        let mut digester = Digester::default();
        for family in &self.families {
            let mut missing = true;
            for column in family {
                if let Some(value) = row.value(*column)? {
                    digester.add(*column, &value);
                    missing = false;
                }
            }
            if missing {
                return Ok(None);
            }
        }
        Ok(Some(digester.finish()))
    }

    /// Returns the digest of the content of a row, or `None` if content is not
    /// compared.
    pub(super) fn content(&self, row: &dyn Row) -> io::Result<Option<Digest>> {
        if self.content.is_empty() {
            return Ok(None);
        }
        let mut digester = Digester::default();
        for column in &self.content {
            if let Some(value) = row.value(*column)? {
                digester.add(*column, &value);
            }
        }
        Ok(Some(digester.finish()))
    }

    /// Returns true if a row ended in an earlier load.
    pub(super) fn has_ended(&self, row: &dyn Row) -> io::Result<bool> {
        match self.end {
            Some(end) => Ok(row.value(end)?.is_some()),
            None => Ok(false),
        }
    }
}

/// The last received row of a key, or its last group.
#[derive(Clone, Debug)]
pub(super) struct LastRow {
    /// Number of rows of the table that were received before the row. For a
    /// group, before the row that follows its first row.
    pub(super) index: u64,
    pub(super) content: Option<Digest>,
    /// True if the row is flagged as deleted.
    pub(super) deleted: bool,
    /// True if the table already holds the row.
    pub(super) unchanged: bool,
}

/// The keys that a load received for one table.
#[derive(Debug, Default)]
pub(super) struct ReceivedKeys {
    /// The last row of each key.
    pub(super) rows: HashMap<Digest, LastRow>,
    /// The keys of all rows in the source, if they were sent.
    pub(super) keys: HashSet<Digest>,
    row_count: u64,
    rows_without_key: u64,
    keys_without_key: u64,
}

impl ReceivedKeys {
    /// Adds the keys of rows.
    pub(super) fn add_rows(
        &mut self,
        batch: &RecordBatch,
        sources: &[Option<usize>],
        compared: &ComparedColumns,
        deletion_source: DeletionSource,
    ) -> io::Result<()> {
        let flags = if deletion_source == DeletionSource::Flagged {
            let flags = batch.column_by_name(names::IS_DELETED);
            let flags = flags.and_then(|flags| flags.as_boolean_opt());
            Some(flags.ok_or_else(|| {
                invalid_data(format!("a batch lacks column `{}`", names::IS_DELETED))
            })?)
        } else {
            None
        };
        for row in 0..batch.num_rows() {
            let mut index = self.row_count;
            self.row_count += 1;
            let deleted = flags.is_some_and(|flags| flags.is_valid(row) && flags.value(row));
            let row = BatchRow {
                batch,
                sources,
                row,
            };
            let Some(key) = compared.key(&row)? else {
                self.rows_without_key += 1;
                continue;
            };
            if let Some(group) = compared.group {
                let begins = row.value(group)?.is_none();
                if !begins && self.rows.contains_key(&key) {
                    continue;
                }
                index += u64::from(begins);
            }
            let last = LastRow {
                index,
                content: compared.content(&row)?,
                deleted,
                unchanged: false,
            };
            self.rows.insert(key, last);
        }
        Ok(())
    }

    /// Adds keys of rows that are in the source.
    pub(super) fn add_keys(
        &mut self,
        batch: &RecordBatch,
        sources: &[Option<usize>],
        compared: &ComparedColumns,
    ) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            let row = BatchRow {
                batch,
                sources,
                row,
            };
            match compared.key(&row)? {
                Some(key) => {
                    self.keys.insert(key);
                }
                None => self.keys_without_key += 1,
            }
        }
        Ok(())
    }

    /// Number of rows, or else of keys, that lack a value of their key.
    pub(super) fn without_key(&self) -> u64 {
        if self.rows_without_key > 0 {
            self.rows_without_key
        } else {
            self.keys_without_key
        }
    }

    /// Number of rows that were followed by another row of the same key.
    pub(super) fn superseded(&self) -> u64 {
        self.row_count - self.rows.len() as u64
    }
}
