//! Keys whose values are in several columns, and rows that have none.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use connector_host::destination::{DeletionSource, DestinationError};
use connector_host::model::DeletionMode;

use super::keyed::{MERGE, Plan, found, keys, pairs, people, plain, present, stats, text};
use crate::store::{Store, batch, load_id, texts};
use crate::value::Value;

/// Keys that are numbers, and others of the same column that are texts.
fn mixed(load: u64, rows: &[(Option<i64>, Option<&str>, &str)]) -> RecordBatch {
    let ids: Vec<_> = rows.iter().map(|row| row.0).collect();
    let others: Vec<_> = rows.iter().map(|row| row.1).collect();
    let names: Vec<_> = rows.iter().map(|row| Some(row.2)).collect();
    batch(
        load,
        vec![
            ("id", Arc::new(Int64Array::from(ids))),
            ("name", texts(&names)),
            ("id__text", texts(&others)),
        ],
    )
}

const MIXED: &[(&str, &str)] = &[("id", "id__text")];

pub(crate) fn siblings_of_key_columns_identify_rows(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let plan = Plan {
        siblings: MIXED,
        ..plain()
    };
    let rows = mixed(
        2,
        &[
            (Some(1), None, "Ann"),
            (None, Some("1"), "Eve"),
            (None, Some("x"), "Xa"),
        ],
    );
    assert_eq!(plan.load(store, 2, &rows), stats(3, 0, 0));
    let rows = mixed(3, &[(None, Some("x"), "Xb"), (Some(2), None, "Bob")]);
    assert_eq!(plan.load(store, 3, &rows), stats(2, 0, 0));
    let found = found(store, ["id", "id__text", "name"]);
    let row = |id: Option<i64>, other: Option<&str>, name| {
        [
            id.map_or(Value::Null, Value::Integer),
            other.map_or(Value::Null, text),
            text(name),
        ]
    };
    assert_eq!(
        found,
        [
            row(None, Some("1"), "Eve"),
            row(None, Some("x"), "Xb"),
            row(Some(1), None, "Ann"),
            row(Some(2), None, "Bob"),
        ]
    );
}

pub(crate) fn siblings_may_be_added_late_in_a_load(store: &Store) {
    let hard = Plan::new(MERGE, DeletionSource::AllKeys, DeletionMode::Hard);
    let late = Plan {
        siblings: MIXED,
        ..hard
    };
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let (first, second) = (
        people(2, &[(2, "Bob")]),
        mixed(2, &[(Some(2), None, "Bill"), (None, Some("x"), "Xa")]),
    );
    let stats_by_table = store.commit(2, |load| {
        load.open_table("t", &hard.table_write(&first)).unwrap();
        load.write_rows("t", first.clone()).unwrap();
        load.write_keys("t", keys(&[2])).unwrap();
        load.open_table("t", &late.table_write(&second)).unwrap();
        load.write_rows("t", second.clone()).unwrap();
        let keys = second.project(&[2, 0]).unwrap();
        load.write_keys("t", keys.slice(1, 1)).unwrap();
    });
    assert_eq!(stats_by_table["t"], stats(2, 1, 1));
    assert_eq!(pairs(store, ["id", "name"]), "null=Xa 2=Bill");
    // The older rows have one, and the new rows do not.
    let stats_by_table = store.commit(3, |load| {
        load.open_table("t", &hard.table_write(&people(3, &[])))
            .unwrap();
        load.write_keys("t", keys(&[2])).unwrap();
    });
    assert_eq!(stats_by_table["t"], stats(0, 1, 0));
    assert_eq!(pairs(store, ["id", "name"]), "2=Bill");
}

pub(crate) fn keys_need_not_have_the_siblings_that_rows_have(store: &Store) {
    let plan = Plan {
        siblings: MIXED,
        ..Plan::new(MERGE, DeletionSource::AllKeys, DeletionMode::Hard)
    };
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let (narrow, wide) = (
        people(2, &[(2, "Bob")]),
        mixed(2, &[(None, Some("x"), "Xa")]),
    );
    let stats_by_table = store.commit(2, |load| {
        let narrower = Plan {
            siblings: &[],
            ..plan
        };
        load.open_table("t", &narrower.table_write(&narrow))
            .unwrap();
        load.write_rows("t", narrow.clone()).unwrap();
        load.open_table("t", &plan.table_write(&wide)).unwrap();
        load.write_rows("t", wide.clone()).unwrap();
        load.write_keys("t", keys(&[2])).unwrap();
    });
    assert_eq!(stats_by_table["t"], stats(2, 2, 0));
    assert_eq!(pairs(store, ["id", "name"]), "2=Bob");
}

pub(crate) fn a_row_without_a_key_is_refused(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada")]));
    let plan = Plan {
        siblings: MIXED,
        ..Plan::new(MERGE, DeletionSource::AllKeys, DeletionMode::Hard)
    };
    let bad = mixed(
        2,
        &[(Some(1), None, "Ann"), (None, None, "?"), (None, None, "?")],
    );
    let good = bad.slice(0, 1);
    for (rows, keys, expected) in [(&bad, &good, 2), (&good, &bad, 2), (&bad, &bad, 2)] {
        let mut destination = store.open();
        let mut load = destination.begin(&load_id(2)).unwrap();
        load.open_table("t", &plan.table_write(rows)).unwrap();
        load.write_rows("t", rows.clone()).unwrap();
        load.write_keys("t", keys.project(&[0, 2]).unwrap())
            .unwrap();
        let error = load.apply().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("a key column of `t` (id) has no value in {expected} of its rows")
        );
        assert!(matches!(error, DestinationError::NoKey { .. }));
    }
    assert_eq!(present(store), "1:Ada@1");
}

pub(crate) fn unannounced_keys_are_refused(store: &Store) {
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    assert!(load.write_keys("t", keys(&[1])).is_err());
    load.open_table("t", &plain().table_write(&people(1, &[])))
        .unwrap();
    assert!(load.write_keys("t", keys(&[1])).is_err());
}
