//! Isolation of two tenants in one process, with one engine and the same
//! component.

mod crashes;
mod sharing;
mod tickets;

use connector_host::testing::Instance;
use connector_host::{Connector, SandboxError};
use serde_json::{Value as Json, json};

use crate::world::World;

/// Creates another instance with the grants of a world.
async fn tenant(connector: &Connector, world: &World) -> Instance {
    world.instance_of(connector).await.unwrap()
}

/// Runs steps and returns the result of the last one.
async fn tries(instance: &mut Instance, steps: Json) -> Result<String, SandboxError> {
    let config = json!({ "check": steps }).to_string();
    let mut findings = instance.check(&config).await?;
    Ok(findings.pop().unwrap().message)
}
