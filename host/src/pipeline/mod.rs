//! A pipeline: one connector, its grants, and the destination of its rows.
//! Names the sandbox, the destinations and the model, which do not name the
//! pipeline.
//!
//! The modules in reading order:
//!
//! - `config_schema`: the check of the config against the connector's schema.
//! - `plan`: the settings of each resource.
//! - `run`: one load, from the first request to the commit.
//! - `resource_patterns`: the entries that select resources by a pattern.
//! - `stored_types`: the types of the columns that the destination has.
//! - `requested`: the resources that a connector may send.
//! - `writer`: the thread that writes, counts and commits.
//! - `row_mapper`: the mapping of source rows to stored rows.
//! - `observer`: progress of a running load.
//! - `report`: the result of a load.
//! - `state`: the cursors between loads.
//! - `preview`: the first rows of a resource.
//! - `validation`: what a load would refuse, found without a load.
//! - `diff`: the changes that a load would make to tables.
//! - `capabilities`: what a connector declares, and what it is granted.
//! - `verification`: the comparison of rows with figures of the source.
//! - `error`: failures of all of these.

mod capabilities;
mod config_schema;
mod diff;
mod error;
mod observer;
mod plan;
mod preview;
mod report;
mod requested;
mod resource_patterns;
mod row_mapper;
mod run;
mod state;
mod stored_types;
mod validation;
mod verification;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;

pub use capabilities::{Capabilities, Difference};
pub use diff::Diff;
pub use error::{CommonCause, PipelineError};
pub use observer::{Observer, Update};
pub use preview::Preview;
pub use report::{FailedPart, Report, ResourceReport};
pub use row_mapper::{Change, SiblingValues};
pub use run::RunOptions;
pub use verification::Verified;

use self::plan::ResourcePlan;
pub use crate::sandbox::egress::PolicyRecorder;

use crate::destination::{BuiltInDestination, DestinationFactory};
use crate::model::{
    Descriptor, Finding, PipelineSpec, Remedy, Resource, ResourceSpec, Severity, TypeRule,
    TypeSubject, names,
};
use crate::sandbox::egress::rule::{Rule, Rules};
use crate::sandbox::{Connector, Grants, Instance};

/// A pipeline with a loaded component and parsed rules. It holds no connection
/// and no state; each command opens its own.
pub struct Pipeline {
    spec: PipelineSpec,
    connector: Connector,
    rules: Rules,
    /// Plan of each resource in the spec, by name.
    plans: BTreeMap<String, ResourcePlan>,
    /// Config of the connector as JSON text.
    config: String,
    destination: Arc<dyn DestinationFactory>,
}

impl Pipeline {
    /// Creates a pipeline that loads into the destination of its spec. Checks the
    /// spec as far as possible without running the connector.
    pub fn new(connector: Connector, spec: PipelineSpec) -> Result<Self, PipelineError> {
        let destination = spec.destination.clone().ok_or_else(|| {
            PipelineError::settings(
                "the pipeline has no destination",
                "set a destination in its spec",
            )
        })?;
        let drivers = connector.engine().drivers().to_vec();
        let destination = BuiltInDestination::new(destination).with_driver_paths(drivers);
        Self::with_destination(connector, spec, Arc::new(destination))
    }

    /// Creates a pipeline that loads into another destination than that of its
    /// spec, such as one that a platform implements.
    pub fn with_destination(
        connector: Connector,
        spec: PipelineSpec,
        destination: Arc<dyn DestinationFactory>,
    ) -> Result<Self, PipelineError> {
        let rules = Rules::new(&spec.allow)?;
        for name in rules.iter().flat_map(Rule::secrets) {
            if !spec.secrets.contains_key(name) {
                let known = names::nearest(name, spec.secrets.keys().map(String::as_str));
                let remedy = known.map_or_else(
                    || Remedy::GrantSecret {
                        secret: name.to_owned(),
                    },
                    |known| Remedy::UseName {
                        name: known.to_owned(),
                    },
                );
                return Err(PipelineError::settings(
                    format!(
                        "an allow rule names the secret `{name}`, which the pipeline does not provide"
                    ),
                    remedy,
                ));
            }
        }
        verification::validate(&spec)?;
        let plans = plan::plans(&spec.resources)?;
        let config = spec.config.to_string();
        Ok(Self {
            spec,
            connector,
            rules,
            plans,
            config,
            destination,
        })
    }

    /// Checks everything that a load needs: the source, the destination, and each
    /// resource. Changes nothing.
    ///
    /// # Errors
    /// The error with which a load would end.
    pub async fn check(&self) -> Result<Vec<Finding>, PipelineError> {
        self.within_runtime(async {
            let mut instance = self.connector.instantiate(self.grants()).await?;
            self.describe(&mut instance).await?;
            let mut findings = instance.check(&self.config).await?;
            if verification::is_requested(&self.spec) {
                if !verification::classify(&self.spec, &mut findings) {
                    let resources = instance.list_resources(&self.config).await?;
                    findings.push(verification::cost(&self.spec, &resources));
                }
            } else {
                findings.retain(|finding| finding.subject != verification::SUBJECT);
            }
            let expanded = self.expand(&[]).await?;
            let (pipeline, unmatched) = match &expanded {
                Some((pipeline, unmatched)) => (pipeline, unmatched.as_slice()),
                None => (self, [].as_slice()),
            };
            findings.extend(unmatched.iter().map(|pattern| unmatched_finding(pattern)));
            let refused = pipeline.validate(&[]).await?;
            let mut refused: Vec<_> = refused.into_iter().map(validation::finding).collect();
            // The connector may have found it too.
            refused.retain(|refused| {
                let mut known = findings.iter();
                known.all(|finding| finding.message != refused.message)
            });
            findings.extend(refused);
            Ok(findings)
        })
        .await
    }

    /// Returns the names of the listed resources that a load reads.
    pub fn selected<'r>(&self, listed: &'r [Resource]) -> Result<Vec<&'r str>, PipelineError> {
        let expanded = if resource_patterns::needs_list(&self.spec) {
            Some(self.with_resources(resource_patterns::expand(&self.spec, listed)?.resources)?)
        } else {
            None
        };
        let pipeline = expanded.as_ref().unwrap_or(self);
        let selected = listed.iter().filter(|resource| pipeline.reads(resource));
        Ok(selected.map(|resource| resource.name.as_str()).collect())
    }

    /// Returns the pipeline with an entry for each resource, if its entries
    /// depend on the resources that the connector lists. `only` names resources
    /// that are read, even if no entry selects them.
    async fn expanded(&self, only: &[String]) -> Result<Option<Self>, PipelineError> {
        let expanded = self.expand(only).await?;
        Ok(expanded.map(|(pipeline, unmatched)| {
            for pattern in unmatched {
                tracing::warn!(pattern, "no resource matches the pattern");
            }
            pipeline
        }))
    }

    /// Returns the pipeline with an entry for each resource, as
    /// [`Self::expanded`], and the patterns that match no resource.
    async fn expand(&self, only: &[String]) -> Result<Option<(Self, Vec<String>)>, PipelineError> {
        if !resource_patterns::needs_list(&self.spec) {
            return Ok(None);
        }
        // On the heap, because the futures of all commands contain this one.
        let listed = Box::pin(self.list()).await?;
        let mut spec = self.spec.clone();
        for name in only {
            let selected = resource_patterns::expand(&spec, &listed)?.resources;
            if !selected.iter().any(|entry| entry.name == *name) {
                spec.resources.push(ResourceSpec::new(name));
            }
        }
        let expanded = resource_patterns::expand(&spec, &listed)?;
        if expanded.resources.is_empty() {
            let patterns = expanded.unmatched.join("`, `");
            return Err(PipelineError::settings(
                format!("no resource matches `{patterns}`"),
                PATTERN_HINT,
            ));
        }
        let pipeline = self.with_resources(expanded.resources)?;
        Ok(Some((pipeline, expanded.unmatched)))
    }

    /// Returns the pipeline with other entries.
    fn with_resources(&self, resources: Vec<ResourceSpec>) -> Result<Self, PipelineError> {
        let plans = plan::plans(&resources)?;
        let mut spec = self.spec.clone();
        spec.resources = resources;
        // They are in the entries now.
        spec.defaults.mask.clear();
        Ok(Self {
            spec,
            connector: self.connector.clone(),
            rules: self.rules.clone(),
            plans,
            config: self.config.clone(),
            destination: Arc::clone(&self.destination),
        })
    }

    /// Lists the resources of the source.
    pub async fn list(&self) -> Result<Vec<Resource>, PipelineError> {
        self.within_runtime(async {
            let mut instance = self.connector.instantiate(self.grants()).await?;
            self.describe(&mut instance).await?;
            Ok(instance.list_resources(&self.config).await?)
        })
        .await
    }

    /// Runs a command in the context of the engine's runtime.
    async fn within_runtime<T>(&self, command: impl Future<Output = T>) -> T {
        self.connector.engine().within_runtime(command).await
    }

    /// Returns the types for columns of all resources.
    fn type_rules(&self) -> Vec<TypeRule> {
        let defaults = &self.spec.defaults;
        let rule = |subject, type_name: &String| TypeRule {
            subject,
            type_name: type_name.clone(),
        };
        let by_name = defaults.types.iter();
        let by_name = by_name.map(|(name, t)| rule(TypeSubject::Column(name.clone()), t));
        let declared = defaults.declared_types.iter();
        let declared = declared.map(|(name, t)| rule(TypeSubject::Declared(name.clone()), t));
        by_name.chain(declared).collect()
    }

    fn grants(&self) -> Grants {
        Grants {
            rules: self.rules.clone(),
            secrets: self.spec.secrets.clone(),
            limits: self.spec.limits.clone(),
            recorder: None,
        }
    }

    /// Returns the connector's descriptor. Refuses a config or secrets that do
    /// not match it.
    async fn describe(&self, instance: &mut Instance) -> Result<Descriptor, PipelineError> {
        let descriptor = instance.describe().await?;
        config_schema::validate(
            &descriptor.config_schema,
            &self.spec.config,
            &self.spec.limits,
        )?;
        let declared: Vec<_> = descriptor
            .secrets
            .iter()
            .map(|secret| secret.name.as_str())
            .collect();
        for name in self.spec.secrets.keys() {
            if !declared.contains(&name.as_str()) {
                return Err(PipelineError::settings(
                    format!("the connector does not declare the secret `{name}`"),
                    format!("it declares {}", declared.join(", ")),
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
                    Remedy::GrantSecret {
                        secret: secret.name.clone(),
                    },
                ));
            }
        }
        Ok(descriptor)
    }

    fn destination_factory(&self) -> Arc<dyn DestinationFactory> {
        Arc::clone(&self.destination)
    }
}

/// Remedy for a pattern without a match.
const PATTERN_HINT: &str =
    "a pattern selects only resources that are read by default; others need their own names";

/// Returns the finding about a pattern that matches no resource.
fn unmatched_finding(pattern: &str) -> Finding {
    Finding {
        subject: pattern.to_owned(),
        severity: Severity::Warning,
        message: "no resource matches the pattern".to_owned(),
        remedy: Some(PATTERN_HINT.into()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_documentation_lists_every_module() {
        let source = include_str!("mod.rs");
        let names = |prefix, end| {
            let lines = source.lines();
            let names = lines.filter_map(|line| line.strip_prefix(prefix)?.split_once(end));
            let mut names: Vec<_> = names.map(|(name, _)| name).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(names("//! - `", "`: "), names("mod ", ";"));
    }
}
