//! The resources that a read may send: the requested ones and their children.
//! A connector that sends others could replace tables of other resources.

use crate::model::Selection;
use crate::sandbox::{Instance, SandboxError};

/// The requested resources of one read.
pub(super) struct RequestedResources {
    names: Vec<String>,
    /// Children of the requested resources, once they were listed.
    children: Option<Vec<String>>,
}

impl RequestedResources {
    /// Creates the resources for these selections. Without selections, the
    /// connector chooses.
    pub(super) fn new(selections: &[Selection]) -> Self {
        let selections = selections.iter();
        Self {
            names: selections
                .map(|selection| selection.resource.clone())
                .collect(),
            children: None,
        }
    }

    /// Refuses a resource that was not requested. Asks the connector for the
    /// children of requested resources only if the name itself was not
    /// requested.
    pub(super) async fn validate(
        &mut self,
        resource: &str,
        instance: &mut Instance,
        config: &str,
    ) -> Result<(), SandboxError> {
        if self.names.is_empty() || contains(&self.names, resource) {
            return Ok(());
        }
        let children = if let Some(children) = &self.children {
            children
        } else {
            let listed = instance.list_resources(config).await?.into_iter();
            let children = listed.filter(|listed| {
                let parent = listed.parent.as_deref();
                parent.is_some_and(|parent| contains(&self.names, parent))
            });
            let children = children.map(|listed| listed.name).collect();
            self.children.insert(children)
        };
        if contains(children, resource) {
            return Ok(());
        }
        Err(SandboxError::Contract(format!(
            "the connector sent `{resource}`, which was not requested"
        )))
    }
}

/// True if a name is in the list. Sources such as SQLite ignore case.
fn contains(names: &[String], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}
