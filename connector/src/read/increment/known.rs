//! Rows that a read that appends has read at its positions, and must not send
//! again. Sends no requests.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::cursor::{KnownRows, StoredValue, key_values, stored_key};
use crate::database::condition::Condition;
use crate::database::paging::CapturedColumn;
use crate::database::table::Table;
use crate::rows::value::{SortClass, Value};

/// Maximum number of runs and keys in a cursor.
pub(super) const MAX_KNOWN: usize = 2_000;
/// Maximum number of runs and keys in memory, where positions are still moving.
const MAX_HELD: usize = 25 * MAX_KNOWN;

/// Known rows, by their values in the cursor column.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    rows: BTreeMap<Ordered, KeySet>,
    /// Largest value of each class whose rows were dropped, because there were
    /// too many.
    dropped: BTreeMap<SortClass, Ordered>,
}

/// Keys of rows with one value.
#[derive(Clone, Debug, Default)]
struct KeySet {
    /// Last key of each run of integer keys, by the first one.
    runs: BTreeMap<i64, i64>,
    keys: BTreeSet<Vec<Ordered>>,
    /// True if there were too many keys to hold.
    is_dropped: bool,
}

/// Value in the order of SQL.
#[derive(Clone, Debug)]
struct Ordered(Value);

impl Known {
    /// Converts the known rows of a cursor.
    pub(super) fn from_stored(stored: &[KnownRows]) -> Self {
        let mut known = Self::default();
        for rows in stored {
            let Some(value) = rows.value.value() else {
                continue;
            };
            let set = known.rows.entry(Ordered(value)).or_default();
            set.runs.extend(rows.runs.iter().copied());
            let keys = rows.keys.iter().map(|key| ordered(&key_values(key)));
            set.keys.extend(keys);
        }
        known
    }

    /// Converts the rows for a cursor. `None` if there are too many.
    pub(super) fn to_stored(&self) -> Option<Vec<KnownRows>> {
        let is_complete = self.rows.values().all(|set| !set.is_dropped);
        (is_complete && self.dropped.is_empty() && self.len() <= MAX_KNOWN).then_some(())?;
        let rows = self.rows.iter().map(|(value, set)| KnownRows {
            value: StoredValue::new(&value.0),
            runs: set.runs.iter().map(|(from, to)| (*from, *to)).collect(),
            keys: set.keys.iter().map(|key| stored(key)).collect(),
        });
        Some(rows.collect())
    }

    /// Adds a row.
    pub(super) fn insert(&mut self, value: &Value, key: &[Value]) {
        self.rows
            .entry(Ordered(value.clone()))
            .or_default()
            .insert(key);
    }

    /// True if a row with the value is known.
    pub(super) fn contains(&self, value: &Value) -> bool {
        self.rows.contains_key(&Ordered(value.clone()))
    }

    /// Forgets the rows of a class below a value.
    pub(super) fn forget_below(&mut self, class: SortClass, value: &Value) {
        let is_below =
            |other: &Ordered| other.0.sort_class() == Some(class) && other.0.compare(value).is_lt();
        self.rows.retain(|other, _| !is_below(other));
        self.dropped.retain(|_, other| !is_below(other));
        let mut held = self.len();
        while held > MAX_HELD
            && let Some((value, set)) = self.rows.pop_first()
        {
            held -= set.len();
            if let Some(class) = value.0.sort_class() {
                self.dropped.insert(class, value);
            }
        }
    }

    /// Returns the condition that a row is not known, if rows are known between
    /// two values.
    pub(super) fn exclusion(
        &self,
        table: &Table,
        column: &str,
        identity: &[CapturedColumn<'_>],
        (from, to): (&Value, &Value),
    ) -> Option<Condition> {
        let range = Ordered(from.clone())..=Ordered(to.clone());
        let known = self.rows.range(range).filter_map(|(value, set)| {
            let keys = set.condition(table, identity)?;
            Some(Condition::compare(table, column, "=", &value.0).and(keys))
        });
        Condition::any(known).map(Condition::is_not_met)
    }

    fn len(&self) -> usize {
        self.rows.values().map(KeySet::len).sum()
    }
}

impl KeySet {
    fn len(&self) -> usize {
        self.runs.len() + self.keys.len()
    }

    fn insert(&mut self, key: &[Value]) {
        if self.is_dropped {
            return;
        }
        match key {
            [Value::Integer(key)] => self.insert_integer(*key),
            key => {
                self.keys.insert(ordered(key));
            }
        }
        if self.len() > MAX_HELD {
            self.runs.clear();
            self.keys.clear();
            self.is_dropped = true;
        }
    }

    /// Adds an integer to the run that it continues.
    fn insert_integer(&mut self, key: i64) {
        let before = self.runs.range(..=key).next_back();
        let before = before.map(|(from, to)| (*from, *to));
        let mut run = (key, key);
        if let Some((from, to)) = before.filter(|(_, to)| to.saturating_add(1) >= key) {
            run = (from, to.max(key));
        }
        let next = run.1.checked_add(1);
        if let Some(to) = next.and_then(|next| self.runs.remove(&next)) {
            run.1 = to;
        }
        self.runs.insert(run.0, run.1);
    }

    fn condition(&self, table: &Table, identity: &[CapturedColumn<'_>]) -> Option<Condition> {
        let column = identity.first()?;
        let runs = self.runs.iter();
        let runs = runs.map(|(from, to)| Condition::in_range(table, *column, *from, *to));
        let keys = self.keys.iter().filter_map(|key| {
            let key: Vec<_> = key.iter().map(|value| value.0.clone()).collect();
            Condition::has_key(table, identity, &key)
        });
        Condition::any(runs.chain(keys))
    }
}

fn ordered(key: &[Value]) -> Vec<Ordered> {
    key.iter().cloned().map(Ordered).collect()
}

fn stored(key: &[Ordered]) -> Vec<StoredValue> {
    let key: Vec<_> = key.iter().map(|value| value.0.clone()).collect();
    stored_key(&key)
}

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.compare(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(known: &Known) -> Vec<(i64, i64)> {
        let stored = known.to_stored().unwrap();
        stored.into_iter().flat_map(|rows| rows.runs).collect()
    }

    #[test]
    fn integer_keys_are_held_as_runs() {
        let mut known = Known::default();
        for key in [5, 1, 2, 9, 3, 4, 4, i64::MAX, i64::MIN] {
            known.insert(&Value::Integer(7), &[Value::Integer(key)]);
        }
        let expected = [(i64::MIN, i64::MIN), (1, 5), (9, 9), (i64::MAX, i64::MAX)];
        assert_eq!(runs(&known), expected);
        let stored = known.to_stored().unwrap();
        assert_eq!(runs(&Known::from_stored(&stored)), expected);
    }

    #[test]
    fn too_many_keys_are_not_stored() {
        let mut known = Known::default();
        let later = Value::Integer(2);
        for key in 0..=2 * MAX_HELD {
            let key = i64::try_from(key).unwrap();
            known.insert(&Value::Integer(1), &[Value::Integer(2 * key)]);
            known.insert(&later, &[Value::Integer(key)]);
        }
        assert_eq!(known.to_stored(), None);
        known.forget_below(SortClass::Number, &later);
        assert_eq!(runs(&known).len(), 1);
    }

    #[test]
    fn rows_of_too_many_values_are_not_stored() {
        let mut known = Known::default();
        for value in 0..=MAX_HELD {
            let value = Value::Integer(i64::try_from(value).unwrap());
            known.insert(&value, &[Value::from("key")]);
        }
        known.forget_below(SortClass::Number, &Value::Integer(0));
        assert_eq!(known.to_stored(), None);
        known.forget_below(SortClass::Number, &Value::Integer(1));
        assert_eq!(known.to_stored(), None);
        let last = Value::Integer(i64::try_from(MAX_HELD).unwrap());
        known.forget_below(SortClass::Number, &last);
        assert_eq!(known.to_stored().unwrap().len(), 1);
        assert!(known.contains(&last));
    }
}
