//! `${NAME}` and `${NAME:-default}` in the texts of a pipeline file, anywhere
//! but in `[connector.secrets]`: credentials have sources of their own.

use toml::{Table, Value};

use super::{ConfigError, Environment};

/// Replaces the variables in all texts of a file.
pub(super) fn replace(file: &mut Table, environment: Environment<'_>) -> Result<(), ConfigError> {
    for (key, value) in file.iter_mut() {
        match value {
            Value::Table(connector) if key == "connector" => {
                for (key, value) in connector.iter_mut().filter(|(key, _)| *key != "secrets") {
                    in_value(&format!("connector.{key}"), value, environment)?;
                }
            }
            value => in_value(key, value, environment)?,
        }
    }
    Ok(())
}

fn in_value(key: &str, value: &mut Value, environment: Environment<'_>) -> Result<(), ConfigError> {
    match value {
        Value::String(text) if text.contains("${") => *text = in_text(key, text, environment)?,
        Value::Array(values) => {
            for value in values {
                in_value(key, value, environment)?;
            }
        }
        Value::Table(table) => {
            for (inner, value) in table.iter_mut() {
                in_value(&format!("{key}.{inner}"), value, environment)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn in_text(key: &str, text: &str, environment: Environment<'_>) -> Result<String, ConfigError> {
    let mut replaced = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        replaced.push_str(before);
        let Some((variable, after)) = after.split_once('}') else {
            return Err(ConfigError::value(
                key,
                "`${` is not closed".to_owned(),
                "write ${NAME} or ${NAME:-default}",
            ));
        };
        let (name, default) = match variable.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (variable, None),
        };
        let value = environment(name).filter(|value| !value.is_empty());
        match value.as_deref().or(default) {
            Some(value) => replaced.push_str(value),
            None => {
                return Err(ConfigError::value(
                    key,
                    format!("the environment variable {name} is not set"),
                    &format!("set {name}, or give a default: ${{{name}:-...}}"),
                ));
            }
        }
        rest = after;
    }
    replaced.push_str(rest);
    Ok(replaced)
}
