//! Cursor of an incremental read, advanced by the rows that are received. Knows
//! no statements.

use super::known::{Known, MAX_KNOWN};
use super::lag::ColumnLag;
use super::range::{known_from, value_of};
use super::tail::{MAX_ROWS, Tail};
use super::time_forms::TimeForms;
use crate::cursor::{CommitPosition, Cursor, RowPosition, StoredValue, stored_key};
use crate::error::{Category, Error, Result};
use crate::hrana::decoder::Captured;
use crate::read::pass::PassRows;
use crate::rows::value::{SortClass, Value};

/// Cursor of a read that is in progress.
#[derive(Clone, Debug)]
pub struct CursorTracker {
    table: String,
    /// Positions. The known rows are held apart.
    cursor: Cursor,
    /// Positions at the start of the read.
    start: Vec<RowPosition>,
    /// Rows at the positions, if the read must not send them again.
    known: Option<Known>,
    lag: Option<ColumnLag>,
    /// Last rows.
    tail: Tail,
    /// Columns whose values are digested.
    digested: Vec<String>,
    layout: RowLayout,
    /// True if the read continues an earlier one.
    continues: bool,
    /// Commit up to which everything is read at the end.
    commit: Option<CommitPosition>,
    /// Forms of the times in the cursor column. `None` if several are permitted.
    forms: Option<TimeForms>,
    /// True if the read does not move the cursor.
    is_fixed: bool,
    /// Number of rows without a value in the cursor column.
    nulls: u64,
    /// True if a value of a new storage class was received.
    mixed: bool,
    notes: Vec<String>,
}

/// Values that are captured from each row: the value of the cursor column, the
/// key, and columns that identify the row if the key does not.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowLayout {
    /// True if the first value is that of the cursor column.
    pub(super) has_value: bool,
    /// Number of key values.
    pub(super) key: usize,
    /// Number of values that identify the row, if the key does not.
    pub(super) identity: usize,
}

impl CursorTracker {
    /// Creates a tracker that starts at a cursor.
    pub(super) fn new(table: &str, cursor: Cursor, layout: RowLayout) -> Self {
        Self {
            table: table.to_owned(),
            start: cursor.last.clone(),
            cursor,
            known: None,
            lag: None,
            tail: Tail::default(),
            digested: Vec::new(),
            layout,
            continues: false,
            commit: None,
            forms: None,
            is_fixed: false,
            nulls: 0,
            mixed: false,
            notes: Vec::new(),
        }
    }

    /// Sets the rows that the read must not send again, and the lag up to which
    /// rows may be late.
    pub(super) fn with_known(mut self, known: Option<Known>, lag: Option<ColumnLag>) -> Self {
        self.known = known;
        self.lag = lag;
        self
    }

    /// Sets the last rows of the read before, and the columns whose values are
    /// digested.
    pub(super) fn with_tail(mut self, tail: Tail, digested: Vec<String>) -> Self {
        self.tail = tail;
        self.digested = digested;
        self
    }

    /// Sets whether the read continues an earlier one, and the commit up to
    /// which everything is read at the end.
    pub(super) fn with_commit(mut self, continues: bool, commit: Option<CommitPosition>) -> Self {
        self.continues = continues;
        self.commit = commit;
        self
    }

    /// Sets the forms of the times before the read. `None` if several are permitted.
    pub(super) fn with_forms(mut self, forms: Option<TimeForms>) -> Self {
        self.forms = forms;
        self
    }

    /// Keeps the saved cursor if `is_fixed` is true.
    pub(super) fn with_fixed(mut self, is_fixed: bool) -> Self {
        self.is_fixed = is_fixed;
        self
    }

    /// Adds notes for the operator.
    pub(super) fn with_notes(mut self, notes: Vec<String>) -> Self {
        self.notes = notes;
        self
    }

    /// Advances over the rows of a page. `last_key` is the key of the last row in
    /// the order of the pass.
    pub fn advance(&mut self, rows: PassRows, captured: &Captured, last_key: &[Value]) {
        if self.is_fixed {
            return self.add_forms(captured);
        }
        match rows {
            PassRows::ByKey => {
                self.remember(captured, MAX_ROWS);
                self.cursor.last = vec![RowPosition {
                    key: stored_key(last_key),
                    ..RowPosition::default()
                }];
            }
            PassRows::Null => self.cursor.last_null = Some(stored_key(last_key)),
            PassRows::ByColumn { .. } | PassRows::Unordered => {
                let is_ordered = rows != PassRows::Unordered;
                self.add_forms(captured);
                self.remember(captured, if is_ordered { MAX_ROWS } else { usize::MAX });
                if self.known.is_some() || !is_ordered {
                    for row in captured.values.chunks_exact(self.layout.length()) {
                        self.observe(row);
                    }
                }
                if let (PassRows::ByColumn { .. }, [value, ..]) = (rows, last_key) {
                    self.set_last(value);
                }
                self.forget_passed();
            }
            PassRows::All | PassRows::Keys => {}
        }
    }

    /// Returns the values of the cursor column in the captured rows.
    #[must_use]
    pub fn values<'a>(
        &self,
        captured: &'a Captured,
    ) -> impl DoubleEndedIterator<Item = &'a Value> + Clone {
        let rows = captured.values.chunks_exact(self.layout.length());
        rows.filter_map(|row| row.first())
    }

    /// Counts rows without a value.
    pub fn count_nulls(&mut self, rows: u64) {
        self.nulls += rows;
    }

    /// Returns the cursor after the rows so far. `None` if it would hold too many
    /// rows.
    #[must_use]
    pub fn cursor(&self) -> Option<Cursor> {
        let mut cursor = self.cursor.clone();
        cursor.last_rows = self.tail.to_stored();
        if let Some(known) = &self.known {
            cursor.known = known.to_stored()?;
            for position in &mut cursor.last {
                let from = value_of(position).and_then(|value| self.earliest(&value));
                position.from = from.map(|from| StoredValue::new(&from));
            }
        }
        Some(cursor)
    }

    /// Returns the cursor after all rows.
    ///
    /// # Errors
    /// A data error if the cursor would hold too many rows. A config error if the
    /// next read could not subtract the lag.
    pub fn finish(&self) -> Result<Cursor> {
        for value in self.cursor.last.iter().filter_map(value_of) {
            if let Some(lag) = self.lag {
                lag.check(&value, &self.table, self.column())?;
            }
        }
        self.form_note()?;
        match self.cursor() {
            Some(cursor) => Ok(Cursor {
                commit: self.commit.clone().filter(|_| !self.is_fixed),
                ..cursor
            }),
            None => Err(self.too_many_ties()),
        }
    }

    /// Ends the read before all rows were received. Returns false if a later
    /// read could not continue: after a first read, missing rows would count as
    /// deleted, and without progress it would end at the same row.
    pub fn stop_early(&mut self) -> bool {
        self.commit = None;
        let has_advanced = self.known.is_some() || self.cursor.last != self.start;
        self.continues && has_advanced
    }

    fn add_forms(&mut self, captured: &Captured) {
        let Some(forms) = &mut self.forms else {
            return;
        };
        for row in captured.values.chunks_exact(self.layout.length()) {
            if let Some(value) = row.first() {
                forms.add(value);
            }
        }
    }

    /// Returns notes for the operator.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let column = self.column();
        let mut notes = self.notes.clone();
        if self.nulls > 0 {
            notes.push(format!(
                "rows without a value in `{column}`: {}; they were loaded, but later changes of them are not detected",
                self.nulls
            ));
        }
        // An error has ended the read.
        notes.extend(self.form_note().ok().flatten());
        if self.cursor.last.len() > 1 && self.mixed {
            notes.push(format!(
                "`{column}` contains values of several types, which do not compare with each other; \
                 each type has its own last value"
            ));
        }
        notes
    }

    fn form_note(&self) -> Result<Option<String>> {
        match &self.forms {
            Some(forms) => forms.note(&self.table, self.column()),
            None => Ok(None),
        }
    }

    fn column(&self) -> &str {
        self.cursor.cursor_column.as_deref().unwrap_or_default()
    }

    /// Adds the last rows of a page to the tail.
    fn remember(&mut self, captured: &Captured, count: usize) {
        let rows = captured.digests.len();
        if rows > 0 && self.tail.columns != self.digested {
            self.tail = Tail {
                columns: self.digested.clone(),
                ..Tail::default()
            };
        }
        let values = captured.values.chunks_exact(self.layout.length());
        let values = values.zip(&captured.digests);
        for (row, digest) in values.skip(rows.saturating_sub(count)) {
            let (value, key, identity) = self.layout.split(row);
            let rank = match key {
                [key, ..] if !self.layout.has_value => key,
                _ => value,
            };
            if *rank != Value::Null {
                self.tail.add(identity, *digest, rank);
            }
        }
    }

    /// Takes the captured values of a row.
    fn observe(&mut self, row: &[Value]) {
        let (value, key, identity) = self.layout.split(row);
        if value.sort_class().is_none() {
            self.nulls += 1;
            self.cursor.last_null = Some(stored_key(key));
            return;
        }
        if let Some(known) = &mut self.known {
            known.insert(value, identity);
        }
        self.set_last(value);
    }

    /// Moves the position of the value's storage class forward to the value.
    fn set_last(&mut self, value: &Value) {
        let class = value.sort_class();
        let position = RowPosition {
            value: Some(StoredValue::new(value)),
            ..RowPosition::default()
        };
        let last = &mut self.cursor.last;
        let known = last.iter_mut().find_map(|position| {
            let value = value_of(position)?;
            (value.sort_class() == class).then_some((value, position))
        });
        match known {
            Some((last, known)) if value.compare(&last).is_gt() => *known = position,
            Some(_) => {}
            None => {
                self.mixed |= !last.is_empty();
                last.push(position);
                last.sort_by_key(|position| {
                    value_of(position).and_then(|value| value.sort_class())
                });
            }
        }
    }

    /// Forgets rows that the positions have passed.
    fn forget_passed(&mut self) {
        let bounds: Vec<(SortClass, Value)> = self
            .cursor
            .last
            .iter()
            .filter_map(value_of)
            .filter_map(|value| {
                let from = self.earliest(&value).unwrap_or(value);
                Some((from.sort_class()?, from))
            })
            .collect();
        if let Some(known) = &mut self.known {
            for (class, from) in bounds {
                known.forget_below(class, &from);
            }
        }
    }

    /// Returns the value before a position from which on all rows that were read
    /// are known. `None` if it is the position itself.
    fn earliest(&self, value: &Value) -> Option<Value> {
        let late = self.lag?.earlier(value)?;
        let start = self.start.iter().find_map(|position| {
            let start = value_of(position)?;
            let is_same = start.sort_class() == value.sort_class();
            is_same.then(|| known_from(position).unwrap_or(start))
        });
        let from = start.filter(|start| start.compare(&late).is_gt());
        let from = from.unwrap_or(late);
        from.compare(value).is_lt().then_some(from)
    }

    fn too_many_ties(&self) -> Error {
        let column = self.column();
        let place = match self.lag {
            Some(_) => format!("within the `lag` of the last value of `{column}`"),
            None => format!("with the last value of `{column}`"),
        };
        Error::new(
            Category::Data,
            format!(
                "`{}` has more rows {place} than a cursor of a read that appends can hold: \
                 {MAX_KNOWN} runs of keys",
                self.table
            ),
        )
        .hint(
            "merge the rows (`write`), or set a cursor column (`cursor`) whose values differ more",
        )
    }
}

impl RowLayout {
    /// Returns the number of captured values of a row.
    fn length(self) -> usize {
        (usize::from(self.has_value) + self.key + self.identity).max(1)
    }

    /// Splits captured values into the value, the key, and what identifies the
    /// row.
    fn split(self, row: &[Value]) -> (&Value, &[Value], &[Value]) {
        let (value, rest) = match row {
            [value, rest @ ..] if self.has_value => (value, rest),
            rest => (&Value::Null, rest),
        };
        let (key, identity) = rest.split_at(self.key.min(rest.len()));
        let identity = if identity.is_empty() { key } else { identity };
        (value, key, identity)
    }
}
