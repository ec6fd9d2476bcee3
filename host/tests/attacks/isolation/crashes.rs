//! Failures of one tenant's connector while another's runs.

use std::io::Write as _;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::Duration;

use connector_host::SandboxError;
use connector_host::model::{Limit, Limits};
use connector_host::testing::EventDecoder;
use connector_host::testing::{Event, ReadOptions};
use serde_json::{Value as Json, json};
use tokio::sync::mpsc::unbounded_channel;

use super::{tenant, tries};
use crate::victim::Victim;
use crate::world::{World, get};

/// Failure: its name, the steps, and a check of the result.
type Failure = (&'static str, Json, fn(&SandboxError) -> bool);

/// Returns the kinds of failures.
fn failures() -> [Failure; 6] {
    [
        (
            "a panic",
            json!([{ "panic": "mine alone" }]),
            |error| matches!(error, SandboxError::Crashed { reason, .. } if reason.contains("mine alone")),
        ),
        ("a trap", json!(["recurse"]), |error| {
            matches!(error, SandboxError::Crashed { .. })
        }),
        ("an exit", json!([{ "exit": 1 }]), |error| {
            matches!(error, SandboxError::Crashed { .. })
        }),
        ("its memory", json!([{ "grow": 1 }]), |error| {
            matches!(error, SandboxError::Limit(Limit::Memory))
        }),
        ("its time", json!(["loop"]), |error| {
            matches!(error, SandboxError::Limit(Limit::Time))
        }),
        ("its time, asleep", json!(["sleep"]), |error| {
            matches!(error, SandboxError::Limit(Limit::Time))
        }),
    ]
}

/// Limits time and memory.
fn small(world: &World) -> World {
    let mut small = World::new();
    small.allow.clone_from(&world.allow);
    small.limits(Limits {
        time: Duration::from_millis(300),
        memory: 16 << 20,
        ..Limits::default()
    })
}

#[tokio::test]
async fn a_failure_does_not_affect_a_request_of_another_tenant() {
    for (name, steps, meant) in failures() {
        let (arrived, mut table_writes) = unbounded_channel();
        let (go, wait) = mpsc::channel::<()>();
        let wait = Mutex::new(wait);
        let server = Victim::responding(move |_, stream| {
            let _ = arrived.send(());
            // Until the test allows it or ends.
            let _ = wait.lock().unwrap().recv();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone")
        });
        let world = World::new().allow_private(&server.origin());
        let connector = world.load().unwrap();
        let mut first = tenant(&connector, &world).await;
        let request = json!([{ "request": get(&server.authority(), "/") }]);
        let first = tokio::spawn(async move { tries(&mut first, request).await });
        table_writes.recv().await.unwrap();

        let mut second = tenant(&connector, &small(&world)).await;
        let error = tries(&mut second, steps).await.unwrap_err();
        assert!(meant(&error), "{name}: {error:?}");
        drop(second);

        assert!(!first.is_finished(), "{name}");
        go.send(()).unwrap();
        let response = first.await.unwrap().unwrap();
        assert!(response.ends_with("done"), "{name}: {response}");
    }
}

#[tokio::test]
async fn a_failure_does_not_affect_a_read_of_another_tenant() {
    let world = World::new();
    let connector = world.load().unwrap();
    for (name, steps, meant) in failures() {
        let mut first = tenant(&connector, &world).await;
        let progress = json!({ "progress": { "resource": "t" } });
        let config = json!({ "events": [progress, progress] }).to_string();
        let reader = first.read(&config, &[], &ReadOptions::default()).await;
        let reader = reader.unwrap();
        let mut decoder = EventDecoder::new(Limits::default());
        let mut next = async || {
            let event = first.next(reader).await.unwrap()?;
            Some(decoder.decode(event).unwrap())
        };
        assert!(matches!(next().await, Some(Event::Progress(_))), "{name}");

        let mut second = tenant(&connector, &small(&world)).await;
        let error = tries(&mut second, steps).await.unwrap_err();
        assert!(meant(&error), "{name}: {error:?}");

        assert!(matches!(next().await, Some(Event::Progress(_))), "{name}");
        assert!(next().await.is_none(), "{name}");
    }
}

#[tokio::test]
async fn a_looping_connector_does_not_block_others() {
    // All tenants share one thread, so the looping one must yield.
    let world = World::new();
    let connector = world.load().unwrap();
    let mut first = tenant(&connector, &world).await;
    let mut second = tenant(&connector, &world).await;
    let looping = tokio::spawn(async move { tries(&mut second, json!(["loop"])).await });
    for _ in 0..5 {
        tries(&mut first, json!([{ "log": [1, 1] }])).await.unwrap();
        tokio::task::yield_now().await;
    }
    assert!(!looping.is_finished());
    // The call can be cancelled before the deadline.
    looping.abort();
    assert!(looping.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_crashed_connector_is_not_called_again() {
    let world = World::new();
    let connector = world.load().unwrap();
    let mut instance = tenant(&connector, &world).await;
    let panics = json!([{ "panic": "once" }]);
    tries(&mut instance, panics).await.unwrap_err();
    let again = tries(&mut instance, json!([{ "log": [1, 1] }])).await;
    assert!(
        matches!(again, Err(SandboxError::Crashed { .. })),
        "{again:?}"
    );
}
