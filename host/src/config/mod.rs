//! The pipeline file: TOML to a [`PipelineFile`].
//!
//! Reading order: [`file`](mod@file) and [`destination`] (tables and keys),
//! [`variables`] (`${NAME}`), [`secret`] (sources of credentials), this file
//! (their meaning). It reads the environment only through the function it is
//! given, and knows neither the sandbox nor a destination.

mod destination;
mod error;
mod file;
mod secret;
pub(crate) mod units;
mod variables;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::error::ConfigError;
pub use self::variables::Environment;

use self::file::{RawDefaults, RawFile, RawLimits, RawResource};
use crate::model::pattern::is_pattern;
use crate::model::{
    AllowRule, Consistency, CursorValue, DeletionMode, Limits, Mask, NestedMode, PipelineSpec,
    ReadMode, ResourceDefaults, ResourceSpec, SchemaPolicy, Verification, WriteDisposition,
};

/// A parsed pipeline file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PipelineFile {
    /// Path of the component.
    pub component: PathBuf,
    /// Required SHA-256 of the component, in hex.
    pub sha256: Option<String>,
    /// Settings of the pipeline.
    pub spec: PipelineSpec,
}

/// Reads a pipeline file. Relative paths in it are relative to its folder.
pub fn load(path: &Path, environment: Environment<'_>) -> Result<PipelineFile, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
        path: path.to_owned(),
        source,
    })?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let stem = path
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned());
    parse(
        &text,
        folder,
        stem.as_deref().unwrap_or("pipeline"),
        environment,
    )
    .map_err(|error| error.in_file(path))
}

/// Parses the text of a pipeline file in `folder`. `stem` is the file's name
/// without its extension, which is the default name of the pipeline.
pub fn parse(
    text: &str,
    folder: &Path,
    stem: &str,
    environment: Environment<'_>,
) -> Result<PipelineFile, ConfigError> {
    // The text is parsed as written for errors with line and column, and then
    // with the variables replaced.
    let _: RawFile = toml::from_str(text).map_err(|error| ConfigError::from_toml(&error))?;
    let mut table: toml::Table =
        toml::from_str(text).map_err(|error| ConfigError::from_toml(&error))?;
    let replaced = variables::replace(&mut table, environment)?;
    let raw: RawFile = table
        .try_into()
        .map_err(|error| ConfigError::from_toml(&error))?;
    resolve(raw, text, folder, stem, environment)
        .map_err(|error| error.map_text(|text| replaced.hide(text)))
}

/// Turns the raw file into settings.
fn resolve(
    raw: RawFile,
    text: &str,
    folder: &Path,
    stem: &str,
    environment: Environment<'_>,
) -> Result<PipelineFile, ConfigError> {
    let connector = raw.connector;
    let config = serde_json::to_value(connector.config.unwrap_or_default()).map_err(|error| {
        ConfigError::value(
            "connector.config",
            error.to_string(),
            "use only values that JSON can represent",
        )
    })?;
    let secrets = secret::read_all(
        "connector.secrets",
        connector.secrets.as_ref(),
        folder,
        environment,
    )?;
    let allow = connector.allow.into_iter().map(|rule| AllowRule {
        origin: rule.origin,
        methods: rule.methods,
        paths: rule.paths,
        secrets: rule.secrets,
        headers: rule.headers,
        private: rule.private,
    });
    let consistency = consistency(raw.consistency.as_deref(), raw.commit_every.as_deref())?;
    let mut resources: Vec<ResourceSpec> = Vec::new();
    for resource in raw.resource {
        if resources
            .iter()
            .any(|earlier| earlier.name.eq_ignore_ascii_case(&resource.name))
        {
            return Err(ConfigError::value(
                "resource.name",
                format!("there are two entries for `{}`", resource.name),
                "put all settings of a resource into one [[resource]]; upper and lower case are the same",
            ));
        }
        resources.push(self::resource(resource, &raw.defaults)?);
    }
    if resources.is_empty() && raw.defaults.sets_resources() {
        let all = RawResource {
            name: "*".to_owned(),
            ..RawResource::default()
        };
        resources.push(resource(all, &raw.defaults)?);
    }
    let defaults = defaults(raw.defaults)?;
    let name = raw.name.unwrap_or_else(|| stem.to_owned());
    let destination = destination::parse(raw.destination, text, &name, folder, environment)?;
    let mut spec = PipelineSpec::builder(name)
        .config(config)
        .limits(limits(connector.limits.unwrap_or_default())?)
        .consistency(consistency)
        .destination(destination)
        .build();
    spec.secrets = secrets;
    spec.allow = allow.collect();
    spec.resources = resources;
    spec.verify = choice("verify", raw.verify.as_deref(), &VERIFICATIONS)?.unwrap_or_default();
    spec.defaults = defaults;
    Ok(PipelineFile {
        component: folder.join(connector.component),
        sha256: connector.sha256,
        spec,
    })
}

/// Words of `verify`.
const VERIFICATIONS: [(&str, Verification); 3] = [
    ("off", Verification::Off),
    ("count", Verification::Count),
    ("checksum", Verification::Checksum),
];

/// Default interval between commits of a resumable run.
const DEFAULT_COMMIT_EVERY: Duration = Duration::from_secs(10);

fn consistency(
    consistency: Option<&str>,
    commit_every: Option<&str>,
) -> Result<Consistency, ConfigError> {
    let resumable = choice(
        "consistency",
        consistency,
        &[("snapshot", false), ("resumable", true)],
    )?;
    match (resumable, commit_every) {
        (Some(true), None) => Ok(Consistency::Resumable {
            commit_every: DEFAULT_COMMIT_EVERY,
        }),
        (Some(true), Some(every)) => Ok(Consistency::Resumable {
            commit_every: units::duration("commit_every", every)?,
        }),
        (_, Some(_)) => Err(ConfigError::value(
            "commit_every",
            "a run with one point in time is committed once".to_owned(),
            "add `consistency = \"resumable\"`, or remove the key",
        )),
        _ => Ok(Consistency::Snapshot),
    }
}

fn resource(mut raw: RawResource, defaults: &RawDefaults) -> Result<ResourceSpec, ConfigError> {
    if !raw.exclude.is_empty() && !is_pattern(&raw.name) {
        return Err(ConfigError::value(
            "resource.exclude",
            format!("`{}` is the name of one resource", raw.name),
            "exclude names from a pattern, such as `name = \"*\"`",
        ));
    }
    let or_default = |own: &mut Option<String>, default: &Option<String>| {
        *own = own.take().or_else(|| default.clone());
    };
    or_default(&mut raw.mode, &defaults.mode);
    or_default(&mut raw.write, &defaults.write);
    or_default(&mut raw.deletes, &defaults.deletes);
    or_default(&mut raw.nested, &defaults.nested);
    or_default(&mut raw.schema, &defaults.schema);
    let mode = choice(
        "resource.mode",
        raw.mode.as_deref(),
        &[
            ("full", ReadMode::Full),
            ("incremental", ReadMode::Incremental),
            ("changes", ReadMode::Changes),
        ],
    )?;
    let write = choice(
        "resource.write",
        raw.write.as_deref(),
        &[
            ("replace", WriteDisposition::Replace),
            ("append", WriteDisposition::Append),
            ("merge", WriteDisposition::Merge),
            ("scd2", WriteDisposition::Scd2),
        ],
    )?;
    let deletes = choice(
        "resource.deletes",
        raw.deletes.as_deref(),
        &[
            ("ignore", DeletionMode::Ignore),
            ("soft", DeletionMode::Soft),
            ("hard", DeletionMode::Hard),
        ],
    )?;
    let lag = match raw.lag {
        None => None,
        Some(toml::Value::Integer(number)) if number >= 0 => Some(number.to_string()),
        Some(toml::Value::Float(number)) if number >= 0.0 && number.is_finite() => {
            Some(number.to_string())
        }
        Some(toml::Value::String(text)) => {
            let time = units::duration("resource.lag", &text)?;
            Some(format!("{}s", time.as_secs_f64()))
        }
        Some(other) => {
            return Err(ConfigError::value(
                "resource.lag",
                format!("{other} is not a lag"),
                "write a number in the unit of the cursor column, or a duration such as \"10m\"",
            ));
        }
    };
    let schema = choice(
        "resource.schema",
        raw.schema.as_deref(),
        &[
            ("evolve", SchemaPolicy::Evolve),
            ("freeze", SchemaPolicy::Freeze),
            ("discard_row", SchemaPolicy::DiscardRow),
            ("discard_value", SchemaPolicy::DiscardValue),
        ],
    )?;
    let nested = choice(
        "resource.nested",
        raw.nested.as_deref(),
        &[
            ("keep", NestedMode::Keep),
            ("json", NestedMode::Json),
            ("tables", NestedMode::Tables),
        ],
    )?;
    Ok(ResourceSpec {
        name: raw.name,
        exclude: raw.exclude,
        mode: mode.unwrap_or_default(),
        cursor_column: raw.cursor,
        lag,
        start: cursor_value("resource.start", raw.start)?,
        end: cursor_value("resource.end", raw.end)?,
        primary_key: raw.primary_key,
        write,
        deletes,
        schema: schema.unwrap_or_default(),
        columns: raw.columns,
        types: by_column("resource.types", raw.types)?,
        nested: nested.unwrap_or_default(),
        mask: masks("resource.mask", raw.mask)?,
        filter: raw.r#where,
        max_rows_read: raw.max_rows_read,
        verify: choice("resource.verify", raw.verify.as_deref(), &VERIFICATIONS)?,
    })
}

fn cursor_value(key: &str, raw: Option<toml::Value>) -> Result<Option<CursorValue>, ConfigError> {
    Ok(Some(match raw {
        None => return Ok(None),
        Some(toml::Value::Integer(number)) => CursorValue::Integer(number),
        Some(toml::Value::Float(number)) if number.is_finite() => CursorValue::Real(number),
        Some(toml::Value::String(text)) if !text.is_empty() => CursorValue::Text(text),
        Some(toml::Value::Datetime(time)) => CursorValue::Text(time.to_string()),
        Some(other) => {
            return Err(ConfigError::value(
                key,
                format!("{other} is not a value of a cursor column"),
                "write a number, or a text such as \"2026-03-01\"",
            ));
        }
    }))
}

impl RawDefaults {
    /// True if it has settings that each resource needs in its own entry.
    fn sets_resources(&self) -> bool {
        let settings = [
            &self.mode,
            &self.write,
            &self.deletes,
            &self.nested,
            &self.schema,
        ];
        settings.iter().any(|setting| setting.is_some()) || !self.mask.is_empty()
    }
}

fn defaults(raw: RawDefaults) -> Result<ResourceDefaults, ConfigError> {
    Ok(ResourceDefaults {
        types: by_column("defaults.types", raw.types)?,
        declared_types: by_column("defaults.declared_types", raw.declared_types)?,
        mask: masks("defaults.mask", raw.mask)?,
    })
}

fn masks(key: &str, raw: BTreeMap<String, String>) -> Result<BTreeMap<String, Mask>, ConfigError> {
    const MASKS: [(&str, Mask); 3] = [
        ("sha256", Mask::Sha256),
        ("null", Mask::Null),
        ("partial", Mask::Partial),
    ];
    let mut masks = BTreeMap::new();
    for (column, word) in by_column(key, raw)? {
        if let Some(mask) = choice(key, Some(&word), &MASKS)? {
            masks.insert(column, mask);
        }
    }
    Ok(masks)
}

/// Checks that no column has two entries. Column names ignore letter case.
fn by_column(
    key: &str,
    entries: BTreeMap<String, String>,
) -> Result<BTreeMap<String, String>, ConfigError> {
    let mut columns: Vec<_> = entries
        .keys()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    columns.sort_unstable();
    match columns.array_windows().find(|[one, next]| one == next) {
        None => Ok(entries),
        Some([column, _]) => Err(ConfigError::value(
            key,
            format!("there are two entries for the column `{column}`"),
            "column names ignore letter case; keep one entry",
        )),
    }
}

/// Returns the value of one of several words.
fn choice<T: Copy>(
    key: &str,
    word: Option<&str>,
    choices: &[(&str, T)],
) -> Result<Option<T>, ConfigError> {
    let Some(word) = word else {
        return Ok(None);
    };
    if let Some((_, value)) = choices.iter().find(|(known, _)| *known == word) {
        return Ok(Some(*value));
    }
    let words: Vec<_> = choices.iter().map(|(known, _)| *known).collect();
    Err(ConfigError::choice(key, word, &words))
}

fn limits(raw: RawLimits) -> Result<Limits, ConfigError> {
    let mut limits = Limits::default();
    let size = |key: &str, text: Option<String>, slot: &mut u64| -> Result<(), ConfigError> {
        if let Some(text) = text {
            *slot = units::bytes(&format!("connector.limits.{key}"), &text)?;
        }
        Ok(())
    };
    size("memory", raw.memory, &mut limits.memory)?;
    size("headers", raw.headers, &mut limits.headers)?;
    size("request_body", raw.request_body, &mut limits.request_body)?;
    size("response", raw.response, &mut limits.response)?;
    if let Some(rate) = raw.response_rate {
        limits.response_rate = units::rate("connector.limits.response_rate", &rate)?;
    }
    size("random", raw.random, &mut limits.random)?;
    size("log", raw.log, &mut limits.log)?;
    size("page", raw.page, &mut limits.page)?;
    size("text", raw.text, &mut limits.text)?;
    if let Some(time) = raw.time {
        limits.time = units::duration("connector.limits.time", &time)?;
    }
    for (slot, count) in [
        (&mut limits.tables, raw.tables),
        (&mut limits.handles, raw.handles),
        (&mut limits.requests, raw.requests),
        (&mut limits.open_responses, raw.open_responses),
        (&mut limits.page_rows, raw.page_rows),
        (&mut limits.resources, raw.resources),
        (&mut limits.columns, raw.columns),
    ] {
        *slot = count.unwrap_or(*slot);
    }
    Ok(limits)
}

#[cfg(test)]
mod tests;
