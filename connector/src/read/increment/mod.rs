//! Incremental read of a table: which passes read the rows after the cursor, and
//! what the next cursor holds. Sends no requests; what has to be known of the
//! server is passed in.
//!
//! - If an index has the cursor column, rows are read in its order, and the read
//!   can resume after every page. Without an index the server would scan the
//!   table for every page. The table is then read in the order of its key.
//! - Rows are merged, or appended (`idempotent` is false). A merge reads all rows
//!   from the last value on again, because more of them may have arrived. A read
//!   that appends leaves out the rows that it knows ([`known`]).
//! - Each storage class has its own position ([`range`]), which [`tracker`] moves
//!   over the rows that are received.
//! - The last rows that were read are remembered ([`tail`]). They show if the table
//!   still is the one that was read ([`continuity`]).
//! - Rows without a value in the cursor column are read separately, in the order
//!   of their key.
//! - Times in text have to have one form ([`time_forms`]), unless a lag makes up
//!   for others.
//! - [`resume`] finds where a read starts, and [`passes`] builds its statements.
//! - [`bounds`] limit the values that are read. If a merge has both bounds and a
//!   cursor, it reads the rows between them again, and the cursor stays.

mod bounds;
mod continuity;
mod known;
mod lag;
mod mismatch;
mod passes;
mod range;
mod resume;
mod tail;
mod time_forms;
mod time_unit;
mod tracker;

use self::bounds::Bounds;
pub use self::continuity::{Checked, ContinuityCheck};
use self::known::Known;
use self::lag::ColumnLag;
use self::range::value_of;
use self::resume::{find_column, resume_from};
use self::tail::Tail;
use self::time_forms::TimeForms;
pub use self::tracker::CursorTracker;
use self::tracker::RowLayout;
use crate::cursor::database::moved_from;
use crate::cursor::{CommitPosition, Cursor, DatabaseIdentity, RowPosition};
use crate::database::identifier::quote;
use crate::database::table::{Key, Table};
use crate::error::{Error, Result};
use crate::hrana::request::Statement;
use crate::rows::columns::ColumnSpec;
use crate::rows::value::Value;
use crate::selection::Selection;

/// Maximum number of columns of a row that are digested.
const MAX_DIGESTED_COLUMNS: usize = 100;

/// Incremental read of a table.
#[derive(Clone, Debug)]
pub struct Increment {
    table: Table,
    key: Key,
    /// Columns that identify a row, if the key may change.
    identity: Option<Key>,
    columns: Vec<ColumnSpec>,
    cursor_column: Option<String>,
    filter: Option<String>,
    lag: Option<ColumnLag>,
    bounds: Bounds,
    idempotent: bool,
    /// True if the host has no cursor yet.
    is_first: bool,
    /// Cursor after which the read starts.
    from: Cursor,
    /// Rows that must not be read again, if there is a cursor column.
    known: Option<Known>,
    /// Last rows of the read before.
    tail: Tail,
    /// Columns whose values are digested.
    digested: Vec<String>,
    /// Forms of the times so far. `None` if several forms are permitted.
    forms: Option<TimeForms>,
    /// Database of the cursor, if it is not the one that is read.
    moved_from: Option<DatabaseIdentity>,
    /// False if a read by key has no rows to read.
    has_new_rows: bool,
    /// Estimated number of rows to read, if a check has found it.
    pub estimated_rows: Option<u64>,
    /// Commit up to which everything is read at the end.
    pub commit: Option<CommitPosition>,
}

impl Increment {
    /// Creates the incremental read that a selection requests.
    ///
    /// # Errors
    /// A config error if the table or the saved cursor does not permit it.
    pub fn new(table: &Table, columns: &[ColumnSpec], selection: &Selection) -> Result<Self> {
        let name = &table.name;
        let Some(key) = table.key() else {
            return Err(Error::config(
                format!("`{name}` has no key for an incremental read"),
                "set `mode` to `full`",
            ));
        };
        let cursor_column = cursor_column_of(selection, table, &key)?;
        let bounds = bounds_of(selection, table, &key, cursor_column.as_ref())?;
        let lag = cursor_column.as_ref();
        let lag = lag.and_then(|column| ColumnLag::new(selection, column));
        let appends = cursor_column.is_some() && !selection.idempotent;
        // VACUUM may change row ids that have no column of their own.
        let identity = match &key {
            Key::RowId(_) if cursor_column.is_some() => Some(table.primary_key()),
            _ => None,
        };
        let is_usable = |columns: &Vec<String>| {
            !columns.is_empty() && !columns.iter().any(|column| selection.is_masked(column))
        };
        let identity = identity.filter(is_usable);
        let initial = Cursor {
            cursor_column: cursor_column.clone(),
            key: key.names(),
            filter: selection.filter.clone(),
            identity: identity.clone().unwrap_or_default(),
            database: selection.database.clone(),
            ..Cursor::default()
        };
        let read_before = selection.cursor.as_ref();
        let read_before = read_before.and_then(|cursor| cursor.database.as_ref());
        let moved_from = moved_from(read_before, selection.database.as_ref());
        let mut from = resume_from(
            selection.cursor.as_ref(),
            initial,
            name,
            selection.idempotent,
        )?;
        let known = Known::from_stored(&std::mem::take(&mut from.known));
        let mut tail = Tail::from_stored(from.last_rows.take().as_ref());
        let exists = |name: &String| table.columns.iter().any(|column| column.name == *name);
        if !tail.columns.iter().all(exists) {
            tail = Tail::default();
        }
        let has_read = !from.last.is_empty() || from.last_null.is_some();
        let moved_from = moved_from.filter(|_| has_read);
        if let Some((saved, read)) = moved_from.as_ref().zip(selection.database.as_ref()) {
            if tail.rows.is_empty() {
                return Err(saved.mismatch(name, read, "no row is known by which to recognize it"));
            }
            // Other databases have the same keys.
            if tail.columns.iter().all(|column| from.key.contains(column)) {
                let reason = "its last rows are known by their keys only";
                return Err(saved.mismatch(name, read, reason));
            }
        }
        let is_time = |column: &String| selection.is_time(column);
        let are_times = cursor_column.as_ref().is_some_and(is_time);
        let has_order = lag.is_some_and(|lag: ColumnLag| time_forms::is_safe(lag.seconds()));
        let last = from.last.iter().filter_map(value_of);
        let forms = cursor_column.as_ref().filter(|_| !has_order);
        let forms = forms.map(|_| TimeForms::new(last, are_times));
        let digested = columns.iter().map(|column| column.name.clone());
        let digested = digested.filter(|column| !selection.is_masked(column));
        Ok(Self {
            table: table.clone(),
            key,
            identity: identity.map(Key::Primary),
            columns: columns.to_vec(),
            cursor_column,
            filter: selection.filter.clone(),
            lag,
            bounds,
            idempotent: selection.idempotent,
            is_first: selection.is_first,
            from,
            known: appends.then_some(known),
            tail,
            digested: digested.take(MAX_DIGESTED_COLUMNS).collect(),
            moved_from,
            forms,
            has_new_rows: true,
            estimated_rows: None,
            commit: None,
        })
    }

    /// True if the read starts after rows of an earlier one.
    #[must_use]
    pub fn continues(&self) -> bool {
        !self.from.last.is_empty() || self.from.last_null.is_some()
    }

    /// True if a condition limits the values of the cursor column.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        !self.bounds.is_empty()
    }

    /// True if the read repeats rows of earlier ones, and does not move the cursor.
    fn is_repair(&self) -> bool {
        self.idempotent && self.bounds.is_window() && self.continues()
    }

    /// Returns the positions after which rows are read.
    fn positions(&self) -> &[RowPosition] {
        if self.is_repair() {
            &[]
        } else {
            &self.from.last
        }
    }

    /// Returns the cursor column, or `None` if it is the key.
    #[must_use]
    pub fn cursor_column(&self) -> Option<&str> {
        self.cursor_column.as_deref()
    }

    /// Returns the expression of the cursor column that an index has to have.
    #[must_use]
    pub fn index_expression(&self) -> String {
        let column = quote(self.cursor_column().unwrap_or_default());
        if self.table.has_collations() {
            column + " COLLATE BINARY"
        } else {
            column
        }
    }

    /// Returns the statement that finds a time in a form that orders before the
    /// last value, if there can be one.
    #[must_use]
    pub fn select_passed_time(&self) -> Option<Statement> {
        self.forms.as_ref()?;
        let column = self.cursor_column()?;
        let mut last = self.from.last.iter().filter_map(value_of);
        last.find_map(|last| time_forms::select_passed(&self.table, column, &last))
    }

    /// Takes a time that orders before the last value.
    ///
    /// # Errors
    /// A data error if the type of the column says that it holds times.
    pub fn take_passed_time(&mut self, time: &Value) -> Result<()> {
        let Some(forms) = &mut self.forms else {
            return Ok(());
        };
        forms.add(time);
        let column = self.cursor_column.as_deref().unwrap_or_default();
        forms.note(&self.table.name, column).map(|_| ())
    }

    /// Copies what was found out about the forms of times.
    pub fn copy_time_forms(&mut self, other: &Self) {
        self.forms.clone_from(&other.forms);
    }

    /// Returns a tracker that starts at the saved cursor.
    #[must_use]
    pub fn tracker(&self) -> CursorTracker {
        let layout = RowLayout {
            has_value: self.cursor_column.is_some(),
            key: self.key.columns().count(),
            identity: self.identity.iter().flat_map(Key::columns).count(),
        };
        CursorTracker::new(&self.table.name, self.from.clone(), layout)
            .with_known(self.known.clone(), self.lag)
            .with_tail(self.tail.clone(), self.digested.clone())
            .with_fixed(self.is_repair())
            .with_forms(self.forms.clone())
            .with_commit(!self.is_first, self.commit.clone())
            .with_notes(self.notes())
    }

    /// Returns notes on a database that has moved, and on what a read that appends
    /// cannot know.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.is_repair() {
            notes.push(
                "the rows from `start` to `end` were read again, and the cursor stays; without `end`, \
                 the next run continues from it"
                    .to_owned(),
            );
        }
        if let Some(saved) = &self.moved_from {
            notes.push(format!(
                "the last run has read the database {saved}; the last row is here unchanged, so the read continues"
            ));
        }
        let Some((known, column)) = self.known.as_ref().zip(self.cursor_column.as_ref()) else {
            return notes;
        };
        if matches!(self.key, Key::RowId(_)) && self.identity.is_none() {
            notes.push(format!(
                "rows with the last value of `{column}` are identified by hidden row ids, which the server may change when it reorganizes the table, so that such rows are appended twice or missed; a primary key in the table avoids that"
            ));
        }
        let is_unknown = |position: &RowPosition| {
            position.key.is_empty()
                && value_of(position).is_some_and(|value| !known.contains(&value))
        };
        if self.from.last.iter().any(is_unknown) {
            notes.push(format!(
                "the last run merged rows, so it is not known which rows with the last value of `{column}` are loaded; later ones with this value are missed"
            ));
        }
        notes
    }
}

/// Returns the cursor column, or `None` if it is the key.
fn cursor_column_of(selection: &Selection, table: &Table, key: &Key) -> Result<Option<String>> {
    let name = &table.name;
    let has_lag = selection.lag.is_some_and(|lag| lag.amount > 0.0);
    let cursor_column = match &selection.cursor_column {
        Some(column) => {
            let column = find_column(table, column)?;
            // The order of the key is that of the column.
            let is_key = matches!(key, Key::Alias(alias) if *alias == column);
            Some(column).filter(|_| !is_key || has_lag)
        }
        None if matches!(key, Key::Primary(_)) => {
            return Err(Error::config(
                format!("`{name}` is a WITHOUT ROWID table, whose new keys may be smaller"),
                "set a cursor column (`cursor`) whose values grow",
            ));
        }
        None => None,
    };
    if cursor_column.is_none() && table.has_random_row_ids() {
        return Err(Error::config(
            format!("`{name}` has random row ids, so the ids of new rows may be smaller"),
            "set a cursor column (`cursor`) whose values grow, or set `mode` to `full`",
        ));
    }
    Ok(cursor_column)
}

/// Returns the bounds of the cursor column.
fn bounds_of(
    selection: &Selection,
    table: &Table,
    key: &Key,
    cursor_column: Option<&String>,
) -> Result<Bounds> {
    match (cursor_column, key) {
        (Some(column), _) | (None, Key::Alias(column)) => Bounds::new(selection, table, column),
        _ if selection.start.is_none() && selection.end.is_none() => Ok(Bounds::default()),
        _ => Err(Error::config(
            format!(
                "`{}` has no column that `start` and `end` can limit",
                table.name
            ),
            "set a cursor column (`cursor`), or remove `start` and `end`",
        )),
    }
}

#[cfg(test)]
mod tests;
