//! The capabilities of a connector: its imports, its requests, the grants of a
//! pipeline, and the differences between requests and grants.

use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;

use super::Pipeline;
use super::error::PipelineError;
use crate::model::{AllowRule, Amount, Descriptor, Limits};
use crate::sandbox::egress::rule::{Origin, Rule, Rules};
use crate::sandbox::{Connector, Grants};

/// The capabilities of a connector.
#[derive(Clone, Debug, Serialize)]
pub struct Capabilities {
    /// SHA-256 of the component.
    pub sha256: String,
    /// Interfaces that the component imports.
    pub imports: Vec<String>,
    /// Interfaces that the component exports.
    pub exports: Vec<String>,
    /// Self-description of the connector.
    pub descriptor: Descriptor,
    /// Origins that the pipeline allows; `None` without a pipeline.
    pub grants: Option<Vec<AllowRule>>,
    /// Limits of the connector, by setting.
    pub limits: BTreeMap<&'static str, Amount>,
    /// Requests that are not granted, and grants that were not requested.
    pub differences: Vec<Difference>,
}

/// A difference between the requests and the grants of a connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Origin or secret that differs.
    pub subject: String,
    /// Description of the difference.
    pub message: String,
}

impl Capabilities {
    /// Describes a component, which runs without config, network and secrets.
    pub async fn for_connector(connector: &Connector) -> Result<Self, PipelineError> {
        let mut instance = connector.instantiate(Grants::default()).await?;
        Ok(Self {
            sha256: connector.digest().to_owned(),
            imports: connector.imports().to_vec(),
            exports: connector.exports().to_vec(),
            descriptor: instance.describe().await?,
            grants: None,
            limits: limits(&Limits::default()),
            differences: Vec::new(),
        })
    }
}

impl Pipeline {
    /// Returns the capabilities of the connector, with its grants.
    pub async fn capabilities(&self) -> Result<Capabilities, PipelineError> {
        let capabilities = Capabilities::for_connector(&self.connector).await?;
        let differences = differences(
            &capabilities.descriptor,
            &self.spec.config,
            &self.rules,
            |secret| self.spec.secrets.contains_key(secret),
        );
        Ok(Capabilities {
            differences,
            grants: Some(self.spec.allow.clone()),
            limits: limits(&self.spec.limits),
            ..capabilities
        })
    }
}

fn limits(limits: &Limits) -> BTreeMap<&'static str, Amount> {
    let amounts = limits.amounts().into_iter();
    amounts
        .map(|(limit, amount)| (limit.key(), amount))
        .collect()
}

fn differences(
    descriptor: &Descriptor,
    config: &serde_json::Value,
    rules: &Rules,
    is_granted: impl Fn(&str) -> bool,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut add = |subject: &str, message: String| {
        differences.push(Difference {
            subject: subject.to_owned(),
            message,
        });
    };
    let mut requested = Vec::new();
    for request in &descriptor.origins {
        let Some(url) = expand(&request.origin, config) else {
            continue;
        };
        let origin = url.origin().ascii_serialization();
        requested.push(url.clone());
        let url = granted_url(rules, url);
        let covering = || rules.iter().filter(|rule| rule.origin().matches(&url));
        if covering().next().is_none() {
            add(
                &origin,
                format!("requested ({}), but not granted", request.purpose),
            );
        } else {
            for method in &request.methods {
                let refused = |path: &&str| !is_allowed(rules, &url, method, path);
                let paths = request.paths.iter().map(String::as_str);
                let paths: Vec<_> = paths.filter(refused).collect();
                if !paths.is_empty() {
                    let paths = paths.join(" ");
                    add(
                        &origin,
                        format!("{method} {paths} is requested, but not granted"),
                    );
                } else if request.paths.is_empty() && refused(&"/") {
                    add(&origin, format!("{method} is requested, but not granted"));
                }
            }
            for secret in &request.secrets {
                let named = |rule: &Rule| rule.secrets().any(|name| name == secret);
                if is_granted(secret) && !covering().any(named) {
                    add(
                        &origin,
                        format!("the secret `{secret}` is requested, but no rule names it"),
                    );
                }
            }
        }
    }
    for rule in rules.iter() {
        let is_requested = |url| rule.origin().matches(url) || part_of(rule, url).is_some();
        if !requested.iter().any(is_requested) {
            let origin = rule.origin().to_string();
            add(&origin, "granted, but not requested".to_owned());
        }
    }
    for secret in &descriptor.secrets {
        if secret.required && !is_granted(&secret.name) {
            add(
                &secret.name,
                format!(
                    "the secret is required ({}), but not granted",
                    secret.purpose
                ),
            );
        }
    }
    differences
}

/// Returns a URL of the part of a requested origin that the rules grant: the
/// whole origin, or the first rule for some hosts of a requested pattern.
fn granted_url(rules: &Rules, requested: Url) -> Url {
    if rules.iter().any(|rule| rule.origin().matches(&requested)) {
        return requested;
    }
    let part = rules.iter().find_map(|rule| part_of(rule, &requested));
    part.unwrap_or(requested)
}

/// Returns the origin of a rule, if a requested origin is a pattern that covers
/// it.
fn part_of(rule: &Rule, requested: &Url) -> Option<Url> {
    let pattern = Origin::parse(&requested.origin().ascii_serialization()).ok()?;
    let url = Url::parse(&rule.origin().to_string()).ok()?;
    pattern.matches(&url).then_some(url)
}

/// Returns the origin of a template. `None` if the config lacks the setting
/// that the template names.
fn expand(template: &str, config: &serde_json::Value) -> Option<Url> {
    let Some(key) = template
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        return Url::parse(template).ok();
    };
    let text = config.get(key)?.as_str()?;
    // Databases have URL schemes of their own.
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme {
        "http" | "ws" => "http",
        _ => "https",
    };
    Url::parse(&format!("{scheme}://{rest}")).ok()
}

/// True if the rules allow a request for a path of an origin.
fn is_allowed(rules: &Rules, origin: &Url, method: &str, path: &str) -> bool {
    let url = origin.join(path);
    let method = http::Method::from_bytes(method.as_bytes());
    matches!((method, url), (Ok(method), Ok(url)) if rules.allow(&method, &url).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OriginRequest;

    #[test]
    fn missing_and_unrequested_grants_are_differences() {
        let descriptor = Descriptor {
            name: "x".to_owned(),
            version: "1".to_owned(),
            config_schema: String::new(),
            secrets: Vec::new(),
            origins: vec![OriginRequest {
                origin: "{database_url}".to_owned(),
                methods: vec!["POST".to_owned()],
                paths: Vec::new(),
                secrets: vec!["token".to_owned()],
                purpose: "the database".to_owned(),
            }],
        };
        let rules = |written: &[AllowRule]| Rules::new(written).unwrap();
        let config = serde_json::json!({"database_url": "libsql://db.turso.io"});
        let rule = |origin: &str| AllowRule {
            origin: origin.to_owned(),
            ..AllowRule::default()
        };
        let found = differences(
            &descriptor,
            &config,
            &rules(&[rule("https://db.turso.io"), rule("https://x.io")]),
            |_| true,
        );
        let subjects: Vec<_> = found
            .iter()
            .map(|d| (d.subject.as_str(), d.message.as_str()))
            .collect();
        assert_eq!(
            subjects,
            [
                ("https://db.turso.io", "POST is requested, but not granted"),
                (
                    "https://db.turso.io",
                    "the secret `token` is requested, but no rule names it"
                ),
                ("https://x.io", "granted, but not requested"),
            ]
        );
        let found = differences(&descriptor, &config, &rules(&[]), |_| true);
        assert_eq!(
            found[0].message,
            "requested (the database), but not granted"
        );
        // Two rules of one origin add up.
        let post = AllowRule {
            methods: vec!["POST".to_owned()],
            secrets: vec!["token".to_owned()],
            ..rule("https://db.turso.io")
        };
        let both = [rule("https://db.turso.io"), post];
        assert!(differences(&descriptor, &config, &rules(&both), |_| true).is_empty());
    }
    #[test]
    fn a_rule_for_one_region_grants_a_part_of_a_pattern() {
        let request = |origin: &str| OriginRequest {
            origin: origin.to_owned(),
            methods: vec!["POST".to_owned()],
            paths: vec!["/v2/pipeline".to_owned()],
            secrets: Vec::new(),
            purpose: "databases".to_owned(),
        };
        let descriptor = Descriptor {
            name: "x".to_owned(),
            version: "1".to_owned(),
            config_schema: String::new(),
            secrets: Vec::new(),
            origins: vec![
                request("https://*.turso.io"),
                request("https://*.*.turso.io"),
            ],
        };
        let found = |origins: &[&str], method: &str| {
            let rules = origins.iter().map(|origin| AllowRule {
                origin: (*origin).to_owned(),
                methods: vec![method.to_owned()],
                ..AllowRule::default()
            });
            let rules = Rules::new(&rules.collect::<Vec<_>>()).unwrap();
            let found = differences(&descriptor, &serde_json::Value::Null, &rules, |_| true);
            let lines = found
                .into_iter()
                .map(|d| format!("{}: {}", d.subject, d.message));
            lines.collect::<Vec<_>>()
        };
        let regional = "https://*.aws-us-east-1.turso.io";
        assert!(found(&["https://*.turso.io", regional], "POST").is_empty());
        assert!(found(&["https://*.turso.io", "https://*.*.turso.io"], "POST").is_empty());
        assert!(found(&["https://db-acme.turso.io", regional], "POST").is_empty());
        assert_eq!(
            found(&["https://*.turso.io"], "POST"),
            ["https://*.*.turso.io: requested (databases), but not granted"]
        );
        assert_eq!(
            found(&["https://*.turso.io", regional], "GET"),
            [
                "https://*.turso.io: POST /v2/pipeline is requested, but not granted",
                "https://*.*.turso.io: POST /v2/pipeline is requested, but not granted",
            ]
        );
        assert_eq!(
            found(
                &["https://*.turso.io", regional, "https://*.evil.io"],
                "POST"
            ),
            ["https://*.evil.io: granted, but not requested"]
        );
    }
}
