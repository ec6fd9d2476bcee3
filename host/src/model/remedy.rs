//! Remedies for errors, as values: a command line renders them as lines of a
//! file and commands, a platform in its own words.

use std::fmt;

use super::limits::Limit;
use super::spec::AllowRule;

/// Something that a person can do about an error.
///
/// `Display` names settings and nothing else: no file format, no program.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(tag = "remedy", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remedy {
    /// Add an allow rule.
    AllowOrigin {
        /// Rule that covers the denied request and nothing else.
        rule: Box<AllowRule>,
    },
    /// Add a method to the allow rule for an origin.
    AllowMethod {
        /// Origin of the rule.
        origin: String,
        /// Method to add.
        method: String,
    },
    /// Add a path to the allow rule for an origin.
    AllowPath {
        /// Origin of the rule.
        origin: String,
        /// Path to add.
        path: String,
    },
    /// Let the allow rule for an origin cover private addresses.
    AllowPrivate {
        /// Origin of the rule.
        origin: String,
    },
    /// Add a secret to the allow rule for an origin.
    AllowSecret {
        /// Origin of the rule.
        origin: String,
        /// Name of the secret to add.
        secret: String,
    },
    /// Add a header to the allow rule for an origin.
    AllowHeader {
        /// Origin of the rule.
        origin: String,
        /// Name of the header to add.
        header: String,
    },
    /// Give the pipeline a secret.
    GrantSecret {
        /// Name of the secret.
        secret: String,
    },
    /// Raise a limit.
    RaiseLimit {
        /// The limit that was reached.
        limit: Limit,
    },
    /// End a read before the time limit, with a setting of the connector.
    EndReadEarlier {
        /// Name of the setting.
        setting: String,
    },
    /// Pin the digest of the component that was found.
    PinDigest {
        /// SHA-256 of that component, in lower-case hex.
        sha256: String,
    },
    /// Provide the component: build it, or correct its path.
    ProvideComponent,
    /// Provide the driver of a destination: install it, or name its file.
    ProvideDriver {
        /// Name of the driver.
        driver: String,
    },
    /// Start from a template of the pipeline's settings.
    UseTemplate,
    /// Configure a resource by its own name.
    ConfigureResource {
        /// Name of the resource.
        resource: String,
        /// Setting that must be decided for it, such as `write`.
        setting: &'static str,
        /// Values to choose from, the usual one first.
        values: Vec<serde_json::Value>,
    },
    /// Load a resource from the beginning, replacing its rows.
    FullRefresh {
        /// Name of the resource.
        resource: String,
    },
    /// Restore a stored file, or load its resource from the beginning.
    RestoreFile {
        /// Name of the resource.
        resource: String,
        /// Address of the file.
        path: String,
    },
    /// Correct a mistyped name.
    UseName {
        /// Known name that is nearest to the mistyped one.
        name: String,
    },
    /// Anything else, in terms of settings.
    Text {
        /// Instruction.
        text: String,
    },
}

impl Remedy {
    /// Names the resource that a failure of one of its tables concerns.
    #[must_use]
    pub fn for_resource(mut self, name: &str) -> Self {
        if let Self::RestoreFile { resource, .. } = &mut self {
            name.clone_into(resource);
        }
        self
    }
}

impl From<String> for Remedy {
    fn from(text: String) -> Self {
        Self::Text { text }
    }
}

impl From<&str> for Remedy {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl fmt::Display for Remedy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllowOrigin { rule } => write!(
                f,
                "if the connector may reach it, allow {} {} at {}",
                rule.methods.join(", "),
                rule.paths.join(", "),
                rule.origin
            ),
            Self::AllowMethod { origin, method } => {
                write!(
                    f,
                    "if the connector may do that, allow {method} at {origin}"
                )
            }
            Self::AllowPath { origin, path } => write!(
                f,
                "if the connector may do that, allow the path {path} at {origin}"
            ),
            Self::AllowPrivate { origin } => write!(
                f,
                "if {origin} is meant to be on your own network, allow private addresses for it"
            ),
            Self::AllowSecret { origin, secret } => write!(
                f,
                "if {origin} may have this credential, allow the secret `{secret}` there"
            ),
            Self::AllowHeader { origin, header } => write!(
                f,
                "if the connector may set it, allow the header `{header}` at {origin}"
            ),
            Self::GrantSecret { secret } => {
                write!(f, "provide the secret `{secret}`")
            }
            Self::RaiseLimit { limit } => {
                write!(f, "if the connector needs more, raise the limit `{limit}`")
            }
            Self::EndReadEarlier { setting } => write!(
                f,
                "raise the limit `time`, or set `{setting}` to less than it: then what is complete by \
                 that time is stored"
            ),
            Self::PinDigest { sha256 } => write!(
                f,
                "if you trust the new component, pin its digest: sha256 {sha256}"
            ),
            Self::ProvideComponent => f.write_str("build the component, or correct its path"),
            Self::ProvideDriver { driver } => write!(
                f,
                "install the {driver} driver, or set `driver` of the destination to the path of the library"
            ),
            Self::UseTemplate => f.write_str("start from a template of the settings"),
            Self::ConfigureResource {
                resource, setting, ..
            } => write!(
                f,
                "add settings for the resource `{resource}`, with `{setting}`"
            ),
            Self::FullRefresh { resource } => {
                write!(f, "load `{resource}` with a full refresh")
            }
            Self::RestoreFile { resource, path } => write!(
                f,
                "restore {path} from a copy, or replace all rows: load `{resource}` with a full refresh"
            ),
            Self::UseName { name } => write!(f, "did you mean `{name}`?"),
            Self::Text { text } => f.write_str(text),
        }
    }
}
