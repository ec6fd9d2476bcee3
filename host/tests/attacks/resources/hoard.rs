//! Connectors that allocate without end: memory, tables, instances, stack.

use connector_host::model::{Limit, Limits};
use serde_json::json;
use tempfile::TempPath;

use super::{CALLS, crash, limit, run_in};
use crate::forged::{self, Forged};
use crate::world::World;

const MIB: u64 = 1 << 20;

fn modest() -> World {
    World::new().limits(Limits {
        memory: 16 * MIB,
        ..Limits::default()
    })
}

/// Returns a component with these parts.
fn with(parts: &str) -> TempPath {
    Forged {
        parts,
        ..Forged::default()
    }
    .file()
}

#[tokio::test]
async fn memory_grown_without_end_in_any_call_ends_at_the_limit() {
    for call in CALLS {
        let result = run_in(&modest(), call, &json!([{ "grow": 1 }])).await;
        assert_eq!(limit(result), Limit::Memory, "{call:?}");
    }
}

#[tokio::test]
async fn memory_grown_to_4_gib_at_instantiation_is_refused() {
    let component = with(
        "(func $start
            (if (i32.eq (memory.grow (i32.const 65535)) (i32.const -1)) (then unreachable)))
         (start $start)",
    );
    let result = modest().component(&component).instance().await;
    assert_eq!(limit(result), Limit::Memory);
}

#[tokio::test]
async fn memory_declared_as_4_gib_is_refused() {
    let component = Forged {
        pages: 65536,
        ..Forged::default()
    }
    .file();
    let result = modest().component(&component).instance().await;
    assert_eq!(limit(result), Limit::Memory);
}

#[tokio::test]
async fn many_small_memories_count_together() {
    // Eight memories of four MiB.
    let component = with(&"(memory 64)".repeat(8));
    let result = modest().component(&component).instance().await;
    assert_eq!(limit(result), Limit::Memory);
}

#[tokio::test]
async fn deep_recursion_ends_in_the_guest() {
    for call in CALLS {
        let reason = crash(run_in(&modest(), call, &json!(["recurse"])).await);
        // Of the stack in its memory, or of the stack of the engine.
        assert!(reason.starts_with("wasm trap"), "{call:?}: {reason}");
    }
}

#[tokio::test]
async fn deep_recursion_at_instantiation_ends_in_the_guest() {
    let component = with("(func $start (call $start)) (start $start)");
    let reason = crash(modest().component(&component).instance().await);
    assert!(reason.contains("stack"), "{reason}");
}

#[tokio::test]
async fn a_connector_that_exits_ends_only_itself() {
    for code in [0, 1] {
        let reason = crash(run_in(&modest(), CALLS[0], &json!([{ "exit": code }])).await);
        assert!(reason.contains("exit"), "{reason}");
    }
}

#[tokio::test]
async fn a_table_declared_with_ten_million_elements_is_refused() {
    let component = with("(table 10000000 funcref)");
    let result = modest().component(&component).instance().await;
    assert_eq!(limit(result), Limit::Tables);
}

#[tokio::test]
async fn a_table_grown_without_end_ends_at_the_limit() {
    let component = with(
        "(table $t 0 funcref)
         (func $start
            (loop $again
                (br_if $again
                    (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))
            unreachable)
         (start $start)",
    );
    let result = modest().component(&component).instance().await;
    assert_eq!(limit(result), Limit::Tables);
}

#[tokio::test]
async fn many_small_tables_count_together() {
    let component = with(&"(table 20000 funcref)".repeat(8));
    let result = modest().component(&component).instance().await;
    assert_eq!(limit(result), Limit::Tables);
}

/// The limits of parts of a component are fixed.
#[tokio::test]
async fn a_hundred_tables_memories_or_core_instances_are_refused_by_name() {
    let plain = Forged::default().bytes();
    for (part, component) in [
        ("table", with(&"(table 1 funcref)".repeat(100))),
        ("memory", with(&"(memory 0)".repeat(99))),
        (
            "instance",
            forged::file(&forged::with_instances(plain, 100)),
        ),
    ] {
        let reason = crash(modest().component(&component).instance().await);
        assert!(
            reason.contains(&format!("{part} count too high")),
            "{reason}"
        );
    }
}
