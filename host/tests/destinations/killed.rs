//! Processes that die: what was there stays whole, what was committed is
//! there, and what is left over goes.

use std::ops::Range;
use std::path::Path;
use std::process::Command;

use arrow_array::RecordBatch;
use connector_host::destination::TableWrite;
use connector_host::model::WriteDisposition;

use crate::files;
use crate::store::{Kind, Store, batch, integers, load_id, open, record};
use crate::value::Value;

const KINDS: [(&str, Kind); 4] = [
    ("duckdb", Kind::DuckDb),
    ("parquet", Kind::Parquet),
    ("jsonl", Kind::Jsonl),
    ("csv", Kind::Csv),
];

/// Dies on behalf of the tests below, in a process of its own: it is given a
/// destination, and does nothing when it is run as a test.
#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "that is how the tests below talk to it"
)]
fn a_writer_that_dies() {
    let Ok(orders) = std::env::var("DIE_WRITING") else {
        return;
    };
    let mut orders = orders.split('|');
    let (kind, folder, when) = (
        orders.next().unwrap(),
        orders.next().unwrap(),
        orders.next().unwrap(),
    );
    let (_, kind) = KINDS.into_iter().find(|(name, _)| *name == kind).unwrap();
    let mut destination = open(kind, Path::new(folder)).unwrap();
    let mut load = destination.begin(&load_id(2)).unwrap();
    if let "applied" | "merged" = when {
        let rows = ids(2, 500..1500);
        load.open_table("t", &merge(&rows)).unwrap();
        load.write_rows("t", rows).unwrap();
        load.apply().unwrap();
        if when == "merged" {
            load.commit(&record(2, &[])).unwrap();
        }
        std::process::abort();
    }
    let rows = batch(2, vec![("id", integers(&(0..200_000).collect::<Vec<_>>()))]);
    load.open_table(
        "t",
        &TableWrite::new(rows.schema(), WriteDisposition::Replace),
    )
    .unwrap();
    load.write_rows("t", rows.clone()).unwrap();
    load.open_table(
        "u",
        &TableWrite::new(rows.schema(), WriteDisposition::Append),
    )
    .unwrap();
    load.write_rows("u", rows.slice(0, 10)).unwrap();
    match when {
        "writing" => std::process::abort(),
        "counted" => {
            load.count_rows().unwrap();
            std::process::abort();
        }
        _ => {
            load.commit(&record(2, &[])).unwrap();
            std::process::abort();
        }
    }
}

fn die(kind: &str, store: &Store, when: &str) {
    let orders = format!("{kind}|{}|{when}", store.folder().display());
    let mut child = Command::new(std::env::current_exe().unwrap());
    let child = child
        .args(["--exact", "killed::a_writer_that_dies", "--nocapture"])
        .env("DIE_WRITING", orders);
    let output = child.output().unwrap();
    assert!(
        output.status.code().is_none(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn ids(load: u64, ids: Range<i64>) -> RecordBatch {
    batch(load, vec![("id", integers(&ids.collect::<Vec<_>>()))])
}

/// Rows that replace those of the same `id`.
fn merge(rows: &RecordBatch) -> TableWrite {
    TableWrite {
        key: vec!["id".to_owned()],
        ..TableWrite::new(rows.schema(), WriteDisposition::Merge)
    }
}

#[test]
fn a_killed_merge_is_stored_as_a_whole_or_not_at_all() {
    for (name, kind) in KINDS {
        for (when, expected) in [("applied", 1000), ("merged", 1500)] {
            let store = Store::new(kind);
            store.load(0, "t", WriteDisposition::Append, &ids(0, 0..10));
            store.load(1, "t", WriteDisposition::Append, &ids(1, 10..1000));
            die(name, &store, when);
            let all: Vec<_> = (0..expected).map(Value::Integer).collect();
            assert_eq!(store.column("t", "id"), all, "{name} {when}");
            // Only the files that it left are removed.
            let rows = ids(3, 500..1500);
            store.commit(3, |load| {
                load.open_table("t", &merge(&rows)).unwrap();
                load.write_rows("t", rows.clone()).unwrap();
            });
            let all: Vec<_> = (0..1500).map(Value::Integer).collect();
            assert_eq!(store.column("t", "id"), all, "{name} {when}");
            if kind != Kind::DuckDb {
                let left = files::all(&store.folder().join("turso%20data").join("t"));
                assert_eq!(left.len(), 3, "untouched, copied, and new: {left:?}");
                assert!(!store.folder().join("turso%20data/.staged").exists());
            }
        }
    }
}

fn old() -> RecordBatch {
    batch(1, vec![("id", integers(&[1]))])
}

#[test]
fn a_killed_load_leaves_earlier_rows() {
    for (name, kind) in KINDS {
        for when in ["writing", "counted"] {
            let store = Store::new(kind);
            for (number, table) in [(0, "t"), (1, "u")] {
                store.load(number, table, WriteDisposition::Replace, &old());
            }
            let before = files::all(store.folder());
            die(name, &store, when);
            for table in ["t", "u"] {
                assert_eq!(
                    store.column(table, "id"),
                    [Value::Integer(1)],
                    "{name} {when}"
                );
            }
            // Running again gives the same result as if nothing had happened.
            store.load(3, "t", WriteDisposition::Replace, &old());
            assert_eq!(store.column("t", "id"), [Value::Integer(1)]);
            assert_eq!(store.column("u", "id"), [Value::Integer(1)]);
            if kind != Kind::DuckDb {
                let after = files::all(store.folder());
                assert_eq!(
                    after.len(),
                    before.len() + 1,
                    "one manifest more, and nothing else: {after:?}"
                );
            }
        }
    }
}

#[test]
fn what_was_committed_survives_a_process_that_dies() {
    for (name, kind) in KINDS {
        let store = Store::new(kind);
        for (number, table) in [(0, "t"), (1, "u")] {
            store.load(number, table, WriteDisposition::Replace, &old());
        }
        die(name, &store, "committed");
        assert_eq!(store.rows("t").unwrap().len(), 200_000, "{name}");
        assert_eq!(store.rows("u").unwrap().len(), 11, "{name}");
        store.load(3, "t", WriteDisposition::Replace, &old());
        assert_eq!(store.rows("t").unwrap().len(), 1, "{name}");
    }
}

#[test]
fn files_that_no_manifest_names_are_removed_and_others_stay() {
    let store = Store::new(Kind::Parquet);
    store.load(1, "t", WriteDisposition::Replace, &old());
    let dataset = store.folder().join("turso%20data");
    // Files of a process that died between publishing its files
    // and writing the manifest.
    std::fs::create_dir(dataset.join("u")).unwrap();
    let moved = dataset
        .join("u")
        .join(format!("{}-00000.parquet", load_id(2)));
    let unfinished = dataset
        .join("_loads")
        .join(format!("{}.json#1", load_id(2)));
    let foreign = dataset.join("t").join("notes.parquet");
    for path in [&moved, &unfinished, &foreign] {
        std::fs::write(path, "x").unwrap();
    }
    store.load(3, "v", WriteDisposition::Replace, &old());
    assert!(!moved.exists() && !unfinished.exists());
    assert!(foreign.exists());
    assert_eq!(store.column("t", "id"), [Value::Integer(1)]);
}
