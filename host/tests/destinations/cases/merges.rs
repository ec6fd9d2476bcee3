//! Rows that replace others of the same key.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Date32Array, Int32Array, TimestampMicrosecondArray};
use connector_host::destination::DeletionSource;
use connector_host::model::{DeletionMode, WriteDisposition};

use super::keyed::{
    MERGE, Plan, begin, columns, found, gone, pairs, people, plain, present, stats, text, versions,
};
use super::numbers;
use crate::store::{Store, batch, blobs, floats, integers, texts};
use crate::value::Value;

pub(crate) fn a_merge_inserts_and_updates(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben"), (3, "Cleo")]));
    let did = plain().load(store, 2, &people(2, &[(4, "Dan"), (2, "Bob")]));
    assert_eq!(did, stats(2, 0, 0));
    assert_eq!(present(store), "1:Ada@1 2:Bob@2 3:Cleo@1 4:Dan@2");
    // Loading the same rows again changes only their load.
    let did = plain().load(store, 3, &people(3, &[(4, "Dan"), (2, "Bob")]));
    assert_eq!(did, stats(2, 0, 0));
    assert_eq!(present(store), "1:Ada@1 2:Bob@3 3:Cleo@1 4:Dan@3");
}

pub(crate) fn a_merge_of_nothing_changes_nothing(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada")]));
    assert_eq!(plain().load(store, 2, &people(2, &[])), stats(0, 0, 0));
    assert_eq!(present(store), "1:Ada@1");
}

pub(crate) fn a_merge_without_a_table_creates_it(store: &Store) {
    let twice = people(1, &[(1, "Ada"), (1, "Ann"), (2, "Ben")]);
    assert_eq!(plain().load(store, 1, &twice), stats(2, 0, 1));
    assert_eq!(present(store), "1:Ann@1 2:Ben@1");
}

pub(crate) fn a_merge_reaches_rows_that_were_appended(store: &Store) {
    store.load(
        1,
        "t",
        WriteDisposition::Append,
        &people(1, &[(1, "Ada"), (2, "Ben")]),
    );
    store.load(2, "t", WriteDisposition::Append, &people(2, &[(2, "Bob")]));
    let soft = Plan::new(MERGE, DeletionSource::AllRows, DeletionMode::Soft);
    assert_eq!(
        soft.load(store, 3, &people(3, &[(2, "Bill")])),
        stats(1, 1, 0)
    );
    assert_eq!(gone(store, "_deleted_at"), "1:Ada-3 2:Bill");
}

pub(crate) fn a_composite_key_is_compared_as_a_whole(store: &Store) {
    let plan = Plan {
        key: &["shop", "id"],
        ..plain()
    };
    let rows = |load, rows: &[(&str, i64, f64)]| {
        let shops: Vec<_> = rows.iter().map(|row| Some(row.0)).collect();
        let ids: Vec<_> = rows.iter().map(|row| row.1).collect();
        let amounts: Vec<_> = rows.iter().map(|row| row.2).collect();
        batch(
            load,
            vec![
                ("id", integers(&ids)),
                ("amount", floats(&amounts)),
                ("shop", texts(&shops)),
            ],
        )
    };
    plan.load(
        store,
        1,
        &rows(
            1,
            &[("a", 1, 0.5), ("a", 2, 1.5), ("b", 1, 2.5), ("", 1, 9.5)],
        ),
    );
    let did = plan.load(
        store,
        2,
        &rows(2, &[("b", 1, 3.5), ("b", 2, 4.5), ("", 1, 8.5)]),
    );
    assert_eq!(did, stats(3, 0, 0));
    let row = |shop, id, amount: f64| {
        [
            text(shop),
            Value::Integer(id),
            Value::Float(amount.to_bits()),
        ]
    };
    assert_eq!(
        found(store, ["shop", "id", "amount"]),
        [
            row("", 1, 8.5),
            row("a", 1, 0.5),
            row("a", 2, 1.5),
            row("b", 1, 3.5),
            row("b", 2, 4.5)
        ]
    );
}

pub(crate) fn keys_of_every_type_are_compared(store: &Store) {
    let times = [1_700_000_000_123_456, -1, 253_402_300_799_999_999];
    let strings = [Some("x"), Some("日本 \"🦀\"\r\n, \\n"), Some("")];
    let columns: Vec<(&'static str, ArrayRef)> = vec![
        ("integer", integers(&[i64::MIN, i64::MAX, 0])),
        ("small", Arc::new(Int32Array::from(vec![1, -1, 0]))),
        ("float", floats(&[0.1 + 0.2, f64::INFINITY, 5e-324])),
        ("text", texts(&strings)),
        ("blob", blobs(&[Some(b"\0\xff"), Some(b""), Some(b"\"")])),
        ("date", Arc::new(Date32Array::from(vec![0, -1, 100_000]))),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec())),
        ),
        (
            "time_utc",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
        ),
    ];
    let truths: ArrayRef = Arc::new(BooleanArray::from(vec![true, false, true]));
    let mut number = 0;
    for (name, values) in &columns {
        for (full_refresh, order) in [(true, [0, 1, 2].as_slice()), (false, &[11, 12])] {
            number += 1;
            let from = 3 - order.len();
            let rows = vec![
                ("n", integers(order)),
                (*name, values.slice(from, order.len())),
                ("truth", truths.slice(from, order.len())),
            ];
            let plan = Plan {
                key: &[*name, "truth"],
                full_refresh,
                ..plain()
            };
            let did = plan.load(store, number, &batch(number, rows));
            assert_eq!(did, stats(order.len() as u64, 0, 0), "{name}");
        }
        assert_eq!(store.column("t", "n"), numbers(&[0, 11, 12]), "{name}");
    }
}

pub(crate) fn the_last_of_a_key_wins_within_a_load(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "old"), (2, "old"), (3, "old")]));
    let first = people(2, &[(1, "a"), (2, "a"), (1, "b")]);
    let mut wide = columns(&[(4, "c"), (1, "c"), (4, "d")]);
    wide.push(("more", integers(&[1, 2, 3])));
    let wide = batch(2, wide);
    let stats_by_table = store.commit(2, |load| {
        load.open_table("t", &plain().table_write(&first)).unwrap();
        load.write_rows("t", first.clone()).unwrap();
        load.write_rows("t", first.slice(0, 1)).unwrap();
        load.open_table("t", &plain().table_write(&wide)).unwrap();
        load.write_rows("t", wide.clone()).unwrap();
        assert_eq!(load.count_rows().unwrap()["t"], 7);
    });
    assert_eq!(stats_by_table["t"], stats(3, 0, 4));
    assert_eq!(present(store), "1:c@2 2:a@2 3:old@1 4:d@2");
    assert_eq!(pairs(store, ["id", "more"]), "1=2 2=null 3=null 4=3");
}

pub(crate) fn new_columns_are_null_in_older_rows(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben"), (3, "Cleo")]));
    let mut wide = columns(&[(2, "Bob")]);
    wide.insert(1, ("city", texts(&[Some("Bern")])));
    plain().load(store, 2, &batch(2, wide));
    assert_eq!(pairs(store, ["id", "city"]), "1=null 2=Bern 3=null");
    // Without it, and with it as a part of the rows that stay.
    plain().load(store, 3, &people(3, &[(1, "Ann")]));
    assert_eq!(present(store), "1:Ann@3 2:Bob@2 3:Cleo@1");
    assert_eq!(pairs(store, ["id", "city"]), "1=null 2=Bern 3=null");
    let did = plain().load(store, 4, &batch(4, vec![("ID", integers(&[3, 2]))]));
    assert_eq!(did, stats(2, 0, 0));
    assert_eq!(pairs(store, ["id", "city"]), "1=null 2=null 3=null");
}

pub(crate) fn a_full_refresh_replaces_all_rows(store: &Store) {
    for (number, write) in [
        (1, MERGE),
        (3, WriteDisposition::Scd2),
        (5, WriteDisposition::Append),
    ] {
        let plan = Plan::new(write, DeletionSource::Unknown, DeletionMode::Ignore);
        let mut wide = columns(&[(1, "Ada"), (2, "Ben")]);
        wide.push(("city", texts(&[None, Some("Bern")])));
        plan.load(store, number, &begin(number, wide));
        let full_refresh = Plan {
            full_refresh: true,
            ..plan
        };
        let next = number + 1;
        let did = full_refresh.load(store, next, &versions(next, &[(2, "Bob")]));
        assert_eq!(did, stats(1, 0, 0));
        assert_eq!(present(store), format!("2:Bob@{next}"));
        let columns = store.rows("t").unwrap().remove(0);
        assert!(!columns.contains_key("city"), "{columns:?}");
    }
}
