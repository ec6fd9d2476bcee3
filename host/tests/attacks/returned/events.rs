//! Unexpected, repeated and oversized events.

use connector_host::SandboxError;
use connector_host::model::{Limit, Limits};
use connector_host::pipeline::PipelineError;
use serde_json::{Value as Json, json};

use super::{Load, done, messages, page, read, rows, schema, three_rows};
use crate::world::World;

#[tokio::test]
async fn a_resource_that_was_not_requested_is_refused() {
    let (schema, page) = messages(&three_rows());
    let load = Load::new().request("mine");
    let reason = load.contract(load.run(read("theirs", 3, (&schema, &page))).await);
    assert!(
        reason.contains("the connector sent `theirs`, which was not requested"),
        "{reason}"
    );
}

#[tokio::test]
async fn a_child_of_a_requested_resource_is_stored() {
    let (schema, page) = messages(&three_rows());
    let mut script = read("theirs", 3, (&schema, &page));
    let encoded = &self::schema("", &schema)["schema"]["schema"];
    script["list"] = json!({ "resources": [{
        "name": "theirs", "schema": encoded, "parent": "mine",
    }] });
    let load = Load::new().request("mine");
    load.run(script).await.unwrap();
    assert_eq!(rows(load.folder.path()), 3);
}

#[tokio::test]
async fn no_event_is_accepted_after_the_end() {
    let (first, batch) = messages(&three_rows());
    let whole = [schema("t", &first), page("t", 3, &batch), done("t", 3)];
    for late in [done("t", 3), page("t", 3, &batch), schema("t", &first)] {
        // The complete read is committed, and later events are not read.
        let mut events = whole.to_vec();
        events.push(late);
        let load = Load::new();
        load.run(json!({ "events": events })).await.unwrap();
        assert_eq!(rows(load.folder.path()), 3);
    }
}

#[tokio::test]
async fn a_read_without_an_end_is_not_stored() {
    let (first, batch) = messages(&three_rows());
    let events = [schema("t", &first), page("t", 3, &batch)];
    let load = Load::new();
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(reason.contains("without the event `done`"), "{reason}");
}

#[tokio::test]
async fn a_read_with_another_count_in_its_summary_is_not_stored() {
    let (first, batch) = messages(&three_rows());
    let events = [schema("t", &first), page("t", 3, &batch), done("t", 4)];
    let load = Load::new();
    let result = load.run(json!({ "events": events })).await;
    assert!(
        matches!(result, Err(PipelineError::Mismatch { .. })),
        "{result:?}"
    );
    assert_eq!(rows(load.folder.path()), 0);
    // And a summary that lacks a resource.
    let events = [
        schema("t", &first),
        page("t", 3, &batch),
        json!({ "done": [] }),
    ];
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(reason.contains("its summary does not list it"), "{reason}");
}

#[tokio::test]
async fn a_resource_is_listed_once_under_one_name() {
    let (first, batch) = messages(&three_rows());
    let load = Load::new();
    let events = [
        schema("t", &first),
        page("t", 3, &batch),
        json!({ "done": [["t", 3], ["t", 3]] }),
    ];
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(reason.contains("lists `t` twice"), "{reason}");
    let events = [
        schema("t", &first),
        page("t", 3, &batch),
        schema("T", &first),
        page("T", 3, &batch),
        json!({ "done": [["t", 3], ["T", 3]] }),
    ];
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(reason.contains("sent `t` and `T`"), "{reason}");
}

#[tokio::test]
async fn a_cursor_of_a_gigabyte_is_refused() {
    let (first, batch) = messages(&three_rows());
    let with_cursor = |size: u64| {
        let mut page = page("t", 3, &batch);
        page["page"]["cursor"] = json!(size);
        json!({ "events": [schema("t", &first), page, done("t", 3)] })
    };
    // Larger than a cursor may be, than one transfer may be, and than the memory
    // of the connector.
    for (size, limit) in [
        (2 << 20, Limit::Text),
        (100 << 20, Limit::Page),
        (1 << 30, Limit::Memory),
    ] {
        let load = Load::new();
        let error = load.refused(load.run(with_cursor(size)).await);
        assert!(
            matches!(error, SandboxError::Limit(hit) if hit == limit),
            "{size}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_million_resources_are_refused() {
    let (first, _) = messages(&three_rows());
    let encoded = &schema("", &first)["schema"]["schema"];
    let list = |copies: u32| {
        json!({ "list": {
            "resources": [{ "name": "t", "schema": encoded, "parent": null }],
            "copies": copies,
        } })
    };
    for copies in [20_000, 1_000_000] {
        let error = listed(&list(copies), Limits::default()).await.unwrap_err();
        assert!(
            matches!(error, SandboxError::Limit(Limit::Resources | Limit::Memory)),
            "{copies}: {error:?}"
        );
    }
    assert_eq!(
        listed(&list(9_999), Limits::default()).await.unwrap(),
        10_000
    );
}

#[tokio::test]
async fn a_rejected_record_of_an_unknown_resource_is_refused() {
    let events = [json!({ "rejected": {
        "resource": "theirs", "record": "{}", "reason": "because",
    } })];
    let load = Load::new();
    let reason = load.contract(load.run(json!({ "events": events })).await);
    assert!(reason.contains("precedes its schema"), "{reason}");
}

#[tokio::test]
async fn a_rejected_record_above_the_text_limit_is_refused() {
    let events = [json!({ "rejected": {
        "resource": "t", "record": "x".repeat(2 << 20), "reason": "because",
    } })];
    let load = Load::new();
    let error = load.refused(load.run(json!({ "events": events })).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Text)),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_restarted_read_discards_earlier_rows() {
    let (first, batch) = messages(&three_rows());
    let whole = [schema("t", &first), page("t", 3, &batch)];
    let mut events = whole.to_vec();
    events.push(json!({ "restarted": "the snapshot was lost" }));
    events.extend(whole);
    events.push(done("t", 3));
    let load = Load::new();
    load.run(json!({ "events": events })).await.unwrap();
    assert_eq!(rows(load.folder.path()), 3);
}

async fn listed(script: &Json, limits: Limits) -> Result<usize, SandboxError> {
    let mut instance = World::new().limits(limits).instance().await?;
    Ok(instance.list_resources(&script.to_string()).await?.len())
}
