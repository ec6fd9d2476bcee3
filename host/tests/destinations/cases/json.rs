//! Columns of JSON.

use std::fs::File;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use connector_host::destination::{DeletionSource, StoredType, stored_type};
use connector_host::model::{DeletionMode, WriteDisposition, json_field};
use parquet::basic::LogicalType;
use parquet::file::reader::{FileReader as _, SerializedFileReader};

use super::keyed::{Plan, begin, plain, stats, text};
use super::numbers;
use crate::store::{Kind, Store, batch, integers, load_id, texts};
use crate::value::Value;

const DOCUMENTS: [Option<&str>; 4] = [
    Some(r#"{"a": [1, "ä\n\u0000,\"\""]}"#),
    Some("\"a text\""),
    Some("12345678901234567890123"),
    None,
];

/// A batch whose column `doc` is JSON.
fn json(batch: &RecordBatch) -> RecordBatch {
    let fields = batch.schema_ref().fields().iter().map(|field| {
        if field.name() == "doc" {
            Arc::new(json_field("doc"))
        } else {
            Arc::clone(field)
        }
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap()
}

fn documents(load: u64, documents: &[Option<&str>]) -> RecordBatch {
    let ids: Vec<_> = (0..documents.len().try_into().unwrap()).collect();
    json(&batch(
        load,
        vec![("id", integers(&ids)), ("doc", texts(documents))],
    ))
}

pub(crate) fn json_is_stored_as_json(store: &Store) {
    plain().load(store, 1, &documents(1, &DOCUMENTS));
    plain().load(store, 2, &documents(2, &DOCUMENTS[..1]));
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(3)).unwrap();
    let known = load.existing_schema("t").unwrap().unwrap();
    let kind = stored_type(known.field_with_name("doc").unwrap());
    assert_eq!(kind, Some(StoredType::Json));
    assert_eq!(load.existing_tables().unwrap(), ["t"]);
    drop(load);
    drop(destination);
    if store.kind == Kind::Jsonl {
        // The JSON is part of the line.
        let folder = store.folder().join("turso%20data/t");
        let mut text = String::new();
        for file in std::fs::read_dir(folder).unwrap() {
            text += &std::fs::read_to_string(file.unwrap().path()).unwrap();
        }
        for document in DOCUMENTS.into_iter().flatten() {
            assert!(text.contains(&format!("\"doc\":{document}")), "{text}");
        }
        return;
    }
    if store.kind == Kind::Parquet {
        let folder = store.folder().join("turso%20data/t");
        for file in std::fs::read_dir(folder).unwrap() {
            let file = File::open(file.unwrap().path()).unwrap();
            let reader = SerializedFileReader::new(file).unwrap();
            let schema = reader.metadata().file_metadata().schema_descr_ptr();
            let logical = schema.column(1).logical_type_ref().cloned();
            assert_eq!(logical, Some(LogicalType::Json));
        }
    }
    let stored = store.column("t", "doc");
    for document in DOCUMENTS {
        let expected = document.map_or(Value::Null, text);
        assert!(stored.contains(&expected), "{stored:?}");
    }
    assert_eq!(store.column("t", "id"), numbers(&[0, 1, 2, 3]));
}

pub(crate) fn json_that_is_the_same_is_no_change(store: &Store) {
    let versions = |load| {
        let ids: Vec<_> = (0..4).collect();
        let columns = vec![("id", integers(&ids)), ("doc", texts(&DOCUMENTS))];
        json(&begin(load, columns))
    };
    let plan = Plan::new(
        WriteDisposition::Scd2,
        DeletionSource::AllRows,
        DeletionMode::Soft,
    );
    assert_eq!(plan.load(store, 1, &versions(1)), stats(4, 0, 0));
    assert_eq!(plan.load(store, 2, &versions(2)), stats(0, 0, 0));
}
