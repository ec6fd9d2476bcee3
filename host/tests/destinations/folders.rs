//! Folders of one table in which no file can be published: the table fails by
//! name, and the load continues without it.

use std::fs;

use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::WriteDisposition;

use crate::cases::numbers;
use crate::damage::{KINDS, load_around, people, table_write, write};
use crate::store::{Kind, Store, load_id, record};

#[test]
fn a_file_in_place_of_a_folder_fails_its_table_only() {
    for kind in KINDS {
        for disposition in [
            WriteDisposition::Replace,
            WriteDisposition::Append,
            WriteDisposition::Merge,
        ] {
            let store = Store::new(kind);
            let folder = store.folder().join("turso%20data/t");
            let rows = people(1, &[1, 2]);
            let plan = table_write(&rows, disposition);
            store.commit(1, |load| {
                for table in ["a", "t", "z"] {
                    write(load, table, &plan, &rows).unwrap();
                }
            });
            fs::remove_dir_all(&folder).unwrap();
            fs::write(&folder, "in the way").unwrap();
            let error = load_around(&store, 2, disposition);
            let DestinationError::Obstructed { table, obstacle } = &error else {
                panic!("{error:?}")
            };
            assert_eq!(table, "t");
            assert!(obstacle.ends_with("/t is not a folder"), "{obstacle}");
            fs::remove_file(&folder).unwrap();
            let rows = people(3, &[7]);
            let refresh = TableWrite {
                full_refresh: true,
                ..table_write(&rows, disposition)
            };
            store.commit(3, |load| write(load, "t", &refresh, &rows).unwrap());
            assert_eq!(store.column("t", "id"), numbers(&[7]));
        }
    }
}

/// The folder was changed after the table was opened.
#[test]
fn a_folder_that_cannot_be_published_to_is_named_at_the_commit() {
    let store = Store::new(Kind::Jsonl);
    let rows = people(1, &[1]);
    let plan = table_write(&rows, WriteDisposition::Append);
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    for table in ["a", "t"] {
        write(load.as_mut(), table, &plan, &rows).unwrap();
    }
    load.apply().unwrap();
    fs::write(store.folder().join("turso%20data/t"), "in the way").unwrap();
    let error = load.commit(&record(1, &[])).unwrap_err();
    assert_eq!(error.table(), Some("t"), "{error:?}");
    let mut load = destination.begin(&load_id(2)).unwrap();
    let rows = people(2, &[1]);
    write(load.as_mut(), "a", &plan, &rows).unwrap();
    load.commit(&record(2, &[])).unwrap();
    assert_eq!(store.column("a", "id"), numbers(&[1]));
}

/// No user can create files in the kernel's own folders, not even root.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_accepts_no_file_fails_its_table_only() {
    let store = Store::new(Kind::Csv);
    let dataset = store.folder().join("turso%20data");
    fs::create_dir_all(&dataset).unwrap();
    std::os::unix::fs::symlink("/sys/kernel", dataset.join("t")).unwrap();
    let error = load_around(&store, 1, WriteDisposition::Append);
    let (reason, remedy) = match &error {
        DestinationError::Inaccessible { path, .. } => (path.clone(), "permission"),
        DestinationError::Obstructed { obstacle, .. } => (obstacle.clone(), "rename or remove"),
        _ => panic!("{error:?}"),
    };
    assert!(reason.contains("/t"), "{reason}");
    let hint = error.remedy().unwrap().to_string();
    assert!(hint.contains(remedy), "{hint}");
}
