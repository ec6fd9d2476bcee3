//! Passes of an incremental read, in the order of the cursor column or of the key.
//! Sends no requests.

use super::Increment;
use super::bounds::ClassBound;
use super::known::Known;
use super::range::{RangeColumn, ValueRange};
use crate::cursor::key_values;
use crate::database::condition::Condition;
use crate::database::paging::{CapturedColumn, Paging};
use crate::database::table::Key;
use crate::error::Result;
use crate::read::pass::{Pass, PassRows};
use crate::rows::value::{SortClass, Value};

impl Increment {
    /// Returns the passes in the order of the cursor column, which needs an
    /// index, or of the key if that is the cursor column.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from the saved value.
    pub fn ordered(&self) -> Result<Vec<Pass>> {
        let Some(column) = &self.cursor_column else {
            return Ok(self.key_pass().into_iter().collect());
        };
        let mut passes = Vec::new();
        if !self.is_bounded() {
            passes.push(self.null_pass(column));
        }
        for range in self.ranges(column)? {
            let paging = Paging::by_column(&self.table, column, &self.key, &self.columns);
            let paging = paging.with_filter(self.with_user_filter(range.rest.clone()));
            let rows = PassRows::ByColumn {
                skips_rows: range.skips_rows,
            };
            let paging = paging.with_first_filter(self.with_user_filter([range.condition()]));
            passes.push(Pass {
                paging: self.capturing(paging),
                after: None,
                rows,
            });
        }
        Ok(passes)
    }

    /// Returns the single pass in the order of the key, which needs no index.
    ///
    /// # Errors
    /// A config error if the lag cannot be subtracted from the saved value.
    pub fn unordered(&self, column: &str) -> Result<Pass> {
        let filter = if self.is_bounded() {
            let ranges = self.ranges(column)?;
            let condition = Condition::any(ranges.into_iter().map(ValueRange::condition));
            Some(condition.unwrap_or_else(Condition::never))
        } else if self.continues() {
            let ranges = self.ranges(column)?;
            let ranges = ranges.into_iter().map(ValueRange::condition);
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

    /// Returns the pass in the order of the key, which is the cursor column.
    fn key_pass(&self) -> Option<Pass> {
        let (start, end) = (
            self.bounds.start(SortClass::Number),
            self.bounds.end(SortClass::Number),
        );
        let is_outside = [&start, &end].contains(&&ClassBound::Nothing);
        let has_rows = self.has_new_rows || self.is_repair();
        if is_outside || !has_rows {
            return None;
        }
        let last = self.positions().first();
        let last = last.map(|row| key_values(&row.key));
        let column = self.key.names();
        let column = column.first().map_or("", String::as_str);
        let compare =
            |operator, value: &Value| Condition::compare(&self.table, column, operator, value);
        let start = match (start, last.as_deref()) {
            (ClassBound::At(start), Some([last, ..])) if start.compare(last).is_le() => None,
            (ClassBound::At(start), _) => Some(compare(">=", &start)),
            _ => None,
        };
        let end = match end {
            ClassBound::At(end) => Some(compare("<", &end)),
            ClassBound::Nothing | ClassBound::Everything => None,
        };
        let after = last.filter(|_| start.is_none());
        let first = Condition::all(start.into_iter().chain(end.clone()));
        let paging = self.by_key(end);
        let paging = paging.with_first_filter(self.with_user_filter(first));
        Some(Pass {
            paging: self.capturing(paging),
            after,
            rows: PassRows::ByKey,
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
        self.range_column(column, known).ranges(self.positions())
    }

    pub(super) fn range_column<'a>(
        &'a self,
        column: &'a str,
        known: Option<(&'a Known, &'a [CapturedColumn<'a>])>,
    ) -> RangeColumn<'a> {
        RangeColumn {
            table: &self.table,
            key: &self.key,
            column,
            lag: self.lag,
            bounds: &self.bounds,
            known,
        }
    }

    /// Returns the columns that identify a row.
    pub(super) fn identity(&self) -> Vec<CapturedColumn<'_>> {
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
}
