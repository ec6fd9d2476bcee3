//! Rows of a key that form a group, such as the items of a list, and are
//! replaced together.

use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use connector_host::destination::{DeletionSource, RowGroups, TableWrite, WriteStats};
use connector_host::model::{DeletionMode, WriteDisposition};

use super::ids;
use super::keyed::{pairs, stats};
use crate::store::{Store, batch, integers};

/// Rows of a key and the index of an item; a null index begins a group.
fn items(load: u64, rows: &[(i64, Option<i64>)]) -> RecordBatch {
    let keys: Vec<_> = rows.iter().map(|(key, _)| *key).collect();
    let indices: Int64Array = rows.iter().map(|(_, index)| *index).collect();
    batch(
        load,
        vec![("of", integers(&keys)), ("_index", Arc::new(indices))],
    )
}

fn load(
    store: &Store,
    number: u64,
    deletion_source: DeletionSource,
    rows: &[(i64, Option<i64>)],
    keys: &[i64],
) -> WriteStats {
    // One parent row for each group.
    let heads = rows.iter().filter(|(_, index)| index.is_none());
    let heads: Vec<i64> = heads.map(|(key, _)| *key).collect();
    let numbers = rows.iter().scan(-1, |number, (_, index)| {
        *number += i64::from(index.is_none());
        Some(*number)
    });
    let numbers: Vec<i64> = numbers.collect();
    let rows = items(number, rows);
    let deletes = match deletion_source {
        DeletionSource::Unknown => DeletionMode::Ignore,
        _ => DeletionMode::Hard,
    };
    let table_write = TableWrite {
        key: vec!["of".to_owned()],
        deletion_source,
        deletion_mode: deletes,
        group: Some(RowGroups {
            index: "_index".to_owned(),
            parent: "Parents".to_owned(),
        }),
        ..TableWrite::new(rows.schema(), WriteDisposition::Merge)
    };
    let parents = ids(number, &heads);
    let parents_write = TableWrite {
        key: vec!["id".to_owned()],
        ..TableWrite::new(parents.schema(), WriteDisposition::Merge)
    };
    let stats_by_table = store.commit(number, |load| {
        load.open_table("Parents", &parents_write).unwrap();
        load.open_table("t", &table_write).unwrap();
        load.write_child_rows("t", rows.clone(), Int64Array::from(numbers))
            .unwrap();
        load.write_rows("Parents", parents.clone()).unwrap();
        if deletion_source == DeletionSource::AllKeys {
            let keys = batch(0, vec![("of", integers(keys))]);
            load.write_keys("t", keys.project(&[0]).unwrap()).unwrap();
        }
        assert_eq!(load.count_rows().unwrap()["t"], rows.num_rows() as u64);
    });
    stats_by_table["t"]
}

fn first(store: &Store) -> WriteStats {
    let rows = [
        (1, None),
        (1, Some(0)),
        (1, Some(1)),
        (2, None),
        (3, None),
        (3, Some(0)),
    ];
    load(store, 1, DeletionSource::Unknown, &rows, &[])
}

fn present(store: &Store) -> String {
    pairs(store, ["of", "_index"])
}

pub(crate) fn a_group_replaces_the_one_before(store: &Store) {
    assert_eq!(first(store), stats(3, 0, 0));
    assert_eq!(present(store), "1=0 1=1 3=0");
    // One that has fewer rows, one that has none, and one that is new.
    let rows = [(1, None), (1, Some(5)), (3, None), (4, None), (4, Some(0))];
    let did = load(store, 2, DeletionSource::Unknown, &rows, &[]);
    assert_eq!(did, stats(2, 0, 0));
    assert_eq!(present(store), "1=5 4=0");
    assert_eq!(
        load(store, 3, DeletionSource::Unknown, &[], &[]),
        stats(0, 0, 0)
    );
    assert_eq!(present(store), "1=5 4=0");
}

pub(crate) fn the_last_group_of_a_key_counts_within_a_load(store: &Store) {
    let twice = |load: u64| {
        [
            (1, None),
            (1, Some(0)),
            (2, None),
            (2, Some(0)),
            (1, None),
            (1, Some(7)),
            (1, Some(8)),
            (2, None),
        ]
        .map(|(key, index)| (key, index.map(|index: i64| index + 10 * load.cast_signed())))
    };
    assert_eq!(
        load(store, 1, DeletionSource::Unknown, &twice(1), &[]),
        stats(2, 0, 0)
    );
    assert_eq!(present(store), "1=17 1=18");
    assert_eq!(
        load(store, 2, DeletionSource::Unknown, &twice(2), &[]),
        stats(2, 0, 0)
    );
    assert_eq!(present(store), "1=27 1=28");
}

pub(crate) fn groups_are_deleted_with_their_key(store: &Store) {
    first(store);
    // Of the keys that are still there, one has no group in this load.
    let did = load(
        store,
        2,
        DeletionSource::AllKeys,
        &[(1, None), (1, Some(4))],
        &[1, 2],
    );
    assert_eq!(did, stats(1, 1, 0));
    assert_eq!(present(store), "1=4");
    // And where the rows are all that there are.
    let did = load(
        store,
        3,
        DeletionSource::AllRows,
        &[(2, None), (2, Some(3))],
        &[],
    );
    assert_eq!(did, stats(1, 1, 0));
    assert_eq!(present(store), "2=3");
    let did = load(store, 4, DeletionSource::AllRows, &[(2, None)], &[]);
    assert_eq!(did, stats(0, 0, 0));
    assert_eq!(store.rows("t").unwrap(), []);
}
