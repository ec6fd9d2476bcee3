//! Names are stored exactly, and are only names.

use connector_host::destination::TableWrite;
use connector_host::model::WriteDisposition;

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
