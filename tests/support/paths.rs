//! Where the things under test are. Nothing is built or fetched here: what is
//! missing is answered with the command that makes it.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment may name other programs"
)]

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The target folder that the running program was built in.
pub fn target() -> Result<PathBuf> {
    let program = env::current_exe().context("this program does not know where it is")?;
    let release = program
        .ancestors()
        .find(|folder| folder.ends_with("release"));
    let target = release.and_then(Path::parent);
    Ok(target
        .with_context(|| format!("{} is not in a release folder", program.display()))?
        .to_owned())
}

/// The root of the source tree: as cargo says when it runs the tests, since a
/// target folder may be shared by clones.
#[must_use]
pub fn tree() -> PathBuf {
    named("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
        .join("..")
}

/// The host's executable.
pub fn host() -> Result<PathBuf> {
    built("release/connector-host")
}

/// The demo's executable.
pub fn demo() -> Result<PathBuf> {
    built("release/demo")
}

/// The component.
pub fn component() -> Result<PathBuf> {
    built("wasm32-wasip2/release/turso_connector.wasm")
}

/// The component that attacks its host.
pub fn hostile() -> Result<PathBuf> {
    built("wasm32-wasip2/release/hostile_connector.wasm")
}

/// The DuckDB driver.
pub fn duckdb_driver() -> Result<PathBuf> {
    named("CONNECTOR_HOST_DUCKDB").map_or_else(|| built("release/libduckdb.so"), Ok)
}

/// The libSQL server: the one that `SQLD` names, else the one on `PATH`, else
/// the pinned one.
pub fn sqld() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&path)
            .map(|folder| folder.join("sqld"))
            .find(|file| file.is_file())
    };
    named("SQLD")
        .or_else(on_path)
        .map_or_else(|| fetched("sqld", "sqld/sqld"), Ok)
}

/// Turso's own engine: the one that `TURSODB` names, else the pinned one.
pub fn tursodb() -> Result<PathBuf> {
    named("TURSODB").map_or_else(|| fetched("tursodb", "tursodb/tursodb"), Ok)
}

/// Compiled components, kept between test runs.
pub fn component_cache() -> Result<PathBuf> {
    Ok(target()?.join("tools/component-cache"))
}

/// Whether `name` is set to anything but nothing.
#[must_use]
pub fn is_set(name: &str) -> bool {
    named(name).is_some()
}

fn named(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn built(file: &str) -> Result<PathBuf> {
    existing(&target()?.join(file), "`just build` makes it")
}

fn fetched(part: &str, file: &str) -> Result<PathBuf> {
    let hint = format!(
        "`python3 tests/tools/fetch.py TARGET/tools {part}` fetches it, and so does `just test`"
    );
    existing(&target()?.join("tools").join(file), &hint)
}

fn existing(path: &Path, hint: &str) -> Result<PathBuf> {
    if !path.exists() {
        bail!("{} is missing\nhint: {hint}", path.display());
    }
    Ok(path.to_owned())
}
