//! Reads credentials from where the pipeline file says they are. Their values
//! go into [`Secret`] and nowhere else.

use std::path::Path;

use super::file::RawSecret;
use super::{ConfigError, Environment};
use crate::model::Secret;

/// The value of one credential.
pub(super) fn read(
    name: &str,
    source: &RawSecret,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<Secret, ConfigError> {
    let key = format!("connector.secrets.{name}");
    let secret = match (&source.env, &source.file) {
        (Some(variable), None) => {
            let value = environment(variable).ok_or_else(|| {
                ConfigError::value(
                    &key,
                    format!("the environment variable {variable} is not set"),
                    &format!(
                        "set {variable}, or take the secret from a file: {{ file = \"...\" }}"
                    ),
                )
            })?;
            Secret::new(&value)
        }
        (None, Some(file)) => {
            let path = folder.join(file);
            let value = std::fs::read_to_string(&path).map_err(|error| {
                ConfigError::value(
                    &key,
                    format!("{} cannot be read: {error}", path.display()),
                    "look at the path and its permissions",
                )
            })?;
            warn_if_open(&path);
            Secret::new(&value)
        }
        _ => {
            return Err(ConfigError::value(
                &key,
                "it has not exactly one source".to_owned(),
                "write { env = \"NAME\" } or { file = \"path\" }; values themselves do not belong into this file",
            ));
        }
    };
    if secret.reveal().is_empty() {
        return Err(ConfigError::value(
            &key,
            "it is empty".to_owned(),
            "leave it out if the server needs none",
        ));
    }
    if !secret
        .reveal()
        .bytes()
        .all(|byte| byte.is_ascii_graphic() || byte == b' ')
    {
        return Err(ConfigError::value(
            &key,
            "it holds characters that no credential has".to_owned(),
            "a token is one line of printable characters",
        ));
    }
    Ok(secret)
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
