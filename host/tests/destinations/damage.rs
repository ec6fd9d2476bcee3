//! Stored files of one table that are missing or damaged: the table fails by
//! name, the load continues without it, and a full refresh repairs it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Int64Array, RecordBatch};
use connector_host::destination::{
    DeletionSource, DestinationError, Load, RowGroups, TableWrite, WriteStats,
};
use connector_host::model::{DeletionMode, FileFormat, Remedy, WriteDisposition};
use connector_host::testing;

use crate::cases::{ids, numbers};
use crate::faulty::{Afterwards, Fault, Faulty};
use crate::files;
use crate::store::{DATASET, Kind, StatsByTable, Store, batch, integers, load_id, record, texts};

pub(crate) const KINDS: [Kind; 3] = [Kind::Parquet, Kind::Jsonl, Kind::Csv];

/// What happens to a file, given its content: another content, or `None` if it is
/// removed.
type Damage = fn(Vec<u8>) -> Option<Vec<u8>>;

/// Damages that change the size of the file.
const RESIZED: [(&str, Damage); 5] = [
    ("removed", |_| None),
    ("emptied", |_| Some(Vec::new())),
    ("shortened by a byte", |mut content| {
        content.pop();
        Some(content)
    }),
    ("shortened", |mut content| {
        content.truncate(content.len() / 2);
        Some(content)
    }),
    ("lengthened", |mut content| {
        content.push(b'\n');
        Some(content)
    }),
];

/// Damages that only a reader of the file notices.
const REWRITTEN: [(&str, Damage); 2] = [
    ("zeros", |content| Some(vec![0; content.len()])),
    ("other text", |content| Some(vec![b'x'; content.len()])),
];

fn stores() -> impl Iterator<Item = Store> {
    KINDS
        .into_iter()
        .flat_map(|kind| [Store::new(kind), Store::in_objects(kind)])
}

/// Returns the path of the only file of a table, in the folder of the store.
fn file_of(store: &Store, table: &str) -> PathBuf {
    let found = files::all(&store.folder().join("turso%20data").join(table));
    let [file] = &found[..] else {
        panic!("{found:?}")
    };
    file.clone()
}

/// Damages the only file of a table. Returns its name.
fn damage(store: &Store, table: &str, damage: Damage) -> String {
    let file = file_of(store, table);
    let name = file.file_name().unwrap().to_str().unwrap().to_owned();
    let damaged = damage(fs::read(&file).unwrap());
    match (store.objects(), damaged) {
        (Some(objects), damaged) => {
            objects.set(&format!("turso%20data/{table}/{name}"), damaged);
        }
        (None, Some(damaged)) => fs::write(&file, damaged).unwrap(),
        (None, None) => fs::remove_file(&file).unwrap(),
    }
    name
}

pub(crate) fn people(number: u64, rows: &[i64]) -> RecordBatch {
    let names: Vec<_> = rows.iter().map(|row| format!("name {row}")).collect();
    let names: Vec<_> = names.iter().map(|name| Some(name.as_str())).collect();
    batch(
        number,
        vec![("id", integers(rows)), ("name", texts(&names))],
    )
}

pub(crate) fn table_write(rows: &RecordBatch, disposition: WriteDisposition) -> TableWrite {
    let key = match disposition {
        WriteDisposition::Append | WriteDisposition::Replace => Vec::new(),
        _ => vec!["id".to_owned()],
    };
    TableWrite {
        key,
        ..TableWrite::new(rows.schema(), disposition)
    }
}

pub(crate) fn write(
    load: &mut dyn Load,
    table: &str,
    write: &TableWrite,
    rows: &RecordBatch,
) -> Result<(), DestinationError> {
    load.open_table(table, write)?;
    load.write_rows(table, rows.clone())
}

/// Loads into `t`, which fails, and into the tables around it, which do not.
/// Returns the error.
pub(crate) fn load_around(
    store: &Store,
    number: u64,
    disposition: WriteDisposition,
) -> DestinationError {
    let rows = people(number, &[2, 3]);
    let plan = table_write(&rows, disposition);
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(number)).unwrap();
    write(load.as_mut(), "a", &plan, &rows).unwrap();
    let written = write(load.as_mut(), "t", &plan, &rows);
    write(load.as_mut(), "z", &plan, &rows).unwrap();
    let error = if let Err(error) = written {
        error
    } else {
        load.count_rows().unwrap();
        let error = load.apply().unwrap_err();
        assert_eq!(error.table(), Some("t"), "{error}");
        error
    };
    assert!(!error.voids_load(), "{error}");
    load.discard_table("t").unwrap();
    let counts = load.count_rows().unwrap();
    assert_eq!(counts, [("a".to_owned(), 2), ("z".to_owned(), 2)].into());
    let stats: StatsByTable = load.apply().unwrap();
    assert_eq!(stats.len(), 2);
    load.commit(&record(number, &[])).unwrap();
    error
}

fn expect_damage(error: &DestinationError, file: &str, context: &str) {
    let DestinationError::Damaged { table, path, .. } = error else {
        panic!("{context}: {error:?}")
    };
    assert_eq!(table, "t", "{context}");
    assert!(path.ends_with(&format!("/t/{file}")), "{context}: {path}");
    let remedy = error.remedy().unwrap();
    assert!(
        matches!(&remedy, Remedy::RestoreFile { resource, .. } if resource == "t"),
        "{context}: {remedy:?}"
    );
}

/// Loads three tables, damages one, and loads again.
fn check(store: &Store, disposition: WriteDisposition, context: &str, damage_file: Damage) {
    let context = &format!("{context}, {:?}, {disposition:?}", store.kind);
    let rows = people(1, &[1, 2]);
    let plan = table_write(&rows, disposition);
    store.commit(1, |load| {
        for table in ["a", "t", "z"] {
            write(load, table, &plan, &rows).unwrap();
        }
    });
    let entry = |table: &str| {
        let manifest = files::manifest(&store.folder().join("turso%20data")).unwrap();
        let tables = manifest["tables"].as_array().unwrap().clone();
        tables.into_iter().find(|entry| entry["name"] == table)
    };
    let before = entry("t").unwrap();
    let file = damage(store, "t", damage_file);
    let error = load_around(store, 2, disposition);
    expect_damage(&error, &file, context);
    assert_eq!(entry("t").unwrap(), before, "{context}: t was changed");
    let expected = match disposition {
        WriteDisposition::Append => numbers(&[1, 2, 2, 3]),
        _ => numbers(&[1, 2, 3]),
    };
    for table in ["a", "z"] {
        assert_eq!(store.column(table, "id"), expected, "{context}");
    }
    // A full refresh does not read the file.
    let rows = people(3, &[7, 8]);
    let refresh = TableWrite {
        full_refresh: true,
        ..table_write(&rows, disposition)
    };
    store.commit(3, |load| write(load, "t", &refresh, &rows).unwrap());
    assert_eq!(store.column("t", "id"), numbers(&[7, 8]), "{context}");
    let found = files::all(&store.folder().join("turso%20data/t"));
    assert_eq!(found.len(), 1, "{context}: the damaged file stays");
}

#[test]
fn a_file_of_another_size_fails_its_table_only() {
    for (context, damage) in RESIZED {
        for store in stores() {
            check(&store, WriteDisposition::Merge, context, damage);
        }
        for store in stores() {
            check(&store, WriteDisposition::Append, context, damage);
        }
    }
}

#[test]
fn a_file_whose_content_is_no_data_fails_its_table_only() {
    for (context, damage) in REWRITTEN {
        for store in stores() {
            check(&store, WriteDisposition::Merge, context, damage);
        }
    }
}

/// Any byte may be wrong. A reader may not notice it, but it never panics, and
/// nothing else fails.
#[test]
fn a_wrong_byte_harms_no_other_table() {
    for kind in KINDS {
        let store = Store::in_objects(kind);
        let rows = people(1, &[1, 2, 3, 4]);
        let plan = table_write(&rows, WriteDisposition::Merge);
        store.commit(1, |load| {
            for table in ["a", "t", "z"] {
                write(load, table, &plan, &rows).unwrap();
            }
        });
        let path = file_of(&store, "t");
        let content = fs::read(&path).unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        for at in (0..content.len()).step_by(3) {
            for byte in [0, b'"', 0xff] {
                let store = store.fork();
                let mut content = content.clone();
                content[at] = byte;
                let path = format!("turso%20data/t/{name}");
                store.objects().unwrap().set(&path, Some(content));
                let rows = people(2, &[2, 5]);
                let mut destination = store.open();
                let mut load = destination.begin(&load_id(2)).unwrap();
                for table in ["a", "t", "z"] {
                    write(load.as_mut(), table, &plan, &rows).unwrap();
                }
                load.count_rows().unwrap();
                if let Err(error) = load.apply() {
                    expect_damage(&error, name, &format!("{kind:?}, byte {at} is {byte}"));
                    load.discard_table("t").unwrap();
                    load.apply().unwrap();
                }
                load.commit(&record(2, &[])).unwrap();
            }
        }
    }
}

#[test]
fn damaged_groups_fail_with_their_parent_rows_only() {
    let groups = |number: u64| {
        let parents = ids(number, &[1, 2]);
        let items = batch(
            number,
            vec![
                ("of", integers(&[1, 1, 2])),
                (
                    "_index",
                    Arc::new(Int64Array::from(vec![None, Some(0), None])),
                ),
            ],
        );
        (parents, items)
    };
    let load_groups = |load: &mut dyn Load, number: u64, parent: &str, table: &str| {
        let (parents, items) = groups(number);
        let plan = table_write(&parents, WriteDisposition::Merge);
        write(load, parent, &plan, &parents).unwrap();
        let plan = TableWrite {
            key: vec!["of".to_owned()],
            group: Some(RowGroups {
                index: "_index".to_owned(),
                parent: parent.to_owned(),
            }),
            ..TableWrite::new(items.schema(), WriteDisposition::Merge)
        };
        load.open_table(table, &plan).unwrap();
        let numbers = Int64Array::from(vec![0, 0, 1]);
        load.write_child_rows(table, items, numbers).unwrap();
    };
    for store in stores() {
        store.commit(1, |load| {
            load_groups(load, 1, "parent", "t");
            load_groups(load, 1, "whole", "whole items");
        });
        let file = damage(&store, "t", |content| Some(vec![b'x'; content.len()]));
        let mut destination = store.open();
        let mut load = destination.begin(&load_id(2)).unwrap();
        load_groups(load.as_mut(), 2, "parent", "t");
        load_groups(load.as_mut(), 2, "whole", "whole items");
        load.count_rows().unwrap();
        let error = load.apply().unwrap_err();
        expect_damage(&error, &file, "groups");
        load.discard_table("t").unwrap();
        load.discard_table("parent").unwrap();
        let counts = load.count_rows().unwrap();
        assert_eq!(counts["whole items"], 3);
        let stats = load.apply().unwrap();
        let written = |written| WriteStats {
            written,
            ..WriteStats::default()
        };
        assert_eq!(stats["whole"], written(2));
        assert_eq!(stats["whole items"], written(1));
        load.commit(&record(2, &[])).unwrap();
        let load = crate::value::Value::Text(load_id(2).to_string());
        assert_eq!(store.column("whole items", "_load_id"), [load]);
    }
}

/// A part of the table was already processed when the error occurred.
#[test]
fn a_load_with_a_damaged_table_is_never_committed() {
    for store in stores() {
        let rows = people(1, &[1]);
        let plan = table_write(&rows, WriteDisposition::Merge);
        store.commit(1, |load| write(load, "t", &plan, &rows).unwrap());
        damage(&store, "t", |content| Some(vec![b'x'; content.len()]));
        let rows = people(2, &[2]);
        let mut destination = store.open();
        let mut load = destination.begin(&load_id(2)).unwrap();
        write(load.as_mut(), "t", &plan, &rows).unwrap();
        load.apply().unwrap_err();
        let error = load.commit(&record(2, &[])).unwrap_err();
        assert!(matches!(error, DestinationError::Failed { .. }), "{error}");
    }
}

/// Rows of a part that was not read are copied from the files that are replaced.
#[test]
fn a_replaced_table_fails_if_rows_that_it_must_keep_are_damaged() {
    for store in stores() {
        let rows = people(1, &[1, 2]);
        let plan = table_write(&rows, WriteDisposition::Replace);
        store.commit(1, |load| {
            write(load, "t", &plan, &rows).unwrap();
            write(load, "z", &plan, &rows).unwrap();
        });
        let file = damage(&store, "t", |mut content| {
            content.pop();
            Some(content)
        });
        let rows = people(2, &[3]);
        let mut destination = store.open();
        let mut load = destination.begin(&load_id(2)).unwrap();
        for table in ["t", "z"] {
            write(load.as_mut(), table, &plan, &rows).unwrap();
            let part = connector_host::model::UnreadPart {
                column: "name".to_owned(),
                values: vec!["name 1".to_owned()],
                failure: None,
            };
            assert!(load.keep_unread(table, &part).unwrap());
        }
        let error = load.apply().unwrap_err();
        expect_damage(&error, &file, "carry over");
        load.discard_table("t").unwrap();
        load.apply().unwrap();
        load.commit(&record(2, &[])).unwrap();
        assert_eq!(store.column("z", "id"), numbers(&[1, 3]));
    }
}

/// A failed request is not reported as damage, whatever error the decoder returns.
#[test]
fn a_store_that_does_not_respond_is_not_taken_for_damage() {
    for (kind, format) in [
        (Kind::Parquet, FileFormat::Parquet),
        (Kind::Jsonl, FileFormat::Jsonl),
    ] {
        let before = Store::in_objects(kind);
        let rows = people(1, &[1, 2]);
        let plan = TableWrite {
            deletion_source: DeletionSource::AllRows,
            deletion_mode: DeletionMode::Hard,
            ..table_write(&rows, WriteDisposition::Merge)
        };
        before.commit(1, |load| write(load, "t", &plan, &rows).unwrap());
        let rows = people(2, &[2, 3]);
        for afterwards in [Afterwards::Succeed, Afterwards::Fail] {
            for at in 0.. {
                let store = before.fork();
                let faulty = Faulty::new(store.shared_objects(), at, Fault::Refused, afterwards);
                let objects = Arc::new(faulty.clone());
                let loaded = testing::files_in_objects(objects, DATASET, format).and_then(
                    |mut destination| {
                        let mut load = destination.begin(&load_id(2))?;
                        write(load.as_mut(), "t", &plan, &rows)?;
                        load.apply()?;
                        load.commit(&record(2, &[]))
                    },
                );
                if !faulty.has_failed() {
                    loaded.unwrap();
                    break;
                }
                if let Err(error) = loaded {
                    assert_eq!(error.table(), None, "operation {at}: {error:?}");
                }
            }
        }
    }
}
