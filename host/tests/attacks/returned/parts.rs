//! Unread parts, and columns that are declared as JSON.

use std::collections::HashMap;
use std::fs;
use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use connector_host::SandboxError;
use connector_host::model::{FileFormat, Limit, NestedMode, ResourceSpec};
use serde_json::{Value as Json, json};

use super::{Load, messages, page, read, rows, schema, three_rows};

fn done_without(column: &str, values: &[&str], copies: Option<u32>) -> Json {
    json!({ "done_without": {
        "resource": "t", "rows": 3, "column": column, "values": values, "copies": copies,
    } })
}

#[tokio::test]
async fn an_unread_part_without_a_text_column_is_refused() {
    let (first, batch) = messages(&three_rows());
    for column in ["other", "id", ""] {
        let events = [
            schema("t", &first),
            page("t", 3, &batch),
            done_without(column, &["a"], None),
        ];
        let load = Load::new();
        let reason = load.contract(load.run(json!({ "events": events })).await);
        assert!(reason.contains("no text column"), "{column}: {reason}");
    }
}

#[tokio::test]
async fn a_million_unread_parts_are_refused() {
    let (first, batch) = messages(&three_rows());
    let events = [
        schema("t", &first),
        page("t", 3, &batch),
        done_without("t", &["a"], Some(1_000_000)),
    ];
    let load = Load::new();
    let error = load.refused(load.run(json!({ "events": events })).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Text | Limit::Memory)),
        "{error:?}"
    );
}

#[tokio::test]
async fn an_unread_part_keeps_only_rows_of_its_own_table() {
    let (first, batch) = messages(&three_rows());
    let load = Load::new();
    let whole = read("t", 3, (&first, &batch));
    load.run(whole).await.unwrap();
    let events = [
        schema("t", &first),
        page("t", 3, &batch),
        done_without("t", &["a", "' OR ''='"], None),
    ];
    load.run(json!({ "events": events })).await.unwrap();
    assert_eq!(rows(load.folder.path()), 4);
}

/// Returns a column of this type that is declared as JSON.
fn declared_as_json(data_type: DataType, column: ArrayRef) -> RecordBatch {
    let metadata = [
        ("ARROW:extension:name", "arrow.json"),
        ("ARROW:extension:metadata", "x"),
        ("other", "y"),
    ];
    let metadata = metadata.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let field = Field::new("doc", data_type, true).with_metadata(HashMap::from(metadata));
    RecordBatch::try_new(Arc::new(Schema::new(vec![field])), vec![column]).unwrap()
}

#[tokio::test]
async fn invalid_json_breaks_no_line() {
    let texts: ArrayRef = Arc::new(StringArray::from(vec![
        Some("{}}\n{\"id\":7"),
        Some("{\"a\":1}"),
        Some("\"\\ud800\""),
        Some(&"[".repeat(100_000)),
        None,
    ]));
    let (first, batch) = messages(&declared_as_json(DataType::Utf8, texts));
    for nested in [NestedMode::Keep, NestedMode::Json] {
        let load = Load::new().request_with(ResourceSpec {
            name: "t".to_owned(),
            nested,
            ..ResourceSpec::default()
        });
        let report = load.run(read("t", 5, (&first, &batch))).await.unwrap();
        assert_eq!(report.resources[0].mismatches, 3);
        // Each line is one object, and there is one line for each row.
        assert_eq!(rows(load.folder.path()), 5);
        let folder = load.folder.path().join("out/data/t");
        let file = fs::read_dir(folder).unwrap().next().unwrap().unwrap();
        for line in fs::read_to_string(file.path()).unwrap().lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            assert!(line["doc"].is_null() || line["doc"]["a"] == 1, "{line}");
        }
    }
}

#[tokio::test]
async fn only_text_can_be_json() {
    let numbers: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1, 2]));
    let (first, batch) = messages(&declared_as_json(DataType::Int64, numbers));
    let load = Load::new().into(FileFormat::Jsonl);
    let report = load.run(read("t", 2, (&first, &batch))).await.unwrap();
    assert_eq!(report.resources[0].mismatches, 0);
    assert_eq!(rows(load.folder.path()), 2);
}

#[tokio::test]
async fn documents_of_many_parts_do_not_fill_the_memory() {
    // Each element has two bytes here, and is a row in a table.
    let list = format!("[{}1]", "1,".repeat(2_000_000));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![list.as_str()]));
    let batch = declared_as_json(DataType::Utf8, texts);
    let ids: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1]));
    let fields = vec![
        Arc::new(Field::new("id", DataType::Int64, true)),
        Arc::clone(&batch.schema().fields()[0]),
    ];
    let columns = vec![ids, Arc::clone(batch.column(0))];
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let (first, batch) = messages(&batch);
    let load = Load::new()
        .into(FileFormat::Parquet)
        .request_with(ResourceSpec {
            name: "t".to_owned(),
            nested: NestedMode::Tables,
            primary_key: vec!["id".to_owned()],
            ..ResourceSpec::default()
        });
    let report = load.run(read("t", 1, (&first, &batch))).await.unwrap();
    assert_eq!(report.resources[1].rows_written, 2_000_001);
}
