//! Two tenants in one process, on one engine, with the same component: what
//! becomes of one is no matter of the other, and nothing goes across.

mod crashes;
mod sharing;
mod tickets;

use connector_host::sandbox::{Connector, Instance, SandboxError};
use serde_json::{Value as Json, json};

use crate::world::World;

/// Another instance with what this world grants.
async fn tenant(connector: &Connector, world: &World) -> Instance {
    world.instance_of(connector).await.unwrap()
}

/// What came of the last of these steps.
async fn tries(instance: &mut Instance, steps: Json) -> Result<String, SandboxError> {
    let config = json!({ "check": steps }).to_string();
    let mut findings = instance.check(&config).await?;
    Ok(findings.pop().unwrap().message)
}
