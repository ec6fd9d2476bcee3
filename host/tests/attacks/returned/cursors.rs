//! Cursors that are missing, stale or unexpected. An honest connector that is
//! careless with them must not store rows twice without a word.

mod noted;
mod saved;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use connector_host::model::{
    Consistency, ErrorCategory, LoadStatus, NestedMode, ReadMode, ResourceSpec, SourceError,
    WriteDisposition,
};
use connector_host::pipeline::{PipelineError, Report};
use serde_json::{Value as Json, json};

use super::{Load, done, messages, page, schema, three_rows};

/// Consistency that commits after every page that permits it.
const AFTER_EACH_PAGE: Consistency = Consistency::Resumable {
    commit_every: Duration::ZERO,
};

fn incremental(name: &str, write: WriteDisposition) -> ResourceSpec {
    ResourceSpec {
        mode: ReadMode::Incremental,
        write: Some(write),
        ..ResourceSpec::new(name)
    }
}

fn appending() -> Load {
    Load::new().request_with(incremental("t", WriteDisposition::Append))
}

fn resumable(load: Load) -> Load {
    Load {
        consistency: AFTER_EACH_PAGE,
        ..load
    }
}

/// Returns the schema of three rows with a key.
fn keyed(resource: &str) -> Json {
    let mut event = schema(resource, &messages(&three_rows()).0);
    event["schema"]["primary_key"] = json!(["id"]);
    event
}

/// Returns a page of three rows.
fn three(resource: &str) -> Json {
    page(resource, 3, &messages(&three_rows()).1)
}

/// Returns a page without rows.
fn none(resource: &str) -> Json {
    page(resource, 0, &messages(&three_rows().slice(0, 0)).1)
}

/// Adds a cursor to a page.
fn at(mut page: Json, cursor: &str) -> Json {
    page["page"]["at"] = json!([1, cursor]);
    page
}

fn crash() -> Json {
    json!({ "step": { "panic": "on purpose" } })
}

/// Returns the end of a read of one resource. Its notes are the cursors that the
/// connector was given.
fn end(resource: &str, rows: u64, cursor: Option<(u32, &str)>) -> Json {
    json!({ "done_with": [{ "resource": resource, "rows": rows, "at": cursor }] })
}

impl Load {
    async fn events(&self, events: &[Json]) -> Result<Report, PipelineError> {
        self.run(json!({ "events": events })).await
    }

    /// Returns the saved cursor of a resource.
    async fn saved(&self, resource: &str) -> Option<(u32, String)> {
        let pipeline = self.pipeline("attack", json!({})).unwrap();
        let cursor = pipeline.state().await.unwrap().remove(resource)?;
        Some((cursor.version, String::from_utf8(cursor.value).unwrap()))
    }

    /// Returns the number of rows of a table after the last load.
    fn stored(&self, table: &str) -> u64 {
        let loads = self.folder.path().join("out/data/_loads");
        let Ok(entries) = fs::read_dir(loads) else {
            return 0;
        };
        let last = entries.map(|entry| entry.unwrap().path()).max().unwrap();
        let manifest: Json = serde_json::from_slice(&fs::read(last).unwrap()).unwrap();
        let tables = manifest["tables"].as_array().unwrap();
        let Some(found) = tables.iter().find(|found| found["name"] == table) else {
            return 0;
        };
        let files = found["files"].as_array().unwrap();
        files
            .iter()
            .map(|file| file["rows"].as_u64().unwrap())
            .sum()
    }
}

/// Returns the failure of the only resource.
#[track_caller]
fn failure(result: Result<Report, PipelineError>) -> SourceError {
    match result {
        Err(PipelineError::NothingRead { error, .. }) => *error,
        other => panic!("the resource did not fail: {other:?}"),
    }
}

fn notes(report: &Report) -> &[String] {
    &report.resources[0].notes
}

fn text(version: u32, value: &str) -> (u32, String) {
    (version, value.to_owned())
}

#[tokio::test]
async fn appended_rows_without_a_cursor_are_refused() {
    let load = appending();
    let events = [keyed("t"), three("t"), done("t", 3)];
    let error = failure(load.events(&events).await);
    assert_eq!(error.category, ErrorCategory::Internal);
    assert_eq!(
        error.to_string(),
        "the connector sent rows of `t` without a cursor, so the next run would append them \
         again; they were not stored"
    );
    let remedy = error.remedy.unwrap().to_string();
    assert!(remedy.contains("set `write` to `merge`"), "{remedy}");
    assert_eq!(load.stored("t"), 0);
}

#[tokio::test]
async fn other_resources_than_the_refused_one_are_stored() {
    let load = appending().request_with(incremental("u", WriteDisposition::Append));
    let events = [
        keyed("t"),
        three("t"),
        keyed("u"),
        at(three("u"), "a"),
        json!({ "done": [["t", 3], ["u", 3]] }),
    ];
    let report = load.events(&events).await.unwrap();
    assert_eq!(report.status, LoadStatus::Partial);
    assert!(report.resources[0].failure.is_some(), "{report:?}");
    assert!(report.resources[1].failure.is_none(), "{report:?}");
    assert_eq!((load.stored("t"), load.stored("u")), (0, 3));
    assert_eq!(load.saved("u").await, Some(text(1, "a")));
}

#[tokio::test]
async fn appended_rows_after_the_last_cursor_are_refused() {
    let load = appending();
    let pages = [keyed("t"), at(three("t"), "a"), three("t")];
    let events = [&pages[..], &[done("t", 6)]].concat();
    let message = failure(load.events(&events).await).to_string();
    assert!(message.contains("after the last cursor"), "{message}");
    assert_eq!((load.stored("t"), load.saved("t").await), (0, None));

    // An end with a cursor covers them.
    let events = [&pages[..], &[end("t", 6, Some((1, "b")))]].concat();
    load.events(&events).await.unwrap();
    assert_eq!(load.stored("t"), 6);
    assert_eq!(load.saved("t").await, Some(text(1, "b")));
}

#[tokio::test]
async fn appended_rows_with_the_saved_cursor_are_refused() {
    let load = appending();
    let first = [keyed("t"), three("t"), end("t", 3, Some((1, "a")))];
    load.events(&first).await.unwrap();
    for stale in [
        first.clone(),
        [keyed("t"), at(three("t"), "a"), done("t", 3)],
        [keyed("t"), at(three("t"), "b"), end("t", 3, Some((1, "a")))],
    ] {
        let message = failure(load.events(&stale).await).to_string();
        assert!(
            message.contains("with the cursor of the previous load"),
            "{message}"
        );
        assert_eq!(load.stored("t"), 3);
        assert_eq!(load.saved("t").await, Some(text(1, "a")));
    }
    let without_rows = [keyed("t"), end("t", 0, Some((1, "a")))];
    load.events(&without_rows).await.unwrap();
}

#[tokio::test]
async fn merged_rows_are_stored_once_with_any_cursor() {
    let load = Load::new().request_with(incremental("t", WriteDisposition::Merge));
    let missing = [keyed("t"), three("t"), done("t", 3)];
    let late = [keyed("t"), at(three("t"), "a"), three("t"), done("t", 6)];
    let same = [keyed("t"), three("t"), end("t", 3, Some((1, "a")))];
    for (events, note, saved) in [
        (&missing[..], "sent no cursor", None),
        (&missing[..], "sent no cursor", None),
        (&late[..], "after the last cursor", Some(text(1, "a"))),
        (&same[..], "given 1 a", Some(text(1, "a"))),
    ] {
        let report = load.events(events).await.unwrap();
        assert!(notes(&report).join("\n").contains(note), "{report:?}");
        assert_eq!(load.stored("t"), 3, "{note}");
        assert_eq!(load.saved("t").await, saved, "{note}");
    }
}

#[tokio::test]
async fn an_empty_page_advances_the_cursor() {
    let load = resumable(appending());
    let pages = [keyed("t"), at(three("t"), "a"), at(none("t"), "b"), crash()];
    assert!(load.events(&pages).await.is_err());
    assert_eq!(load.stored("t"), 3);
    assert_eq!(load.saved("t").await, Some(text(1, "b")));

    // The only page, and the last page before the end.
    assert!(
        load.events(&[keyed("t"), at(none("t"), "c"), crash()])
            .await
            .is_err()
    );
    assert_eq!(load.saved("t").await, Some(text(1, "c")));
    let load = Load {
        consistency: Consistency::Snapshot,
        ..load
    };
    let events = [keyed("t"), at(none("t"), "d"), done("t", 0)];
    load.events(&events).await.unwrap();
    assert_eq!(load.saved("t").await, Some(text(1, "d")));
    assert_eq!(load.stored("t"), 3);
}

#[tokio::test]
async fn a_read_is_committed_only_where_a_cursor_covers_its_rows() {
    let load = resumable(appending());
    let pages = [
        keyed("t"),
        three("t"),
        at(three("t"), "a"),
        three("t"),
        none("t"),
        crash(),
    ];
    assert!(load.events(&pages).await.is_err());
    assert_eq!(load.stored("t"), 6);
    assert_eq!(load.saved("t").await, Some(text(1, "a")));

    // Nor where the cursor is that of the last commit.
    let pages = [keyed("t"), at(three("t"), "a"), crash()];
    assert!(load.events(&pages).await.is_err());
    assert_eq!(load.stored("t"), 6);
    let pages = [
        keyed("t"),
        at(three("t"), "b"),
        at(three("t"), "b"),
        done("t", 6),
    ];
    let report = load.events(&pages).await.unwrap();
    assert_eq!(report.status, LoadStatus::Partial);
    assert_eq!(load.stored("t"), 9);
    assert_eq!(load.saved("t").await, Some(text(1, "b")));
}

#[tokio::test]
async fn child_tables_are_refused_with_their_resource() {
    let load = Load::new().request_with(ResourceSpec {
        nested: NestedMode::Tables,
        ..incremental("t", WriteDisposition::Append)
    });
    let json_text = Field::new("tags", DataType::Utf8, true)
        .with_metadata([("ARROW:extension:name".to_owned(), "arrow.json".to_owned())]);
    let fields = vec![Field::new("id", DataType::Int64, true), json_text];
    let columns: [ArrayRef; 2] = [
        Arc::new(Int64Array::from(vec![1, 2])),
        Arc::new(StringArray::from(vec!["[1, 2]", "[3]"])),
    ];
    let rows = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns.into()).unwrap();
    let (message, batch) = messages(&rows);
    let mut announced = schema("t", &message);
    announced["schema"]["primary_key"] = json!(["id"]);
    let events = |cursor| [announced.clone(), page("t", 2, &batch), end("t", 2, cursor)];
    failure(load.events(&events(None)).await);
    assert_eq!((load.stored("t"), load.stored("t__tags")), (0, 0));
    for _ in 0..2 {
        drop(load.events(&events(Some((1, "a")))).await);
        assert_eq!((load.stored("t"), load.stored("t__tags")), (2, 3));
    }
}
