//! The capability card of a connector: what it imports and asks for, what a
//! pipeline grants it, and the difference both ways.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Pipeline, PipelineError};
use crate::model::{AllowRule, Amount, Descriptor, Limits};
use crate::sandbox::egress::rule::{Rule, Rules};
use crate::sandbox::{Connector, Grants};

/// What a component is and wants.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
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

impl Card {
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
    pub async fn card(&self) -> Result<Card, PipelineError> {
        let mut card = Card::of(&self.connector).await?;
        card.differences = differences(
            &card.descriptor,
            &self.spec.config,
            &self.spec.allow,
            |name| self.spec.secrets.contains_key(name),
        );
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
    allow: &[AllowRule],
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
        let Some(origin) = expand(&request.origin, config) else {
            continue;
        };
        let rules: Vec<_> = allow.iter().filter(|rule| covers(rule, &origin)).collect();
        if rules.is_empty() {
            note(
                &origin,
                format!("asked for ({}), not granted", request.purpose),
            );
        } else {
            for method in &request.methods {
                let refused = |path: &&String| !allowed(&rules, &origin, method, path);
                let paths: Vec<_> = request.paths.iter().filter(refused).collect();
                if !paths.is_empty() {
                    let paths: Vec<_> = paths.into_iter().map(String::as_str).collect();
                    let paths = paths.join(" ");
                    note(
                        &origin,
                        format!("{method} {paths} is asked for, not granted"),
                    );
                } else if request.paths.is_empty() && !allowed(&rules, &origin, method, "/") {
                    note(&origin, format!("{method} is asked for, not granted"));
                }
            }
            for secret in &request.secrets {
                if granted(secret) && !rules.iter().any(|rule| rule.secrets.contains(secret)) {
                    note(
                        &origin,
                        format!("the secret `{secret}` is asked for, no rule names it"),
                    );
                }
            }
        }
        asked.push(origin);
    }
    for rule in allow {
        if !asked.iter().any(|origin| covers(rule, origin)) {
            note(&rule.origin, "granted, not asked for".to_owned());
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
fn expand(template: &str, config: &serde_json::Value) -> Option<String> {
    let Some(key) = template
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'))
    else {
        return Some(template.to_owned());
    };
    let text = config.get(key)?.as_str()?;
    // Databases write their URLs with schemes of their own.
    let (scheme, rest) = text.split_once("://")?;
    let scheme = match scheme {
        "http" | "ws" => "http",
        _ => "https",
    };
    let url = url::Url::parse(&format!("{scheme}://{rest}")).ok()?;
    Some(url.origin().ascii_serialization())
}

/// Whether one of these rules allows a request.
fn allowed(rules: &[&AllowRule], origin: &str, method: &str, path: &str) -> bool {
    let parsed = |rule: &&AllowRule| {
        Rule::new(
            &rule.origin,
            &rule.methods,
            &rule.paths,
            &rule.secrets,
            rule.private,
        )
        .ok()
    };
    let rules = Rules::new(rules.iter().filter_map(parsed).collect());
    let url = url::Url::parse(&format!("{origin}{path}"));
    let method = http::Method::from_bytes(method.as_bytes());
    matches!((method, url), (Ok(method), Ok(url)) if rules.allow(&method, &url).is_ok())
}

fn covers(rule: &AllowRule, origin: &str) -> bool {
    let rule = crate::sandbox::egress::rule::Origin::parse(&rule.origin);
    let url = url::Url::parse(origin);
    matches!((rule, url), (Ok(rule), Ok(url)) if rule.matches(&url))
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
        let config = serde_json::json!({"database_url": "libsql://db.turso.io"});
        let rule = |origin: &str| AllowRule {
            origin: origin.to_owned(),
            ..AllowRule::default()
        };
        let found = differences(
            &descriptor,
            &config,
            &[rule("https://db.turso.io"), rule("https://x.io")],
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
        let found = differences(&descriptor, &config, &[], |_| true);
        assert_eq!(found[0].message, "asked for (the database), not granted");
        // Two rules of one origin count together.
        let post = AllowRule {
            methods: vec!["POST".to_owned()],
            secrets: vec!["token".to_owned()],
            ..rule("https://db.turso.io")
        };
        let both = [rule("https://db.turso.io"), post];
        assert!(differences(&descriptor, &config, &both, |_| true).is_empty());
    }
}
