//! Cursors that are saved, whatever they are, and those that are ignored.

use connector_host::model::{Cursor, DeletionMode, ResourceSpec, WriteDisposition};
use connector_host::pipeline::RunOptions;
use serde_json::json;

use super::super::{Load, done, messages, page, schema, three_rows};
use super::{appending, at, end, incremental, keyed, notes, text, three};

#[tokio::test]
async fn the_cursor_of_the_last_page_counts_without_another() {
    let load = appending();
    for (number, cursor) in [(1, "a"), (2, "b")] {
        let events = [keyed("t"), at(three("t"), cursor), done("t", 3)];
        load.events(&events).await.unwrap();
        assert_eq!(load.saved("t").await, Some(text(1, cursor)));
        assert_eq!(load.stored("t"), 3 * number);
    }
    // Without rows, the cursor stays.
    let report = load.events(&[keyed("t"), end("t", 0, None)]).await.unwrap();
    assert_eq!(notes(&report), ["given 1 b"]);
    assert_eq!(load.saved("t").await, Some(text(1, "b")));
}

#[tokio::test]
async fn a_cursor_that_goes_back_is_saved() {
    let load = appending();
    for cursor in ["2", "1"] {
        let events = [
            keyed("t"),
            at(three("t"), "3"),
            end("t", 3, Some((1, cursor))),
        ];
        load.events(&events).await.unwrap();
        assert_eq!(load.saved("t").await, Some(text(1, cursor)));
    }
}

#[tokio::test]
async fn a_cursor_of_another_version_is_returned_as_it_was_sent() {
    let load = appending();
    let first = [keyed("t"), at(three("t"), "a"), end("t", 3, Some((2, "a")))];
    load.events(&first).await.unwrap();
    assert_eq!(load.saved("t").await, Some(text(2, "a")));
    // The same value in another version is another cursor.
    let next = [keyed("t"), three("t"), end("t", 3, Some((1, "a")))];
    let report = load.events(&next).await.unwrap();
    assert_eq!(notes(&report), ["given 2 a"]);
    assert_eq!(load.saved("t").await, Some(text(1, "a")));
}

#[tokio::test]
async fn a_full_read_keeps_its_cursor_and_all_of_its_rows() {
    let load = Load::new().request("t");
    let events = [keyed("t"), at(three("t"), "a"), end("t", 3, None)];
    load.events(&events).await.unwrap();
    assert_eq!(load.saved("t").await, Some(text(1, "a")));
    let report = load.events(&events).await.unwrap();
    assert_eq!(notes(&report), ["given 1 a"]);
    assert_eq!(load.stored("t"), 3);
    // A source that has not changed needs no schema.
    load.events(&[end("t", 0, Some((1, "a")))]).await.unwrap();
    assert_eq!(load.stored("t"), 3);
    let events = [keyed("t"), three("t"), done("t", 3)];
    load.events(&events).await.unwrap();
    assert_eq!((load.stored("t"), load.saved("t").await), (3, None));
}

#[tokio::test]
async fn cursors_of_keys_and_of_failed_resources_are_ignored() {
    let load = Load::new()
        .request_with(ResourceSpec {
            deletes: Some(DeletionMode::Soft),
            ..incremental("t", WriteDisposition::Merge)
        })
        .request_with(incremental("u", WriteDisposition::Append));
    let first = [
        keyed("t"),
        at(three("t"), "a"),
        json!({ "done_with": [{ "resource": "t", "rows": 3 }] }),
    ];
    load.events(&first).await.unwrap();
    let (message, batch) = messages(&three_rows().project(&[0]).unwrap());
    let mut keys = [schema("t", &message), at(page("t", 3, &batch), "keys")];
    keys[0]["schema"]["kind"] = json!("keys");
    keys[1]["page"]["kind"] = json!("keys");
    let [announced, keys] = keys;
    let events = [
        keyed("t"),
        at(three("t"), "b"),
        announced,
        keys,
        keyed("u"),
        at(three("u"), "c"),
        json!({ "done_with": [
            { "resource": "t", "rows": 3 },
            { "resource": "u", "rows": 3, "at": [1, "c"], "failure": "it is gone" },
        ] }),
    ];
    load.events(&events).await.unwrap();
    assert_eq!(load.saved("t").await, Some(text(1, "b")));
    assert_eq!((load.saved("u").await, load.stored("u")), (None, 0));
}

#[tokio::test]
async fn a_full_refresh_without_a_cursor_removes_the_saved_one() {
    let mut load = appending();
    // The connector accepts every cursor.
    let script = json!({ "events": [keyed("t"), done("t", 0)] });
    let pipeline = load.pipeline("attack", script).unwrap();
    let cursor = Cursor {
        version: 1,
        value: b"a".to_vec(),
    };
    pipeline.set_state("t", Some(cursor)).await.unwrap();
    load.options = RunOptions {
        full_refresh: true,
        ..RunOptions::default()
    };
    load.events(&[keyed("t"), done("t", 0)]).await.unwrap();
    assert_eq!(load.saved("t").await, None);
}

#[tokio::test]
async fn a_resource_that_is_selected_twice_is_requested_once() {
    let mut load = appending();
    let first = [keyed("t"), at(three("t"), "a"), done("t", 3)];
    load.events(&first).await.unwrap();
    load.options.only = vec!["t".to_owned(); 2];
    let next = [keyed("t"), at(three("t"), "b"), end("t", 3, None)];
    let report = load.events(&next).await.unwrap();
    assert_eq!(notes(&report), ["given 1 a"]);
}
