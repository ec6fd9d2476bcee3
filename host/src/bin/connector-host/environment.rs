//! Settings of the program that come from the environment.

#![expect(
    clippy::disallowed_methods,
    reason = "only this module reads the environment"
)]

use std::env;
use std::path::{Path, PathBuf};

use connector_host::config;
use connector_host::{Engine, EngineOptions, Pipeline};

use crate::failure::Failure;

/// Variable with the path of the DuckDB driver library.
const DRIVER: &str = "CONNECTOR_HOST_DUCKDB";
/// Variable with the folder for compiled components; empty turns it off.
const CACHE: &str = "CONNECTOR_HOST_CACHE";

/// Creates an engine that caches compiled components.
pub(crate) fn engine() -> Result<Engine, Failure> {
    let mut options = EngineOptions::default();
    if let Some(folder) = cache() {
        options = options.cache(folder);
    }
    if let Some(driver) = env::var_os(DRIVER) {
        options = options.driver(PathBuf::from(driver));
    }
    Ok(Engine::new(options)?)
}

/// Creates the pipeline of a file.
pub(crate) fn pipeline(file: &Path) -> Result<Pipeline, Failure> {
    let file = config::load(file, &|name| env::var(name).ok())?;
    let connector = engine()?.connector(file.component, file.sha256.as_deref())?;
    Ok(Pipeline::new(connector, file.spec)?)
}

fn cache() -> Option<PathBuf> {
    if let Some(folder) = env::var_os(CACHE) {
        return (!folder.is_empty()).then(|| folder.into());
    }
    let base = env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cache")))?;
    Some(base.join("connector-host"))
}
