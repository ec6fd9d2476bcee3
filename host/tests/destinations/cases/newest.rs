//! Rows of one key that are ordered by a column: the newest one is stored.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, Int64Array, RecordBatch,
    TimestampMicrosecondArray,
};
use connector_host::destination::{DeletionSource, RowGroups, TableWrite, WriteStats};
use connector_host::model::{DeletionMode, WriteDisposition};

use super::keyed::{
    MERGE, Plan, begin, columns, found, gone, keys, pairs, plain, present, stats, text,
};
use super::numbers;
use crate::store::{Store, batch, blobs, floats, integers, texts};

/// A key, a name and a time.
type Seen = (i64, &'static str, Option<i64>);

/// Rows with the column `seen`.
fn rows<'n>(rows: &[Seen]) -> Vec<(&'n str, ArrayRef)> {
    let people: Vec<_> = rows.iter().map(|(id, name, _)| (*id, *name)).collect();
    let seen: Int64Array = rows.iter().map(|(_, _, seen)| *seen).collect();
    let mut columns = columns(&people);
    columns.push(("seen", Arc::new(seen)));
    columns
}

/// Merges rows by `id` in the order of `seen`.
const fn by_seen(includes_stored: bool) -> Plan<'static> {
    Plan {
        order: Some(("seen", includes_stored)),
        ..Plan::new(MERGE, DeletionSource::Unknown, DeletionMode::Ignore)
    }
}

fn load(store: &Store, number: u64, seen: &[Seen]) -> WriteStats {
    by_seen(number > 1).load(store, number, &batch(number, rows(seen)))
}

pub(crate) fn the_newest_of_a_key_wins_within_a_load(store: &Store) {
    let twice = [
        (1, "new", Some(9)),
        (2, "old", Some(-1)),
        (1, "old", Some(8)),
        (2, "first", Some(3)),
        (2, "last", Some(3)),
        (3, "new", Some(i64::MIN)),
        (3, "none", None),
        (4, "none", None),
        (4, "last", None),
        (1, "none", None),
    ];
    // Without a table, and into one.
    assert_eq!(load(store, 1, &twice), stats(4, 0, 6));
    assert_eq!(present(store), "1:new@1 2:last@1 3:new@1 4:last@1");
    assert_eq!(load(store, 2, &twice), stats(4, 0, 6));
    assert_eq!(present(store), "1:new@2 2:last@2 3:new@2 4:last@2");
}

pub(crate) fn an_older_row_does_not_replace_a_stored_one(store: &Store) {
    let first = [
        (1, "stored", Some(10)),
        (2, "stored", Some(10)),
        (3, "stored", Some(10)),
        (4, "stored", Some(10)),
        (5, "stored", None),
        (6, "stored", None),
        (7, "stored", Some(10)),
    ];
    load(store, 1, &first);
    let second = [
        (1, "older", Some(9)),
        (2, "same", Some(10)),
        (3, "newer", Some(11)),
        (4, "none", None),
        (5, "some", Some(1)),
        (6, "none", None),
        (8, "other", Some(0)),
    ];
    assert_eq!(load(store, 2, &second), stats(5, 0, 2));
    let expected =
        "1:stored@1 2:same@2 3:newer@2 4:stored@1 5:some@2 6:none@2 7:stored@1 8:other@2";
    assert_eq!(present(store), expected);
    // Only older rows.
    let third = [(3, "older", Some(10)), (3, "none", None)];
    assert_eq!(load(store, 3, &third), stats(0, 0, 2));
    assert_eq!(present(store), expected);
    // With the keys of all rows, which delete others.
    let hard = Plan {
        deletes: DeletionMode::Hard,
        deletion_source: DeletionSource::AllKeys,
        ..by_seen(true)
    };
    let older = batch(4, rows(&[(3, "older", Some(10)), (1, "new", Some(20))]));
    let did = hard.load_with_keys(store, 4, &older, Some(&keys(&[1, 3, 4])));
    assert_eq!(did, stats(1, 5, 1));
    assert_eq!(present(store), "1:new@4 3:newer@2 4:stored@1");
}

pub(crate) fn a_complete_read_replaces_newer_rows(store: &Store) {
    load(
        store,
        1,
        &[(1, "stored", Some(10)), (2, "stored", Some(10))],
    );
    let plan = by_seen(false);
    let older = batch(2, rows(&[(1, "new", Some(5)), (1, "old", Some(4))]));
    assert_eq!(plan.load(store, 2, &older), stats(1, 0, 1));
    assert_eq!(present(store), "1:new@2 2:stored@1");
}

pub(crate) fn an_older_row_makes_no_version(store: &Store) {
    let plan = Plan {
        write: WriteDisposition::Scd2,
        ..by_seen(true)
    };
    let load = |number, seen: &[Seen]| plan.load(store, number, &begin(number, rows(seen)));
    load(1, &[(1, "a", Some(10)), (2, "a", Some(10))]);
    assert_eq!(
        load(2, &[(1, "b", Some(9)), (2, "b", Some(11))]),
        stats(1, 0, 1)
    );
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a-2 2:b");
    // Versions that have ended are not compared.
    let newest = [(2, "a", Some(10)), (2, "c", Some(12)), (2, "d", Some(3))];
    assert_eq!(load(3, &newest), stats(1, 0, 2));
    assert_eq!(load(4, &[(1, "a", Some(10))]), stats(0, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a-2 2:b-3 2:c");
}

pub(crate) fn an_older_row_replaces_a_deleted_one(store: &Store) {
    let soft = Plan {
        deletes: DeletionMode::Soft,
        deletion_source: DeletionSource::AllKeys,
        ..by_seen(true)
    };
    let load = |number, seen: &[Seen], present: &[i64]| {
        let rows = batch(number, rows(seen));
        soft.load_with_keys(store, number, &rows, Some(&keys(present)))
    };
    load(1, &[(1, "a", Some(10)), (2, "a", Some(10))], &[1, 2]);
    assert_eq!(load(2, &[], &[2]), stats(0, 1, 0));
    assert_eq!(gone(store, "_deleted_at"), "1:a-2 2:a");
    let late = [(1, "b", Some(9)), (2, "b", Some(9))];
    assert_eq!(load(3, &late, &[1, 2]), stats(1, 0, 1));
    assert_eq!(gone(store, "_deleted_at"), "1:b 2:a");
}

pub(crate) fn values_of_every_type_are_ordered(store: &Store) {
    let times = [
        -62_200_000_000_000_000,
        253_402_300_799_000_000,
        253_402_300_801_000_000,
    ];
    let decimals = Decimal128Array::from(vec![-1_000, 999, 1_000]);
    // In ascending order, which is not that of their texts.
    let columns: Vec<(&'static str, ArrayRef)> = vec![
        ("integer", integers(&[-10, 9, 10])),
        ("small", Arc::new(Int32Array::from(vec![-10, 9, 10]))),
        ("float", floats(&[-1e300, 9.5, f64::INFINITY])),
        ("text", texts(&[Some("10"), Some("9"), Some("é")])),
        ("blob", blobs(&[Some(b""), Some(b"\x7f"), Some(b"\xff")])),
        (
            "truth",
            Arc::new(BooleanArray::from(vec![None, Some(false), Some(true)])),
        ),
        (
            "date",
            Arc::new(Date32Array::from(vec![-719_600, 2_932_896, 2_932_897])),
        ),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec())),
        ),
        (
            "time_utc",
            Arc::new(TimestampMicrosecondArray::from(times.to_vec()).with_timezone("UTC")),
        ),
        (
            "decimal",
            Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()),
        ),
    ];
    let mut number = 0;
    for (name, values) in &columns {
        let row = |load, index: usize| {
            let index_column = i64::try_from(index).unwrap();
            let columns = vec![
                ("id", integers(&[1])),
                ("n", integers(&[index_column])),
                (*name, values.slice(index, 1)),
            ];
            batch(load, columns)
        };
        for (order, winner) in [([1, 2, 0], 2), ([2, 1, 0], 2), ([0, 0, 1], 1)] {
            // Each row in a load of its own, then all in one.
            for (index, at) in order.into_iter().enumerate() {
                number += 1;
                let plan = Plan {
                    full_refresh: index == 0,
                    order: Some((name, true)),
                    ..plain()
                };
                plan.load(store, number, &row(number, at));
            }
            assert_eq!(
                store.column("t", "n"),
                numbers(&[winner]),
                "{name}: {order:?}"
            );
            number += 1;
            let plan = Plan {
                full_refresh: true,
                order: Some((name, false)),
                ..plain()
            };
            let write = plan.table_write(&row(number, 0));
            store.commit(number, |load| {
                load.open_table("t", &write).unwrap();
                for at in order {
                    load.write_rows("t", row(number, at)).unwrap();
                }
            });
            assert_eq!(
                store.column("t", "n"),
                numbers(&[winner]),
                "{name}: {order:?}"
            );
        }
    }
}

pub(crate) fn values_that_do_not_compare_are_in_their_order_of_arrival(store: &Store) {
    let plan = |includes_stored| Plan {
        siblings: &[("seen", "seen__text")],
        ..by_seen(includes_stored)
    };
    let mixed = |load, seen: &[Seen], texts_of: &[Option<&str>]| {
        let mut rows = rows(seen);
        rows.push(("seen__text", texts(texts_of)));
        batch(load, rows)
    };
    let first = mixed(
        1,
        &[
            (1, "a", None),
            (1, "b", Some(9)),
            (1, "c", Some(3)),
            (2, "a", Some(9)),
            (2, "b", None),
            (3, "a", Some(9)),
            (3, "b", Some(3)),
        ],
        &[Some("x"), None, None, None, Some("x"), None, None],
    );
    assert_eq!(plan(false).load(store, 1, &first), stats(3, 0, 4));
    assert_eq!(present(store), "1:c@1 2:b@1 3:a@1");
    // A stored text, an incoming text, and an older number.
    let second = mixed(
        2,
        &[(2, "new", Some(0)), (1, "new", None), (3, "old", Some(0))],
        &[None, Some("a"), None],
    );
    assert_eq!(plan(true).load(store, 2, &second), stats(2, 0, 1));
    assert_eq!(present(store), "1:new@2 2:new@2 3:a@1");
}

pub(crate) fn a_column_that_is_not_there_orders_nothing(store: &Store) {
    let plan = Plan {
        order: Some(("other", true)),
        ..plain()
    };
    let seen = [(1, "a", Some(9)), (1, "b", Some(3))];
    for number in 1..3 {
        let did = plan.load(store, number, &batch(number, rows(&seen)));
        assert_eq!(did, stats(1, 0, 1));
        assert_eq!(present(store), format!("1:b@{number}"));
    }
}

/// Loads rows, and a group of one item for each, which has the name of its row
/// as text. The items are written first.
fn load_with_items(store: &Store, number: u64, seen: &[Seen]) -> WriteStats {
    let parents = batch(number, rows(seen));
    let mut of = Vec::new();
    let mut index = Vec::new();
    let mut names = Vec::new();
    let mut parent_rows = Vec::new();
    for (row, (id, name, _)) in seen.iter().enumerate() {
        // The group of a row called `empty` has no items.
        for item in std::iter::once(None).chain((*name != "empty").then_some(Some(0))) {
            of.push(*id);
            index.push(item);
            names.push(item.map(|_| *name));
            parent_rows.push(i64::try_from(row).unwrap());
        }
    }
    let items: RecordBatch = batch(
        number,
        vec![
            ("of", integers(&of)),
            ("_index", Arc::new(Int64Array::from(index))),
            ("name", texts(&names)),
        ],
    );
    let items_write = TableWrite {
        key: vec!["of".to_owned()],
        group: Some(RowGroups {
            index: "_index".to_owned(),
            parent: "u".to_owned(),
        }),
        ..TableWrite::new(items.schema(), MERGE)
    };
    let plan = by_seen(number > 1);
    let stats_by_table = store.commit(number, |load| {
        load.open_table("u", &plan.table_write(&parents)).unwrap();
        load.open_table("t", &items_write).unwrap();
        // Two batches, so that a group continues in the second one.
        for (from, length) in [(0, 3), (3, items.num_rows() - 3)] {
            let numbers = Int64Array::from(parent_rows[from..from + length].to_vec());
            load.write_child_rows("t", items.slice(from, length), numbers)
                .unwrap();
        }
        load.write_rows("u", parents.clone()).unwrap();
    });
    stats_by_table["t"]
}

pub(crate) fn groups_belong_to_the_newest_row(store: &Store) {
    let seen = [
        (1, "new", Some(9)),
        (2, "old", Some(1)),
        (1, "old", Some(8)),
        (2, "empty", Some(2)),
        (3, "new", Some(3)),
    ];
    assert_eq!(load_with_items(store, 1, &seen), stats(2, 0, 0));
    assert_eq!(pairs(store, ["of", "name"]), "1=new 3=new");
    // An older row, a row that is older than an empty one, and a newer one.
    let seen = [
        (1, "late", Some(8)),
        (2, "late", Some(1)),
        (3, "newer", Some(4)),
        (3, "empty", Some(3)),
    ];
    assert_eq!(load_with_items(store, 2, &seen), stats(1, 0, 0));
    assert_eq!(pairs(store, ["of", "name"]), "1=new 3=newer");
    // A newer row without items.
    let seen = [(1, "empty", Some(10)), (3, "same", Some(4))];
    assert_eq!(load_with_items(store, 3, &seen), stats(1, 0, 0));
    assert_eq!(found(store, ["name"]), [[text("same")]]);
}
