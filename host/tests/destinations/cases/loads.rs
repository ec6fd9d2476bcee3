//! Loads that are abandoned, committed and recorded.

use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::{Cursor, LoadRecord, ReadMode, Rejected, WriteDisposition};

use super::{ids, numbers};
use crate::files;
use crate::store::{Kind, PIPELINE, Store, batch, commit, integers, load_id, record};
use crate::value::{Value, rows};

pub(crate) fn a_restart_discards_everything(store: &Store) {
    store.load(1, "old", WriteDisposition::Append, &ids(1, &[1]));
    store.commit(2, |load| {
        for table in ["t", "u"] {
            load.open_table(
                table,
                &TableWrite::new(ids(2, &[]).schema(), WriteDisposition::Replace),
            )
            .unwrap();
            load.write_rows(table, ids(2, &[1, 2])).unwrap();
        }
        load.open_table(
            "old",
            &TableWrite::new(ids(2, &[]).schema(), WriteDisposition::Append),
        )
        .unwrap();
        load.write_rows("old", ids(2, &[2])).unwrap();
        load.reject(rejected("t", "early")).unwrap();
        load.restart().unwrap();
        load.open_table(
            "t",
            &TableWrite::new(ids(2, &[]).schema(), WriteDisposition::Replace),
        )
        .unwrap();
        load.write_rows("t", ids(2, &[3])).unwrap();
        assert_eq!(load.count_rows().unwrap(), [("t".to_owned(), 1)].into());
    });
    assert_eq!(store.column("t", "id"), numbers(&[3]));
    assert_eq!(store.rows("u"), None);
    assert_eq!(store.column("old", "id"), numbers(&[1]));
    assert_eq!(store.rows("_rejected").unwrap_or_default(), []);
}

pub(crate) fn a_discard_keeps_earlier_rows_and_other_tables(store: &Store) {
    store.commit(1, |load| {
        for table in ["replaced", "appended"] {
            load.open_table(
                table,
                &TableWrite::new(ids(1, &[]).schema(), WriteDisposition::Replace),
            )
            .unwrap();
            load.write_rows(table, ids(1, &[1])).unwrap();
        }
    });
    let wide = batch(2, vec![("id", integers(&[2])), ("new", integers(&[2]))]);
    store.commit(2, |load| {
        for (table, write) in [
            ("replaced", WriteDisposition::Replace),
            ("appended", WriteDisposition::Append),
            ("created", WriteDisposition::Append),
            ("other", WriteDisposition::Replace),
        ] {
            load.open_table(table, &TableWrite::new(wide.schema(), write))
                .unwrap();
            load.write_rows(table, wide.clone()).unwrap();
        }
        for table in ["replaced", "appended", "created"] {
            load.discard_table(table).unwrap();
        }
        assert_eq!(load.count_rows().unwrap(), [("other".to_owned(), 1)].into());
    });
    for table in ["replaced", "appended"] {
        assert_eq!(store.rows(table).unwrap(), rows(&ids(1, &[1])), "{table}");
    }
    assert_eq!(store.rows("created"), None);
    assert_eq!(store.column("other", "id"), numbers(&[2]));
}

pub(crate) fn a_load_that_is_dropped_leaves_no_trace(store: &Store) {
    store.load(1, "t", WriteDisposition::Replace, &ids(1, &[1]));
    let before = files::all(store.folder());
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(2)).unwrap();
    for (table, write) in [
        ("t", WriteDisposition::Replace),
        ("u", WriteDisposition::Append),
    ] {
        load.open_table(table, &TableWrite::new(ids(2, &[]).schema(), write))
            .unwrap();
        load.write_rows(table, ids(2, &[7, 8])).unwrap();
    }
    load.reject(rejected("t", "lost")).unwrap();
    load.count_rows().unwrap();
    drop(load);
    // The open destination can be used again.
    commit(destination.as_mut(), 3, |load| {
        load.open_table(
            "v",
            &TableWrite::new(ids(3, &[]).schema(), WriteDisposition::Replace),
        )
        .unwrap();
    });
    let mut load = destination.begin(&load_id(4)).unwrap();
    load.open_table(
        "t",
        &TableWrite::new(ids(4, &[]).schema(), WriteDisposition::Replace),
    )
    .unwrap();
    load.write_rows("t", ids(4, &[9])).unwrap();
    drop(load);
    drop(destination);
    assert_eq!(store.column("t", "id"), numbers(&[1]));
    assert_eq!(store.rows("u"), None);
    assert_eq!(store.column("_loads", "load_id").len(), 2);
    if store.kind != Kind::DuckDb {
        // A manifest and an empty file were added, and nothing else.
        assert_eq!(files::all(store.folder()).len(), before.len() + 2);
    }
}

/// A second writer is refused until the first is gone, or its commit fails.
pub(crate) fn a_second_writer_loses_nothing(store: &Store) {
    let mut first = store.open();
    if store.objects().is_none() {
        let Err(error) = store.try_open() else {
            panic!("there were two writers")
        };
        assert!(matches!(error, DestinationError::Locked { .. }), "{error}");
        // The refused one must not have taken the lock along.
        assert!(store.try_open().is_err());
        drop(first);
        store.load(1, "t", WriteDisposition::Replace, &ids(1, &[1]));
        return;
    }
    let write = TableWrite::new(ids(1, &[]).schema(), WriteDisposition::Append);
    let mut second = store.open();
    let mut late = second.begin(&load_id(1)).unwrap();
    late.open_table("t", &write).unwrap();
    late.write_rows("t", ids(1, &[1])).unwrap();
    commit(first.as_mut(), 2, |load| {
        load.open_table("t", &write).unwrap();
        load.write_rows("t", ids(2, &[2])).unwrap();
    });
    // A third writer cleans up what it knows to be lost.
    store.open().begin(&load_id(3)).unwrap();
    let committed = late.commit(&record(1, &[("t", None)]));
    assert!(committed.is_err(), "two loads were committed after one");
    assert_eq!(store.column("t", "id"), numbers(&[2]));
    store.load(4, "t", WriteDisposition::Append, &ids(4, &[4]));
    assert_eq!(store.column("t", "id"), numbers(&[2, 4]));
}

pub(crate) fn cursors_are_read_back_by_pipeline(store: &Store) {
    let cursor = |value: &[u8]| {
        Some(Cursor {
            version: 3,
            value: value.to_vec(),
        })
    };
    let leave = |number, pipeline: &str, mode, cursors: &[(&str, Option<Cursor>)]| {
        let mut record = LoadRecord {
            pipeline: pipeline.to_owned(),
            ..record(number, cursors)
        };
        record
            .resources
            .iter_mut()
            .for_each(|resource| resource.mode = mode);
        store
            .open()
            .begin(&load_id(number))
            .unwrap()
            .commit(&record)
            .unwrap();
    };
    assert_eq!(store.open().cursors(PIPELINE).unwrap(), [].into());
    assert_eq!(store.open().pipelines_with_cursors().unwrap(), [].into());
    leave(
        1,
        PIPELINE,
        ReadMode::Full,
        &[
            ("a'; DROP TABLE x", cursor(b"\0\xff")),
            ("b", cursor(b"")),
            ("c", cursor(b"1")),
        ],
    );
    leave(2, "another", ReadMode::Full, &[("b", cursor(b"other"))]);
    // Nothing new in an incremental read keeps the position, a full read
    // that has none forgets it.
    leave(
        3,
        PIPELINE,
        ReadMode::Incremental,
        &[("b", cursor(b"later")), ("c", None)],
    );
    leave(4, PIPELINE, ReadMode::Full, &[("c", None)]);
    let expected = [
        ("a'; DROP TABLE x", cursor(b"\0\xff")),
        ("b", cursor(b"later")),
    ];
    let expected = expected.map(|(resource, cursor)| (resource.to_owned(), cursor.unwrap()));
    let mut destination = store.open();
    assert_eq!(destination.cursors(PIPELINE).unwrap(), expected.into());
    assert_eq!(destination.cursors("another").unwrap()["b"].value, b"other");
    let pipelines = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let expected = [
        ("a'; DROP TABLE x".to_owned(), pipelines(&[PIPELINE])),
        ("b".to_owned(), pipelines(&["another", PIPELINE])),
    ];
    assert_eq!(
        destination.pipelines_with_cursors().unwrap(),
        expected.into()
    );
}

fn rejected(resource: &str, record: &str) -> Rejected {
    Rejected {
        resource: resource.to_owned(),
        record: record.to_owned(),
        reason: "it's not \0 right".to_owned(),
    }
}

pub(crate) fn rejected_records_are_kept(store: &Store) {
    for load in [1, 2] {
        store.commit(load, |writing| {
            writing
                .open_table(
                    "t",
                    &TableWrite::new(ids(load, &[]).schema(), WriteDisposition::Append),
                )
                .unwrap();
            writing.write_rows("t", ids(load, &[1])).unwrap();
            for number in 0..1_500 {
                writing
                    .reject(rejected("t", &format!("{{\"number\": {number}}}")))
                    .unwrap();
            }
            writing.write_rows("t", ids(load, &[2])).unwrap();
            assert_eq!(writing.count_rows().unwrap(), [("t".to_owned(), 2)].into());
        });
    }
    let kept = store.rows("_rejected").unwrap();
    assert_eq!(kept.len(), 3_000);
    assert_eq!(
        kept[0]["reason"],
        Value::Text("it's not \0 right".to_owned())
    );
    assert_eq!(store.column("t", "id"), numbers(&[1, 1, 2, 2]));
}

pub(crate) fn loads_are_recorded(store: &Store) {
    store.load(1, "t", WriteDisposition::Replace, &ids(1, &[1]));
    store.load(2, "t", WriteDisposition::Replace, &ids(2, &[1]));
    let text = |text: &str| Value::Text(text.to_owned());
    let loads = store.rows("_loads").unwrap();
    assert_eq!(loads.len(), 2);
    assert_eq!(loads[1]["load_id"], text(load_id(2).as_str()));
    assert_eq!(loads[1]["pipeline"], text(PIPELINE));
    assert_eq!(loads[1]["connector_version"], text("1.2.3"));
    assert_eq!(loads[1]["status"], text("loaded"));
    assert_eq!(loads[1]["started"], Value::Time(1_700_000_000_000_000));
    assert_eq!(loads[1]["rows_written"], Value::Integer(2));
    let resources = store.rows("_load_resources").unwrap();
    assert_eq!(resources.len(), 2);
    assert_eq!(resources[1]["resource"], text("t"));
    assert_eq!(resources[1]["mode"], text("full"));
    assert_eq!(
        [&resources[1]["rows_read"], &resources[1]["rows_rejected"]],
        [&Value::Integer(3), &Value::Integer(1)]
    );
    assert_eq!(resources[1]["rows_billed"], Value::Null);
}
