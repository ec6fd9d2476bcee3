//! Connectors that do not return: the time limit ends them everywhere.

use std::time::Duration;

use connector_host::model::{Limit, Limits};
use connector_host::testing::ReadOptions;
use serde_json::json;

use super::{CALLS, limit, run_in};
use crate::forged::{Forged, LOOP, ZEROS};
use crate::victim::Victim;
use crate::world::{World, get};

/// Returns a world with a time limit that ends during the attack.
fn short_lived() -> World {
    World::new().limits(Limits {
        time: Duration::from_millis(300),
        ..Limits::default()
    })
}

#[tokio::test]
async fn an_endless_loop_at_instantiation_is_stopped() {
    let start = format!("(func $start {LOOP}) (start $start)");
    let component = Forged {
        parts: &start,
        ..Forged::default()
    }
    .file();
    let world = short_lived().component(&component);
    assert_eq!(limit(world.instance().await), Limit::Time);
}

#[tokio::test]
async fn an_endless_loop_in_describe_is_stopped() {
    let component = Forged {
        describe: LOOP,
        ..Forged::default()
    }
    .file();
    let mut instance = short_lived()
        .component(&component)
        .instance()
        .await
        .unwrap();
    assert_eq!(limit(instance.describe().await), Limit::Time);
}

#[tokio::test]
async fn an_endless_loop_during_the_passing_of_a_text_is_stopped() {
    let component = Forged {
        realloc: LOOP,
        ..Forged::default()
    }
    .file();
    let mut instance = short_lived()
        .component(&component)
        .instance()
        .await
        .unwrap();
    assert_eq!(limit(instance.check("{}").await), Limit::Time);
}

#[tokio::test]
async fn an_endless_loop_after_the_return_is_stopped() {
    let after = format!(
        r#"(func (export "cabi_post_connector:source/source@0.1.0#describe") (param i32) {LOOP})"#
    );
    let component = Forged {
        describe: ZEROS,
        parts: &after,
        ..Forged::default()
    }
    .file();
    let mut instance = short_lived()
        .component(&component)
        .instance()
        .await
        .unwrap();
    assert_eq!(limit(instance.describe().await), Limit::Time);
}

#[tokio::test]
async fn an_endless_loop_when_the_reader_is_dropped_is_stopped() {
    let drop = format!(
        r#"(func (export "connector:source/source@0.1.0#[dtor]reader") (param i32) {LOOP})"#
    );
    let component = Forged {
        imports: r#"(import "[export]connector:source/source@0.1.0" "[resource-new]reader"
            (func $new (param i32) (result i32)))"#,
        realloc: ZEROS,
        // The handle follows the zero of `ok`.
        read: "(i32.store (i32.const 1032) (call $new (i32.const 1))) (i32.const 1024)",
        parts: &drop,
        ..Forged::default()
    }
    .file();
    let mut instance = short_lived()
        .component(&component)
        .instance()
        .await
        .unwrap();
    let reader = instance.read("", &[], &ReadOptions::default()).await;
    assert_eq!(limit(instance.close(reader.unwrap()).await), Limit::Time);
}

#[tokio::test]
async fn an_endless_loop_in_any_call_is_stopped() {
    for call in CALLS {
        let result = run_in(&short_lived(), call, &json!(["loop"])).await;
        assert_eq!(limit(result), Limit::Time, "{call:?}");
    }
}

#[tokio::test]
async fn endless_calls_of_the_host_are_stopped() {
    for call in CALLS {
        let result = run_in(&short_lived(), call, &json!(["call_the_host"])).await;
        assert_eq!(limit(result), Limit::Time, "{call:?}");
    }
}

#[tokio::test]
async fn a_connector_that_sleeps_forever_is_stopped() {
    for call in CALLS {
        let result = run_in(&short_lived(), call, &json!(["sleep"])).await;
        assert_eq!(limit(result), Limit::Time, "{call:?}");
    }
}

#[tokio::test]
async fn a_wait_for_a_server_that_never_responses_is_stopped() {
    let server = Victim::responding(|_, _| {
        std::thread::park();
        Ok(())
    });
    let world = short_lived().allow_private(&server.origin());
    let outcome = world.request(get(&server.authority(), "/")).await;
    assert_eq!(limit(outcome.result), Limit::Time);
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_connector_is_not_called_after_its_deadline() {
    let mut instance = short_lived().instance().await.unwrap();
    let looping = json!({ "check": ["loop"] }).to_string();
    assert_eq!(limit(instance.check(&looping).await), Limit::Time);
    assert_eq!(limit(instance.check("{}").await), Limit::Time);
    assert_eq!(limit(instance.describe().await), Limit::Time);
}
