//! Settings of the program that come from the environment.

#![expect(
    clippy::disallowed_methods,
    reason = "only this module reads the environment"
)]

use std::env;
use std::path::{Path, PathBuf};

use connector_host::config;
use connector_host::model::PipelineSpec;
use connector_host::pipeline::Pipeline;
use connector_host::sandbox::{Engine, EngineOptions};

use crate::failure::Failure;

/// Variable with the path of the DuckDB driver library.
const DRIVER: &str = "CONNECTOR_HOST_DUCKDB";
/// Variable with the folder for compiled components; empty turns it off.
const CACHE: &str = "CONNECTOR_HOST_CACHE";

/// Creates an engine that caches compiled components.
pub(crate) fn engine() -> Result<Engine, Failure> {
    Ok(Engine::new(EngineOptions {
        cache: cache(),
        ..EngineOptions::default()
    })?)
}

/// Creates the pipeline of a file.
pub(crate) fn pipeline(file: &Path) -> Result<Pipeline, Failure> {
    let spec = spec(file)?;
    Ok(Pipeline::open(&engine()?, spec, drivers())?)
}

fn spec(file: &Path) -> Result<PipelineSpec, Failure> {
    Ok(config::load(file, &|name| env::var(name).ok())?)
}

fn drivers() -> Vec<PathBuf> {
    env::var_os(DRIVER).map(PathBuf::from).into_iter().collect()
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
