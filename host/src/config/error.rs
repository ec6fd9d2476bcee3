//! Mistakes in a pipeline file.

use std::io;
use std::path::{Path, PathBuf};

use crate::model::Remedy;
use crate::model::names::nearest;

/// A pipeline file that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the pipeline file {}", path.display())]
    Unreadable {
        /// Path of the file.
        path: PathBuf,
        /// Cause.
        #[source]
        source: io::Error,
    },
    /// The file is not TOML, or has an unknown key or a wrong type.
    #[error("{message}")]
    Shape {
        /// The mistake, with line and column if they are known.
        message: String,
        /// Way to correct the mistake.
        remedy: Remedy,
    },
    /// A key has an invalid value.
    #[error("`{key}` is invalid: {message}")]
    Value {
        /// Key with its tables.
        key: String,
        /// The mistake.
        message: String,
        /// Way to correct the mistake.
        remedy: Remedy,
    },
    /// A mistake in a known file.
    #[error("the pipeline file {} is invalid: {error}", path.display())]
    InFile {
        /// Path of the file.
        path: PathBuf,
        /// The mistake.
        error: Box<ConfigError>,
    },
}

impl ConfigError {
    pub(super) fn value(key: &str, message: String, remedy: impl Into<Remedy>) -> Self {
        Self::Value {
            key: key.to_owned(),
            message,
            remedy: remedy.into(),
        }
    }

    /// Creates the error for a word that is not a value of a key.
    pub(super) fn choice(key: &str, word: &str, known: &[&str]) -> Self {
        let remedy = nearest(word, known.iter().copied()).map_or_else(
            || format!("use one of: {}", known.join(", ")),
            |nearest| format!("did you mean \"{nearest}\"?"),
        );
        Self::value(key, format!("\"{word}\" is not known"), remedy)
    }

    /// Creates the error for a failure of the TOML parser. The remedy for an
    /// unknown key is the nearest known one.
    pub(super) fn from_toml(error: &toml::de::Error) -> Self {
        let names: Vec<&str> = error.message().split('`').skip(1).step_by(2).collect();
        let remedy = match (error.message(), names.as_slice()) {
            (message, [unknown, known @ ..]) if message.starts_with("unknown field") => {
                nearest(unknown, known.iter().copied()).map_or_else(
                    || format!("use one of: {}", known.join(", ")).into(),
                    |nearest| Remedy::UseName {
                        name: nearest.to_owned(),
                    },
                )
            }
            (message, [missing]) if message.starts_with("missing field") => {
                format!("add `{missing}`").into()
            }
            (message, _) if message.starts_with("invalid type") => {
                "write the value with the expected type".into()
            }
            _ => Remedy::UseTemplate,
        };
        Self::Shape {
            message: without_source(&error.to_string()),
            remedy,
        }
    }

    /// Replaces the texts of an error that was not put into a file yet.
    pub(super) fn map_text(mut self, replace: impl Fn(&str) -> String) -> Self {
        if let Self::Shape { message, remedy }
        | Self::Value {
            message, remedy, ..
        } = &mut self
        {
            *message = replace(message);
            if let Remedy::Text { text } | Remedy::UseName { name: text } = remedy {
                *text = replace(text);
            }
        }
        self
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self::InFile {
            path: path.to_owned(),
            error: Box::new(self),
        }
    }

    /// Returns what can be done about the error.
    #[must_use]
    pub fn remedy(&self) -> Option<Remedy> {
        match self {
            Self::Unreadable { .. } => Some(Remedy::UseTemplate),
            Self::Shape { remedy, .. } | Self::Value { remedy, .. } => Some(remedy.clone()),
            Self::InFile { error, .. } => error.remedy(),
        }
    }
}

/// Removes the quoted lines from a message of the TOML parser: they may hold a
/// credential. The line number stays.
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
