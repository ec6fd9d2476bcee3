//! A source whose versions are loaded into an object store as a pipeline loads
//! them, and what the store holds of them.

use std::sync::Arc;

use connector_host::destination::{DeletionSource, Destination, DestinationError, TableWrite};
use connector_host::model::{Cursor, DeletionMode, FileFormat, WriteDisposition};
use connector_host::testing;
use object_store::ObjectStore;

use crate::cases::{ids, numbers};
use crate::files;
use crate::store::{DATASET, Kind, PIPELINE, Store, batch, integers, load_id, record};
use crate::value::Value;

/// What a load returned.
pub(crate) type Loaded = Result<(), DestinationError>;

/// A source of three tables, of which every version is different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Version(pub(crate) i64);

impl Version {
    /// Ids of a table that only grows.
    fn appended(self) -> Vec<i64> {
        (1..=2 * self.0).collect()
    }

    /// Ids of a table in which rows are added, changed and deleted.
    fn merged(self) -> Vec<i64> {
        (self.0..self.0 + 4).collect()
    }

    /// Loads what is new as a pipeline does, which continues at its cursor.
    pub(crate) fn load(self, objects: Arc<dyn ObjectStore>, number: u64) -> Loaded {
        self.load_and(objects, number, || ())
    }

    /// Does something else before the commit.
    pub(crate) fn load_and(
        self,
        objects: Arc<dyn ObjectStore>,
        number: u64,
        before_commit: impl FnOnce(),
    ) -> Loaded {
        let mut destination = testing::files_in_objects(objects, DATASET, FileFormat::Jsonl)?;
        self.load_into(destination.as_mut(), number, before_commit)
    }

    pub(crate) fn load_into(
        self,
        destination: &mut dyn Destination,
        number: u64,
        before_commit: impl FnOnce(),
    ) -> Loaded {
        let cursors = destination.cursors(PIPELINE)?;
        let last = cursors.get("appended").map_or(0, last_id);
        let appended: Vec<_> = self
            .appended()
            .into_iter()
            .filter(|id| *id > last)
            .collect();
        let merged = batch(
            number,
            vec![
                ("id", integers(&self.merged())),
                ("version", integers(&[self.0; 4])),
            ],
        );
        let mut load = destination.begin(&load_id(number))?;
        let replaced = ids(number, &[self.0]);
        let write = TableWrite::new(replaced.schema(), WriteDisposition::Replace);
        load.open_table("replaced", &write)?;
        load.write_rows("replaced", replaced)?;
        let appended = ids(number, &appended);
        let write = TableWrite::new(appended.schema(), WriteDisposition::Append);
        load.open_table("appended", &write)?;
        load.write_rows("appended", appended)?;
        let write = TableWrite {
            key: vec!["id".to_owned()],
            deletion_source: DeletionSource::AllRows,
            deletion_mode: DeletionMode::Hard,
            ..TableWrite::new(merged.schema(), WriteDisposition::Merge)
        };
        load.open_table("merged", &write)?;
        load.write_rows("merged", merged)?;
        load.count_rows()?;
        load.apply()?;
        before_commit();
        let cursor = Cursor {
            version: 1,
            value: (2 * self.0).to_le_bytes().to_vec(),
        };
        load.commit(&record(number, &[("appended", Some(cursor))]))
    }
}

fn last_id(cursor: &Cursor) -> i64 {
    i64::from_le_bytes(cursor.value.as_slice().try_into().unwrap())
}

/// A store that holds version 2.
pub(crate) fn loaded() -> Store {
    let store = Store::in_objects(Kind::Jsonl);
    for version in [1, 2] {
        let loaded = Version(version).load(store.shared_objects(), version.unsigned_abs());
        loaded.unwrap();
    }
    store
}

/// The version that the store holds. Fails if it holds parts of two.
pub(crate) fn stored(store: &Store, context: &str) -> Version {
    let folder = store.folder().join("turso%20data");
    let column = |table: &str, column: &str| {
        let rows = files::rows(&folder, table).unwrap();
        let mut values: Vec<Value> = rows.iter().map(|row| row[column].clone()).collect();
        values.sort();
        values
    };
    let replaced = column("replaced", "id");
    let [Value::Integer(version)] = replaced[..] else {
        panic!("{context}: `replaced` has {replaced:?}")
    };
    let version = Version(version);
    assert_eq!(
        column("appended", "id"),
        numbers(&version.appended()),
        "{context}"
    );
    assert_eq!(
        column("merged", "id"),
        numbers(&version.merged()),
        "{context}"
    );
    assert_eq!(
        column("merged", "version"),
        numbers(&[version.0; 4]),
        "{context}"
    );
    version
}

/// Fails if the store holds a file that the last manifest does not name.
pub(crate) fn assert_no_orphans(store: &Store, context: &str) {
    let folder = store.folder().join("turso%20data");
    let manifest = files::manifest(&folder).unwrap();
    let tables = manifest["tables"].as_array().unwrap();
    let named = tables
        .iter()
        .flat_map(|table| table["files"].as_array().unwrap());
    let mut named: Vec<_> = named
        .map(|file| folder.join(file["path"].as_str().unwrap()))
        .collect();
    named.sort();
    let mut found = files::all(&folder);
    found.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    assert_eq!(found, named, "{context}");
}
