//! Table that is read by the change feed: all rows the first time, then the
//! changes since. Sends no requests.
//!
//! The end of the read is determined before any row is read. Where there is no
//! transaction, changes in the meantime are read again by the next read. This
//! is harmless, because the last state of each key counts.

use crate::changes::change::ChangeId;
use crate::changes::feed::FeedExtent;
use crate::changes::history::{self, Alteration, KnownTable};
use crate::changes::row::RecordLayout;
use crate::cursor::database::moved_from;
use crate::cursor::{self, Cursor, DatabaseIdentity, FeedPosition, LastRow};
use crate::database::catalog::CHANGES;
use crate::database::table::{Key, Table};
use crate::error::{Category, Error, Result};
use crate::rows::columns::ColumnSpec;
use crate::rows::value::Value;
use crate::selection::Selection;

/// Table that is read by the change feed.
#[derive(Clone, Debug)]
pub struct FollowedTable {
    /// Table of the catalogue.
    pub(super) table: Table,
    primary_key: Vec<String>,
    /// Position at which the last read ended; `None` before the first.
    pub(super) from: Option<FeedPosition>,
    /// Position at which this read ends.
    pub(super) end: FeedPosition,
    /// Database that is read.
    database: Option<DatabaseIdentity>,
    /// Database of the cursor, if it is not the one that is read.
    moved_from: Option<DatabaseIdentity>,
}

/// Present state of a table, as the server reports it.
#[derive(Debug, Default)]
pub(super) struct TableState {
    /// Row id of the table in the schema table.
    pub(super) schema_entry: Option<i64>,
    /// Time of the change at which the last read ended.
    pub(super) last_change_time: Option<i64>,
    /// Last changes up to that one, if another database was read before.
    pub(super) last_changes: Vec<LastRow>,
    /// Names and defaults of the columns.
    pub(super) defaults: Vec<Vec<Value>>,
}

impl FollowedTable {
    /// Creates the read that a selection requests.
    ///
    /// # Errors
    /// A config error if the feed does not record the table, or if the selection
    /// or the saved cursor does not suit it.
    pub fn new(
        table: &Table,
        has_feed: bool,
        primary_key: &[String],
        selection: &Selection,
    ) -> Result<Self> {
        let name = &table.name;
        let refuse =
            |problem: &str, hint: &str| Err(Error::config(format!("`{name}` {problem}"), hint));
        if !has_feed {
            return refuse(
                &format!(
                    "cannot be followed: the database has no change feed (the table `{CHANGES}`)"
                ),
                "set `mode` to `incremental`. Only Turso's new engine has such a feed, and it records \
                 only changes of connections that have run PRAGMA capture_data_changes_conn('full')",
            );
        }
        if !can_be_followed(table) {
            return refuse(
                "is not recorded row by row in the change feed",
                "use another `mode`; views, virtual and WITHOUT ROWID tables and tables with generated \
                 columns cannot be followed",
            );
        }
        if primary_key.is_empty() {
            return refuse(
                "has no primary key, which the change feed needs",
                "set `primary_key` to columns that identify a row",
            );
        }
        if selection.filter.is_some() {
            return refuse(
                "is read by the change feed, which does not support a condition",
                "remove `where`, or set `mode` to `incremental`",
            );
        }
        let saved = selection.cursor.as_ref();
        let from = match saved.filter(|cursor| cursor.is_resumable()) {
            None => None,
            Some(Cursor {
                feed: Some(position),
                key,
                ..
            }) if key == primary_key => Some(position.clone()),
            Some(_) => {
                return refuse(
                    "has a cursor of another mode or key",
                    &cursor::full_refresh(name),
                );
            }
        };
        Ok(Self {
            table: table.clone(),
            primary_key: primary_key.to_vec(),
            from,
            end: FeedPosition::default(),
            database: selection.database.clone(),
            moved_from: moved_from(
                saved.and_then(|cursor| cursor.database.as_ref()),
                selection.database.as_ref(),
            ),
        })
    }

    /// Returns the layout of the table's records.
    pub(super) fn layout(&self, columns: &[ColumnSpec]) -> Result<RecordLayout> {
        let min_values = self.from.as_ref().map_or(0, |from| from.columns.len());
        RecordLayout::new(&self.table, columns, &self.primary_key, min_values)
    }

    /// Returns the cursor at a position in the feed.
    pub(super) fn cursor(&self, position: FeedPosition) -> Cursor {
        Cursor {
            cursor_column: Some(CHANGES.to_owned()),
            key: self.primary_key.clone(),
            feed: Some(position),
            database: self.database.clone(),
            ..Cursor::default()
        }
    }

    /// Returns the number up to which the last changes are looked up, because
    /// another database was read before.
    pub(super) fn unproved_number(&self) -> Option<i64> {
        let from = self.from.as_ref();
        from.filter(|_| self.moved_from.is_some())
            .map(|from| from.number)
    }

    /// Checks that the feed is the one that was read, if its database is not at
    /// the same place. Changes that were read may have been removed since.
    fn check_database(&self, from: &FeedPosition, changes: &[LastRow]) -> Result<()> {
        let Some((saved, read)) = self.moved_from.as_ref().zip(self.database.as_ref()) else {
            return Ok(());
        };
        let is_known = |change: &LastRow| from.last_changes.contains(change);
        if !changes.is_empty() && changes.iter().all(is_known) {
            return Ok(());
        }
        let reason = "the last changes that were read are not in its change feed";
        Err(saved.mismatch(&self.table.name, read, reason))
    }

    /// Sets the end of the read, and checks that the feed holds every change
    /// since the last read.
    ///
    /// # Errors
    /// A data error if a full refresh is necessary.
    pub(super) fn set_end(
        &mut self,
        extent: &FeedExtent,
        last_changes: &[LastRow],
        state: &TableState,
        alterations: &[(i64, Alteration)],
    ) -> Result<()> {
        let Some(schema_entry) = state.schema_entry else {
            return Err(Error::new(
                Category::NotFound,
                format!("`{}` no longer exists", self.table.name),
            ));
        };
        let columns = self.table.columns.iter();
        self.end = FeedPosition {
            number: extent.end.number,
            time: extent.end.time,
            schema_entry,
            columns: columns.map(|column| column.name.clone()).collect(),
            last_changes: last_changes.to_vec(),
        };
        let Some(from) = &self.from else {
            return Ok(());
        };
        self.check_database(from, &state.last_changes)?;
        let last_change = ChangeId {
            number: from.number,
            time: from.time,
        };
        extent.check_continuity(&self.table.name, last_change, state.last_change_time)?;
        let known = KnownTable {
            schema_entry: from.schema_entry,
            columns: from.columns.clone(),
        };
        let since: Vec<_> = alterations
            .iter()
            .filter(|(number, _)| *number > from.number)
            .map(|(_, alteration)| alteration.clone())
            .collect();
        history::check_table(&self.table, &known, state.schema_entry, &since)?;
        history::check_defaults(&self.table, &known, &state.defaults)
    }
}

/// Returns true if the feed records the rows of a table in the order of its
/// columns.
#[must_use]
pub fn can_be_followed(table: &Table) -> bool {
    matches!(table.key(), Some(Key::Alias(_) | Key::RowId(_)))
        && table.columns.iter().all(|column| !column.is_generated)
}
