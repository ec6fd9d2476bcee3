//! `[destination]`: one shape for each type of destination.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::error::ConfigError;
use super::secret;
use super::variables::Environment;
use crate::model::{DestinationSpec, DuckDbSpec, FileFormat, FilesSpec, Secret};

/// `[destination]` with `type = "duckdb"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDuckDb {
    #[serde(rename = "type")]
    _type: String,
    /// Database file (`<name>.duckdb`).
    path: Option<PathBuf>,
    /// Schema that holds the tables (the name of the pipeline and `_data`).
    dataset: Option<String>,
    /// Driver library.
    driver: Option<PathBuf>,
    /// Sources of credentials.
    secrets: Option<toml::Value>,
}

/// `[destination]` with `type = "files"`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFiles {
    #[serde(rename = "type")]
    _type: String,
    /// A path or a `file:` URL.
    url: Option<String>,
    /// Folder that holds the tables (the name of the pipeline and `_data`).
    dataset: Option<String>,
    /// `parquet`, `jsonl` or `csv`.
    format: Option<String>,
    /// Sources of credentials.
    secrets: Option<toml::Value>,
}

/// A pipeline file of which only `[destination]` is parsed.
#[derive(Debug, Deserialize)]
struct OnlyDestination<D> {
    #[serde(rename = "destination")]
    _destination: D,
}

/// Parses the table that `[destination]` holds after variables are replaced.
/// `text` is the file as it is written, for errors with line and column.
/// The dataset and the database file are named after the `pipeline` by default.
pub(super) fn parse(
    table: toml::Table,
    text: &str,
    pipeline: &str,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<DestinationSpec, ConfigError> {
    let kind = match table.get("type") {
        Some(toml::Value::String(kind)) => kind.clone(),
        Some(_) => {
            return Err(ConfigError::value(
                "destination.type",
                "the value must be text".to_owned(),
                "write `type = \"duckdb\"` or `type = \"files\"`",
            ));
        }
        None => {
            return Err(ConfigError::value(
                "destination.type",
                "the key is missing".to_owned(),
                "add `type = \"duckdb\"` or `type = \"files\"`",
            ));
        }
    };
    match kind.as_str() {
        "duckdb" => duckdb(shape(table, text)?, pipeline, folder, environment),
        "files" => files(shape(table, text)?, pipeline, folder, environment),
        other => Err(ConfigError::choice(
            "destination.type",
            other,
            &["duckdb", "files"],
        )),
    }
}

fn duckdb(
    raw: RawDuckDb,
    pipeline: &str,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<DestinationSpec, ConfigError> {
    let declared = DuckDbSpec::SECRETS;
    secrets(
        "duckdb",
        declared,
        raw.secrets.as_ref(),
        folder,
        environment,
    )?;
    let default = || PathBuf::from(format!("{pipeline}.duckdb"));
    let path = raw.path.unwrap_or_else(default);
    let mut spec = DuckDbSpec::new(folder.join(path), dataset(raw.dataset, pipeline));
    spec.driver = raw.driver.map(|driver| folder.join(driver));
    Ok(spec.into())
}

fn files(
    raw: RawFiles,
    pipeline: &str,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<DestinationSpec, ConfigError> {
    let declared = FilesSpec::SECRETS;
    secrets("files", declared, raw.secrets.as_ref(), folder, environment)?;
    let url = raw.url.ok_or_else(|| {
        ConfigError::value(
            "destination.url",
            "the key is missing".to_owned(),
            "add `url = \"./out\"`, or use a file: URL",
        )
    })?;
    let url = if url.contains("://") {
        url
    } else {
        folder.join(url).display().to_string()
    };
    let format = match raw.format.as_deref() {
        None | Some("parquet") => FileFormat::Parquet,
        Some("jsonl") => FileFormat::Jsonl,
        Some("csv") => FileFormat::Csv,
        Some(other) => {
            return Err(ConfigError::choice(
                "destination.format",
                other,
                &["parquet", "jsonl", "csv"],
            ));
        }
    };
    let spec = FilesSpec::new(url, dataset(raw.dataset, pipeline));
    Ok(spec.with_format(format).into())
}

/// Returns the name of the dataset. The default differs from the name of the
/// database file: DuckDB cannot resolve `shop.orders` if both a database and a
/// schema are called `shop`.
fn dataset(name: Option<String>, pipeline: &str) -> String {
    name.unwrap_or_else(|| format!("{pipeline}_data"))
}

/// Parses the shape of one type of destination: first from the text, for
/// errors with line and column, and then with the variables replaced.
fn shape<D: DeserializeOwned>(table: toml::Table, text: &str) -> Result<D, ConfigError> {
    let _: OnlyDestination<D> =
        toml::from_str(text).map_err(|error| ConfigError::from_toml(&error))?;
    table
        .try_into()
        .map_err(|error| ConfigError::from_toml(&error))
}

/// Reads the secrets of `[destination.secrets]`, all of which the destination
/// must declare.
fn secrets(
    kind: &str,
    declared: &[&str],
    sources: Option<&toml::Value>,
    folder: &Path,
    environment: Environment<'_>,
) -> Result<BTreeMap<String, Secret>, ConfigError> {
    let names = sources
        .and_then(toml::Value::as_table)
        .into_iter()
        .flatten();
    for (name, _) in names {
        if !declared.contains(&name.as_str()) {
            let hint = if declared.is_empty() {
                "remove it; this destination does not use secrets".to_owned()
            } else {
                format!("use one of: {}", declared.join(", "))
            };
            return Err(ConfigError::value(
                &format!("destination.secrets.{name}"),
                format!("a destination of type \"{kind}\" does not take this secret"),
                hint,
            ));
        }
    }
    secret::read_all("destination.secrets", sources, folder, environment)
}
