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

mod continuity;
mod known;
mod lag;
mod range;
mod tail;
mod tracker;

pub use self::continuity::{Checked, ContinuityCheck};
use self::known::Known;
use self::lag::ColumnLag;
use self::range::{RangeColumn, ValueRange, value_of};
use self::tail::Tail;
pub use self::tracker::CursorTracker;
use self::tracker::RowLayout;
use super::pass::{Pass, PassRows};
use crate::cursor::database::moved_from;
use crate::cursor::{
    self, CommitPosition, Cursor, DatabaseIdentity, KnownRows, RowPosition, StoredValue, key_values,
};
use crate::database::condition::Condition;
use crate::database::identifier::quote;
use crate::database::paging::{CapturedColumn, Paging};
use crate::database::table::{Key, Table};
use crate::error::{Error, Result};
use crate::rows::columns::ColumnSpec;
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
        let has_lag = selection.lag.is_some_and(|lag| lag.amount > 0.0);
        let cursor_column = match &selection.cursor_column {
            Some(column) => {
                let column = find_column(table, column)?;
                // The order of the key is that of the column.
                let is_key = matches!(&key, Key::Alias(alias) if *alias == column);
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
            idempotent: selection.idempotent,
            is_first: selection.is_first,
            from,
            known: appends.then_some(known),
            tail,
            digested: digested.take(MAX_DIGESTED_COLUMNS).collect(),
            moved_from,
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
            .with_commit(!self.is_first, self.commit.clone())
            .with_notes(self.notes())
    }

    /// Returns the passes in the order of the cursor column, which needs an
    /// index, or of the key if that is the cursor column.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from the saved value.
    pub fn ordered(&self) -> Result<Vec<Pass>> {
        let Some(column) = &self.cursor_column else {
            if !self.has_new_rows {
                return Ok(Vec::new());
            }
            let last = self.from.last.first();
            return Ok(vec![Pass {
                paging: self.capturing(self.by_key(None)),
                after: last.map(|row| key_values(&row.key)),
                rows: PassRows::ByKey,
            }]);
        };
        let mut passes = vec![self.null_pass(column)];
        for range in self.ranges(column)? {
            let paging = Paging::by_column(&self.table, column, &self.key, &self.columns);
            let paging = paging.with_filter(self.with_user_filter([range.condition]));
            passes.push(Pass {
                paging: self.capturing(paging),
                after: None,
                rows: PassRows::ByColumn {
                    skips_rows: range.skips_rows,
                },
            });
        }
        Ok(passes)
    }

    /// Returns the single pass in the order of the key, which needs no index.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from the saved value.
    pub fn unordered(&self, column: &str) -> Result<Pass> {
        let filter = if self.continues() {
            let ranges = self.ranges(column)?;
            let ranges = ranges.into_iter().map(|range| range.condition);
            let null_pass = self.null_pass(column);
            let after = null_pass.after.map(|key| null_pass.paging.after_key(&key));
            let nulls = [Condition::is_null(&self.table.name, column)];
            Condition::any(ranges.chain(Condition::all(nulls.into_iter().chain(after))))
        } else {
            None
        };
        Ok(Pass {
            paging: self.capturing(self.by_key(filter)),
            after: None,
            rows: PassRows::Unordered,
        })
    }

    /// Returns the pass over rows without a value. If rows are merged, all of
    /// them are read each time, because a change does not show in their key.
    fn null_pass(&self, column: &str) -> Pass {
        let has_begun = self.from.last.is_empty();
        let after = self
            .from
            .last_null
            .as_deref()
            .filter(|_| has_begun || !self.idempotent);
        Pass {
            paging: self.by_key(Some(Condition::is_null(&self.table.name, column))),
            after: after.map(key_values),
            rows: PassRows::Null,
        }
    }

    fn ranges(&self, column: &str) -> Result<Vec<ValueRange>> {
        let identity = self.identity();
        let known = self.known.as_ref().map(|known| (known, &identity[..]));
        self.range_column(column, known).ranges(&self.from.last)
    }

    fn range_column<'a>(
        &'a self,
        column: &'a str,
        known: Option<(&'a Known, &'a [CapturedColumn<'a>])>,
    ) -> RangeColumn<'a> {
        RangeColumn {
            table: &self.table,
            key: &self.key,
            column,
            lag: self.lag,
            known,
        }
    }

    /// Returns the columns that identify a row.
    fn identity(&self) -> Vec<CapturedColumn<'_>> {
        let identity = self.identity.as_ref().unwrap_or(&self.key);
        identity.columns().collect()
    }

    /// Captures what the tracker has to know of each row.
    fn capturing(&self, paging: Paging) -> Paging {
        let value = self.cursor_column.as_deref().map(CapturedColumn::Named);
        let identity = self.identity.iter().flat_map(Key::columns);
        let captured: Vec<_> = value
            .into_iter()
            .chain(self.key.columns())
            .chain(identity)
            .collect();
        paging
            .capturing(&self.table, &self.columns, &captured)
            .digesting(&self.columns, &self.digested)
    }

    fn by_key(&self, condition: Option<Condition>) -> Paging {
        Paging::new(&self.table, &self.key, &self.columns)
            .with_filter(self.with_user_filter(condition))
    }

    fn with_user_filter(
        &self,
        conditions: impl IntoIterator<Item = Condition>,
    ) -> Option<Condition> {
        let user_filter = self.filter.as_deref().map(Condition::from_user);
        Condition::all(conditions.into_iter().chain(user_filter))
    }

    /// Returns notes on a database that has moved, and on what a read that appends
    /// cannot know.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
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

/// Returns the declared spelling of the cursor column.
fn find_column(table: &Table, requested: &str) -> Result<String> {
    let mut columns = table.columns.iter().map(|column| &column.name);
    let found = columns.find(|column| column.eq_ignore_ascii_case(requested));
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
        Error::config(
            format!("`{}` has no cursor column `{requested}`", table.name),
            format!("the columns are {}", names.join(", ")),
        )
    })
}

/// Returns the saved cursor if the read can resume at it, else `initial`.
fn resume_from(
    saved: Option<&Cursor>,
    initial: Cursor,
    table: &str,
    idempotent: bool,
) -> Result<Cursor> {
    let Some(saved) = saved else {
        return Ok(initial);
    };
    if !saved.databases.is_empty() {
        return Err(cursor::database_mismatch(table));
    }
    if !saved.is_resumable() {
        return Ok(initial);
    }
    let saved = &with_column(saved, initial.cursor_column.as_ref());
    let difference = if saved.cursor_column != initial.cursor_column {
        "has another cursor column"
    } else if saved.key != initial.key {
        "has another key"
    } else if saved.filter != initial.filter {
        "was saved with another `where`"
    } else if saved.identity != initial.identity && !saved.known.is_empty() && !idempotent {
        "has another primary key"
    } else {
        let has_identity = saved.identity == initial.identity;
        return Ok(Cursor {
            commit: None,
            identity: initial.identity,
            database: initial.database,
            last_rows: saved.last_rows.clone().filter(|_| has_identity),
            ..saved.clone()
        });
    };
    Err(Error::config(
        format!("the cursor of `{table}` {difference}"),
        cursor::full_refresh(table),
    ))
}

/// Returns a cursor in the order of the key as one in the order of the key's
/// column, or the reverse: the order is the same.
fn with_column(saved: &Cursor, column: Option<&String>) -> Cursor {
    let mut cursor = saved.clone();
    let [key] = &saved.key[..] else {
        return cursor;
    };
    match (&saved.cursor_column, column) {
        (Some(saved_column), None) if saved_column == key => {
            cursor.known = Vec::new();
            for position in &mut cursor.last {
                let value = position.value.take();
                position.key = value.into_iter().collect();
                position.from = None;
            }
        }
        (None, Some(column)) if column == key => {
            for position in &mut cursor.last {
                let value = position.key.pop();
                if let Some(StoredValue::Integer(id)) = value {
                    cursor.known.push(KnownRows {
                        value: StoredValue::Integer(id),
                        runs: vec![(id, id)],
                        keys: Vec::new(),
                    });
                }
                position.value = value;
            }
        }
        _ => return cursor,
    }
    cursor.cursor_column = column.cloned();
    cursor
}

#[cfg(test)]
mod tests;
