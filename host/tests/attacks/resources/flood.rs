//! Floods of logs, handles, random bytes and responses.

use connector_host::model::{Limit, Limits};
use serde_json::json;

use super::{CALLS, limit, run_in};
use crate::lines::Lines;
use crate::victim::Victim;
use crate::world::{World, get};

#[tokio::test]
async fn a_log_flood_is_dropped_after_one_warning() {
    let (lines, _guard) = Lines::capture();
    let steps = json!([
        { "log": [100_000, 1000] },
        { "log": [100_000, 10] },
        { "log": [100_000, 0] },
    ]);
    assert!(quiet().attack(steps).await.result.is_ok());
    let written = lines.with(" connector: ");
    // Nine lines of a thousand bytes, with the overhead of a line.
    assert_eq!(written.len(), 10);
    assert!(
        written[9].contains("reached its limit `log`"),
        "{}",
        written[9]
    );
}

#[tokio::test]
async fn a_flood_of_empty_messages_is_dropped_too() {
    let (lines, _guard) = Lines::capture();
    let steps = json!([{ "log": [100_000, 0] }]);
    assert!(quiet().attack(steps).await.result.is_ok());
    let written = lines.with(" connector: ").len();
    assert!(written < 1000, "{written} lines");
}

fn quiet() -> World {
    World::new().limits(Limits {
        log: 10_000,
        ..Limits::default()
    })
}

#[tokio::test]
async fn a_long_message_is_truncated_and_stays_on_one_line() {
    let (lines, _guard) = Lines::capture();
    let outcome = World::new().attack(json!([{ "log": [1, 100_000] }])).await;
    assert!(outcome.result.is_ok());
    let written = lines.with("xxxx");
    assert_eq!(written.len(), 1);
    assert!(written[0].len() < 9_000, "{}", written[0].len());
}

#[tokio::test]
async fn a_flood_of_printed_text_is_not_kept() {
    let text = "x".repeat(1 << 20);
    let (lines, _guard) = Lines::capture();
    let steps = json!([{ "print": text }, { "print": text }, { "panic": "enough" }]);
    let error = World::new().attack(steps).await.result.unwrap_err();
    assert!(error.to_string().len() < 20_000, "{error}");
    assert!(lines.with("xxxx").is_empty());
}

#[tokio::test]
async fn a_million_handles_end_at_the_limit() {
    for call in CALLS {
        let result = run_in(&World::new(), call, &json!([{ "handles": 1_000_000 }])).await;
        assert_eq!(limit(result), Limit::Handles, "{call:?}");
    }
}

#[tokio::test]
async fn a_poll_of_a_million_copies_of_a_handle_ends_at_the_limit() {
    for count in [100_000, 1_000_000] {
        let outcome = World::new().attack(json!([{ "poll": count }])).await;
        assert_eq!(limit(outcome.result), Limit::Handles, "{count}");
    }
}

#[tokio::test]
async fn dropped_handles_do_not_count() {
    let steps = json!(vec![json!({ "handles": 400 }); 10]);
    assert!(World::new().attack(steps).await.result.is_ok());
}

#[tokio::test]
async fn a_flood_of_random_bytes_ends_at_the_limit() {
    for step in [
        json!({ "random": [1_000_000, 1000] }),
        json!({ "random": [1, u64::MAX] }),
        json!({ "random": [1, 1 << 30] }),
    ] {
        let outcome = World::new().attack(json!([step])).await;
        assert_eq!(limit(outcome.result), Limit::Random, "{step}");
    }
}

#[tokio::test]
async fn a_flood_of_unread_responses_ends_at_the_limit() {
    let server = Victim::listen();
    let world = World::new().allow_private(&server.origin());
    let request = get(&server.authority(), "/");
    let outcome = world.attack(json!([{ "unread": [request, 100] }])).await;
    // The connector ignores the responses, including errors.
    assert_eq!(
        outcome.egress_stats.reached_limit(),
        Some(Limit::OpenResponses)
    );
    assert!(u64::try_from(server.connections()).unwrap() <= world.limits.open_responses);
}
