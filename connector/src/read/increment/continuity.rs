//! Check that a table still is the one that the last read has left: its last
//! rows are looked up. Sends no requests. The caller runs the statements of each
//! step and passes on the results.
//!
//! A server may give the key of a deleted row to a new one, unless the table has
//! AUTOINCREMENT. A read by key that merges therefore continues at the first of
//! the last rows that has changed, and one that appends after the largest that is
//! unchanged. Hidden row ids may change, so all of the last rows have to be
//! there. A read by column continues if a value is not below its position, or if
//! one of the last rows is unchanged. In each case, nothing precedes the rows of
//! a table that is empty. If another database is read than before, its last row
//! has to be unchanged first.

use super::Increment;
use super::bounds::Bounds;
use super::mismatch::changed_note;
use super::range::{RangeColumn, value_of};
use super::tail::TailRow;
use crate::cursor::{RowPosition, stored_key};
use crate::database::condition::Condition;
use crate::database::row_digest;
use crate::database::statement;
use crate::database::table::Key;
use crate::error::Result;
use crate::hrana::request::Statement;
use crate::read::statements::StatementResult;
use crate::rows::value::Value;

/// Check of a table before a read that continues.
#[derive(Clone, Debug)]
pub struct ContinuityCheck {
    pub(super) increment: Increment,
    /// True if an index has the cursor column.
    is_ordered: bool,
    step: Step,
}

/// Step of a check: the statements that are run next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// Last row, in another database than before.
    Database,
    /// Last rows up to the position in the order of the key, and the largest key
    /// after it.
    Keys,
    /// Last rows, and the last key that AUTOINCREMENT has given.
    KeyedRows,
    /// Values that are not below the positions, of a table whose last rows have
    /// this state.
    Values(RowState),
    /// Last rows, and any row. True if values are below the positions.
    Rows(Option<bool>),
}

/// State of the last rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RowState {
    /// At least one row is unchanged.
    Unchanged,
    /// No row is unchanged.
    Changed,
    /// The table is empty.
    Empty,
    /// The rows are not known.
    Unknown,
}

/// Result of a step.
#[derive(Debug)]
pub enum Checked {
    /// A further step is necessary.
    Further(Box<ContinuityCheck>),
    /// The read that continues, with a note.
    Done(Box<Increment>, Option<String>),
}

impl ContinuityCheck {
    /// Creates the check of a read that continues. `is_ordered` is true if an
    /// index has the cursor column.
    #[must_use]
    pub fn new(increment: &Increment, is_ordered: bool) -> Option<Self> {
        if increment.moved_from.is_some() {
            return Some(Self {
                increment: increment.clone(),
                is_ordered,
                step: Step::Database,
            });
        }
        Self::for_table(increment, is_ordered)
    }

    /// Creates the check of a table in the database that was read before.
    fn for_table(increment: &Increment, is_ordered: bool) -> Option<Self> {
        let has_rows = !increment.tail.rows.is_empty();
        let step = match increment.cursor_column {
            _ if increment.from.last.is_empty() => return None,
            None => Step::Keys,
            Some(_) if is_ordered => Step::Values(RowState::Unknown),
            Some(_) if has_rows => Step::Rows(None),
            // Without an index, the values cost a scan.
            Some(_) => return None,
        };
        Some(Self {
            increment: increment.clone(),
            is_ordered,
            step,
        })
    }

    /// Returns the statements of the next step.
    #[must_use]
    pub fn statements(&self) -> Vec<Statement> {
        let increment = &self.increment;
        let table = &increment.table;
        match self.step {
            Step::Database => vec![self.lookup_rows(&self.last_row())],
            Step::Keys => {
                let key = increment.key_expression();
                let last = increment.last_key();
                let compare =
                    |operator| Condition::compare_expression(table, key.clone(), operator, &last);
                let rows = if self.needs_all_rows() {
                    increment.tail.rows.len().max(1)
                } else {
                    1
                };
                vec![
                    self.lookup(compare("<="), Some(rows)),
                    statement::select_max(table, &key, compare(">")),
                ]
            }
            Step::KeyedRows => {
                let mut statements = vec![self.lookup_tail()];
                if table.has_autoincrement() {
                    statements.push(statement::select_sequence(table));
                }
                statements
            }
            Step::Values(_) => increment.values_from_positions(),
            Step::Rows(_) => vec![self.lookup_tail(), statement::select_any(&table.name)],
        }
    }

    /// Takes the results of the statements of a step.
    ///
    /// # Errors
    /// A data error if the table is not the one that was read.
    pub(in crate::read) fn take(self, results: &[StatementResult]) -> Result<Checked> {
        // The error of a failed statement occurs again when the table is read.
        let has_failed = results.iter().any(|result| result.failed);
        if has_failed && !matches!(self.step, Step::Database) {
            return Ok(self.done(None));
        }
        let rows = |index: usize| results.get(index).map_or(&[][..], |result| &result.rows);
        match self.step {
            Step::Database => self.take_last_row(results),
            Step::Keys => self.take_keys(rows(0), rows(1)),
            Step::KeyedRows => self.take_keyed_rows(rows(0), rows(1)),
            Step::Values(state) => {
                let is_below = results.iter().all(|result| result.rows.is_empty());
                match (is_below, state) {
                    (false, _) => Ok(self.done(None)),
                    (true, RowState::Unknown) => Ok(self.further(Step::Rows(Some(true)))),
                    (true, _) => Err(self.recreated()),
                }
            }
            Step::Rows(is_below) => {
                let state = if rows(1).is_empty() {
                    RowState::Empty
                } else {
                    self.row_state(rows(0))
                };
                match (state, is_below) {
                    (RowState::Empty, _) => Ok(self.start_over()),
                    (RowState::Unchanged, _) => Ok(self.done(None)),
                    (RowState::Unknown, _) => {
                        let note = self.unknown_note();
                        Ok(self.done(Some(note)))
                    }
                    (RowState::Changed, Some(_)) => Err(self.recreated()),
                    (RowState::Changed, None) => Ok(self.further(Step::Values(state))),
                }
            }
        }
    }

    /// Takes the last row of a database that may not be the one that was read.
    fn take_last_row(self, results: &[StatementResult]) -> Result<Checked> {
        let rows = results.first().map_or(&[][..], |result| &result.rows);
        let found = self.found(rows);
        let is_there = |row: &TailRow| is_unchanged(row, &found);
        if !self.last_row().iter().any(is_there) {
            return Err(self.database_mismatch());
        }
        Ok(match Self::for_table(&self.increment, self.is_ordered) {
            Some(check) => Checked::Further(Box::new(check)),
            None => self.done(None),
        })
    }

    /// Takes the last rows up to the position, and the largest key after it.
    fn take_keys(mut self, rows: &[Vec<Value>], above: &[Vec<Value>]) -> Result<Checked> {
        let largest = above.first().and_then(|row| row.first());
        let largest = largest.and_then(Value::as_integer);
        let last = self.increment.last_key();
        let found = self.found(rows);
        let Some((found_key, _)) = found.last() else {
            if largest.is_none() && !self.increment.table.has_autoincrement() {
                return Ok(self.start_over());
            }
            // All rows that were read are deleted.
            self.increment.set_largest_key(largest);
            return Ok(self.done(None));
        };
        self.increment.set_largest_key(largest);
        let tail = &self.increment.tail;
        if tail.rows.is_empty() {
            if *found_key == [last] || largest.is_some() {
                return Ok(self.done(None));
            }
            if self.increment.table.has_autoincrement() {
                return Ok(self.further(Step::KeyedRows));
            }
            return Err(self.recreated());
        }
        if matches!(self.increment.key, Key::RowId(_)) {
            let is_there = |row: &TailRow| is_unchanged(row, &found);
            if !tail.rows.iter().all(is_there) {
                return Err(self.row_ids_changed());
            }
            let digests = tail.rows.iter().map(|row| row.digest);
            let is_ambiguous = tail.rows.len() > 1 && all_equal(digests);
            let note = is_ambiguous.then(|| self.ambiguous_note());
            return Ok(self.done(note));
        }
        let checked = if self.needs_all_rows() {
            &tail.rows[..]
        } else {
            &tail.rows[tail.rows.len() - 1..]
        };
        if checked.iter().all(|row| is_unchanged(row, &found)) {
            return Ok(self.done(None));
        }
        Ok(self.further(Step::KeyedRows))
    }

    /// True if all of the last rows of a read by key have to be unchanged, and not
    /// only the last one. A row that got the key of a deleted one may be equal to
    /// it, and rows before it may have changed. A read that appends must not read
    /// changed rows again.
    fn needs_all_rows(&self) -> bool {
        let increment = &self.increment;
        match increment.key {
            Key::RowId(_) => true,
            _ => increment.idempotent && !increment.table.has_autoincrement(),
        }
    }

    /// Takes the last rows, and the last key that AUTOINCREMENT has given.
    fn take_keyed_rows(mut self, rows: &[Vec<Value>], given: &[Vec<Value>]) -> Result<Checked> {
        if self.increment.table.has_autoincrement() {
            let given = given.first().and_then(|row| row.first());
            let given = given.cloned().unwrap_or(Value::Null);
            if given.compare(&self.increment.last_key()).is_lt() {
                return Err(self.sequence_reset(&given));
            }
            return Ok(self.done(None));
        }
        let found = self.found(rows);
        let rows = &self.increment.tail.rows;
        let Some(anchor) = rows.iter().rposition(|row| is_unchanged(row, &found)) else {
            return Err(self.recreated());
        };
        if self.increment.idempotent {
            let changed = rows.iter().position(|row| !is_unchanged(row, &found));
            self.increment
                .continue_from(changed.unwrap_or(rows.len()).min(anchor + 1));
            return Ok(self.done(None));
        }
        let key = rows[anchor].key.clone();
        let is_there = |row: &TailRow| found.iter().any(|(key, _)| *key == row.key);
        let has_changed = rows[anchor + 1..].iter().any(is_there);
        let note = has_changed.then(|| changed_note(&key));
        self.increment.continue_after(anchor, &key);
        Ok(self.done(note))
    }

    fn done(self, note: Option<String>) -> Checked {
        Checked::Done(Box::new(self.increment), note)
    }

    fn further(self, step: Step) -> Checked {
        Checked::Further(Box::new(Self { step, ..self }))
    }

    /// Continues at the beginning of a table that is empty: whatever rows it
    /// gets are new.
    fn start_over(mut self) -> Checked {
        self.increment.start_over();
        self.done(None)
    }

    fn lookup(&self, condition: Condition, last: Option<usize>) -> Statement {
        let increment = &self.increment;
        let columns = &increment.tail.columns;
        row_digest::select(
            &increment.table,
            &increment.identity(),
            columns,
            condition,
            last,
        )
    }

    /// Returns the statement that looks up the last rows.
    fn lookup_tail(&self) -> Statement {
        self.lookup_rows(&self.increment.tail.rows)
    }

    fn lookup_rows(&self, rows: &[TailRow]) -> Statement {
        let increment = &self.increment;
        let identity = increment.identity();
        let keys = rows
            .iter()
            .filter_map(|row| Condition::has_key(&increment.table, &identity, &row.key));
        self.lookup(Condition::any(keys).unwrap_or_else(Condition::never), None)
    }

    /// Returns the keys and digests of rows that were looked up, in ascending
    /// order of the key if they were the last ones.
    fn found(&self, rows: &[Vec<Value>]) -> Vec<(Vec<Value>, u64)> {
        let key = self.increment.identity().len();
        let rows = rows.iter().rev();
        rows.filter_map(|row| row_digest::parse(key, row)).collect()
    }

    /// Returns the last of the last rows, if there is one.
    fn last_row(&self) -> Vec<TailRow> {
        self.increment
            .tail
            .rows
            .last()
            .cloned()
            .into_iter()
            .collect()
    }

    fn row_state(&self, rows: &[Vec<Value>]) -> RowState {
        let found = self.found(rows);
        let tail = &self.increment.tail.rows;
        if tail.is_empty() {
            RowState::Unknown
        } else if tail.iter().any(|row| is_unchanged(row, &found)) {
            RowState::Unchanged
        } else {
            RowState::Changed
        }
    }
}

impl Increment {
    fn key_expression(&self) -> String {
        let mut columns = self.key.columns();
        let column = columns.next();
        column.map_or_else(String::new, |column| column.expression(&self.table))
    }

    /// Returns the last key of a read by key.
    pub(super) fn last_key(&self) -> Value {
        let position = self.from.last.first();
        let key = position.and_then(|position| position.key.first()?.value());
        key.unwrap_or(Value::Null)
    }

    /// Sets the largest key after the last one, if there are such rows.
    fn set_largest_key(&mut self, largest: Option<i64>) {
        let last = self.last_key().as_integer();
        let rows = largest
            .zip(last)
            .and_then(|(largest, last)| largest.checked_sub(last));
        self.has_new_rows = largest.is_some();
        self.estimated_rows = rows.and_then(|rows| u64::try_from(rows).ok());
    }

    /// Continues after the row of the tail with this index.
    fn continue_after(&mut self, index: usize, key: &[Value]) {
        self.tail.rows.truncate(index + 1);
        self.from.last = vec![RowPosition {
            key: stored_key(key),
            ..RowPosition::default()
        }];
        self.has_new_rows = true;
    }

    /// Continues at the row of the tail with this index, or after the last one.
    fn continue_from(&mut self, index: usize) {
        if let Some(before) = index.checked_sub(1) {
            let key = self.tail.rows[before].key.clone();
            return self.continue_after(before, &key);
        }
        let first = self.tail.rows.first().map(|row| row.key.as_slice());
        match first {
            Some([Value::Integer(key)]) if *key > i64::MIN => {
                let before = [Value::Integer(key - 1)];
                self.continue_after(0, &before);
                self.tail.rows.clear();
            }
            _ => self.start_over(),
        }
    }

    fn start_over(&mut self) {
        self.from.last.clear();
        self.from.last_null = None;
        self.tail.rows.clear();
        self.has_new_rows = true;
        if self.known.is_some() {
            self.known = Some(super::Known::default());
        }
    }

    /// Returns the statements that find values from each position on.
    fn values_from_positions(&self) -> Vec<Statement> {
        let (table, column) = (&self.table, self.cursor_column().unwrap_or_default());
        let everything = Bounds::default();
        let ranges = RangeColumn {
            bounds: &everything,
            ..self.range_column(column, None)
        };
        let values = self.from.last.iter().filter_map(value_of);
        let statement = |value: Value| {
            let from = Condition::compare(table, column, ">=", &value);
            let range = ranges.range(value.sort_class()?, from);
            Some(statement::select_any_of(table, range.condition()))
        };
        values.filter_map(statement).collect()
    }
}

/// True if a row is among those that were found, with the same digest.
fn is_unchanged(row: &TailRow, found: &[(Vec<Value>, u64)]) -> bool {
    let mut found = found.iter();
    found.any(|(key, digest)| *key == row.key && *digest == row.digest)
}

fn all_equal(mut digests: impl Iterator<Item = u64>) -> bool {
    let first = digests.next();
    digests.all(|digest| Some(digest) == first)
}
