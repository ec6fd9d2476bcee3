//! `${NAME}` and `${NAME:-default}` in the texts of a pipeline file. Credentials
//! in `[connector.secrets]` have their own sources and are not touched. No error
//! shows the value of a variable, in case it is a credential after all.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use toml::{Table, Value};

use super::error::ConfigError;

/// A lookup of environment variables.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Names and values of the variables that were replaced.
#[derive(Default)]
pub(super) struct Replaced(BTreeMap<String, String>);

impl Replaced {
    /// Replaces the values of variables in a text by `${NAME}`.
    pub(super) fn hide(&self, text: &str) -> String {
        /// Minimum length of a hidden value. Credentials are longer, and shorter
        /// values may be part of a word.
        const MIN_BYTES: usize = 8;
        let mut variables: Vec<_> = self
            .0
            .iter()
            .filter(|(_, value)| value.len() >= MIN_BYTES)
            .collect();
        // The longest first, because one may begin another.
        variables.sort_by_key(|(_, value)| Reverse(value.len()));
        variables
            .into_iter()
            .fold(text.to_owned(), |text, (name, value)| {
                text.replace(value, &format!("${{{name}}}"))
            })
    }
}

/// Replaces the variables in all texts of a file except secrets.
pub(super) fn replace(
    file: &mut Table,
    environment: Environment<'_>,
) -> Result<Replaced, ConfigError> {
    let mut replaced = Replaced::default();
    for (key, value) in file.iter_mut() {
        match value {
            Value::Table(connector) if key == "connector" => {
                for (key, value) in connector.iter_mut().filter(|(key, _)| *key != "secrets") {
                    in_value(
                        &format!("connector.{key}"),
                        value,
                        environment,
                        &mut replaced,
                    )?;
                }
            }
            value => in_value(key, value, environment, &mut replaced)?,
        }
    }
    Ok(replaced)
}

fn in_value(
    key: &str,
    value: &mut Value,
    environment: Environment<'_>,
    replaced: &mut Replaced,
) -> Result<(), ConfigError> {
    match value {
        Value::String(text) if text.contains("${") => {
            *text = in_text(key, text, environment, replaced)?;
        }
        Value::Array(values) => {
            for value in values {
                in_value(key, value, environment, replaced)?;
            }
        }
        Value::Table(table) => {
            for (inner, value) in table.iter_mut() {
                in_value(&format!("{key}.{inner}"), value, environment, replaced)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn in_text(
    key: &str,
    text: &str,
    environment: Environment<'_>,
    replaced: &mut Replaced,
) -> Result<String, ConfigError> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        whole.push_str(before);
        let Some((variable, after)) = after.split_once('}') else {
            return Err(ConfigError::value(
                key,
                "`${` has no closing `}`".to_owned(),
                "write ${NAME} or ${NAME:-default}",
            ));
        };
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        let value = environment(name).filter(|value| !value.is_empty());
        if let Some(value) = &value {
            replaced.0.insert(name.to_owned(), value.clone());
        }
        match value.as_deref().or(default) {
            Some(value) => whole.push_str(value),
            None => {
                return Err(ConfigError::value(
                    key,
                    format!("the environment variable {name} is not set"),
                    format!("set {name}, or give a default: ${{{name}:-...}}"),
                ));
            }
        }
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}
