//! A pipeline: one connector, what it is granted, and where its rows go.
//!
//! Reading order: this file (open, check, list, preview), [`run`] (one load),
//! [`writer`] (its writing half, where counts are reconciled), [`report`].
//! Knows the sandbox and the destinations; neither knows it, nor each other.

mod capabilities;
mod diff;
mod error;
mod mark;
mod mask;
mod nested;
mod observer;
mod plan;
mod preview;
mod report;
mod requested;
mod run;
mod schema;
mod schema_fit;
mod state;
mod widen;
mod writer;

use std::collections::BTreeMap;
use std::path::PathBuf;

pub use capabilities::{Capabilities, Difference};
pub use diff::Diff;
pub use error::PipelineError;
pub use observer::{Observer, Update};
pub use preview::Preview;
pub use report::{Report, ResourceReport};
pub use run::RunOptions;
pub use schema_fit::Change;

use self::plan::ResourcePlan;
pub use crate::sandbox::egress::PolicyRecorder;

use crate::destination;
use crate::model::{Descriptor, DestinationSpec, Finding, PipelineSpec, Resource, names};
use crate::sandbox::egress::rule::{Rule, Rules};
use crate::sandbox::{Connector, Engine, Grants, Instance};

/// A pipeline whose component is loaded and whose rules are understood. It
/// holds no connection and no state; commands on it make their own.
pub struct Pipeline {
    spec: PipelineSpec,
    connector: Connector,
    rules: Rules,
    /// How the resources are loaded that the pipeline describes, by name.
    plans: BTreeMap<String, ResourcePlan>,
    /// The connector's config as JSON text.
    config: String,
    /// Where the host keeps drivers of destinations.
    drivers: Vec<PathBuf>,
}

impl Pipeline {
    /// Loads the component and checks what can be checked without running it.
    /// `drivers` are files or folders in which to look for drivers of
    /// destinations, after the places that the destination knows itself.
    pub fn open(
        engine: &Engine,
        spec: PipelineSpec,
        drivers: Vec<PathBuf>,
    ) -> Result<Self, PipelineError> {
        let rules = Rules::new(&spec.allow)?;
        for name in rules.iter().flat_map(Rule::secrets) {
            if !spec.secrets.contains_key(name) {
                let known = names::nearest(name, spec.secrets.keys().map(String::as_str));
                let hint = known.map_or_else(
                    || format!("add to [connector.secrets]\n\n{name} = {{ env = \"...\" }}"),
                    |known| format!("did you mean `{known}`?"),
                );
                return Err(PipelineError::settings(
                    format!(
                        "an allow-rule names the secret `{name}`, which [connector.secrets] does not have"
                    ),
                    hint,
                ));
            }
        }
        let plans = plan::plans(&spec.resources)?;
        let connector = engine.load(&spec.component, spec.sha256.as_deref())?;
        let config = spec.config.to_string();
        Ok(Self {
            spec,
            connector,
            rules,
            plans,
            config,
            drivers,
        })
    }

    /// Looks at everything that a load would need, and changes nothing.
    pub async fn check(&self) -> Result<Vec<Finding>, PipelineError> {
        let mut instance = self.connector.instantiate(self.grants()).await?;
        self.described(&mut instance).await?;
        Ok(instance.check(&self.config).await?)
    }

    /// What can be read.
    pub async fn list(&self) -> Result<Vec<Resource>, PipelineError> {
        let mut instance = self.connector.instantiate(self.grants()).await?;
        self.described(&mut instance).await?;
        Ok(instance.list_resources(&self.config).await?)
    }

    fn grants(&self) -> Grants {
        Grants {
            rules: self.rules.clone(),
            secrets: self.spec.secrets.clone(),
            limits: self.spec.limits.clone(),
            record: None,
        }
    }

    /// The connector's own description, once the pipeline fits it.
    async fn described(&self, instance: &mut Instance) -> Result<Descriptor, PipelineError> {
        let descriptor = instance.describe().await?;
        schema::validate(&descriptor.config_schema, &self.spec.config)?;
        let asked: Vec<_> = descriptor
            .secrets
            .iter()
            .map(|secret| secret.name.as_str())
            .collect();
        for name in self.spec.secrets.keys() {
            if !asked.contains(&name.as_str()) {
                return Err(PipelineError::settings(
                    format!(
                        "[connector.secrets] has `{name}`, for which the connector does not ask"
                    ),
                    format!("it asks for {}", asked.join(", ")),
                ));
            }
        }
        for secret in descriptor.secrets.iter().filter(|secret| secret.required) {
            if !self.spec.secrets.contains_key(&secret.name) {
                return Err(PipelineError::settings(
                    format!(
                        "the connector needs the secret `{}`: {}",
                        secret.name, secret.purpose
                    ),
                    format!(
                        "add to [connector.secrets]\n\n{} = {{ env = \"...\" }}",
                        secret.name
                    ),
                ));
            }
        }
        Ok(descriptor)
    }

    fn destination_settings(&self) -> destination::Settings {
        destination::Settings {
            spec: self.spec.destination.clone(),
            drivers: self.drivers.clone(),
        }
    }

    /// Where rows go, as the pipeline says it.
    #[must_use]
    pub fn destination(&self) -> &DestinationSpec {
        &self.spec.destination
    }
}
