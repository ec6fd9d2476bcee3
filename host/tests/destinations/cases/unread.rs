//! Parts of a source that could not be read: their stored rows are kept.

use arrow_array::RecordBatch;
use connector_host::destination::{DeletionSource, TableWrite, WriteStats};
use connector_host::model::{DeletionMode, UnreadPart, WriteDisposition};

use super::keyed::{Plan, begin, gone, keys, pairs, stats};
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
    table_write: &TableWrite,
    rows: &RecordBatch,
    all_keys: Option<&[i64]>,
    unread: &[&str],
) -> WriteStats {
    let stats_by_table = store.commit(number, |load| {
        load.open_table("t", table_write).unwrap();
        load.write_rows("t", rows.clone()).unwrap();
        if let Some(ids) = all_keys {
            load.write_keys("t", keys(ids)).unwrap();
        }
        let part = UnreadPart {
            column: "name".to_owned(),
            values: unread.iter().map(|part| (*part).to_owned()).collect(),
            failure: None,
        };
        load.keep_unread("t", &part).unwrap();
        let stored = load.count_rows().unwrap();
        assert_eq!(stored["t"], rows.num_rows() as u64);
    });
    stats_by_table["t"]
}

pub(crate) fn a_part_that_was_not_read_stays_in_a_replaced_table(store: &Store) {
    let old: &Of = &[(1, "a"), (2, "b'"), (3, "c")];
    let extra = vec![("old", integers(&[7, 8, 9]))];
    let rows = batch(1, columns(old).into_iter().chain(extra).collect());
    store.load(1, "t", WriteDisposition::Replace, &rows);
    let rows = batch(2, columns(&[(4, "a")]));
    let table_write = TableWrite::new(rows.schema(), WriteDisposition::Replace);
    let did = load(store, 2, &table_write, &rows, None, &["b'", "c", "x"]);
    assert_eq!(did, stats(1, 0, 0));
    assert_eq!(pairs(store, ["id", "name"]), "2=b' 3=c 4=a");
    assert_eq!(pairs(store, ["id", "old"]), "2=8 3=9 4=null");
    // None that is there, and none at all.
    let did = load(
        store,
        3,
        &table_write,
        &batch(3, columns(&[(5, "a")])),
        None,
        &["x"],
    );
    assert_eq!(did, stats(1, 0, 0));
    assert_eq!(pairs(store, ["id", "name"]), "5=a");
    load(
        store,
        4,
        &table_write,
        &batch(4, columns(&[(6, "a")])),
        None,
        &[],
    );
    assert_eq!(pairs(store, ["id", "name"]), "6=a");
}

pub(crate) fn a_part_that_was_not_read_is_not_gone(store: &Store) {
    for (at, deletion_source) in [DeletionSource::AllRows, DeletionSource::AllKeys]
        .into_iter()
        .enumerate()
    {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let rows = batch(1, columns(&[(1, "a"), (2, "b"), (3, "a"), (4, "c")]));
        store.load(1, "t", WriteDisposition::Replace, &rows);
        let plan = Plan::new(WriteDisposition::Merge, deletion_source, DeletionMode::Hard);
        let rows = batch(2, columns(&[(1, "a")]));
        let keys = (deletion_source == DeletionSource::AllKeys).then_some(&[1][..]);
        let did = load(store, 2, &plan.table_write(&rows), &rows, keys, &["b"]);
        assert_eq!(did, stats(1, 2, 0), "{deletion_source:?}");
        assert_eq!(
            pairs(store, ["id", "name"]),
            "1=a 2=b",
            "{deletion_source:?}"
        );
    }
}

pub(crate) fn versions_of_a_part_that_was_not_read_stay(store: &Store) {
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::AllRows,
        DeletionMode::Soft,
    );
    let rows = begin(1, columns(&[(1, "a"), (2, "b"), (3, "a")]));
    plan.load(store, 1, &rows);
    let rows = begin(2, columns(&[(1, "a")]));
    let did = load(store, 2, &plan.table_write(&rows), &rows, None, &["b"]);
    assert_eq!(did, stats(0, 1, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:b 3:a-2");
}

pub(crate) fn a_part_of_other_types_cannot_be_kept(store: &Store) {
    let extra = vec![("n", texts(&[Some("x"), Some("y")]))];
    let old = columns(&[(1, "a"), (2, "b")]).into_iter().chain(extra);
    store.load(1, "t", WriteDisposition::Replace, &batch(1, old.collect()));
    let extra = vec![("n", integers(&[7]))];
    let new = columns(&[(1, "a")]).into_iter().chain(extra);
    let rows = batch(2, new.collect());
    let mut destination = store.open();
    let mut load = destination.begin(&crate::store::load_id(2)).unwrap();
    load.open_table(
        "t",
        &TableWrite::new(rows.schema(), WriteDisposition::Replace),
    )
    .unwrap();
    load.write_rows("t", rows).unwrap();
    let part = UnreadPart {
        column: "name".to_owned(),
        values: vec!["b".to_owned()],
        failure: None,
    };
    assert!(!load.keep_unread("t", &part).unwrap());
}
