//! Which resources a read may bring: those that were asked for. A connector
//! that brings others could replace tables that nobody meant to touch.

use crate::model::Selection;
use crate::sandbox::{Instance, SandboxError};

/// What was asked for.
pub(super) struct RequestedResources {
    names: Vec<String>,
    /// Resources that stand below one that was asked for, once looked up.
    below: Option<Vec<String>>,
}

impl RequestedResources {
    /// No selections ask for whatever the connector reads by default.
    pub(super) fn of(selections: &[Selection]) -> Self {
        let names = selections
            .iter()
            .map(|selection| selection.resource.clone());
        Self {
            names: names.collect(),
            below: None,
        }
    }

    /// Refuses a resource that nobody asked for. Only for one that is not
    /// selected by its own name, the connector is asked what stands below
    /// those that are.
    pub(super) async fn judge(
        &mut self,
        resource: &str,
        instance: &mut Instance,
        config: &str,
    ) -> Result<(), SandboxError> {
        if self.names.is_empty() || names(&self.names, resource) {
            return Ok(());
        }
        if self.below.is_none() {
            let listed = instance.list_resources(config).await?;
            let is_below = |parent: &Option<String>| {
                parent
                    .as_deref()
                    .is_some_and(|parent| names(&self.names, parent))
            };
            let below = listed.into_iter().filter(|listed| is_below(&listed.parent));
            self.below = Some(below.map(|listed| listed.name).collect());
        }
        if self
            .below
            .as_deref()
            .is_some_and(|below| names(below, resource))
        {
            return Ok(());
        }
        Err(SandboxError::Contract(format!(
            "it brings `{resource}`, for which nobody asked"
        )))
    }
}

/// Sources such as SQLite find names whatever their case.
fn names(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
