//! Appended rows that the report mentions, because the table may have them.

use connector_host::model::{ResourceSpec, WriteDisposition};
use connector_host::pipeline::RunOptions;
use serde_json::json;

use super::super::{Load, done};
use super::{appending, at, crash, keyed, notes, resumable, three};

#[tokio::test]
async fn copies_of_a_whole_table_are_noted_and_complete() {
    let copying = || {
        Load::new().request_with(ResourceSpec {
            write: Some(WriteDisposition::Append),
            ..ResourceSpec::new("t")
        })
    };
    let load = copying();
    let events = [keyed("t"), three("t"), done("t", 3)];
    assert!(notes(&load.events(&events).await.unwrap()).is_empty());
    let report = load.events(&events).await.unwrap();
    assert!(
        notes(&report)[0].contains("because `mode` is `full` and `write` is `append`"),
        "{report:?}"
    );
    assert_eq!(load.stored("t"), 6);

    let load = resumable(copying());
    let pages = [keyed("t"), at(three("t"), "a"), crash()];
    assert!(load.events(&pages).await.is_err());
    assert_eq!(load.stored("t"), 0);
}

#[tokio::test]
async fn appended_rows_of_a_read_without_a_saved_cursor_are_noted() {
    let mut load = appending();
    let events = [keyed("t"), at(three("t"), "a"), done("t", 3)];
    assert!(notes(&load.events(&events).await.unwrap()).is_empty());
    let pipeline = load.pipeline("attack", json!({})).unwrap();
    assert!(pipeline.appends("t"));
    pipeline.set_state("t", None).await.unwrap();
    let report = load.events(&events).await.unwrap();
    assert!(
        notes(&report)[0].contains("the read had no saved cursor"),
        "{report:?}"
    );
    assert_eq!(load.stored("t"), 6);

    load.options = RunOptions {
        full_refresh: true,
        ..RunOptions::default()
    };
    assert!(notes(&load.events(&events).await.unwrap()).is_empty());
    assert_eq!(load.stored("t"), 3);
}

#[tokio::test]
async fn a_second_pipeline_that_appends_to_a_table_is_noted() {
    let load = appending();
    let script = |cursor| json!({ "events": [keyed("t"), at(three("t"), cursor), done("t", 3)] });
    load.run_as("one", script("a")).await.unwrap();
    for (pipeline, other, cursor) in [("two", "one", "a"), ("one", "two", "b")] {
        let report = load.run_as(pipeline, script(cursor)).await.unwrap();
        let expected = format!("the pipeline `{other}` also loads `t` into this dataset");
        let last = notes(&report).last().unwrap();
        assert!(last.contains(&expected), "{report:?}");
    }
}
