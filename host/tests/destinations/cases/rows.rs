//! Rows that are replaced or appended, and tables that get columns.

use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::WriteDisposition;

use super::{ids, numbers};
use crate::store::{Store, batch, floats, integers, load_id, texts};
use crate::value::{Value, rows};

pub(crate) fn a_replace_replaces_all_rows(store: &Store) {
    store.load(1, "t", WriteDisposition::Replace, &ids(1, &[1, 2, 3]));
    assert_eq!(
        store.column("t", "_load_id"),
        vec![Value::Text(load_id(1).to_string()); 3]
    );
    store.load(
        2,
        "t",
        WriteDisposition::Replace,
        &batch(2, vec![("other", texts(&[Some("x")]))]),
    );
    let expected = rows(&batch(2, vec![("other", texts(&[Some("x")]))]));
    assert_eq!(store.rows("t").unwrap(), expected);
}

pub(crate) fn an_append_keeps_earlier_rows(store: &Store) {
    store.load(1, "t", WriteDisposition::Append, &ids(1, &[1, 2]));
    store.load(2, "t", WriteDisposition::Append, &ids(2, &[2, 3]));
    assert_eq!(store.column("t", "id"), numbers(&[1, 2, 2, 3]));
}

pub(crate) fn a_table_gets_columns_within_a_load(store: &Store) {
    let wide = batch(
        1,
        vec![("id", integers(&[2])), ("id__text", texts(&[Some("two")]))],
    );
    for write in [WriteDisposition::Replace, WriteDisposition::Append] {
        store.commit(
            if write == WriteDisposition::Replace {
                1
            } else {
                2
            },
            |load| {
                load.open_table("t", &TableWrite::new(ids(1, &[]).schema(), write))
                    .unwrap();
                load.write_rows("t", ids(1, &[1])).unwrap();
                load.open_table("t", &TableWrite::new(wide.schema(), write))
                    .unwrap();
                load.write_rows("t", wide.clone()).unwrap();
            },
        );
    }
    assert_eq!(store.column("t", "id"), numbers(&[1, 1, 2, 2]));
    let two = || Value::Text("two".to_owned());
    assert_eq!(
        store.column("t", "id__text"),
        [Value::Null, Value::Null, two(), two()]
    );
}

pub(crate) fn an_append_may_lack_columns_and_add_new_ones(store: &Store) {
    store.load(
        1,
        "t",
        WriteDisposition::Append,
        &batch(
            1,
            vec![("id", integers(&[1])), ("gone", texts(&[Some("old")]))],
        ),
    );
    store.load(
        2,
        "T",
        WriteDisposition::Append,
        &batch(2, vec![("new", floats(&[0.5])), ("ID", integers(&[2]))]),
    );
    let found = store.rows("t").or_else(|| store.rows("T")).unwrap();
    let of = |row: usize, column: &str| found[row][column].clone();
    let old = usize::from(of(0, "id") != Value::Integer(1));
    assert_eq!(
        [of(old, "gone"), of(old, "new")],
        [Value::Text("old".to_owned()), Value::Null]
    );
    assert_eq!(
        [of(1 - old, "gone"), of(1 - old, "new")],
        [Value::Null, Value::Float(0.5_f64.to_bits())]
    );
    assert_eq!(of(1 - old, "id"), Value::Integer(2));
}

pub(crate) fn a_changed_type_is_refused_and_leaves_the_old_rows(store: &Store) {
    store.load(1, "t", WriteDisposition::Append, &ids(1, &[1]));
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(2)).unwrap();
    let changed = batch(2, vec![("id", texts(&[Some("one")]))]);
    let error = load
        .open_table(
            "t",
            &TableWrite::new(changed.schema(), WriteDisposition::Append),
        )
        .unwrap_err();
    assert!(
        matches!(error, DestinationError::NotStorable { .. }),
        "{error}"
    );
    drop(load);
    drop(destination);
    assert_eq!(store.column("t", "id"), numbers(&[1]));
}

pub(crate) fn an_empty_table_exists_after_the_commit(store: &Store) {
    store.load(1, "t", WriteDisposition::Replace, &ids(1, &[1]));
    store.commit(2, |load| {
        load.open_table(
            "t",
            &TableWrite::new(ids(2, &[]).schema(), WriteDisposition::Replace),
        )
        .unwrap();
        load.open_table(
            "u",
            &TableWrite::new(ids(2, &[]).schema(), WriteDisposition::Append),
        )
        .unwrap();
        assert_eq!(
            load.count_rows().unwrap(),
            [("t".to_owned(), 0), ("u".to_owned(), 0)].into()
        );
    });
    assert_eq!(store.rows("t").unwrap(), []);
    assert_eq!(store.rows("u").unwrap(), []);
}

pub(crate) fn interleaved_tables_keep_their_rows(store: &Store) {
    store.commit(1, |load| {
        for table in ["a", "b"] {
            load.open_table(
                table,
                &TableWrite::new(ids(1, &[]).schema(), WriteDisposition::Replace),
            )
            .unwrap();
        }
        for number in 0..6 {
            load.write_rows(if number % 2 == 0 { "a" } else { "b" }, ids(1, &[number]))
                .unwrap();
        }
    });
    assert_eq!(store.column("a", "id"), numbers(&[0, 2, 4]));
    assert_eq!(store.column("b", "id"), numbers(&[1, 3, 5]));
}

pub(crate) fn counts_are_those_of_the_store(store: &Store) {
    store.load(1, "t", WriteDisposition::Append, &ids(1, &[1, 2, 3]));
    store.commit(2, |load| {
        load.open_table(
            "t",
            &TableWrite::new(ids(2, &[]).schema(), WriteDisposition::Append),
        )
        .unwrap();
        for _ in 0..30 {
            load.write_rows("t", ids(2, &(0..10_000).collect::<Vec<_>>()))
                .unwrap();
        }
        load.write_rows("t", ids(2, &[1])).unwrap();
        assert_eq!(
            load.count_rows().unwrap(),
            [("t".to_owned(), 300_001)].into()
        );
        // A load may go on after it was counted.
        load.write_rows("t", ids(2, &[2])).unwrap();
        assert_eq!(
            load.count_rows().unwrap(),
            [("t".to_owned(), 300_002)].into()
        );
    });
    assert_eq!(store.rows("t").unwrap().len(), 300_005);
}
