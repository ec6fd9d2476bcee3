//! Merges that must not change other values, files or uncommitted tables.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, RecordBatch, TimestampMicrosecondArray,
};
use connector_host::destination::DeletionSource;
use connector_host::model::{DeletionMode, WriteDisposition};

use super::keyed::{
    MERGE, Plan, changes, columns, found, keys, people, plain, present, stats, text, time,
};
use crate::files;
use crate::store::{Kind, Store, batch, blobs, floats, integers, load_id, texts};
use crate::value::{Row, Value, rows};

pub(crate) fn nasty_values_survive_a_rewrite(store: &Store) {
    plain().load(store, 1, &nasty(1, 0, 6));
    let mut expected = rows(&nasty(1, 1, 5));
    // Twice, because what was copied is copied again, and the second time into
    // more columns.
    plain().load(store, 2, &nasty(2, 0, 1));
    expected.splice(0..0, rows(&nasty(2, 0, 1)));
    assert_eq!(by_id(store), expected);
    let plan = Plan::new(MERGE, DeletionSource::AllRows, DeletionMode::Soft);
    let did = plan.load(store, 3, &nasty(3, 0, 1));
    assert_eq!(did, stats(1, 5, 0));
    expected.splice(0..1, rows(&nasty(3, 0, 1)));
    for (at, row) in expected.iter_mut().enumerate() {
        let gone = if at == 0 { Value::Null } else { time(3) };
        row.insert("_deleted_at".to_owned(), gone);
    }
    assert_eq!(by_id(store), expected);
}

pub(crate) fn nasty_values_are_no_change(store: &Store) {
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::AllRows,
        DeletionMode::Soft,
    );
    plan.load(store, 1, &nasty(1, 0, 6));
    assert_eq!(plan.load(store, 2, &nasty(2, 0, 6)), stats(0, 0, 0));
    // Copied, and compared again.
    assert_eq!(plan.load(store, 3, &nasty(3, 1, 5)), stats(0, 1, 0));
    assert_eq!(plan.load(store, 4, &nasty(4, 1, 5)), stats(0, 0, 0));
    assert_eq!(store.rows("t").unwrap().len(), 6);
}

pub(crate) fn a_merge_that_is_dropped_leaves_no_trace(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let before = files::all(store.folder());
    let mut destination = store.open();
    for apply in [false, true] {
        let mut load = destination.begin(&load_id(2)).unwrap();
        let mut wide = columns(&[(2, "Bob"), (3, "Cleo")]);
        wide.push(("city", texts(&[None, Some("Bern")])));
        let rows = batch(2, wide);
        let plan = Plan::new(MERGE, DeletionSource::AllRows, DeletionMode::Soft);
        load.open_table("t", &plan.table_write(&rows)).unwrap();
        load.write_rows("t", rows).unwrap();
        if apply {
            assert_eq!(load.apply().unwrap()["t"], stats(2, 1, 0));
        }
        drop(load);
    }
    drop(destination);
    assert_eq!(present(store), "1:Ada@1 2:Ben@1");
    assert_eq!(store.rows("t").unwrap()[0].len(), 3);
    if store.kind != Kind::DuckDb {
        assert_eq!(files::all(store.folder()), before);
    }
}

pub(crate) fn a_merge_may_be_discarded(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let plan = Plan::new(MERGE, DeletionSource::AllKeys, DeletionMode::Soft);
    let stats_by_table = store.commit(2, |load| {
        for forget in [true, false] {
            let rows = people(2, &[(2, "Bob"), (2, "Bill")]);
            load.open_table("t", &plan.table_write(&rows)).unwrap();
            load.open_table("u", &plan.table_write(&rows)).unwrap();
            load.write_rows("t", rows.clone()).unwrap();
            load.write_rows("u", rows).unwrap();
            load.write_keys("t", keys(&[])).unwrap();
            if forget {
                load.restart().unwrap();
            }
        }
        load.discard_table("t").unwrap();
    });
    assert_eq!(
        stats_by_table.into_iter().collect::<Vec<_>>(),
        [("u".to_owned(), stats(1, 0, 1))]
    );
    assert_eq!(present(store), "1:Ada@1 2:Ben@1");
    assert_eq!(store.rows("t").unwrap()[0].len(), 3);
    assert_eq!(store.rows("u").unwrap().len(), 1);
    // And it is merged into as if nothing had happened.
    assert_eq!(
        plain().load(store, 3, &people(3, &[(2, "Bob")])),
        stats(1, 0, 0)
    );
    assert_eq!(present(store), "1:Ada@1 2:Bob@3");
}

pub(crate) fn files_in_which_no_row_changes_stay(store: &Store) {
    for (number, id) in [(1, 1), (2, 3), (3, 5)] {
        plain().load(store, number, &people(number, &[(id, "a"), (id + 1, "a")]));
    }
    let files = |store: &Store| match store.kind {
        Kind::DuckDb => Vec::new(),
        _ => files::all(&store.folder().join("turso%20data").join("t")),
    };
    let before = files(store);
    plain().load(store, 4, &people(4, &[(3, "b"), (7, "b")]));
    assert_eq!(present(store), "1:a@1 2:a@1 3:b@4 4:a@2 5:a@3 6:a@3 7:b@4");
    let after = files(store);
    let stay: Vec<_> = before.iter().filter(|file| after.contains(file)).collect();
    if store.kind != Kind::DuckDb {
        assert_eq!(stay, [&before[0], &before[2]]);
        assert_eq!(
            after.len(),
            4,
            "kept rows of one file, and the new rows: {after:?}"
        );
    }
    // One of which nothing is left goes.
    plain().load(store, 5, &people(5, &[(5, "c"), (6, "c")]));
    if store.kind != Kind::DuckDb {
        assert!(!files(store).contains(&before[2]));
        assert_eq!(files(store).len(), 4);
    }
}

pub(crate) fn many_rows_are_merged(store: &Store) {
    let many = |load, from: i64, rows: i64| {
        let ids: Vec<_> = (from..from + rows).collect();
        let names: Vec<_> = ids
            .iter()
            .map(|id| format!("name {id}, \"{load}\""))
            .collect();
        let names: Vec<_> = names.iter().map(|name| Some(name.as_str())).collect();
        batch(load, vec![("id", integers(&ids)), ("name", texts(&names))])
    };
    let soft = Plan::new(MERGE, DeletionSource::Flagged, DeletionMode::Soft);
    assert_eq!(
        plain().load(store, 1, &many(1, 0, 100_000)),
        stats(100_000, 0, 0)
    );
    assert_eq!(
        plain().load(store, 2, &many(2, 95_000, 10_000)),
        stats(10_000, 0, 0)
    );
    let found = found(store, ["id", "name"]);
    assert_eq!(found.len(), 105_000);
    assert_eq!(
        found[94_999],
        [Value::Integer(94_999), text("name 94999, \"1\"")]
    );
    assert_eq!(
        found[95_000],
        [Value::Integer(95_000), text("name 95000, \"2\"")]
    );
    let rows: Vec<_> = (50_000..60_000).map(|id| (id, "", true)).collect();
    assert_eq!(soft.load(store, 3, &changes(3, &rows)), stats(0, 10_000, 0));
    let deleted = store.column("t", "_deleted_at");
    assert_eq!(deleted.iter().filter(|at| **at == time(3)).count(), 10_000);
}

/// Values that each format encodes differently.
#[expect(clippy::too_many_lines, reason = "a list of values")]
fn nasty(load: u64, from: usize, rows: usize) -> RecordBatch {
    let time = [
        i64::from(i32::MIN) * 1_000_000 + 1,
        -1,
        253_402_300_799_999_999,
        0,
        1,
        2,
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("id", integers(&[1, 2, 3, 4, 5, 6])),
        (
            "float",
            floats(&[
                f64::INFINITY,
                f64::NEG_INFINITY,
                -0.0,
                5e-324,
                f64::MAX,
                0.1 + 0.2,
            ]),
        ),
        (
            "a \"b\",\r\n{c}",
            texts(&[
                Some(""),
                None,
                Some("a\0b\0"),
                Some("\"quoted\", 'and' \r\n\t\\N,,\"\"\n\n"),
                Some("\""),
                Some("日本 🦀\u{feff}"),
            ]),
        ),
        (
            "words",
            texts(&[
                Some("null"),
                Some("NULL"),
                Some("Infinity"),
                Some("1"),
                Some(" "),
                Some("{\"a\":[1,2]}"),
            ]),
        ),
        (
            "blob",
            blobs(&[
                Some(b""),
                None,
                Some(b"\0\xff\xfe"),
                Some(b"text"),
                Some(b"null"),
                Some(b"\""),
            ]),
        ),
        (
            "boolean",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                Some(false),
                None,
                None,
                Some(true),
                None,
            ])),
        ),
        (
            "int32",
            Arc::new(Int32Array::from(vec![
                Some(i32::MIN),
                Some(i32::MAX),
                None,
                Some(0),
                None,
                None,
            ])),
        ),
        (
            "date",
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(-1),
                None,
                Some(19_000),
                Some(-25_000),
                Some(100_000),
            ])),
        ),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(time.to_vec())),
        ),
        (
            "time_utc",
            Arc::new(TimestampMicrosecondArray::from(time.to_vec()).with_timezone("UTC")),
        ),
        (
            "last",
            texts(&[None, Some(""), None, Some("\r\n"), Some(","), None]),
        ),
    ];
    let columns = columns
        .into_iter()
        .map(|(name, values)| (name, values.slice(from, rows)));
    batch(load, columns.collect())
}

fn by_id(store: &Store) -> Vec<Row> {
    let mut rows = store.rows("t").unwrap();
    rows.sort_by_key(|row| row["id"].clone());
    rows
}
