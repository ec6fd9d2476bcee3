//! The keys that a load received for one table: a digest for each, and no row.

use std::collections::{HashMap, HashSet};
use std::io;

use arrow_array::cast::AsArray;
use arrow_array::{Array, Int64Array, RecordBatch};

use super::digest::{Digest, Digester};
use super::io_error::invalid_data;
use super::rank::{Rank, RankColumn};
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
    /// Column by which rows of one key are ordered; `None` if the last one
    /// counts.
    rank: Option<RankColumn>,
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
            group: write
                .group
                .as_ref()
                .and_then(|group| columns.index_of(&group.index)),
            rank: RankColumn::new(write, columns),
        }
    }

    /// Returns the indices of all compared columns.
    pub(super) fn indices(&self) -> Vec<usize> {
        let all = self.families.iter().flatten().chain(&self.content);
        let all = all.chain(&self.end).copied();
        all.chain(self.rank.iter().flat_map(RankColumn::indices))
            .collect()
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

    /// Returns the rank of a row among those of its key, or `None` if the last
    /// one counts.
    pub(super) fn rank(&self, row: &dyn Row) -> io::Result<Option<Box<Rank>>> {
        let rank = self.rank.as_ref();
        rank.map(|rank| rank.rank(row).map(Box::new)).transpose()
    }

    /// True if stored rows have a rank too.
    pub(super) fn ranks_stored_rows(&self) -> bool {
        self.rank.as_ref().is_some_and(|rank| rank.includes_stored)
    }

    /// Returns true if a row ended in an earlier load.
    pub(super) fn has_ended(&self, row: &dyn Row) -> io::Result<bool> {
        match self.end {
            Some(end) => Ok(row.value(end)?.is_some()),
            None => Ok(false),
        }
    }
}

/// The received row of a key, or its group, that supersedes the others.
#[derive(Clone, Debug)]
pub(super) struct ReceivedRow {
    /// Number of rows of the table that were received before the row. For a
    /// group, before the row that follows its first row.
    pub(super) index: u64,
    /// Number of rows that were received when the row or the group was complete.
    pub(super) end: u64,
    pub(super) content: Option<Digest>,
    pub(super) rank: Option<Box<Rank>>,
    /// True if a row of the key has a value that does not compare, so that the
    /// last row counts.
    incomparable: bool,
    pub(super) state: RowState,
}

/// The relation of a received row to the rows that the table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RowState {
    /// The table does not hold the row.
    New,
    /// The row is flagged as deleted.
    Deleted,
    /// The table already holds the row.
    Unchanged,
    /// The table holds a row that is newer.
    Older,
}

/// A received group.
#[derive(Clone, Debug)]
struct Group {
    key: Digest,
    /// Number of rows of the parent table that were received before the parent
    /// row.
    parent: i64,
    index: u64,
    end: u64,
}

/// The keys that a load received for one table.
#[derive(Debug, Default)]
pub(super) struct ReceivedKeys {
    /// The row or group of each key that supersedes the others.
    pub(super) rows: HashMap<Digest, ReceivedRow>,
    /// The keys of all rows in the source, if they were sent.
    pub(super) keys: HashSet<Digest>,
    /// All groups, until those of superseded parent rows are known.
    groups: Vec<Group>,
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
            let index = self.row_count;
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
            let rank = compared.rank(&row)?;
            let mut incomparable = matches!(rank.as_deref(), Some(Rank::Incomparable));
            if let Some(known) = self.rows.get_mut(&key) {
                incomparable |= known.incomparable;
                if let (Some(known), Some(rank)) = (&known.rank, &rank)
                    && !incomparable
                    && known.is_after(rank)
                {
                    continue;
                }
            }
            let received = ReceivedRow {
                index,
                end: self.row_count,
                content: compared.content(&row)?,
                rank,
                incomparable,
                state: if deleted {
                    RowState::Deleted
                } else {
                    RowState::New
                },
            };
            self.rows.insert(key, received);
        }
        Ok(())
    }

    /// Adds the keys of rows that form groups. `parents` has the numbers of
    /// their parent rows.
    pub(super) fn add_child_rows(
        &mut self,
        batch: &RecordBatch,
        sources: &[Option<usize>],
        compared: &ComparedColumns,
        parents: &Int64Array,
    ) -> io::Result<()> {
        if parents.len() != batch.num_rows() {
            return Err(invalid_data("a batch has rows without a parent row"));
        }
        for (row, parent) in parents.values().iter().enumerate() {
            let mut index = self.row_count;
            self.row_count += 1;
            let row = BatchRow {
                batch,
                sources,
                row,
            };
            let Some(key) = compared.key(&row)? else {
                self.rows_without_key += 1;
                continue;
            };
            let last = self.groups.last_mut();
            if let Some(group) = last.filter(|group| group.parent == *parent && group.key == key) {
                group.end = self.row_count;
                continue;
            }
            if let Some(group) = compared.group {
                index += u64::from(row.value(group)?.is_none());
            }
            self.groups.push(Group {
                key,
                parent: *parent,
                index,
                end: self.row_count,
            });
        }
        Ok(())
    }

    /// Keeps the groups of these parent rows.
    pub(super) fn keep_groups(&mut self, parents: &HashSet<u64>) {
        let is_kept = |group: &Group| {
            u64::try_from(group.parent).is_ok_and(|parent| parents.contains(&parent))
        };
        for group in std::mem::take(&mut self.groups) {
            if is_kept(&group) {
                let received = ReceivedRow {
                    index: group.index,
                    end: group.end,
                    content: None,
                    rank: None,
                    incomparable: false,
                    state: RowState::New,
                };
                self.rows.insert(group.key, received);
            }
        }
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

    /// Number of rows that another row of their key supersedes, received or
    /// stored.
    pub(super) fn superseded(&self) -> u64 {
        let rows = self.rows.values();
        let older = rows.filter(|received| received.state == RowState::Older);
        self.row_count - self.rows.len() as u64 + older.count() as u64
    }

    /// Returns the rows that no other row supersedes, by their numbers.
    pub(super) fn remaining(&self) -> HashSet<u64> {
        let rows = self.rows.values();
        let remaining = rows.filter(|received| received.state != RowState::Older);
        remaining.map(|received| received.index).collect()
    }
}
