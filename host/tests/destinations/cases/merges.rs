//! Rows that are told apart by their key: merged, deleted, kept in versions.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, Int32Array, RecordBatch, TimestampMicrosecondArray,
};
use connector_host::destination::{Arrival, DestinationError, Effect, Presence};
use connector_host::model::{Deletes, Sibling, Write};

use super::numbers;
use crate::files;
use crate::store::{Kind, Store, batch, blobs, floats, integers, load_id, texts};
use crate::value::{Row, Value, rows};

const MERGE: Write = Write::Merge;

/// Loads one batch, merged by `id`.
#[derive(Clone, Copy)]
struct Plan<'k> {
    write: Write,
    presence: Presence,
    deletes: Deletes,
    fresh: bool,
    key: &'k [&'static str],
    siblings: &'static [(&'static str, &'static str)],
}

impl Plan<'_> {
    const fn new(write: Write, presence: Presence, deletes: Deletes) -> Self {
        Self {
            write,
            presence,
            deletes,
            fresh: false,
            key: &["id"],
            siblings: &[],
        }
    }

    fn arrival(&self, batch: &RecordBatch) -> Arrival {
        let siblings = self.siblings.iter().map(|(column, name)| Sibling {
            column: (*column).to_owned(),
            name: (*name).to_owned(),
        });
        Arrival {
            key: self.key.iter().map(|key| (*key).to_owned()).collect(),
            siblings: siblings.collect(),
            fresh: self.fresh,
            presence: self.presence,
            deletes: self.deletes,
            ..Arrival::plain(batch.schema(), self.write)
        }
    }

    fn load(&self, store: &Store, number: u64, batch: &RecordBatch) -> Effect {
        self.load_with_keys(store, number, batch, None)
    }

    fn load_with_keys(
        &self,
        store: &Store,
        number: u64,
        batch: &RecordBatch,
        keys: Option<&RecordBatch>,
    ) -> Effect {
        let effects = store.commit(number, |load| {
            load.open("t", &self.arrival(batch)).unwrap();
            load.write("t", batch.clone()).unwrap();
            if let Some(keys) = keys {
                load.keys("t", keys.clone()).unwrap();
            }
            let stored = load.stored_rows().unwrap();
            assert_eq!(stored["t"], batch.num_rows() as u64);
        });
        effects["t"]
    }
}

fn plain() -> Plan<'static> {
    Plan::new(MERGE, Presence::Unknown, Deletes::Ignore)
}

/// Rows of a number and a name.
fn people(load: u64, people: &[(i64, &str)]) -> RecordBatch {
    batch(load, columns(people))
}

fn columns<'n>(people: &[(i64, &str)]) -> Vec<(&'n str, ArrayRef)> {
    let ids: Vec<_> = people.iter().map(|(id, _)| *id).collect();
    let names: Vec<_> = people.iter().map(|(_, name)| Some(*name)).collect();
    vec![("id", integers(&ids)), ("name", texts(&names))]
}

/// The same, with word of which are deleted.
fn changes(load: u64, changes: &[(i64, &str, bool)]) -> RecordBatch {
    batch(load, change_columns(changes))
}

fn change_columns<'n>(changes: &[(i64, &str, bool)]) -> Vec<(&'n str, ArrayRef)> {
    let people: Vec<_> = changes.iter().map(|(id, name, _)| (*id, *name)).collect();
    let deleted: Vec<_> = changes.iter().map(|(_, _, deleted)| *deleted).collect();
    let mut columns = columns(&people);
    columns.push(("_is_deleted", Arc::new(BooleanArray::from(deleted))));
    columns
}

/// The same, with the time at which they begin.
fn versions(load: u64, people: &[(i64, &str)]) -> RecordBatch {
    begin(load, columns(people))
}

fn begin(load: u64, mut columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = columns[0].1.len();
    let times = TimestampMicrosecondArray::from(vec![load_id(load).micros(); rows]);
    columns.push(("_valid_from", Arc::new(times.with_timezone("UTC"))));
    batch(load, columns)
}

/// Keys without rows.
fn keys(ids: &[i64]) -> RecordBatch {
    batch(0, vec![("id", integers(ids))]).project(&[0]).unwrap()
}

fn effect(written: u64, deleted: u64, superseded: u64) -> Effect {
    Effect {
        written,
        deleted,
        superseded,
    }
}

fn text(text: &str) -> Value {
    Value::Text(text.to_owned())
}

fn time(load: u64) -> Value {
    Value::Time(load_id(load).micros())
}

/// Some columns of the table, row by row in order of their values.
fn found<const N: usize>(store: &Store, columns: [&str; N]) -> Vec<[Value; N]> {
    let rows = store.rows("t").unwrap();
    let pick = |row: &Row| columns.map(|column| row[column].clone());
    let mut found: Vec<_> = rows.iter().map(pick).collect();
    found.sort();
    found
}

/// Who is there, as `id:name@load`.
fn present(store: &Store) -> String {
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

/// Who has gone, and with which load.
fn gone(store: &Store, column: &str) -> String {
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

pub(crate) fn a_merge_inserts_and_updates(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben"), (3, "Cleo")]));
    let did = plain().load(store, 2, &people(2, &[(4, "Dan"), (2, "Bob")]));
    assert_eq!(did, effect(2, 0, 0));
    assert_eq!(present(store), "1:Ada@1 2:Bob@2 3:Cleo@1 4:Dan@2");
    // The same again changes nothing but the load.
    let did = plain().load(store, 3, &people(3, &[(4, "Dan"), (2, "Bob")]));
    assert_eq!(did, effect(2, 0, 0));
    assert_eq!(present(store), "1:Ada@1 2:Bob@3 3:Cleo@1 4:Dan@3");
}

pub(crate) fn a_merge_of_nothing_changes_nothing(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada")]));
    assert_eq!(plain().load(store, 2, &people(2, &[])), effect(0, 0, 0));
    assert_eq!(present(store), "1:Ada@1");
}

pub(crate) fn a_merge_into_nothing_makes_the_table(store: &Store) {
    let twice = people(1, &[(1, "Ada"), (1, "Ann"), (2, "Ben")]);
    assert_eq!(plain().load(store, 1, &twice), effect(2, 0, 1));
    assert_eq!(present(store), "1:Ann@1 2:Ben@1");
}

pub(crate) fn a_merge_reaches_rows_that_were_appended(store: &Store) {
    store.load(1, "t", Write::Append, &people(1, &[(1, "Ada"), (2, "Ben")]));
    store.load(2, "t", Write::Append, &people(2, &[(2, "Bob")]));
    let soft = Plan::new(MERGE, Presence::Rows, Deletes::Soft);
    assert_eq!(
        soft.load(store, 3, &people(3, &[(2, "Bill")])),
        effect(1, 1, 0)
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
    assert_eq!(did, effect(3, 0, 0));
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
        for (fresh, order) in [(true, [0, 1, 2].as_slice()), (false, &[11, 12])] {
            number += 1;
            let from = 3 - order.len();
            let rows = vec![
                ("n", integers(order)),
                (*name, values.slice(from, order.len())),
                ("truth", truths.slice(from, order.len())),
            ];
            let plan = Plan {
                key: &[*name, "truth"],
                fresh,
                ..plain()
            };
            let did = plan.load(store, number, &batch(number, rows));
            assert_eq!(did, effect(order.len() as u64, 0, 0), "{name}");
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
    let effects = store.commit(2, |load| {
        load.open("t", &plain().arrival(&first)).unwrap();
        load.write("t", first.clone()).unwrap();
        load.write("t", first.slice(0, 1)).unwrap();
        load.open("t", &plain().arrival(&wide)).unwrap();
        load.write("t", wide.clone()).unwrap();
        assert_eq!(load.stored_rows().unwrap()["t"], 7);
    });
    assert_eq!(effects["t"], effect(3, 0, 4));
    assert_eq!(present(store), "1:c@2 2:a@2 3:old@1 4:d@2");
    assert_eq!(
        found(store, ["id", "more"]).map_rows(),
        "1=2 2=null 3=null 4=3"
    );
}

/// Shows pairs.
trait MapRows {
    fn map_rows(&self) -> String;
}

impl MapRows for Vec<[Value; 2]> {
    fn map_rows(&self) -> String {
        let show = |value: &Value| match value {
            Value::Null => "null".to_owned(),
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            other => format!("{other:?}"),
        };
        let pairs = self
            .iter()
            .map(|[one, other]| format!("{}={}", show(one), show(other)));
        pairs.collect::<Vec<_>>().join(" ")
    }
}

pub(crate) fn new_columns_are_null_in_older_rows(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben"), (3, "Cleo")]));
    let mut wide = columns(&[(2, "Bob")]);
    wide.insert(1, ("city", texts(&[Some("Bern")])));
    plain().load(store, 2, &batch(2, wide));
    assert_eq!(
        found(store, ["id", "city"]).map_rows(),
        "1=null 2=Bern 3=null"
    );
    // Without it, and with it as a part of the rows that stay.
    plain().load(store, 3, &people(3, &[(1, "Ann")]));
    assert_eq!(present(store), "1:Ann@3 2:Bob@2 3:Cleo@1");
    assert_eq!(
        found(store, ["id", "city"]).map_rows(),
        "1=null 2=Bern 3=null"
    );
    let did = plain().load(store, 4, &batch(4, vec![("ID", integers(&[3, 2]))]));
    assert_eq!(did, effect(2, 0, 0));
    assert_eq!(
        found(store, ["id", "city"]).map_rows(),
        "1=null 2=null 3=null"
    );
}

/// Keys that are numbers, and others of the same column that are texts.
fn mixed(load: u64, rows: &[(Option<i64>, Option<&str>, &str)]) -> RecordBatch {
    let ids: Vec<_> = rows.iter().map(|row| row.0).collect();
    let others: Vec<_> = rows.iter().map(|row| row.1).collect();
    let names: Vec<_> = rows.iter().map(|row| Some(row.2)).collect();
    batch(
        load,
        vec![
            ("id", Arc::new(arrow_array::Int64Array::from(ids))),
            ("name", texts(&names)),
            ("id__text", texts(&others)),
        ],
    )
}

const MIXED: &[(&str, &str)] = &[("id", "id__text")];

pub(crate) fn siblings_of_key_columns_tell_rows_apart(store: &Store) {
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
    assert_eq!(plan.load(store, 2, &rows), effect(3, 0, 0));
    let rows = mixed(3, &[(None, Some("x"), "Xb"), (Some(2), None, "Bob")]);
    assert_eq!(plan.load(store, 3, &rows), effect(2, 0, 0));
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

pub(crate) fn siblings_may_come_late_in_a_load(store: &Store) {
    let hard = Plan::new(MERGE, Presence::Keys, Deletes::Hard);
    let late = Plan {
        siblings: MIXED,
        ..hard
    };
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let (first, second) = (
        people(2, &[(2, "Bob")]),
        mixed(2, &[(Some(2), None, "Bill"), (None, Some("x"), "Xa")]),
    );
    let effects = store.commit(2, |load| {
        load.open("t", &hard.arrival(&first)).unwrap();
        load.write("t", first.clone()).unwrap();
        load.keys("t", keys(&[2])).unwrap();
        load.open("t", &late.arrival(&second)).unwrap();
        load.write("t", second.clone()).unwrap();
        let keys = second.project(&[2, 0]).unwrap();
        load.keys("t", keys.slice(1, 1)).unwrap();
    });
    assert_eq!(effects["t"], effect(2, 1, 1));
    assert_eq!(found(store, ["id", "name"]).map_rows(), "null=Xa 2=Bill");
    // The older rows have one, and nothing that comes does.
    let effects = store.commit(3, |load| {
        load.open("t", &hard.arrival(&people(3, &[]))).unwrap();
        load.keys("t", keys(&[2])).unwrap();
    });
    assert_eq!(effects["t"], effect(0, 1, 0));
    assert_eq!(found(store, ["id", "name"]).map_rows(), "2=Bill");
}

pub(crate) fn keys_need_not_have_the_siblings_that_rows_have(store: &Store) {
    let plan = Plan {
        siblings: MIXED,
        ..Plan::new(MERGE, Presence::Keys, Deletes::Hard)
    };
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let (narrow, wide) = (
        people(2, &[(2, "Bob")]),
        mixed(2, &[(None, Some("x"), "Xa")]),
    );
    let effects = store.commit(2, |load| {
        let narrower = Plan {
            siblings: &[],
            ..plan
        };
        load.open("t", &narrower.arrival(&narrow)).unwrap();
        load.write("t", narrow.clone()).unwrap();
        load.open("t", &plan.arrival(&wide)).unwrap();
        load.write("t", wide.clone()).unwrap();
        load.keys("t", keys(&[2])).unwrap();
    });
    assert_eq!(effects["t"], effect(2, 2, 0));
    assert_eq!(found(store, ["id", "name"]).map_rows(), "2=Bob");
}

pub(crate) fn a_row_without_a_key_is_refused(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada")]));
    let plan = Plan {
        siblings: MIXED,
        ..Plan::new(MERGE, Presence::Keys, Deletes::Hard)
    };
    let bad = mixed(
        2,
        &[(Some(1), None, "Ann"), (None, None, "?"), (None, None, "?")],
    );
    let good = bad.slice(0, 1);
    for (rows, keys, expected) in [(&bad, &good, 2), (&good, &bad, 2), (&bad, &bad, 2)] {
        let mut destination = store.open();
        let mut load = destination.begin(&load_id(2)).unwrap();
        load.open("t", &plan.arrival(rows)).unwrap();
        load.write("t", rows.clone()).unwrap();
        load.keys("t", keys.project(&[0, 2]).unwrap()).unwrap();
        let error = load.apply().unwrap_err();
        assert_eq!(
            error.to_string(),
            format!("{expected} rows of `t` have no value in a column of their key (id)")
        );
        assert!(matches!(error, DestinationError::NoKey { .. }));
    }
    assert_eq!(present(store), "1:Ada@1");
}

pub(crate) fn keys_that_nobody_announced_are_refused(store: &Store) {
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    assert!(load.keys("t", keys(&[1])).is_err());
    load.open("t", &plain().arrival(&people(1, &[]))).unwrap();
    assert!(load.keys("t", keys(&[1])).is_err());
}

/// Three loads, each without some rows of the one before.
fn three_loads(store: &Store, deletes: Deletes, presence: Presence) -> [Effect; 3] {
    let plan = Plan::new(MERGE, presence, deletes);
    let loads: [&[(i64, &str, bool)]; 3] = match presence {
        Presence::Marked => [
            &[
                (1, "a", false),
                (2, "a", false),
                (3, "a", false),
                (9, "-", true),
            ],
            &[(1, "b", false), (3, "-", true), (2, "-", true)],
            &[(3, "c", false), (1, "-", true), (2, "-", true)],
        ],
        _ => [
            &[(1, "a", false), (2, "a", false), (3, "a", false)],
            &[(1, "b", false)],
            &[(3, "c", false)],
        ],
    };
    let load = |number: u64, rows: &[(i64, &str, bool)]| {
        let all = changes(number, rows);
        let rows = if presence == Presence::Marked {
            all
        } else {
            all.project(&[0, 1, 3]).unwrap()
        };
        let keys = keys(&if number == 1 {
            vec![1, 2, 3]
        } else {
            vec![if number == 2 { 1 } else { 3 }]
        });
        plan.load_with_keys(
            store,
            number,
            &rows,
            (presence == Presence::Keys).then_some(&keys),
        )
    };
    [load(1, loads[0]), load(2, loads[1]), load(3, loads[2])]
}

const KNOWN: [Presence; 3] = [Presence::Rows, Presence::Keys, Presence::Marked];

pub(crate) fn rows_that_are_gone_are_marked(store: &Store) {
    for (at, presence) in KNOWN.into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let did = three_loads(store, Deletes::Soft, presence);
        assert_eq!(
            did,
            [effect(3, 0, 0), effect(1, 2, 0), effect(1, 1, 0)],
            "{presence:?}"
        );
        assert_eq!(
            gone(store, "_deleted_at"),
            "1:b-3 2:a-2 3:c",
            "{presence:?}"
        );
        let columns = store.rows("t").unwrap().remove(0);
        assert!(!columns.contains_key("_is_deleted"));
    }
}

pub(crate) fn rows_that_are_gone_go(store: &Store) {
    for (at, presence) in KNOWN.into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let did = three_loads(store, Deletes::Hard, presence);
        assert_eq!(
            did,
            [effect(3, 0, 0), effect(1, 2, 0), effect(1, 1, 0)],
            "{presence:?}"
        );
        assert_eq!(present(store), "3:c@3", "{presence:?}");
        let columns = store.rows("t").unwrap().remove(0);
        assert!(!columns.contains_key("_deleted_at") && !columns.contains_key("_is_deleted"));
    }
}

pub(crate) fn rows_that_are_gone_stay_if_nobody_cares(store: &Store) {
    for (at, presence) in KNOWN.into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let did = three_loads(store, Deletes::Ignore, presence);
        assert_eq!(
            did,
            [effect(3, 0, 0), effect(1, 0, 0), effect(1, 0, 0)],
            "{presence:?}"
        );
        assert_eq!(present(store), "1:b@2 2:a@1 3:c@3", "{presence:?}");
    }
}

pub(crate) fn an_empty_set_of_keys_means_that_all_are_gone(store: &Store) {
    let plan = Plan::new(MERGE, Presence::Keys, Deletes::Hard);
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let did = plan.load_with_keys(store, 2, &people(2, &[]), Some(&keys(&[])));
    assert_eq!(did, effect(0, 2, 0));
    assert_eq!(store.rows("t").unwrap(), []);
    // Not even an empty batch of them, and rows that came before they went.
    plain().load(store, 3, &people(3, &[(1, "Ada"), (2, "Ben")]));
    let did = plan.load(store, 4, &people(4, &[(2, "Bob"), (3, "Cleo")]));
    assert_eq!(did, effect(2, 3, 0));
    assert_eq!(store.rows("t").unwrap(), []);
}

pub(crate) fn a_row_that_went_while_it_was_read_is_gone(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let plan = Plan::new(MERGE, Presence::Keys, Deletes::Soft);
    let did = plan.load_with_keys(
        store,
        2,
        &people(2, &[(2, "Bob"), (3, "Cleo"), (4, "Dan")]),
        Some(&keys(&[1, 3])),
    );
    assert_eq!(did, effect(3, 2, 0));
    assert_eq!(gone(store, "_deleted_at"), "1:Ada 2:Bob-2 3:Cleo 4:Dan-2");
}

pub(crate) fn of_several_changes_the_last_one_counts(store: &Store) {
    let plan = Plan::new(MERGE, Presence::Marked, Deletes::Hard);
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let rows = changes(
        2,
        &[
            (3, "a", false),
            (3, "-", true),
            (3, "b", false),
            (1, "Ann", false),
            (1, "-", true),
            (4, "a", false),
            (4, "-", true),
        ],
    );
    assert_eq!(plan.load(store, 2, &rows), effect(1, 1, 4));
    assert_eq!(present(store), "2:Ben@1 3:b@2");
}

pub(crate) fn versions_begin_and_end(store: &Store) {
    let plan = Plan::new(Write::Scd2, Presence::Rows, Deletes::Soft);
    let load = |number, rows: &[(i64, &str)]| plan.load(store, number, &versions(number, rows));
    let history = || {
        let rows = found(store, ["id", "_valid_from", "_valid_to", "name"]);
        let row = |[id, from, to, name]: &[Value; 4]| {
            let number = |time_of: &Value| match time_of {
                Value::Null => String::new(),
                at => (0..100)
                    .find(|number| time(*number) == *at)
                    .unwrap()
                    .to_string(),
            };
            let (Value::Integer(id), Value::Text(name)) = (id, name) else {
                panic!("{id:?} {name:?}")
            };
            format!("{id}:{name}[{}-{}]", number(from), number(to))
        };
        rows.iter().map(row).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(load(1, &[(1, "a"), (2, "a"), (3, "a")]), effect(3, 0, 0));
    // Unchanged, changed, gone, new.
    assert_eq!(load(2, &[(1, "a"), (2, "b"), (4, "a")]), effect(2, 1, 0));
    assert_eq!(history(), "1:a[1-] 2:a[1-2] 2:b[2-] 3:a[1-2] 4:a[2-]");
    // Changed twice, and back again.
    assert_eq!(
        load(3, &[(1, "a"), (2, "c"), (3, "a"), (4, "a")]),
        effect(2, 0, 0)
    );
    assert_eq!(
        history(),
        "1:a[1-] 2:a[1-2] 2:b[2-3] 2:c[3-] 3:a[1-2] 3:a[3-] 4:a[2-]"
    );
    // Nothing new.
    let before = store.rows("t").unwrap();
    assert_eq!(
        load(4, &[(1, "a"), (2, "c"), (3, "a"), (4, "a")]),
        effect(0, 0, 0)
    );
    assert_eq!(store.rows("t").unwrap(), before);
    // As it was two versions ago, and twice in the load.
    assert_eq!(load(5, &[(1, "x"), (2, "a"), (1, "a")]), effect(1, 2, 1));
    assert_eq!(
        history(),
        "1:a[1-] 2:a[1-2] 2:b[2-3] 2:c[3-5] 2:a[5-] 3:a[1-2] 3:a[3-5] 4:a[2-5]"
    );
}

pub(crate) fn versions_end_by_keys_and_by_marks(store: &Store) {
    let plan = Plan::new(Write::Scd2, Presence::Keys, Deletes::Hard);
    plan.load_with_keys(
        store,
        1,
        &versions(1, &[(1, "a"), (2, "a"), (3, "a")]),
        Some(&keys(&[1, 2, 3])),
    );
    let did = plan.load_with_keys(store, 2, &versions(2, &[(2, "b")]), Some(&keys(&[1, 2])));
    assert_eq!(did, effect(1, 1, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a-2 2:b 3:a-2");

    let plan = Plan::new(Write::Scd2, Presence::Marked, Deletes::Hard);
    let rows = [
        (1, "-", true),
        (2, "b", false),
        (3, "-", true),
        (4, "a", false),
        (5, "-", true),
    ];
    let did = plan.load(store, 3, &begin(3, change_columns(&rows)));
    assert_eq!(did, effect(1, 1, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a-3 2:a-2 2:b 3:a-2 4:a");

    let plan = Plan::new(Write::Scd2, Presence::Marked, Deletes::Ignore);
    let rows = [(2, "-", true), (4, "b", false)];
    let did = plan.load(store, 4, &begin(4, change_columns(&rows)));
    assert_eq!(did, effect(1, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a-3 2:a-2 2:b 3:a-2 4:a-4 4:b");

    // What nothing is known of stays.
    let plan = Plan::new(Write::Scd2, Presence::Unknown, Deletes::Soft);
    let did = plan.load(store, 5, &versions(5, &[(4, "c")]));
    assert_eq!(did, effect(1, 0, 0));
    assert_eq!(
        gone(store, "_valid_to"),
        "1:a-3 2:a-2 2:b 3:a-2 4:a-4 4:b-5 4:c"
    );
}

pub(crate) fn a_new_column_makes_a_version_only_where_it_has_a_value(store: &Store) {
    let plan = Plan::new(Write::Scd2, Presence::Rows, Deletes::Soft);
    plan.load(store, 1, &versions(1, &[(1, "a"), (2, "a")]));
    let mut wide = columns(&[(1, "a"), (2, "a")]);
    wide.push(("city", texts(&[None, Some("")])));
    assert_eq!(plan.load(store, 2, &begin(2, wide)), effect(1, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a 2:a-2");
    // And one that no longer comes is null.
    let did = plan.load(store, 3, &versions(3, &[(1, "a"), (2, "a")]));
    assert_eq!(did, effect(1, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a 2:a-2 2:a-3");
}

pub(crate) fn a_fresh_start_takes_the_place_of_what_was_there(store: &Store) {
    for (number, write) in [(1, MERGE), (3, Write::Scd2), (5, Write::Append)] {
        let plan = Plan::new(write, Presence::Unknown, Deletes::Ignore);
        let mut wide = columns(&[(1, "Ada"), (2, "Ben")]);
        wide.push(("city", texts(&[None, Some("Bern")])));
        plan.load(store, number, &begin(number, wide));
        let fresh = Plan {
            fresh: true,
            ..plan
        };
        let next = number + 1;
        let did = fresh.load(store, next, &versions(next, &[(2, "Bob")]));
        assert_eq!(did, effect(1, 0, 0));
        assert_eq!(present(store), format!("2:Bob@{next}"));
        let columns = store.rows("t").unwrap().remove(0);
        assert!(!columns.contains_key("city"), "{columns:?}");
    }
}

/// Values of which each format makes something of its own.
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

pub(crate) fn nasty_values_survive_a_rewrite(store: &Store) {
    plain().load(store, 1, &nasty(1, 0, 6));
    let mut expected = rows(&nasty(1, 1, 5));
    // Twice, because what was copied is copied again, and the second time into
    // more columns.
    plain().load(store, 2, &nasty(2, 0, 1));
    expected.splice(0..0, rows(&nasty(2, 0, 1)));
    assert_eq!(by_id(store), expected);
    let plan = Plan::new(MERGE, Presence::Rows, Deletes::Soft);
    let did = plan.load(store, 3, &nasty(3, 0, 1));
    assert_eq!(did, effect(1, 5, 0));
    expected.splice(0..1, rows(&nasty(3, 0, 1)));
    for (at, row) in expected.iter_mut().enumerate() {
        let gone = if at == 0 { Value::Null } else { time(3) };
        row.insert("_deleted_at".to_owned(), gone);
    }
    assert_eq!(by_id(store), expected);
}

fn by_id(store: &Store) -> Vec<Row> {
    let mut rows = store.rows("t").unwrap();
    rows.sort_by_key(|row| row["id"].clone());
    rows
}

pub(crate) fn nasty_values_are_no_change(store: &Store) {
    let plan = Plan::new(Write::Scd2, Presence::Rows, Deletes::Soft);
    plan.load(store, 1, &nasty(1, 0, 6));
    assert_eq!(plan.load(store, 2, &nasty(2, 0, 6)), effect(0, 0, 0));
    // Copied, and compared again.
    assert_eq!(plan.load(store, 3, &nasty(3, 1, 5)), effect(0, 1, 0));
    assert_eq!(plan.load(store, 4, &nasty(4, 1, 5)), effect(0, 0, 0));
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
        let plan = Plan::new(MERGE, Presence::Rows, Deletes::Soft);
        load.open("t", &plan.arrival(&rows)).unwrap();
        load.write("t", rows).unwrap();
        if apply {
            assert_eq!(load.apply().unwrap()["t"], effect(2, 1, 0));
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

pub(crate) fn a_merge_may_be_forgotten(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let plan = Plan::new(MERGE, Presence::Keys, Deletes::Soft);
    let effects = store.commit(2, |load| {
        for forget in [true, false] {
            let rows = people(2, &[(2, "Bob"), (2, "Bill")]);
            load.open("t", &plan.arrival(&rows)).unwrap();
            load.open("u", &plan.arrival(&rows)).unwrap();
            load.write("t", rows.clone()).unwrap();
            load.write("u", rows).unwrap();
            load.keys("t", keys(&[])).unwrap();
            if forget {
                load.restart().unwrap();
            }
        }
        load.discard("t").unwrap();
    });
    assert_eq!(
        effects.into_iter().collect::<Vec<_>>(),
        [("u".to_owned(), effect(1, 0, 1))]
    );
    assert_eq!(present(store), "1:Ada@1 2:Ben@1");
    assert_eq!(store.rows("t").unwrap()[0].len(), 3);
    assert_eq!(store.rows("u").unwrap().len(), 1);
    // And it is merged into as if nothing had happened.
    assert_eq!(
        plain().load(store, 3, &people(3, &[(2, "Bob")])),
        effect(1, 0, 0)
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
            "what stays of one, and what came: {after:?}"
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
    let soft = Plan::new(MERGE, Presence::Marked, Deletes::Soft);
    assert_eq!(
        plain().load(store, 1, &many(1, 0, 100_000)),
        effect(100_000, 0, 0)
    );
    assert_eq!(
        plain().load(store, 2, &many(2, 95_000, 10_000)),
        effect(10_000, 0, 0)
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
    assert_eq!(
        soft.load(store, 3, &changes(3, &rows)),
        effect(0, 10_000, 0)
    );
    let marked = store.column("t", "_deleted_at");
    assert_eq!(marked.iter().filter(|at| **at == time(3)).count(), 10_000);
}
