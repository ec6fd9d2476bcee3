//! Last rows that an incremental read has received, by which the next read
//! recognizes the table. Sends no requests.

use std::cmp::Ordering;

use crate::cursor::{LastRow, LastRows, key_values, stored_key};
use crate::rows::value::Value;

/// Maximum number of rows.
pub(super) const MAX_ROWS: usize = 16;

/// Last rows, in ascending order.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail {
    /// Names of the columns whose values are digested.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<TailRow>,
}

/// Row of the tail.
#[derive(Clone, Debug)]
pub(super) struct TailRow {
    pub(super) key: Vec<Value>,
    pub(super) digest: u64,
    /// Value that orders the rows. `None` for rows of an earlier read.
    rank: Option<Value>,
}

impl Tail {
    /// Converts the rows of a cursor.
    pub(super) fn from_stored(stored: Option<&LastRows>) -> Self {
        let row = |row: &LastRow| {
            Some(TailRow {
                key: key_values(&row.key),
                digest: u64::from_str_radix(&row.digest, 16).ok()?,
                rank: None,
            })
        };
        stored.map_or_else(Self::default, |stored| Self {
            columns: stored.columns.clone(),
            rows: stored.rows.iter().filter_map(row).collect(),
        })
    }

    /// Converts the rows for a cursor.
    pub(super) fn to_stored(&self) -> Option<LastRows> {
        let row = |row: &TailRow| LastRow {
            key: stored_key(&row.key),
            digest: format!("{:016x}", row.digest),
        };
        (!self.rows.is_empty()).then(|| LastRows {
            columns: self.columns.clone(),
            rows: self.rows.iter().map(row).collect(),
        })
    }

    /// Adds a row. `rank` orders it among the others.
    pub(super) fn add(&mut self, key: &[Value], digest: u64, rank: &Value) {
        let rows = &mut self.rows;
        let order = |row: &TailRow| match &row.rank {
            Some(other) => other.compare(rank),
            None => Ordering::Less,
        };
        if rows.len() == MAX_ROWS && rows.first().is_some_and(|row| order(row).is_gt()) {
            return;
        }
        rows.retain(|row| row.key != key);
        let at = rows.partition_point(|row| order(row).is_le());
        let row = TailRow {
            key: key.to_vec(),
            digest,
            rank: Some(rank.clone()),
        };
        rows.insert(at, row);
        if rows.len() > MAX_ROWS {
            rows.remove(0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(tail: &Tail) -> Vec<i64> {
        let keys = tail.rows.iter().flat_map(|row| &row.key);
        keys.filter_map(Value::as_integer).collect()
    }

    #[test]
    fn the_rows_of_the_largest_values_are_held() {
        let mut tail = Tail::default();
        for key in 0..100 {
            let rank = (key * 37) % 100;
            tail.add(&[Value::Integer(key)], 1, &Value::Integer(rank));
        }
        let ranks: Vec<_> = keys(&tail).iter().map(|key| (key * 37) % 100).collect();
        assert_eq!(ranks, (84..100).collect::<Vec<_>>());
    }

    #[test]
    fn later_rows_replace_those_of_an_earlier_read() {
        let mut earlier = Tail::default();
        for key in 0..20 {
            earlier.add(&[Value::Integer(key)], 1, &Value::Integer(key));
        }
        let mut tail = Tail::from_stored(earlier.to_stored().as_ref());
        assert_eq!(keys(&tail), (4..20).collect::<Vec<_>>());
        tail.add(&[Value::Integer(19)], 2, &Value::Integer(0));
        tail.add(&[Value::Integer(50)], 3, &Value::Integer(0));
        assert_eq!(keys(&tail), (5..19).chain([19, 50]).collect::<Vec<_>>());
        assert_eq!(tail.rows[14].digest, 2);
    }
}
