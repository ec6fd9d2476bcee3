//! What came with a load, as far as rows are told apart: a digest for each
//! key, and never a row.

use std::collections::{HashMap, HashSet};
use std::io;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};

use super::digest::{Digest, Digester};
use super::value::{InBatch, Row};
use crate::destination::columns::Columns;
use crate::destination::{DeletionSource, TableWrite};
use crate::model::{WriteDisposition, names};

/// The columns that tell the rows of a table apart, and those in which a
/// change counts, by their places in the table.
#[derive(Clone, Debug)]
pub(super) struct Compared {
    families: Vec<Vec<usize>>,
    /// Empty where every row that comes is a change.
    content: Vec<usize>,
    /// The one that says when a row went, if the destination says so.
    own: Option<usize>,
    /// The one that is null in the row with which a group begins, if rows
    /// come in groups.
    group: Option<usize>,
}

impl Compared {
    /// Those of a table with these columns.
    pub(super) fn new(table_write: &TableWrite, columns: &Columns) -> Self {
        let not_content = [
            names::LOAD_ID,
            names::VALID_FROM,
            names::VALID_TO,
            names::IS_DELETED,
        ];
        let places = |family: Vec<String>| {
            let places = family.iter().map(|name| columns.place(name));
            places.flatten().collect()
        };
        let content = columns.as_slice().iter().enumerate();
        let content = content
            .filter(|(_, column)| {
                table_write.disposition == WriteDisposition::Scd2
                    && !not_content.contains(&column.name.as_str())
            })
            .map(|(place, _)| place);
        Self {
            families: table_write.key_families().into_iter().map(places).collect(),
            content: content.collect(),
            own: table_write.own_column().and_then(|own| columns.place(own)),
            group: table_write
                .group
                .as_ref()
                .and_then(|group| columns.place(group)),
        }
    }

    /// All columns that are looked at.
    pub(super) fn places(&self) -> Vec<usize> {
        let all = self.families.iter().flatten().chain(&self.content);
        all.chain(&self.own).copied().collect()
    }

    /// The one that says when a row went.
    pub(super) fn own(&self) -> Option<usize> {
        self.own
    }

    /// What a row is told apart by, or none if it cannot be.
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

    /// What is compared to see whether a row has changed.
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

    /// Whether a row has gone before.
    pub(super) fn went(&self, row: &dyn Row) -> io::Result<bool> {
        match self.own {
            Some(own) => Ok(row.value(own)?.is_some()),
            None => Ok(false),
        }
    }
}

/// The last row of a key, or its last group.
#[derive(Clone, Debug)]
pub(super) struct Last {
    /// How many rows of the table came before it. Of a group, before the
    /// first row that is more than its beginning.
    pub(super) at: u64,
    pub(super) content: Option<Digest>,
    /// Whether it says that it is deleted.
    pub(super) deleted: bool,
    /// Whether it is there already, as it is.
    pub(super) same: bool,
}

/// The keys that came with a load into one table.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    pub(super) rows: HashMap<Digest, Last>,
    /// The keys of all rows that there are, if they came.
    pub(super) keys: HashSet<Digest>,
    /// How many rows came.
    count: u64,
    rows_without_key: u64,
    keys_without_key: u64,
}

impl Arrived {
    /// Notes rows.
    pub(super) fn rows(
        &mut self,
        batch: &RecordBatch,
        sources: &[Option<usize>],
        compared: &Compared,
        deletion_source: DeletionSource,
    ) -> io::Result<()> {
        let flags = match deletion_source {
            DeletionSource::Flagged => {
                let flags = batch.column_by_name(names::IS_DELETED);
                let flags = flags.and_then(|flags| flags.as_boolean_opt());
                Some(flags.ok_or_else(|| {
                    io::Error::new(
                        io::ErrorKind::InvalidData,
                        format!("a batch lacks column `{}`", names::IS_DELETED),
                    )
                })?)
            }
            _ => None,
        };
        for row in 0..batch.num_rows() {
            let at = self.count;
            self.count += 1;
            let deleted = flags.is_some_and(|flags| flags.is_valid(row) && flags.value(row));
            let row = InBatch {
                batch,
                sources,
                row,
            };
            let Some(key) = compared.key(&row)? else {
                self.rows_without_key += 1;
                continue;
            };
            let mut at = at;
            if let Some(group) = compared.group {
                let begins = row.value(group)?.is_none();
                if !begins && self.rows.contains_key(&key) {
                    continue;
                }
                at += u64::from(begins);
            }
            let last = Last {
                at,
                content: compared.content(&row)?,
                deleted,
                same: false,
            };
            self.rows.insert(key, last);
        }
        Ok(())
    }

    /// Notes keys of all rows that there are.
    pub(super) fn keys(
        &mut self,
        batch: &RecordBatch,
        sources: &[Option<usize>],
        compared: &Compared,
    ) -> io::Result<()> {
        for row in 0..batch.num_rows() {
            let row = InBatch {
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

    /// How many rows came, or else keys, that nothing tells apart.
    pub(super) fn without_key(&self) -> u64 {
        if self.rows_without_key > 0 {
            self.rows_without_key
        } else {
            self.keys_without_key
        }
    }

    /// How many rows were followed by others of the same key.
    pub(super) fn superseded(&self) -> u64 {
        self.count - self.rows.len() as u64
    }
}
