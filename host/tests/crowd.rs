//! A thousand guests at once, each of which takes all it can. In a program of
//! its own, so that what is measured is theirs.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a failure of the suite is a failed test, and its figures are for who looks"
)]

#[path = "attacks/names.rs"]
#[expect(dead_code, reason = "the attack suite uses more of it")]
mod names;
#[path = "attacks/world.rs"]
#[expect(dead_code, reason = "the attack suite uses more of it")]
mod world;

use std::time::Duration;

use connector_host::model::{Finding, Limit, Limits};
use connector_host::sandbox::{Instance, SandboxError};
use serde_json::{Value as Json, json};
use tokio::sync::Mutex;

use crate::world::World;

const GUESTS: usize = 1000;
const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;
/// The memory of each.
const CAP: usize = 4 * MIB;
/// What the host may hold for each besides: its handles, a stack, an HTTP
/// client.
const OVERHEAD: usize = 256 * KIB;
/// What may stay of each when it is gone: an allocator gives back late.
const REST: usize = 128 * KIB;

/// One test at a time.
static ALONE: Mutex<()> = Mutex::const_new(());

type Outcome = Result<Vec<Finding>, SandboxError>;

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guests_hold_no_more_than_their_caps() {
    let _alone = ALONE.lock().await;
    let world = World::new().limits(Limits {
        memory: CAP as u64,
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
        CAP / KIB,
        after / GUESTS / KIB
    );
    assert!(peak > GUESTS * CAP / 2, "they took it: {peak}");
    assert!(peak <= GUESTS * (CAP + OVERHEAD), "{peak}");
    assert!(after <= GUESTS * REST, "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_guests_that_never_end_are_all_stopped() {
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

/// All of them at work at once, and how each ended. None is gone yet.
async fn crowd(world: &World, steps: Json) -> Vec<(Instance, Outcome)> {
    let connector = world.load().unwrap();
    let config = json!({ "check": steps }).to_string();
    let mut guests = Vec::new();
    for _ in 0..GUESTS {
        guests.push(connector.instantiate(world.grants()).await.unwrap());
    }
    let at_work: Vec<_> = guests
        .into_iter()
        .map(|mut guest| {
            let config = config.clone();
            tokio::spawn(async move {
                let outcome = guest.check(&config).await;
                (guest, outcome)
            })
        })
        .collect();
    let mut ended = Vec::new();
    for guest in at_work {
        ended.push(guest.await.unwrap());
    }
    ended
}

/// Bytes of memory that this process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * KIB
}
