//! Files of several formats and shapes in one table.

use connector_host::destination::{DeletionSource, TableWrite};
use connector_host::model::{DeletionMode, WriteDisposition};

use crate::files;
use crate::store::{Kind, Store, batch, commit, integers, open, texts};
use crate::value::Value;

/// Merges all rows of the source by `id`.
fn merge(store: &Store, kind: Kind, number: u64, rows: &[(i64, Option<&str>)]) {
    let ids: Vec<_> = rows.iter().map(|(id, _)| *id).collect();
    let names: Vec<_> = rows.iter().map(|(_, name)| *name).collect();
    let rows = batch(
        number,
        vec![("id", integers(&ids)), ("name", texts(&names))],
    );
    let mut destination = open(kind, store.folder()).unwrap();
    let table_write = TableWrite {
        key: vec!["id".to_owned()],
        deletion_source: DeletionSource::AllRows,
        deletion_mode: DeletionMode::Soft,
        ..TableWrite::new(rows.schema(), WriteDisposition::Merge)
    };
    commit(destination.as_mut(), number, |load| {
        load.open_table("t", &table_write).unwrap();
        load.write_rows("t", rows).unwrap();
    });
}

/// The operator may choose another format at any time; what is there keeps
/// its own.
#[test]
fn a_merge_reaches_files_of_every_format() {
    let store = Store::new(Kind::Csv);
    let kinds = [Kind::Csv, Kind::Jsonl, Kind::Parquet, Kind::Csv];
    for (number, kind) in (1..).zip(kinds) {
        let id = i64::try_from(number).unwrap();
        merge(
            &store,
            kind,
            number,
            &[(id, Some("")), (id + 1, Some("\r\n\"")), (9, None)],
        );
    }
    assert_eq!(
        store.column("t", "id"),
        [1, 2, 3, 4, 5, 9].map(Value::Integer)
    );
    let text = |text: &str| Value::Text(text.to_owned());
    assert_eq!(
        store.column("t", "name"),
        [
            Value::Null,
            text(""),
            text(""),
            text(""),
            text(""),
            text("\r\n\""),
        ]
    );
    let gone = store.column("t", "_deleted_at");
    assert_eq!(gone.iter().filter(|at| **at == Value::Null).count(), 3);
    let found = files::all(&store.folder().join("turso%20data").join("t"));
    let of = |ending: &str| {
        let named = found
            .iter()
            .filter(|path| path.extension().unwrap() == ending);
        named.count()
    };
    assert!(
        of("csv") > 0 && of("jsonl") > 0 && of("parquet") > 0,
        "{found:?}"
    );
}

#[test]
fn a_file_that_cannot_be_read_stops_a_merge_and_stays() {
    for kind in [Kind::Csv, Kind::Jsonl, Kind::Parquet] {
        let store = Store::new(kind);
        merge(&store, kind, 1, &[(1, Some("a")), (2, None)]);
        let before = files::all(&store.folder().join("turso%20data").join("t"));
        let whole = std::fs::read(&before[0]).unwrap();
        let rows = batch(2, vec![("id", integers(&[2]))]);
        for broken in [
            b"id,name\r\nx,y\r\n".as_slice(),
            b"{\"id\":\"x\"}\n",
            b"",
            b"\xff\xff\r\n",
        ] {
            std::fs::write(&before[0], broken).unwrap();
            let mut destination = store.open();
            let mut load = destination.begin(&crate::store::load_id(2)).unwrap();
            let table_write = TableWrite {
                key: vec!["id".to_owned()],
                ..TableWrite::new(rows.schema(), WriteDisposition::Merge)
            };
            load.open_table("t", &table_write).unwrap();
            load.write_rows("t", rows.clone()).unwrap();
            assert!(load.apply().is_err(), "{kind:?} {broken:?}");
            assert!(load.commit(&crate::store::record(2, &[])).is_err());
            assert_eq!(std::fs::read(&before[0]).unwrap(), broken);
        }
        std::fs::write(&before[0], whole).unwrap();
        assert_eq!(store.column("t", "id"), [1, 2].map(Value::Integer));
    }
}
