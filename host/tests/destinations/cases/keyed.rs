//! Rows that are identified by their key: how they are loaded and read back.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, TimestampMicrosecondArray};
use connector_host::destination::{DeletionSource, RowOrder, TableWrite, WriteStats};
use connector_host::model::{DeletionMode, Sibling, WriteDisposition};

use crate::store::{Store, batch, integers, load_id, texts};
use crate::value::{Row, Value};

pub(crate) const MERGE: WriteDisposition = WriteDisposition::Merge;

/// Loads one batch, merged by `id`.
#[derive(Clone, Copy)]
pub(crate) struct Plan<'k> {
    pub(crate) write: WriteDisposition,
    pub(crate) deletion_source: DeletionSource,
    pub(crate) deletes: DeletionMode,
    pub(crate) full_refresh: bool,
    pub(crate) key: &'k [&'static str],
    pub(crate) siblings: &'static [(&'static str, &'static str)],
    /// Column by which rows of one key are ordered, and whether stored rows are
    /// compared too.
    pub(crate) order: Option<(&'static str, bool)>,
}

impl Plan<'_> {
    pub(crate) const fn new(
        write: WriteDisposition,
        deletion_source: DeletionSource,
        deletes: DeletionMode,
    ) -> Self {
        Self {
            write,
            deletion_source,
            deletes,
            full_refresh: false,
            key: &["id"],
            siblings: &[],
            order: None,
        }
    }

    pub(crate) fn table_write(&self, batch: &RecordBatch) -> TableWrite {
        let siblings = self.siblings.iter();
        let siblings =
            siblings.map(|(column, name)| Sibling::new((*name).to_owned(), (*column).to_owned()));
        TableWrite {
            key: self.key.iter().map(|key| (*key).to_owned()).collect(),
            siblings: siblings.collect(),
            full_refresh: self.full_refresh,
            deletion_source: self.deletion_source,
            deletion_mode: self.deletes,
            order: self.order.map(|(column, includes_stored)| RowOrder {
                column: column.to_owned(),
                includes_stored,
            }),
            ..TableWrite::new(batch.schema(), self.write)
        }
    }

    pub(crate) fn load(&self, store: &Store, number: u64, batch: &RecordBatch) -> WriteStats {
        self.load_with_keys(store, number, batch, None)
    }

    pub(crate) fn load_with_keys(
        &self,
        store: &Store,
        number: u64,
        batch: &RecordBatch,
        keys: Option<&RecordBatch>,
    ) -> WriteStats {
        let stats_by_table = store.commit(number, |load| {
            load.open_table("t", &self.table_write(batch)).unwrap();
            load.write_rows("t", batch.clone()).unwrap();
            if let Some(keys) = keys {
                load.write_keys("t", keys.clone()).unwrap();
            }
            let stored = load.count_rows().unwrap();
            assert_eq!(stored["t"], batch.num_rows() as u64);
        });
        stats_by_table["t"]
    }
}

pub(crate) fn plain() -> Plan<'static> {
    Plan::new(MERGE, DeletionSource::Unknown, DeletionMode::Ignore)
}

/// Rows of a number and a name.
pub(crate) fn people(load: u64, people: &[(i64, &str)]) -> RecordBatch {
    batch(load, columns(people))
}

pub(crate) fn columns<'n>(people: &[(i64, &str)]) -> Vec<(&'n str, ArrayRef)> {
    let ids: Vec<_> = people.iter().map(|(id, _)| *id).collect();
    let names: Vec<_> = people.iter().map(|(_, name)| Some(*name)).collect();
    vec![("id", integers(&ids)), ("name", texts(&names))]
}

/// People with a flag of deleted rows.
pub(crate) fn changes(load: u64, changes: &[(i64, &str, bool)]) -> RecordBatch {
    batch(load, change_columns(changes))
}

pub(crate) fn change_columns<'n>(changes: &[(i64, &str, bool)]) -> Vec<(&'n str, ArrayRef)> {
    let people: Vec<_> = changes.iter().map(|(id, name, _)| (*id, *name)).collect();
    let deleted: Vec<_> = changes.iter().map(|(_, _, deleted)| *deleted).collect();
    let mut columns = columns(&people);
    columns.push(("_is_deleted", Arc::new(BooleanArray::from(deleted))));
    columns
}

/// People with the time at which their version begins.
pub(crate) fn versions(load: u64, people: &[(i64, &str)]) -> RecordBatch {
    begin(load, columns(people))
}

pub(crate) fn begin(load: u64, mut columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = columns[0].1.len();
    let times = TimestampMicrosecondArray::from(vec![load_id(load).micros(); rows]);
    columns.push(("_valid_from", Arc::new(times.with_timezone("UTC"))));
    batch(load, columns)
}

/// Keys without rows.
pub(crate) fn keys(ids: &[i64]) -> RecordBatch {
    batch(0, vec![("id", integers(ids))]).project(&[0]).unwrap()
}

pub(crate) fn stats(written: u64, deleted: u64, superseded: u64) -> WriteStats {
    WriteStats {
        written,
        deleted,
        superseded,
    }
}

pub(crate) fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

pub(crate) fn time(load: u64) -> Value {
    Value::Time(load_id(load).micros())
}

/// Some columns of the table, row by row in order of their values.
pub(crate) fn found<const N: usize>(store: &Store, columns: [&str; N]) -> Vec<[Value; N]> {
    let rows = store.rows("t").unwrap();
    let pick = |row: &Row| columns.map(|column| row[column].clone());
    let mut found: Vec<_> = rows.iter().map(pick).collect();
    found.sort();
    found
}

/// Returns the rows of the table, as `id:name@load`.
pub(crate) fn present(store: &Store) -> String {
    let rows = found(store, ["id", "name", "_load_id"]);
    let row = |[id, name, load]: &[Value; 3]| {
        let (Value::Integer(id), Value::Text(name), Value::Text(load)) = (id, name, load) else {
            panic!("{id:?} {name:?} {load:?}")
        };
        let number = (0..100).find(|number| load_id(*number).as_str() == load);
        format!("{id}:{name}@{}", number.unwrap())
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// Returns the deleted rows, with the load that deleted each.
pub(crate) fn gone(store: &Store, column: &str) -> String {
    let rows = found(store, ["id", "name", column]);
    let row = |[id, name, at]: &[Value; 3]| {
        let (Value::Integer(id), Value::Text(name)) = (id, name) else {
            panic!("{id:?} {name:?}")
        };
        match at {
            Value::Null => format!("{id}:{name}"),
            at => {
                let number = (0..100).find(|number| time(*number) == *at).unwrap();
                format!("{id}:{name}-{number}")
            }
        }
    };
    rows.iter().map(row).collect::<Vec<_>>().join(" ")
}

/// Two columns of the table, as `one=other`.
pub(crate) fn pairs(store: &Store, columns: [&str; 2]) -> String {
    let show = |value: &Value| match value {
        Value::Null => "null".to_owned(),
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        other => format!("{other:?}"),
    };
    let rows = found(store, columns);
    let pairs = rows
        .iter()
        .map(|[one, other]| format!("{}={}", show(one), show(other)));
    pairs.collect::<Vec<_>>().join(" ")
}
