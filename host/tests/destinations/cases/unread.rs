//! Parts of a source that could not be read: what is there of them stays.

use arrow_array::RecordBatch;
use connector_host::destination::{Arrival, Effect, Presence};
use connector_host::model::{Deletes, Unread, Write};

use super::keyed::{Plan, begin, effect, gone, keys, pairs};
use crate::store::{Store, batch, integers, texts};

type Of<'n> = [(i64, &'n str)];

fn columns<'n>(rows: &Of<'_>) -> Vec<(&'n str, arrow_array::ArrayRef)> {
    let ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
    let parts: Vec<_> = rows.iter().map(|(_, part)| Some(*part)).collect();
    vec![("id", integers(&ids)), ("name", texts(&parts))]
}

fn load(
    store: &Store,
    number: u64,
    arrival: &Arrival,
    rows: &RecordBatch,
    all_keys: Option<&[i64]>,
    unread: &[&str],
) -> Effect {
    let effects = store.commit(number, |load| {
        load.open("t", arrival).unwrap();
        load.write("t", rows.clone()).unwrap();
        if let Some(ids) = all_keys {
            load.keys("t", keys(ids)).unwrap();
        }
        let part = Unread {
            column: "name".to_owned(),
            values: unread.iter().map(|part| (*part).to_owned()).collect(),
            failure: None,
        };
        load.keep("t", &part).unwrap();
        let stored = load.stored_rows().unwrap();
        assert_eq!(stored["t"], rows.num_rows() as u64);
    });
    effects["t"]
}

pub(crate) fn a_part_that_was_not_read_stays_where_a_table_gives_way(store: &Store) {
    let old: &Of = &[(1, "a"), (2, "b'"), (3, "c")];
    let extra = vec![("old", integers(&[7, 8, 9]))];
    let rows = batch(1, columns(old).into_iter().chain(extra).collect());
    store.load(1, "t", Write::Replace, &rows);
    let rows = batch(2, columns(&[(4, "a")]));
    let arrival = Arrival::plain(rows.schema(), Write::Replace);
    let did = load(store, 2, &arrival, &rows, None, &["b'", "c", "x"]);
    assert_eq!(did, effect(1, 0, 0));
    assert_eq!(pairs(store, ["id", "name"]), "2=b' 3=c 4=a");
    assert_eq!(pairs(store, ["id", "old"]), "2=8 3=9 4=null");
    // None that is there, and none at all.
    let did = load(
        store,
        3,
        &arrival,
        &batch(3, columns(&[(5, "a")])),
        None,
        &["x"],
    );
    assert_eq!(did, effect(1, 0, 0));
    assert_eq!(pairs(store, ["id", "name"]), "5=a");
    load(
        store,
        4,
        &arrival,
        &batch(4, columns(&[(6, "a")])),
        None,
        &[],
    );
    assert_eq!(pairs(store, ["id", "name"]), "6=a");
}

pub(crate) fn a_part_that_was_not_read_is_not_gone(store: &Store) {
    for (at, presence) in [Presence::Rows, Presence::Keys].into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let rows = batch(1, columns(&[(1, "a"), (2, "b"), (3, "a"), (4, "c")]));
        store.load(1, "t", Write::Replace, &rows);
        let plan = Plan::new(Write::Merge, presence, Deletes::Hard);
        let rows = batch(2, columns(&[(1, "a")]));
        let keys = (presence == Presence::Keys).then_some(&[1][..]);
        let did = load(store, 2, &plan.arrival(&rows), &rows, keys, &["b"]);
        assert_eq!(did, effect(1, 2, 0), "{presence:?}");
        assert_eq!(pairs(store, ["id", "name"]), "1=a 2=b", "{presence:?}");
    }
}

pub(crate) fn versions_of_a_part_that_was_not_read_stay(store: &Store) {
    let plan = Plan::new(Write::Scd2, Presence::Rows, Deletes::Soft);
    let rows = begin(1, columns(&[(1, "a"), (2, "b"), (3, "a")]));
    plan.load(store, 1, &rows);
    let rows = begin(2, columns(&[(1, "a")]));
    let did = load(store, 2, &plan.arrival(&rows), &rows, None, &["b"]);
    assert_eq!(did, effect(0, 1, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:b 3:a-2");
}

pub(crate) fn a_part_of_other_types_cannot_be_kept(store: &Store) {
    let extra = vec![("n", texts(&[Some("x"), Some("y")]))];
    let old = columns(&[(1, "a"), (2, "b")]).into_iter().chain(extra);
    store.load(1, "t", Write::Replace, &batch(1, old.collect()));
    let extra = vec![("n", integers(&[7]))];
    let new = columns(&[(1, "a")]).into_iter().chain(extra);
    let rows = batch(2, new.collect());
    let mut destination = store.open();
    let mut load = destination.begin(&crate::store::load_id(2)).unwrap();
    load.open("t", &Arrival::plain(rows.schema(), Write::Replace))
        .unwrap();
    load.write("t", rows).unwrap();
    let part = Unread {
        column: "name".to_owned(),
        values: vec!["b".to_owned()],
        failure: None,
    };
    assert!(!load.keep("t", &part).unwrap());
}
