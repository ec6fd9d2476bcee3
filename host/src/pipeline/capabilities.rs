//! The capability card of a connector: what it imports and asks for, what a
//! pipeline grants it, and the difference both ways.

use std::collections::BTreeMap;

use serde::Serialize;
use url::Url;

use super::{Pipeline, PipelineError};
use crate::model::{AllowRule, Amount, Descriptor, Limits};
use crate::sandbox::egress::rule::{Rule, Rules};
use crate::sandbox::{Connector, Grants};

/// What a component is and wants.
#[derive(Clone, Debug, Serialize)]
pub struct Capabilities {
    /// SHA-256 of the file.
    pub sha256: String,
    /// Interfaces that it imports.
    pub imports: Vec<String>,
    /// Interfaces that it exports.
    pub exports: Vec<String>,
    /// How it describes itself.
    pub descriptor: Descriptor,
    /// What a pipeline grants it, where one was given.
    pub grants: Option<Vec<AllowRule>>,
    /// What it may use up, by the keys of `[connector.limits]`.
    pub limits: BTreeMap<&'static str, Amount>,
    /// What is asked for and not granted, and the other way round.
    pub differences: Vec<Difference>,
}

/// One difference between what is asked for and what is granted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What differs.
    pub subject: String,
    /// How.
    pub message: String,
}

impl Capabilities {
    /// Describes a component. It runs without config, network and secrets.
    pub async fn of(connector: &Connector) -> Result<Self, PipelineError> {
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
    /// The card of the pipeline's connector, against what it is granted.
    pub async fn card(&self) -> Result<Capabilities, PipelineError> {
        let mut card = Capabilities::of(&self.connector).await?;
        card.differences = differences(&card.descriptor, &self.spec.config, &self.rules, |name| {
            self.spec.secrets.contains_key(name)
        });
        card.grants = Some(self.spec.allow.clone());
        card.limits = limits(&self.spec.limits);
        Ok(card)
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
    granted: impl Fn(&str) -> bool,
) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut note = |subject: &str, message: String| {
        found.push(Difference {
            subject: subject.to_owned(),
            message,
        });
    };
    let mut asked = Vec::new();
    for request in &descriptor.origins {
        let Some(url) = expand(&request.origin, config) else {
            continue;
        };
        let origin = url.origin().ascii_serialization();
        let covering = || rules.iter().filter(|rule| rule.origin().matches(&url));
        if covering().next().is_none() {
            note(
                &origin,
                format!("asked for ({}), not granted", request.purpose),
            );
        } else {
            for method in &request.methods {
                let refused = |path: &&str| !allowed(rules, &url, method, path);
                let paths = request.paths.iter().map(String::as_str);
                let paths: Vec<_> = paths.filter(refused).collect();
                if !paths.is_empty() {
                    let paths = paths.join(" ");
                    note(
                        &origin,
                        format!("{method} {paths} is asked for, not granted"),
                    );
                } else if request.paths.is_empty() && refused(&"/") {
                    note(&origin, format!("{method} is asked for, not granted"));
                }
            }
            for secret in &request.secrets {
                let named = |rule: &Rule| rule.secrets().any(|name| name == secret);
                if granted(secret) && !covering().any(named) {
                    note(
                        &origin,
                        format!("the secret `{secret}` is asked for, no rule names it"),
                    );
                }
            }
        }
        asked.push(url);
    }
    for rule in rules.iter() {
        if !asked.iter().any(|url| rule.origin().matches(url)) {
            let origin = rule.origin().to_string();
            note(&origin, "granted, not asked for".to_owned());
        }
    }
    for secret in &descriptor.secrets {
        if secret.required && !granted(&secret.name) {
            note(
                &secret.name,
                format!("the secret is required ({}), not granted", secret.purpose),
            );
        }
    }
    found
}

/// The origin that a template stands for; none if the config lacks the
/// setting that it names.
fn expand(template: &str, config: &serde_json::Value) -> Option<Url> {
    let Some(key) = template
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        return Url::parse(template).ok();
    };
    let text = config.get(key)?.as_str()?;
    // Databases write their URLs with schemes of their own.
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme {
        "http" | "ws" => "http",
        _ => "https",
    };
    Url::parse(&format!("{scheme}://{rest}")).ok()
}

/// Whether the rules allow a request for a path of this origin.
fn allowed(rules: &Rules, origin: &Url, method: &str, path: &str) -> bool {
    let url = origin.join(path);
    let method = http::Method::from_bytes(method.as_bytes());
    matches!((method, url), (Ok(method), Ok(url)) if rules.allow(&method, &url).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OriginRequest;

    #[test]
    fn differences_are_shown_both_ways() {
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
                ("https://db.turso.io", "POST is asked for, not granted"),
                (
                    "https://db.turso.io",
                    "the secret `token` is asked for, no rule names it"
                ),
                ("https://x.io", "granted, not asked for"),
            ]
        );
        let found = differences(&descriptor, &config, &rules(&[]), |_| true);
        assert_eq!(found[0].message, "asked for (the database), not granted");
        // Two rules of one origin count together.
        let post = AllowRule {
            methods: vec!["POST".to_owned()],
            secrets: vec!["token".to_owned()],
            ..rule("https://db.turso.io")
        };
        let both = [rule("https://db.turso.io"), post];
        assert!(differences(&descriptor, &config, &rules(&both), |_| true).is_empty());
    }
}
