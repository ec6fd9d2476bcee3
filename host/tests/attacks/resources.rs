//! Attacks on time, memory, handles and logs. A limit ends each attack, and the
//! error names the limit.

mod flood;
mod hoard;
mod runaway;

use connector_host::SandboxError;
use connector_host::model::Limit;
use connector_host::testing::ReadOptions;
use serde_json::{Value as Json, json};

use crate::world::World;

/// Call in which a connector misbehaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Call {
    Check,
    List,
    Read,
    Next,
}

pub(crate) const CALLS: [Call; 4] = [Call::Check, Call::List, Call::Read, Call::Next];

/// Runs steps in a call and returns its result.
pub(crate) async fn run_in(world: &World, call: Call, steps: &Json) -> Result<(), SandboxError> {
    let mut instance = world.instance().await.unwrap();
    let options = ReadOptions::default();
    match call {
        Call::Check => {
            let config = json!({ "check": steps }).to_string();
            instance.check(&config).await.map(drop)
        }
        Call::List => {
            let config = json!({ "list": { "steps": steps } }).to_string();
            instance.list_resources(&config).await.map(drop)
        }
        Call::Read => {
            let config = json!({ "read": steps }).to_string();
            instance.read(&config, &[], &options).await.map(drop)
        }
        Call::Next => {
            let events: Vec<_> = steps.as_array().unwrap().iter().collect();
            let events: Vec<_> = events.iter().map(|step| json!({ "step": step })).collect();
            let config = json!({ "events": events }).to_string();
            let reader = instance.read(&config, &[], &options).await.unwrap();
            instance.next(reader).await.map(drop)
        }
    }
}

/// Returns the limit that ended an attack.
#[track_caller]
pub(crate) fn limit<T>(result: Result<T, SandboxError>) -> Limit {
    match result {
        Err(SandboxError::Limit(limit)) => limit,
        Err(other) => panic!("the attack did not end by a limit: {other:?}"),
        Ok(_) => panic!("the attack succeeded"),
    }
}

/// Returns the reason of a crash.
#[track_caller]
pub(crate) fn crash<T>(result: Result<T, SandboxError>) -> String {
    match result {
        Err(SandboxError::Crashed { reason, .. }) => reason,
        Err(other) => panic!("the attack did not end by a crash: {other:?}"),
        Ok(_) => panic!("the attack succeeded"),
    }
}
