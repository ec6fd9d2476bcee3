//! What every destination promises, a case for each promise.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Int32Array, RecordBatch, TimestampMicrosecondArray,
    UInt8Array,
};
use connector_host::destination::DestinationError;
use connector_host::model::{Cursor, LoadRecord, Mode, Rejected, Write};

use crate::store::{
    Kind, PIPELINE, Store, batch, blobs, commit, database, floats, integers, load_id, record, texts,
};
use crate::value::{Value, rows};
use crate::{duckdb, files};

fn numbers(values: &[i64]) -> Vec<Value> {
    values.iter().copied().map(Value::Integer).collect()
}

fn ids(load: u64, values: &[i64]) -> RecordBatch {
    batch(load, vec![("id", integers(values))])
}

pub(crate) fn a_replace_takes_the_place_of_what_was_there(store: &Store) {
    store.load(1, "t", Write::Replace, &ids(1, &[1, 2, 3]));
    assert_eq!(
        store.column("t", "_load_id"),
        vec![Value::Text(load_id(1).to_string()); 3]
    );
    store.load(
        2,
        "t",
        Write::Replace,
        &batch(2, vec![("other", texts(&[Some("x")]))]),
    );
    let expected = rows(&batch(2, vec![("other", texts(&[Some("x")]))]));
    assert_eq!(store.rows("t").unwrap(), expected);
}

pub(crate) fn an_append_keeps_what_was_there(store: &Store) {
    store.load(1, "t", Write::Append, &ids(1, &[1, 2]));
    store.load(2, "t", Write::Append, &ids(2, &[2, 3]));
    assert_eq!(store.column("t", "id"), numbers(&[1, 2, 2, 3]));
}

pub(crate) fn a_table_widens_within_a_load(store: &Store) {
    let wide = batch(
        1,
        vec![("id", integers(&[2])), ("id__text", texts(&[Some("two")]))],
    );
    for write in [Write::Replace, Write::Append] {
        store.commit(if write == Write::Replace { 1 } else { 2 }, |load| {
            load.open("t", &ids(1, &[]).schema(), write).unwrap();
            load.write("t", ids(1, &[1])).unwrap();
            load.open("t", &wide.schema(), write).unwrap();
            load.write("t", wide.clone()).unwrap();
        });
    }
    assert_eq!(store.column("t", "id"), numbers(&[1, 1, 2, 2]));
    let two = || Value::Text("two".to_owned());
    assert_eq!(
        store.column("t", "id__text"),
        [Value::Null, Value::Null, two(), two()]
    );
}

pub(crate) fn an_append_may_lack_columns_and_bring_new_ones(store: &Store) {
    store.load(
        1,
        "t",
        Write::Append,
        &batch(
            1,
            vec![("id", integers(&[1])), ("gone", texts(&[Some("old")]))],
        ),
    );
    store.load(
        2,
        "T",
        Write::Append,
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
    store.load(1, "t", Write::Append, &ids(1, &[1]));
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(2)).unwrap();
    let changed = batch(2, vec![("id", texts(&[Some("one")]))]);
    let error = load
        .open("t", &changed.schema(), Write::Append)
        .unwrap_err();
    assert!(matches!(error, DestinationError::Failed { .. }), "{error}");
    drop(load);
    drop(destination);
    assert_eq!(store.column("t", "id"), numbers(&[1]));
}

pub(crate) fn an_empty_table_is_there_after_the_commit(store: &Store) {
    store.load(1, "t", Write::Replace, &ids(1, &[1]));
    store.commit(2, |load| {
        load.open("t", &ids(2, &[]).schema(), Write::Replace)
            .unwrap();
        load.open("u", &ids(2, &[]).schema(), Write::Append)
            .unwrap();
        assert_eq!(
            load.stored_rows().unwrap(),
            [("t".to_owned(), 0), ("u".to_owned(), 0)].into()
        );
    });
    assert_eq!(store.rows("t").unwrap(), []);
    assert_eq!(store.rows("u").unwrap(), []);
}

pub(crate) fn a_restart_forgets_everything(store: &Store) {
    store.load(1, "old", Write::Append, &ids(1, &[1]));
    store.commit(2, |load| {
        for table in ["t", "u"] {
            load.open(table, &ids(2, &[]).schema(), Write::Replace)
                .unwrap();
            load.write(table, ids(2, &[1, 2])).unwrap();
        }
        load.open("old", &ids(2, &[]).schema(), Write::Append)
            .unwrap();
        load.write("old", ids(2, &[2])).unwrap();
        load.reject(rejected("t", "early")).unwrap();
        load.restart().unwrap();
        load.open("t", &ids(2, &[]).schema(), Write::Replace)
            .unwrap();
        load.write("t", ids(2, &[3])).unwrap();
        assert_eq!(load.stored_rows().unwrap(), [("t".to_owned(), 1)].into());
    });
    assert_eq!(store.column("t", "id"), numbers(&[3]));
    assert_eq!(store.rows("u"), None);
    assert_eq!(store.column("old", "id"), numbers(&[1]));
    assert_eq!(store.rows("_rejected").unwrap_or_default(), []);
}

pub(crate) fn a_discard_keeps_what_was_there_and_the_other_tables(store: &Store) {
    store.commit(1, |load| {
        for table in ["replaced", "appended"] {
            load.open(table, &ids(1, &[]).schema(), Write::Replace)
                .unwrap();
            load.write(table, ids(1, &[1])).unwrap();
        }
    });
    let wide = batch(2, vec![("id", integers(&[2])), ("new", integers(&[2]))]);
    store.commit(2, |load| {
        for (table, write) in [
            ("replaced", Write::Replace),
            ("appended", Write::Append),
            ("created", Write::Append),
            ("other", Write::Replace),
        ] {
            load.open(table, &wide.schema(), write).unwrap();
            load.write(table, wide.clone()).unwrap();
        }
        for table in ["replaced", "appended", "created"] {
            load.discard(table).unwrap();
        }
        assert_eq!(
            load.stored_rows().unwrap(),
            [("other".to_owned(), 1)].into()
        );
    });
    for table in ["replaced", "appended"] {
        assert_eq!(store.rows(table).unwrap(), rows(&ids(1, &[1])), "{table}");
    }
    assert_eq!(store.rows("created"), None);
    assert_eq!(store.column("other", "id"), numbers(&[2]));
}

pub(crate) fn a_load_that_is_dropped_leaves_no_trace(store: &Store) {
    store.load(1, "t", Write::Replace, &ids(1, &[1]));
    let before = files::all(store.folder());
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(2)).unwrap();
    for (table, write) in [("t", Write::Replace), ("u", Write::Append)] {
        load.open(table, &ids(2, &[]).schema(), write).unwrap();
        load.write(table, ids(2, &[7, 8])).unwrap();
    }
    load.reject(rejected("t", "lost")).unwrap();
    load.stored_rows().unwrap();
    drop(load);
    // The same open destination goes on.
    commit(destination.as_mut(), 3, |load| {
        load.open("v", &ids(3, &[]).schema(), Write::Replace)
            .unwrap();
    });
    let mut load = destination.begin(&load_id(4)).unwrap();
    load.open("t", &ids(4, &[]).schema(), Write::Replace)
        .unwrap();
    load.write("t", ids(4, &[9])).unwrap();
    drop(load);
    drop(destination);
    assert_eq!(store.column("t", "id"), numbers(&[1]));
    assert_eq!(store.rows("u"), None);
    assert_eq!(store.column("_loads", "load_id").len(), 2);
    if store.kind != Kind::DuckDb {
        // A manifest and an empty file have come, and nothing else.
        assert_eq!(files::all(store.folder()).len(), before.len() + 2);
    }
}

pub(crate) fn a_second_writer_is_refused_until_the_first_is_gone(store: &Store) {
    let first = store.open();
    let Err(error) = store.try_open() else {
        panic!("there were two writers")
    };
    assert!(matches!(error, DestinationError::Locked { .. }), "{error}");
    // The refused one must not have taken the lock along.
    assert!(store.try_open().is_err());
    drop(first);
    store.load(1, "t", Write::Replace, &ids(1, &[1]));
}

pub(crate) fn counts_are_those_of_the_store(store: &Store) {
    store.load(1, "t", Write::Append, &ids(1, &[1, 2, 3]));
    store.commit(2, |load| {
        load.open("t", &ids(2, &[]).schema(), Write::Append)
            .unwrap();
        for _ in 0..30 {
            load.write("t", ids(2, &(0..10_000).collect::<Vec<_>>()))
                .unwrap();
        }
        load.write("t", ids(2, &[1])).unwrap();
        assert_eq!(
            load.stored_rows().unwrap(),
            [("t".to_owned(), 300_001)].into()
        );
        // A load may go on after it was counted.
        load.write("t", ids(2, &[2])).unwrap();
        assert_eq!(
            load.stored_rows().unwrap(),
            [("t".to_owned(), 300_002)].into()
        );
    });
    assert_eq!(store.rows("t").unwrap().len(), 300_005);
}

pub(crate) fn interleaved_tables_keep_their_rows(store: &Store) {
    store.commit(1, |load| {
        for table in ["a", "b"] {
            load.open(table, &ids(1, &[]).schema(), Write::Replace)
                .unwrap();
        }
        for number in 0..6 {
            load.write(if number % 2 == 0 { "a" } else { "b" }, ids(1, &[number]))
                .unwrap();
        }
    });
    assert_eq!(store.column("a", "id"), numbers(&[0, 2, 4]));
    assert_eq!(store.column("b", "id"), numbers(&[1, 3, 5]));
}

pub(crate) fn cursors_come_back_by_pipeline(store: &Store) {
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
    leave(
        1,
        PIPELINE,
        Mode::Full,
        &[
            ("a'; DROP TABLE x", cursor(b"\0\xff")),
            ("b", cursor(b"")),
            ("c", cursor(b"1")),
        ],
    );
    leave(2, "another", Mode::Full, &[("b", cursor(b"other"))]);
    // Nothing new in an incremental read keeps the position, a full read
    // that has none forgets it.
    leave(
        3,
        PIPELINE,
        Mode::Incremental,
        &[("b", cursor(b"later")), ("c", None)],
    );
    leave(4, PIPELINE, Mode::Full, &[("c", None)]);
    let expected = [
        ("a'; DROP TABLE x", cursor(b"\0\xff")),
        ("b", cursor(b"later")),
    ];
    let expected = expected.map(|(resource, cursor)| (resource.to_owned(), cursor.unwrap()));
    let mut destination = store.open();
    assert_eq!(destination.cursors(PIPELINE).unwrap(), expected.into());
    assert_eq!(destination.cursors("another").unwrap()["b"].value, b"other");
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
                .open("t", &ids(load, &[]).schema(), Write::Append)
                .unwrap();
            writing.write("t", ids(load, &[1])).unwrap();
            for number in 0..1_500 {
                writing
                    .reject(rejected("t", &format!("{{\"number\": {number}}}")))
                    .unwrap();
            }
            writing.write("t", ids(load, &[2])).unwrap();
            assert_eq!(writing.stored_rows().unwrap(), [("t".to_owned(), 2)].into());
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

pub(crate) fn loads_are_written_down(store: &Store) {
    store.load(1, "t", Write::Replace, &ids(1, &[1]));
    store.load(2, "t", Write::Replace, &ids(2, &[1]));
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

pub(crate) fn nasty_names_come_back(store: &Store) {
    let long = "x".repeat(300);
    let names = [
        "select",
        "a b",
        "a\"b",
        "it's",
        "semi;colon",
        "a.b",
        "..",
        "../up",
        "Größe",
        "größe ä",
        "日本語",
        "%41",
        "tab\tnew\nline",
        ".lock",
        "_staged",
        "-",
        "null",
        "CON",
        "emoji 🦀",
        "_load_id2",
        "a,b",
        "#1",
        "*",
        "{}",
        long.as_str(),
    ];
    let columns: Vec<_> = names.iter().map(|name| (*name, integers(&[1]))).collect();
    for load in [1, 2] {
        let expected = batch(load, columns.clone());
        store.commit(load, |load| {
            for table in names {
                load.open(table, &expected.schema(), Write::Replace)
                    .unwrap();
                load.write(table, expected.clone()).unwrap();
            }
            assert_eq!(load.stored_rows().unwrap().len(), names.len());
        });
        for table in names {
            assert_eq!(store.rows(table).unwrap(), rows(&expected), "{table}");
        }
    }
    let expected = batch(3, columns.clone());
    store.commit(3, |load| {
        for table in names {
            load.open(table, &expected.schema(), Write::Append).unwrap();
            load.write(table, expected.clone()).unwrap();
        }
    });
    assert_eq!(store.rows("a\"b").unwrap().len(), 2);
}

#[expect(clippy::too_many_lines, reason = "a list of values")]
pub(crate) fn nasty_values_come_back(store: &Store) {
    let large = "é".repeat(2_500_000);
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let time = [
        i64::from(i32::MIN) * 1_000_000 + 1,
        0,
        1,
        -1,
        1_700_000_000_123_456,
        253_402_300_799_999_999,
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "integer",
            integers(&[
                i64::MIN,
                i64::MAX,
                0,
                -1,
                (1 << 53) + 1,
                9_007_199_254_740_993,
            ]),
        ),
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
            "text",
            texts(&[
                Some(""),
                None,
                Some("a\0b\0"),
                Some("\"quoted\", 'and' \r\n\t\\N"),
                Some(&large),
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
                Some("true"),
            ]),
        ),
        (
            "blob",
            blobs(&[
                Some(b""),
                None,
                Some(b"\0\xff\xfe"),
                Some(b"text"),
                Some(&bytes),
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
                Some(false),
            ])),
        ),
        (
            "int32",
            Arc::new(Int32Array::from(vec![
                Some(i32::MIN),
                Some(i32::MAX),
                None,
                Some(0),
                Some(1),
                Some(-1),
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
    ];
    let whole = batch(1, columns);
    store.commit(1, |load| {
        load.open("t", &whole.schema(), Write::Replace).unwrap();
        // Slices, too: a batch need not begin at the start of its memory.
        load.write("t", whole.slice(0, 3)).unwrap();
        load.write("t", whole.slice(3, 3)).unwrap();
    });
    let mut expected = rows(&whole);
    expected.sort();
    for (found, expected) in store.rows("t").unwrap().iter().zip(&expected) {
        for (column, value) in expected {
            let same = found[column] == *value;
            assert!(
                same,
                "{column}: {:.200} for {:.200}",
                format!("{:?}", found[column]),
                format!("{value:?}")
            );
        }
    }
}

pub(crate) fn a_table_of_many_columns_is_stored(store: &Store) {
    let names: Vec<_> = (0..1_000)
        .map(|number| format!("column_{number}"))
        .collect();
    let values: Vec<i64> = (0..1_000).collect();
    let wide = batch(
        1,
        names
            .iter()
            .map(|name| (name.as_str(), integers(&values)))
            .collect(),
    );
    store.commit(1, |load| {
        load.open("t", &wide.schema(), Write::Replace).unwrap();
        for _ in 0..5 {
            load.write("t", wide.clone()).unwrap();
        }
        assert_eq!(load.stored_rows().unwrap()["t"], 5_000);
    });
    assert_eq!(store.rows("t").unwrap().len(), 5_000);
}

pub(crate) fn a_type_that_is_not_stored_is_refused(store: &Store) {
    let odd = batch(
        1,
        vec![
            ("id", integers(&[1])),
            ("small", Arc::new(UInt8Array::from(vec![1]))),
        ],
    );
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    let error = load.open("t", &odd.schema(), Write::Replace).unwrap_err();
    assert!(matches!(error, DestinationError::Failed { .. }), "{error}");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "column `small` has the type UInt8, which no destination stores"
    );
}

pub(crate) fn names_that_differ_only_in_case_are_refused(store: &Store) {
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    let twice = batch(1, vec![("Name", integers(&[1])), ("name", integers(&[1]))]);
    assert!(load.open("t", &twice.schema(), Write::Replace).is_err());
    load.open("Orders", &ids(1, &[]).schema(), Write::Replace)
        .unwrap();
    assert!(
        load.open("orders", &ids(1, &[]).schema(), Write::Replace)
            .is_err()
    );
    drop(load);
    drop(destination);
    if store.kind == Kind::DuckDb {
        assert_eq!(
            duckdb::rows(&database(store.folder()), "turso data", "Orders"),
            None
        );
    }
}
