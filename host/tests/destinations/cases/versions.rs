//! Rows of which older versions stay.

use connector_host::destination::DeletionSource;
use connector_host::model::{DeletionMode, WriteDisposition};

use super::keyed::{
    Plan, begin, change_columns, columns, found, gone, keys, stats, time, versions,
};
use crate::store::{Store, texts};
use crate::value::Value;

pub(crate) fn versions_begin_and_end(store: &Store) {
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::AllRows,
        DeletionMode::Soft,
    );
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
    assert_eq!(load(1, &[(1, "a"), (2, "a"), (3, "a")]), stats(3, 0, 0));
    // Unchanged, changed, gone, new.
    assert_eq!(load(2, &[(1, "a"), (2, "b"), (4, "a")]), stats(2, 1, 0));
    assert_eq!(history(), "1:a[1-] 2:a[1-2] 2:b[2-] 3:a[1-2] 4:a[2-]");
    // Changed twice, and back again.
    assert_eq!(
        load(3, &[(1, "a"), (2, "c"), (3, "a"), (4, "a")]),
        stats(2, 0, 0)
    );
    assert_eq!(
        history(),
        "1:a[1-] 2:a[1-2] 2:b[2-3] 2:c[3-] 3:a[1-2] 3:a[3-] 4:a[2-]"
    );
    // Nothing new.
    let before = store.rows("t").unwrap();
    assert_eq!(
        load(4, &[(1, "a"), (2, "c"), (3, "a"), (4, "a")]),
        stats(0, 0, 0)
    );
    assert_eq!(store.rows("t").unwrap(), before);
    // As it was two versions ago, and twice in the load.
    assert_eq!(load(5, &[(1, "x"), (2, "a"), (1, "a")]), stats(1, 2, 1));
    assert_eq!(
        history(),
        "1:a[1-] 2:a[1-2] 2:b[2-3] 2:c[3-5] 2:a[5-] 3:a[1-2] 3:a[3-5] 4:a[2-5]"
    );
}

pub(crate) fn versions_end_by_keys_and_by_flags(store: &Store) {
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::AllKeys,
        DeletionMode::Hard,
    );
    plan.load_with_keys(
        store,
        1,
        &versions(1, &[(1, "a"), (2, "a"), (3, "a")]),
        Some(&keys(&[1, 2, 3])),
    );
    let did = plan.load_with_keys(store, 2, &versions(2, &[(2, "b")]), Some(&keys(&[1, 2])));
    assert_eq!(did, stats(1, 1, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a-2 2:b 3:a-2");

    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::Flagged,
        DeletionMode::Hard,
    );
    let rows = [
        (1, "-", true),
        (2, "b", false),
        (3, "-", true),
        (4, "a", false),
        (5, "-", true),
    ];
    let did = plan.load(store, 3, &begin(3, change_columns(&rows)));
    assert_eq!(did, stats(1, 1, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a-3 2:a-2 2:b 3:a-2 4:a");

    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::Flagged,
        DeletionMode::Ignore,
    );
    let rows = [(2, "-", true), (4, "b", false)];
    let did = plan.load(store, 4, &begin(4, change_columns(&rows)));
    assert_eq!(did, stats(1, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a-3 2:a-2 2:b 3:a-2 4:a-4 4:b");

    // Rows of which nothing is known stay.
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::Unknown,
        DeletionMode::Soft,
    );
    let did = plan.load(store, 5, &versions(5, &[(4, "c")]));
    assert_eq!(did, stats(1, 0, 0));
    assert_eq!(
        gone(store, "_valid_to"),
        "1:a-3 2:a-2 2:b 3:a-2 4:a-4 4:b-5 4:c"
    );
}

pub(crate) fn a_new_column_makes_a_version_only_where_it_has_a_value(store: &Store) {
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::AllRows,
        DeletionMode::Soft,
    );
    plan.load(store, 1, &versions(1, &[(1, "a"), (2, "a")]));
    let mut wide = columns(&[(1, "a"), (2, "a")]);
    wide.push(("city", texts(&[None, Some("")])));
    assert_eq!(plan.load(store, 2, &begin(2, wide)), stats(1, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a 2:a-2");
    // A column that is no longer sent is null.
    let did = plan.load(store, 3, &versions(3, &[(1, "a"), (2, "a")]));
    assert_eq!(did, stats(1, 0, 0));
    assert_eq!(gone(store, "_valid_to"), "1:a 2:a 2:a-2 2:a-3");
}
