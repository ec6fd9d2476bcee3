//! Destinations that cannot be opened, and their errors.

use std::path::Path;

use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::{DestinationSpec, DuckDbSpec, FileFormat, FilesSpec, WriteDisposition};

use crate::store::{
    DATASET, Kind, Store, batch, commit, database, integers, load_id, open_spec, record,
};
use crate::value::Value;
use crate::{duckdb, files};

fn open_duckdb(path: &Path) -> DestinationError {
    let spec = DuckDbSpec::new(path, DATASET).with_driver(duckdb::driver());
    refused(spec.into())
}

fn open_files(url: &str) -> DestinationError {
    let spec = FilesSpec::new(url, DATASET).with_format(FileFormat::Csv);
    refused(spec.into())
}

fn refused(spec: DestinationSpec) -> DestinationError {
    match open_spec(spec) {
        Ok(destination) => panic!("{} was opened", destination.location()),
        Err(error) => error,
    }
}

#[test]
fn a_missing_folder_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let error = open_duckdb(&folder.path().join("missing/x.duckdb"));
    assert!(
        matches!(error, DestinationError::Unusable { .. }),
        "{error:?}"
    );
}

#[test]
fn a_file_that_is_not_a_database_is_unusable_and_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.duckdb");
    std::fs::write(&path, "this is a text, and no database\n".repeat(1000)).unwrap();
    let error = open_duckdb(&path);
    assert!(
        matches!(error, DestinationError::Unusable { .. }),
        "{error:?}"
    );
    assert!(
        std::fs::read_to_string(&path)
            .unwrap()
            .starts_with("this is a text")
    );
}

#[test]
fn a_folder_in_place_of_a_database_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let error = open_duckdb(folder.path());
    assert!(
        matches!(error, DestinationError::Unusable { .. }),
        "{error:?}"
    );
}

#[test]
fn a_file_in_place_of_a_folder_is_unusable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    std::fs::write(&file, "x").unwrap();
    let error = open_files(file.to_str().unwrap());
    assert!(
        matches!(error, DestinationError::Unusable { .. }),
        "{error:?}"
    );
    assert!(matches!(
        open_files("s3://bucket/out"),
        DestinationError::Unusable { .. }
    ));
}

#[test]
fn an_invalid_manifest_is_unusable() {
    let store = Store::new(Kind::Csv);
    store.load(
        1,
        "t",
        WriteDisposition::Replace,
        &batch(1, vec![("id", integers(&[1]))]),
    );
    let dataset = store.folder().join("turso%20data");
    let manifest = files::all(&dataset.join("_loads")).pop().unwrap();
    for content in ["", "{", "{\"version\": 2, \"data\": []}"] {
        std::fs::write(&manifest, content).unwrap();
        let Err(error) = store.try_open() else {
            panic!("it was opened")
        };
        assert!(
            matches!(error, DestinationError::Unusable { .. }),
            "{error:?}"
        );
    }
}

#[test]
fn only_names_of_loads_are_manifests() {
    let store = Store::new(Kind::Csv);
    let rows = batch(1, vec![("id", integers(&[1]))]);
    store.load(1, "t", WriteDisposition::Replace, &rows);
    let notes = store.folder().join("turso%20data/_loads/notes.json");
    std::fs::write(&notes, "{}").unwrap();
    let rows = batch(2, vec![("id", integers(&[2]))]);
    store.load(2, "t", WriteDisposition::Append, &rows);
    assert!(notes.exists());
    std::fs::remove_file(notes).unwrap();
    assert_eq!(store.rows("t").unwrap().len(), 2);
}

/// A folder in place of the manifest can neither be replaced nor removed, so the
/// destination cannot know whether the manifest is there.
#[test]
fn a_commit_in_doubt_keeps_the_files_of_its_load() {
    let store = Store::new(Kind::Csv);
    let rows = |number: u64| batch(number, vec![("id", integers(&[number.cast_signed()]))]);
    store.load(1, "t", WriteDisposition::Append, &rows(1));
    let write = TableWrite::new(rows(1).schema(), WriteDisposition::Append);
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(2)).unwrap();
    load.open_table("t", &write).unwrap();
    load.write_rows("t", rows(2)).unwrap();
    let dataset = store.folder().join("turso%20data");
    let obstacle = dataset.join(format!("_loads/{}.json", load_id(2)));
    std::fs::create_dir(&obstacle).unwrap();
    let error = load.commit(&record(2, &[])).unwrap_err();
    assert!(
        matches!(error, DestinationError::Unconfirmed { .. }),
        "{error:?}"
    );
    assert_eq!(files::all(&dataset.join("t")).len(), 2);
    // The last manifest cannot be read, so nothing is removed.
    assert!(destination.begin(&load_id(3)).is_err());
    assert_eq!(files::all(&dataset.join("t")).len(), 2);
    std::fs::remove_dir(obstacle).unwrap();
    commit(destination.as_mut(), 3, |load| {
        load.open_table("t", &write).unwrap();
        load.write_rows("t", rows(3)).unwrap();
    });
    let ids = [1, 3].map(Value::Integer);
    assert_eq!(store.column("t", "id"), ids);
    assert_eq!(files::all(&dataset.join("t")).len(), 2);
}

/// The kernel's own folders take no file from anybody, not even from root.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_accepts_no_file_is_read_only() {
    let error = open_duckdb(Path::new("/sys/kernel/x.duckdb"));
    assert!(
        matches!(error, DestinationError::ReadOnly { .. }),
        "{error:?}"
    );
    let error = open_files("/sys/kernel");
    assert!(
        matches!(error, DestinationError::ReadOnly { .. }),
        "{error:?}"
    );
}

/// DuckDB's own lock, which another program holds.
#[test]
fn a_database_that_another_program_has_open_is_locked() {
    let store = Store::new(Kind::DuckDb);
    store.load(
        1,
        "t",
        WriteDisposition::Replace,
        &batch(1, vec![("id", integers(&[1]))]),
    );
    let path = database(store.folder());
    let mut holder = std::process::Command::new("python3")
        .arg("-c")
        .arg("import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); print('held', flush=True); sys.stdin.read()")
        .arg(&path)
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(
        &mut std::io::BufReader::new(holder.stdout.take().unwrap()),
        &mut line,
    )
    .unwrap();
    let error = open_duckdb(&path);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(
        matches!(error, DestinationError::Locked { .. }),
        "{error:?}"
    );
}

#[test]
fn views_on_a_table_do_not_keep_it_from_being_replaced() {
    let store = Store::new(Kind::DuckDb);
    store.load(
        1,
        "t",
        WriteDisposition::Replace,
        &batch(1, vec![("id", integers(&[1]))]),
    );
    let path = database(store.folder());
    let view =
        format!("CREATE VIEW \"{DATASET}\".main.v AS SELECT id FROM \"{DATASET}\".\"{DATASET}\".t");
    duckdb::query(&path, &view);
    store.load(
        2,
        "t",
        WriteDisposition::Replace,
        &batch(2, vec![("id", integers(&[2, 3]))]),
    );
    let rows = duckdb::query(&path, &format!("SELECT * FROM \"{DATASET}\".main.v")).unwrap();
    assert_eq!(rows.len(), 2);
}
