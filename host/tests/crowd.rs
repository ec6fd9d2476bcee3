//! A thousand guests at once, each of which uses all it can. They run in a
//! separate program, so that the measurement covers only them.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failure of the suite is a failed test, and its figures are shown on request"
)]

#[path = "attacks/names.rs"]
#[expect(dead_code, reason = "the attack suite uses more of it")]
mod names;
#[path = "attacks/world.rs"]
#[expect(dead_code, reason = "the attack suite uses more of it")]
mod world;

use std::time::Duration;

use connector_host::SandboxError;
use connector_host::model::{Finding, Limit, Limits};
use connector_host::testing::Instance;
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use crate::world::World;

const GUESTS: usize = 1000;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// Memory limit of each guest.
const MEMORY_BYTES: usize = 4 * MIB;
/// Largest further memory of the host for each guest: handles, a stack, an HTTP
/// client.
const MAX_OVERHEAD_BYTES: usize = 256 * KIB;
/// Largest memory that remains for each dropped guest: the allocator returns
/// memory late.
const MAX_REMAINING_BYTES: usize = 128 * KIB;

/// Lock that runs one test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

type Outcome = Result<Vec<Finding>, SandboxError>;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guests_stay_within_their_memory_limits() {
    let _alone = ALONE.lock().await;
    let world = World::new().limits(Limits {
        memory: MEMORY_BYTES as u64,
        ..Limits::default()
    });
    let before = resident();
    let guests = crowd(&world, json!([{ "grow": 1 }])).await;
    let peak = resident() - before;
    for (_, outcome) in &guests {
        let refused = matches!(outcome, Err(SandboxError::Limit(Limit::Memory)));
        assert!(refused, "{outcome:?}");
    }
    drop(guests);
    let after = resident().saturating_sub(before);
    eprintln!(
        "{GUESTS} guests: {} KiB each of {} KiB, {} KiB each afterwards",
        peak / GUESTS / KIB,
        MEMORY_BYTES / KIB,
        after / GUESTS / KIB
    );
    assert!(
        peak > GUESTS * MEMORY_BYTES / 2,
        "the guests allocated too little: {peak}"
    );
    assert!(
        peak <= GUESTS * (MEMORY_BYTES + MAX_OVERHEAD_BYTES),
        "{peak}"
    );
    assert!(after <= GUESTS * MAX_REMAINING_BYTES, "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_endless_guests_are_stopped() {
    let _alone = ALONE.lock().await;
    let world = World::new().limits(Limits {
        time: Duration::from_secs(3),
        ..Limits::default()
    });
    for (_, outcome) in crowd(&world, json!(["loop"])).await {
        let stopped = matches!(outcome, Err(SandboxError::Limit(Limit::Time)));
        assert!(stopped, "{outcome:?}");
    }
}

/// Runs all guests at once, and returns them with their outcomes.
async fn crowd(world: &World, steps: Json) -> Vec<(Instance, Outcome)> {
    let connector = world.load().unwrap();
    let config = json!({ "check": steps }).to_string();
    let mut guests = Vec::new();
    for _ in 0..GUESTS {
        guests.push(connector.instantiate(world.grants()).await.unwrap());
    }
    let tasks: Vec<_> = guests
        .into_iter()
        .map(|mut guest| {
            let config = config.clone();
            tokio::spawn(async move {
                let outcome = guest.check(&config).await;
                (guest, outcome)
            })
        })
        .collect();
    let mut outcomes = Vec::new();
    for task in tasks {
        outcomes.push(task.await.unwrap());
    }
    outcomes
}

/// Returns the resident memory of this process in bytes.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * KIB
}
