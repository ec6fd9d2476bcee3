//! Names are stored exactly, and are only names.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use connector_host::destination::TableWrite;
use connector_host::model::WriteDisposition;
use connector_host::model::origin::ColumnOrigin;

use super::ids;
use crate::store::{Kind, Store, batch, integers, load_id, record};
use crate::value::rows;

pub(crate) fn nasty_names_are_stored_exactly(store: &Store) {
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
                load.open_table(
                    table,
                    &TableWrite::new(expected.schema(), WriteDisposition::Replace),
                )
                .unwrap();
                load.write_rows(table, expected.clone()).unwrap();
            }
            assert_eq!(load.count_rows().unwrap().len(), names.len());
        });
        for table in names {
            assert_eq!(store.rows(table).unwrap(), rows(&expected), "{table}");
        }
    }
    let expected = batch(3, columns.clone());
    store.commit(3, |load| {
        for table in names {
            load.open_table(
                table,
                &TableWrite::new(expected.schema(), WriteDisposition::Append),
            )
            .unwrap();
            load.write_rows(table, expected.clone()).unwrap();
        }
    });
    assert_eq!(store.rows("a\"b").unwrap().len(), 2);
}

/// Tables and columns called by what would be a command or a path if anything
/// took it for one.
pub(crate) fn a_hostile_name_is_only_a_name(store: &Store) {
    let long = "y\"".repeat(10_000);
    let outside = format!("escaped-{}", std::process::id());
    let up = format!("../../{outside}");
    let hostile = [
        "x\"; DROP TABLE \"victim\"; --",
        "\"; DROP TABLE victim; --",
        "x'; DROP TABLE victim; --",
        "x\\\"; DROP SCHEMA \"turso data\" CASCADE; --",
        "turso data\".\"victim",
        "victim\" --",
        "victim/*",
        "$$; DROP TABLE victim; $$",
        "?",
        "$1",
        "line\n\"; DROP TABLE victim; --\r\n",
        up.as_str(),
        "/etc/passwd",
        "..\\..\\x",
        "../victim",
        "./victim",
        "victim/../victim",
        "_loads/x.json",
        "%2e%2e",
        "C:\\x",
        "~",
        "\u{202e}x",
        " ",
        long.as_str(),
    ];
    let columns: Vec<_> = hostile.iter().map(|name| (*name, integers(&[7]))).collect();
    store.load(1, "victim", WriteDisposition::Replace, &ids(1, &[1, 2, 3]));
    let expected = batch(2, columns);
    store.commit(2, |load| {
        for table in hostile {
            load.open_table(
                table,
                &TableWrite::new(expected.schema(), WriteDisposition::Append),
            )
            .unwrap();
            load.write_rows(table, expected.clone()).unwrap();
        }
    });
    for table in hostile {
        assert_eq!(store.rows(table).unwrap(), rows(&expected), "{table}");
    }
    assert_eq!(store.rows("victim").unwrap(), rows(&ids(1, &[1, 2, 3])));
    assert_eq!(store.rows("_loads").unwrap().len(), 2);
    stays_inside(store, &outside);
}

/// The texts that DuckDB's driver takes end at a NUL, so a name that holds one
/// is refused there, and else kept whole.
pub(crate) fn a_name_with_a_nul_harms_nothing(store: &Store) {
    store.load(1, "victim", WriteDisposition::Replace, &ids(1, &[1, 2, 3]));
    let hostile = [("victim\0x", "id"), ("other", "id\0"), ("\0", "id")];
    for (number, (table, column)) in (2..).zip(hostile) {
        for write in [WriteDisposition::Replace, WriteDisposition::Append] {
            let number = number * 2 + u64::from(write == WriteDisposition::Append);
            let incoming = batch(number, vec![(column, integers(&[7]))]);
            let mut destination = store.open();
            let mut load = destination.begin(&load_id(number)).unwrap();
            let stored = load
                .open_table(table, &TableWrite::new(incoming.schema(), write))
                .and_then(|()| load.write_rows(table, incoming))
                .and_then(|()| load.commit(&record(number, &[])));
            assert_eq!(stored.is_err(), store.kind == Kind::DuckDb, "{table:?}");
            drop(destination);
            if store.kind != Kind::DuckDb {
                assert!(!store.column(table, column).is_empty(), "{table:?}");
            }
        }
    }
    assert_eq!(store.rows("victim").unwrap(), rows(&ids(1, &[1, 2, 3])));
}

/// Asserts that all files are in the folder, below the name of the dataset or the
/// database.
fn stays_inside(store: &Store, outside: &str) {
    assert!(!store.folder().join("..").join(outside).exists());
    for entry in std::fs::read_dir(store.folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(name.trim_start_matches('.').starts_with("turso"), "{name}");
    }
}

/// Adds the origin of a column to a batch.
fn with_origin(batch: &RecordBatch, column: &str, origin: &ColumnOrigin) -> RecordBatch {
    let fields = batch.schema_ref().fields().iter().map(|field| {
        let own = (field.name() == column).then_some(origin);
        let known = own.cloned().or_else(|| ColumnOrigin::from_field(field));
        ColumnOrigin::set(known.as_ref(), field.as_ref().clone())
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap()
}

/// Lists the columns of a table that have an origin.
fn origins(store: &Store, number: u64, table: &str) -> Vec<(String, ColumnOrigin)> {
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(number)).unwrap();
    let schema = load.existing_schema(table).unwrap().unwrap();
    let fields = schema.fields().iter();
    let origins =
        fields.filter_map(|field| Some((field.name().clone(), ColumnOrigin::from_field(field)?)));
    origins.collect()
}

pub(crate) fn the_origins_of_columns_are_kept_with_the_table(store: &Store) {
    let sibling = ColumnOrigin::Sibling {
        of: "stock".to_owned(),
        kind: "text".to_owned(),
    };
    let source = ColumnOrigin::Source("it's \"\u{e9}\"".to_owned());
    let stock = || ("stock", integers(&[1]));
    let first = batch(1, vec![stock(), ("stock__text", integers(&[2]))]);
    let first = with_origin(&first, "stock__text", &sibling);
    store.load(1, "T", WriteDisposition::Append, &first);
    let kept = vec![("stock__text".to_owned(), sibling.clone())];
    assert_eq!(origins(store, 2, "t"), kept);
    // Columns of other loads and other tables change nothing.
    store.load(3, "t", WriteDisposition::Append, &batch(3, vec![stock()]));
    store.load(
        4,
        "other",
        WriteDisposition::Append,
        &batch(4, vec![stock()]),
    );
    assert_eq!(origins(store, 5, "T"), kept);
    assert_eq!(origins(store, 6, "other"), []);
    // Neither does a load that is dropped.
    let renamed = batch(7, vec![stock(), ("x", integers(&[3]))]);
    let renamed = with_origin(&renamed, "x", &source);
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(7)).unwrap();
    let append = TableWrite::new(renamed.schema(), WriteDisposition::Append);
    load.open_table("t", &append).unwrap();
    drop(load);
    drop(destination);
    assert_eq!(origins(store, 8, "t"), kept);
    let renamed = with_origin(
        &batch(9, vec![stock(), ("x", integers(&[3]))]),
        "x",
        &source,
    );
    store.load(9, "t", WriteDisposition::Append, &renamed);
    let both = vec![kept[0].clone(), ("x".to_owned(), source.clone())];
    assert_eq!(origins(store, 10, "t"), both);
    // A replaced table has the columns of the load.
    let renamed = with_origin(
        &batch(11, vec![stock(), ("x", integers(&[3]))]),
        "x",
        &source,
    );
    store.load(11, "t", WriteDisposition::Replace, &renamed);
    assert_eq!(origins(store, 12, "t"), [("x".to_owned(), source)]);
    store.load(
        13,
        "t",
        WriteDisposition::Replace,
        &batch(13, vec![stock()]),
    );
    assert_eq!(origins(store, 14, "t"), []);
}
