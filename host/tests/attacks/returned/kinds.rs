//! Keys, flags of deleted rows and siblings, which decide about deleting and
//! replacing rows.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, NullArray, RecordBatch};
use connector_host::SandboxError;
use connector_host::model::{Limit, ReadMode, ResourceSpec};
use serde_json::{Value as Json, json};

use super::{Load, done, messages, page, rows, schema, three_rows};

fn with_kind(mut event: Json, name: &str, kind: &str) -> Json {
    event[name]["kind"] = json!(kind);
    event
}

/// Three rows with a flag for deleted ones, which is not set.
fn three_changes() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("gone", Arc::new(BooleanArray::from(vec![false; 3]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

#[tokio::test]
async fn unrequested_keys_delete_nothing() {
    let (first, batch) = messages(&three_rows());
    let events = [
        schema("t", &first),
        page("t", 3, &batch),
        with_kind(schema("t", &first), "schema", "keys"),
        with_kind(page("t", 3, &batch), "page", "keys"),
        done("t", 3),
    ];
    for events in [&events[..], &events[..3]] {
        let load = Load::new();
        let reason = load.contract(load.run(json!({ "events": events })).await);
        assert!(
            reason.contains("keys of `t`, which were not requested"),
            "{reason}"
        );
    }
}

#[tokio::test]
async fn unrequested_changes_delete_nothing() {
    let (first, batch) = messages(&three_changes());
    let events = [
        with_kind(schema("t", &first), "schema", "changes"),
        with_kind(page("t", 3, &batch), "page", "changes"),
        done("t", 3),
    ];
    let load = Load::new();
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(
        reason.contains("changes of `t`, which were not requested"),
        "{reason}"
    );
}

#[tokio::test]
async fn changes_without_the_flag_of_deleted_rows_are_refused() {
    let (first, _) = messages(&three_rows());
    let load = Load::new().request_with(ResourceSpec {
        name: "t".to_owned(),
        mode: ReadMode::Changes,
        ..ResourceSpec::default()
    });
    let events = [with_kind(schema("t", &first), "schema", "changes")];
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(
        reason.contains("the last column of the changes"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_page_of_another_kind_than_its_schema_is_refused() {
    let (first, batch) = messages(&three_rows());
    for kind in ["keys", "changes"] {
        let events = [
            schema("t", &first),
            with_kind(page("t", 3, &batch), "page", kind),
            done("t", 3),
        ];
        let load = Load::new();
        let reason = load.contract(load.run(json!({ "events": events })).await);
        assert!(reason.contains("precedes its schema"), "{kind}: {reason}");
    }
}

#[tokio::test]
async fn keys_and_siblings_of_missing_columns_are_refused() {
    let (first, batch) = messages(&three_rows());
    for (key, siblings) in [
        (json!(["other"]), json!([])),
        (json!(["id", "id"]), json!([])),
        (json!([]), json!([["other", "id"]])),
        (json!([]), json!([["t", "other"]])),
        (json!([]), json!([["t", "t"]])),
        (json!([]), json!([["t", "id"], ["id", "t"]])),
        (json!([]), json!([["t", "id"], ["t", "id"]])),
        (json!(["t"]), json!([["t", "id"]])),
    ] {
        let mut first = schema("t", &first);
        first["schema"]["primary_key"] = key.clone();
        first["schema"]["siblings"] = siblings.clone();
        let events = [first, page("t", 3, &batch), done("t", 3)];
        let load = Load::new();
        let reason = load.contract(load.run(json!({ "events": events })).await);
        assert!(
            reason.contains("are not distinct columns"),
            "{key} {siblings}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_million_keys_are_refused() {
    let (first, _) = messages(&three_rows());
    let mut first = schema("t", &first);
    first["schema"]["primary_key"] = json!(["id"]);
    first["schema"]["copies"] = json!(1_000_000);
    let load = Load::new();
    let error = load.refused(load.run(json!({ "events": [first] })).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Columns | Limit::Memory)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_column_without_a_type_has_no_rows() {
    let nothing: ArrayRef = Arc::new(NullArray::new(1 << 20));
    let (first, batch) = messages(&RecordBatch::try_from_iter([("t", nothing)]).unwrap());
    let events = [
        schema("t", &first),
        page("t", 1 << 20, &batch),
        done("t", 1 << 20),
    ];
    let load = Load::new();
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(
        reason.contains("has the type Null, which is not accepted"),
        "{reason}"
    );
    assert_eq!(rows(load.folder.path()), 0);
}
