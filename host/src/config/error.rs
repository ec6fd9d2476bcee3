//! What can be wrong with a pipeline file.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::names::nearest;

/// A pipeline file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the pipeline file {}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML, or not of the right shape.
    #[error("{message}")]
    Shape {
        /// What is wrong, with line and column where they are known.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A value is not one of those that a key can have.
    #[error("`{key}` is wrong: {message}")]
    Value {
        /// The key, with its tables.
        key: String,
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// The same, once it is known in which file.
    #[error("the pipeline file {} is wrong: {error}", path.display())]
    InFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: Box<ConfigError>,
    },
}

impl ConfigError {
    pub(super) fn value(key: &str, message: String, hint: &str) -> Self {
        Self::Value {
            key: key.to_owned(),
            message,
            hint: hint.to_owned(),
        }
    }

    /// A word that is not one of those that a key can have.
    pub(super) fn choice(key: &str, got: &str, known: &[&str]) -> Self {
        let hint = nearest(got, known.iter().copied()).map_or_else(
            || format!("it can be {}", known.join(", ")),
            |nearest| format!("did you mean \"{nearest}\"?"),
        );
        Self::Value {
            key: key.to_owned(),
            message: format!("\"{got}\" is not known"),
            hint,
        }
    }

    /// An error of the TOML parser, with the nearest known key where the
    /// error is an unknown one.
    pub(super) fn of_toml(error: &toml::de::Error) -> Self {
        let names: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
        let hint = match (error.message(), names.as_slice()) {
            (message, [unknown, known @ ..]) if message.starts_with("unknown field") => {
                nearest(unknown, known.iter().copied()).map_or_else(
                    || format!("it can be {}", known.join(", ")),
                    |nearest| format!("did you mean `{nearest}`?"),
                )
            }
            (message, [missing]) if message.starts_with("missing field") => {
                format!("add `{missing}`")
            }
            (message, _) if message.starts_with("invalid type") => {
                "write the value as the type that is expected there".to_owned()
            }
            _ => "mend that line; `just init` shows a file as it should be".to_owned(),
        };
        Self::Shape {
            message: without_source(&error.to_string()),
            hint,
        }
    }

    /// The same error in other words.
    pub(super) fn map_text(mut self, words: impl Fn(&str) -> String) -> Self {
        if let Self::Shape { message, hint } | Self::Value { message, hint, .. } = &mut self {
            (*message, *hint) = (words(message), words(hint));
        }
        self
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            path: path.to_owned(),
            error: Box::new(self),
        }
    }

    /// What a person can do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { .. } => {
                "`just init` writes a commented turso.toml to start from".to_owned()
            }
            Self::Shape { hint, .. } | Self::Value { hint, .. } => hint.clone(),
            Self::InFile { error, .. } => error.hint(),
        }
    }
}

/// A message of the TOML parser without the line that it quotes: the line may
/// hold a credential that does not belong there. Where it is, is said.
fn without_source(message: &str) -> String {
    let quoted = |line: &&str| {
        line.trim_start_matches([' ', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9'])
            .starts_with('|')
    };
    message
        .lines()
        .filter(|line| !quoted(line))
        .collect::<Vec<_>>()
        .join(": ")
}
