//! Remedies for a person who edits the pipeline file: lines of the file, and
//! commands. Every line of TOML is made by the TOML writer, so
//! that no text of a guest or a server can add another one.

use std::collections::BTreeSet;

use connector_host::model::{AllowRule, Remedy};
use serde::Serialize;
use toml::{Table, Value};

/// An allow rule as a person writes it: without the keys that have their
/// defaults.
#[derive(Serialize)]
pub(crate) struct Rule {
    origin: String,
    methods: Vec<String>,
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private: bool,
}

impl From<AllowRule> for Rule {
    fn from(rule: AllowRule) -> Self {
        Self {
            origin: rule.origin,
            methods: rule.methods,
            paths: rule.paths,
            secrets: rule.secrets,
            headers: rule.headers,
            private: rule.private,
        }
    }
}

/// Returns the tables `[[connector.allow]]` of a pipeline file.
pub(crate) fn allow_rules(rules: Vec<AllowRule>) -> Result<String, toml::ser::Error> {
    #[derive(Serialize)]
    struct File {
        connector: Connector,
    }

    #[derive(Serialize)]
    struct Connector {
        allow: Vec<Rule>,
    }

    let allow = rules.into_iter().map(Rule::from).collect();
    toml::to_string(&File {
        connector: Connector { allow },
    })
}

/// Hints of several failures, each of which is printed once.
#[derive(Default)]
pub(crate) struct Hints(BTreeSet<String>);

impl Hints {
    /// Returns the line with the hint for a remedy. Empty if there is none, or it
    /// was returned before.
    pub(crate) fn line(&mut self, remedy: Option<&Remedy>) -> String {
        let hint = remedy.map(hint);
        let new = hint.filter(|hint| self.0.insert(hint.clone()));
        new.map_or_else(String::new, |hint| format!("hint: {hint}\n"))
    }
}

/// Returns the hint for a remedy.
pub(crate) fn hint(remedy: &Remedy) -> String {
    let (lead, lines) = match remedy {
        Remedy::AllowOrigin { rule } => (
            "if the connector may reach it, add".to_owned(),
            allow_rules(vec![AllowRule::clone(rule)]),
        ),
        Remedy::AllowPrivate { origin } => (
            format!(
                "if this origin is meant to be on your own network, add to the rule for {origin}"
            ),
            lines(["private"], true),
        ),
        Remedy::AllowSecret { origin, secret } => (
            format!("if this origin may have the credential, add to the rule for {origin}"),
            lines(["secrets"], vec![secret.as_str()]),
        ),
        Remedy::AllowHeader { origin, header } => (
            format!("if the connector may set this header, add to the rule for {origin}"),
            lines(["headers"], vec![header.as_str()]),
        ),
        Remedy::GrantSecret { secret } => (
            "add to the file".to_owned(),
            lines(["connector", "secrets", secret, "env"], variable(secret)),
        ),
        Remedy::PinDigest { sha256 } => (
            "if you trust the new file, set in [connector]".to_owned(),
            lines(["sha256"], sha256.as_str()),
        ),
        Remedy::ConfigureResource {
            resource,
            setting,
            values,
        } => (
            choice(setting, values),
            resource_table(resource, setting, values),
        ),
        Remedy::AllowMethod { origin, method } => {
            return format!(
                "if the connector may do that, add {} to `methods` of the rule for {origin}",
                Value::from(method.as_str())
            );
        }
        Remedy::AllowPath { origin, path } => {
            return format!(
                "if the connector may do that, add {} to `paths` of the rule for {origin}",
                Value::from(path.as_str())
            );
        }
        Remedy::RaiseLimit { limit } => {
            return format!("if the connector needs more, raise `{limit}` in [connector.limits]");
        }
        Remedy::EndReadEarlier { setting } => {
            return format!(
                "raise `time` in [connector.limits], or set `{setting}` in [connector.config] to less \
                 than it: then what is complete by that time is stored"
            );
        }
        Remedy::ProvideComponent => {
            return "`just build` builds the component; check `component` in [connector]"
                .to_owned();
        }
        Remedy::ProvideDriver { driver } => {
            return format!(
                "`just build` fetches the {driver} driver and puts it next to the executable; \
                 or set `driver` in [destination], or CONNECTOR_HOST_DUCKDB, to the path of the library"
            );
        }
        Remedy::UseTemplate => {
            return "`just init` writes a commented turso.toml to start from".to_owned();
        }
        Remedy::FullRefresh { resource } if is_plain(resource) => {
            return format!("run again with `--full-refresh --resource {resource}`");
        }
        Remedy::RestoreFile { resource, path } if is_plain(resource) => {
            return format!(
                "restore {path} from a copy, or replace all rows: run again with \
                 `--full-refresh --resource {resource}`"
            );
        }
        other => return other.to_string(),
    };
    match lines {
        Ok(lines) => format!("{lead}\n\n{}", lines.trim_end()),
        // The TOML writer accepts every text, so this is not expected.
        Err(_) => remedy.to_string(),
    }
}

/// Writes one setting with the tables around it.
fn lines<const N: usize>(
    path: [&str; N],
    value: impl Into<Value>,
) -> Result<String, toml::ser::Error> {
    let inner = path.iter().rev().fold(value.into(), |value, key| {
        Value::Table([((*key).to_owned(), value)].into_iter().collect())
    });
    toml::to_string(&inner)
}

fn resource_table(
    resource: &str,
    setting: &str,
    values: &[serde_json::Value],
) -> Result<String, toml::ser::Error> {
    let mut table = Table::new();
    table.insert("name".to_owned(), resource.into());
    if let Some(value) = values.first() {
        table.insert(setting.to_owned(), Value::try_from(value)?);
    }
    lines(["resource"], vec![table])
}

/// Introduces a resource table whose setting can have one of several values.
fn choice(setting: &str, values: &[serde_json::Value]) -> String {
    let others: Vec<_> = values.iter().skip(1).map(ToString::to_string).collect();
    if others.is_empty() {
        "add to the file".to_owned()
    } else {
        format!(
            "add to the file, with this `{setting}` or {}",
            others.join(" or ")
        )
    }
}

/// Returns an environment variable that suits a secret.
fn variable(secret: &str) -> String {
    let letter = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_uppercase()
        } else {
            '_'
        }
    };
    secret.chars().map(letter).collect()
}

/// Returns true if a shell needs no quotes for the name. Other names are not put
/// into a command, because a connector chooses the names of its resources.
fn is_plain(name: &str) -> bool {
    name.chars()
        .all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
        && !name.is_empty()
}

#[cfg(test)]
mod tests {
    use connector_host::model::Limit;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_hint_of_several_failures_is_shown_once() {
        let mut hints = Hints::default();
        let (one, other) = (Remedy::from("wait"), Remedy::from("raise it"));
        assert_eq!(hints.line(Some(&one)), "hint: wait\n");
        assert_eq!(hints.line(Some(&other)), "hint: raise it\n");
        assert_eq!(hints.line(Some(&one)), "");
        assert_eq!(hints.line(None), "");
    }

    #[test]
    fn a_remedy_becomes_lines_of_the_file() {
        let rule = AllowRule {
            origin: "https://db.example".to_owned(),
            methods: vec!["POST".to_owned()],
            paths: vec!["/v3/pipeline".to_owned()],
            ..AllowRule::default()
        };
        assert_eq!(
            hint(&Remedy::AllowOrigin {
                rule: Box::new(rule)
            }),
            "if the connector may reach it, add\n\n[[connector.allow]]\n\
             origin = \"https://db.example\"\nmethods = [\"POST\"]\npaths = [\"/v3/pipeline\"]"
        );
        assert_eq!(
            hint(&Remedy::GrantSecret {
                secret: "database_token".to_owned()
            }),
            "add to the file\n\n[connector.secrets.database_token]\nenv = \"DATABASE_TOKEN\""
        );
        assert_eq!(
            hint(&Remedy::ConfigureResource {
                resource: "orders".to_owned(),
                setting: "write",
                values: vec![json!("replace"), json!("append")],
            }),
            "add to the file, with this `write` or \"append\"\n\n\
             [[resource]]\nname = \"orders\"\nwrite = \"replace\""
        );
        assert_eq!(
            hint(&Remedy::RaiseLimit {
                limit: Limit::Memory
            }),
            "if the connector needs more, raise `memory` in [connector.limits]"
        );
    }

    #[test]
    fn no_name_adds_a_key_of_its_own() {
        let name = "x\"\n[[connector.allow]]\norigin = \"https://evil.example";
        let lines = |remedy: &Remedy| -> Table {
            let hint = hint(remedy);
            let (_, lines) = hint.split_once("\n\n").unwrap();
            toml::from_str(lines).unwrap()
        };
        let file = lines(&Remedy::GrantSecret {
            secret: name.to_owned(),
        });
        let secrets = file["connector"]["secrets"].as_table().unwrap();
        assert_eq!(file["connector"].as_table().unwrap().len(), 1);
        assert_eq!(secrets.keys().collect::<Vec<_>>(), [name]);
        let file = lines(&Remedy::ConfigureResource {
            resource: name.to_owned(),
            setting: "mask",
            values: vec![json!({})],
        });
        assert_eq!(
            (file.len(), file["resource"][0]["name"].as_str()),
            (1, Some(name))
        );
        let file = lines(&Remedy::AllowSecret {
            origin: "https://db.example".to_owned(),
            secret: name.to_owned(),
        });
        assert_eq!((file.len(), file["secrets"][0].as_str()), (1, Some(name)));
    }

    #[test]
    fn only_a_plain_name_becomes_part_of_a_command() {
        let refresh = |resource: &str| {
            hint(&Remedy::FullRefresh {
                resource: resource.to_owned(),
            })
        };
        assert_eq!(
            refresh("orders"),
            "run again with `--full-refresh --resource orders`"
        );
        assert_eq!(refresh("a; rm"), "load `a; rm` with a full refresh");
    }
}
