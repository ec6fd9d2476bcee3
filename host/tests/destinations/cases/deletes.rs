//! Rows that are no longer in the source.

use connector_host::destination::{DeletionSource, WriteStats};
use connector_host::model::DeletionMode;

use super::keyed::{MERGE, Plan, changes, gone, keys, people, plain, present, stats};
use crate::store::Store;

/// Three loads, each without some rows of the one before.
fn three_loads(
    store: &Store,
    deletes: DeletionMode,
    deletion_source: DeletionSource,
) -> [WriteStats; 3] {
    let plan = Plan::new(MERGE, deletion_source, deletes);
    let loads: [&[(i64, &str, bool)]; 3] = match deletion_source {
        DeletionSource::Flagged => [
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
        let rows = if deletion_source == DeletionSource::Flagged {
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
            (deletion_source == DeletionSource::AllKeys).then_some(&keys),
        )
    };
    [load(1, loads[0]), load(2, loads[1]), load(3, loads[2])]
}

const KNOWN: [DeletionSource; 3] = [
    DeletionSource::AllRows,
    DeletionSource::AllKeys,
    DeletionSource::Flagged,
];

pub(crate) fn rows_that_are_gone_are_marked(store: &Store) {
    for (at, deletion_source) in KNOWN.into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let did = three_loads(store, DeletionMode::Soft, deletion_source);
        assert_eq!(
            did,
            [stats(3, 0, 0), stats(1, 2, 0), stats(1, 1, 0)],
            "{deletion_source:?}"
        );
        assert_eq!(
            gone(store, "_deleted_at"),
            "1:b-3 2:a-2 3:c",
            "{deletion_source:?}"
        );
        let columns = store.rows("t").unwrap().remove(0);
        assert!(!columns.contains_key("_is_deleted"));
    }
}

pub(crate) fn rows_that_are_gone_are_deleted(store: &Store) {
    for (at, deletion_source) in KNOWN.into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let did = three_loads(store, DeletionMode::Hard, deletion_source);
        assert_eq!(
            did,
            [stats(3, 0, 0), stats(1, 2, 0), stats(1, 1, 0)],
            "{deletion_source:?}"
        );
        assert_eq!(present(store), "3:c@3", "{deletion_source:?}");
        let columns = store.rows("t").unwrap().remove(0);
        assert!(!columns.contains_key("_deleted_at") && !columns.contains_key("_is_deleted"));
    }
}

pub(crate) fn rows_that_are_gone_stay_if_deletions_are_ignored(store: &Store) {
    for (at, deletion_source) in KNOWN.into_iter().enumerate() {
        let store = if at == 0 {
            store
        } else {
            &Store::new(store.kind)
        };
        let did = three_loads(store, DeletionMode::Ignore, deletion_source);
        assert_eq!(
            did,
            [stats(3, 0, 0), stats(1, 0, 0), stats(1, 0, 0)],
            "{deletion_source:?}"
        );
        assert_eq!(present(store), "1:b@2 2:a@1 3:c@3", "{deletion_source:?}");
    }
}

pub(crate) fn an_empty_set_of_keys_means_that_all_are_gone(store: &Store) {
    let plan = Plan::new(MERGE, DeletionSource::AllKeys, DeletionMode::Hard);
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let did = plan.load_with_keys(store, 2, &people(2, &[]), Some(&keys(&[])));
    assert_eq!(did, stats(0, 2, 0));
    assert_eq!(store.rows("t").unwrap(), []);
    // Without even an empty batch of keys: rows that were sent are deleted too.
    plain().load(store, 3, &people(3, &[(1, "Ada"), (2, "Ben")]));
    let did = plan.load(store, 4, &people(4, &[(2, "Bob"), (3, "Cleo")]));
    assert_eq!(did, stats(2, 3, 0));
    assert_eq!(store.rows("t").unwrap(), []);
}

pub(crate) fn a_row_that_went_while_it_was_read_is_gone(store: &Store) {
    plain().load(store, 1, &people(1, &[(1, "Ada"), (2, "Ben")]));
    let plan = Plan::new(MERGE, DeletionSource::AllKeys, DeletionMode::Soft);
    let did = plan.load_with_keys(
        store,
        2,
        &people(2, &[(2, "Bob"), (3, "Cleo"), (4, "Dan")]),
        Some(&keys(&[1, 3])),
    );
    assert_eq!(did, stats(3, 2, 0));
    assert_eq!(gone(store, "_deleted_at"), "1:Ada 2:Bob-2 3:Cleo 4:Dan-2");
}

pub(crate) fn of_several_changes_the_last_one_counts(store: &Store) {
    let plan = Plan::new(MERGE, DeletionSource::Flagged, DeletionMode::Hard);
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
    assert_eq!(plan.load(store, 2, &rows), stats(1, 1, 4));
    assert_eq!(present(store), "2:Ben@1 3:b@2");
}
