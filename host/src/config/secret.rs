//! Credentials, read from the sources that the pipeline file names. Their values
//! go into [`Secret`] and nowhere else.

mod command;

use std::collections::BTreeMap;
use std::path::Path;

use toml::Value;

use super::error::ConfigError;
use super::variables::Environment;
use crate::model::Secret;

/// Reads the secrets of a table such as `[connector.secrets]`. Each has one
/// source: `env`, an environment variable; `file`, a file; or `command`, a
/// program with its arguments that prints it. Surrounding whitespace is
/// trimmed.
pub(super) fn read_all(
    table: &str,
    sources: Option<&Value>,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<BTreeMap<String, Secret>, ConfigError> {
    match sources {
        None => Ok(BTreeMap::new()),
        Some(Value::Table(sources)) => sources
            .iter()
            .map(|(name, source)| {
                let secret = read(table, name, source, folder, environment)?;
                Ok((name.clone(), secret))
            })
            .collect(),
        Some(_) => Err(ConfigError::value(
            table,
            "the value must be a table".to_owned(),
            format!("write [{table}] and, below it, name = {{ env = \"NAME\" }}"),
        )),
    }
}

fn read(
    table: &str,
    name: &str,
    source: &Value,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<Secret, ConfigError> {
    let key = format!("{table}.{name}");
    let secret = match only_entry(source) {
        Some(("env", Value::String(variable))) => {
            let value = environment(variable).ok_or_else(|| {
                ConfigError::value(
                    &key,
                    format!("the environment variable {variable} is not set"),
                    format!("set {variable}, or take the secret from a file: {{ file = \"...\" }}"),
                )
            })?;
            Secret::new(&value)
        }
        Some(("file", Value::String(file))) => {
            let path = folder.join(file);
            let value = std::fs::read_to_string(&path).map_err(|error| {
                ConfigError::value(
                    &key,
                    format!("{} cannot be read: {error}", path.display()),
                    "check the path and its permissions",
                )
            })?;
            warn_if_open(&path);
            Secret::new(&value)
        }
        Some(("command", Value::Array(words))) => {
            let words: Option<Vec<_>> = words.iter().map(Value::as_str).collect();
            let output = command::output(&words.unwrap_or_default(), folder);
            let value = output.map_err(|reason| {
                ConfigError::value(
                    &key,
                    reason,
                    "write the program and its arguments as { command = [\"program\", \"argument\"] }, and try it in a shell",
                )
            })?;
            Secret::new(&value)
        }
        _ => {
            return Err(ConfigError::value(
                &key,
                "a secret has exactly one source".to_owned(),
                "write { env = \"NAME\" }, { file = \"path\" } or { command = [\"program\", \"argument\"] }; the value itself does not belong in this file",
            ));
        }
    };
    if secret.reveal().is_empty() {
        return Err(ConfigError::value(
            &key,
            "the secret is empty".to_owned(),
            "remove it if the server needs no credential",
        ));
    }
    if !secret
        .reveal()
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Err(ConfigError::value(
            &key,
            "the secret contains control characters or characters that are not ASCII".to_owned(),
            "a token is one line of printable characters",
        ));
    }
    Ok(secret)
}

/// Returns the entry of a table that has exactly one.
fn only_entry(source: &Value) -> Option<(&str, &Value)> {
    let mut entries = source.as_table()?.iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Some((key, value)),
        _ => None,
    }
}

#[cfg(unix)]
fn warn_if_open(path: &Path) {
    use std::os::unix::fs::MetadataExt;

    if std::fs::metadata(path).is_ok_and(|metadata| metadata.mode() & 0o077 != 0) {
        tracing::warn!(file = %path.display(), "other users can read this secret; `chmod 600` it");
    }
}

#[cfg(not(unix))]
fn warn_if_open(_path: &Path) {}
