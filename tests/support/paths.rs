//! Paths of the programs under test. Nothing is built or fetched here. If a
//! part is missing, one message says which command makes it.

#![expect(
    clippy::disallowed_methods,
    reason = "the environment may name other programs"
)]

use std::env;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result};

/// Hint for all missing parts.
const HINT: &str = "run `just test`; or run `just build hostile` and `just fetch sqld tursodb`, then `cargo test --release`";

/// Target folder of the running program.
pub fn target() -> Result<PathBuf> {
    let program = env::current_exe().context("cannot determine the path of this program")?;
    let release = program
        .ancestors()
        .find(|folder| folder.ends_with("release"))
        .and_then(Path::parent);
    Ok(release.map_or_else(
        || end(&format!("{} is not a release build", program.display())),
        Path::to_owned,
    ))
}

/// Root of the source tree. Cargo's variable has priority because clones may
/// share a target folder.
#[must_use]
pub fn source_tree() -> PathBuf {
    env_path("CARGO_MANIFEST_DIR")
        .unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into())
        .join("..")
}

/// Executable of the host.
pub fn host() -> Result<PathBuf> {
    built("release/connector-host")
}

/// Executable of the demonstration.
pub fn demo() -> Result<PathBuf> {
    built("release/demo")
}

/// Executable of the embedding example.
pub fn embed() -> Result<PathBuf> {
    built("release/embed")
}

/// Component of the Turso connector.
pub fn component() -> Result<PathBuf> {
    built("wasm32-wasip2/release/turso_connector.wasm")
}

/// Component that attacks its host.
pub fn hostile() -> Result<PathBuf> {
    built("wasm32-wasip2/release/hostile_connector.wasm")
}

/// DuckDB library.
pub fn duckdb_driver() -> Result<PathBuf> {
    env_path("CONNECTOR_HOST_DUCKDB").map_or_else(|| built("release/libduckdb.so"), Ok)
}

/// libSQL server: the one that `SQLD` names, else the one on `PATH`, else the
/// pinned one.
pub fn sqld() -> Result<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let on_path = || {
        env::split_paths(&path)
            .map(|folder| folder.join("sqld"))
            .find(|file| file.is_file())
    };
    env_path("SQLD")
        .or_else(on_path)
        .map_or_else(|| fetched("sqld/sqld"), Ok)
}

/// Server of Turso's own engine: the one that `TURSODB` names, else the pinned
/// one.
pub fn tursodb() -> Result<PathBuf> {
    env_path("TURSODB").map_or_else(|| fetched("tursodb/tursodb"), Ok)
}

/// Folder of compiled components, kept between test runs.
pub fn component_cache() -> Result<PathBuf> {
    Ok(target()?.join("tools/component-cache"))
}

/// Returns true if the variable `name` has a value that is not empty.
#[must_use]
pub fn is_set(name: &str) -> bool {
    env_path(name).is_some()
}

fn env_path(variable: &str) -> Option<PathBuf> {
    env::var_os(variable)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn built(file: &str) -> Result<PathBuf> {
    Ok(existing(target()?.join(file)))
}

fn fetched(file: &str) -> Result<PathBuf> {
    Ok(existing(target()?.join("tools").join(file)))
}

fn existing(path: PathBuf) -> PathBuf {
    if !path.exists() {
        end(&format!("{} is missing", path.display()));
    }
    path
}

/// Ends the program, so that a missing part is one message and not a failure of
/// every test that needs it.
#[expect(clippy::exit, reason = "no other test could succeed")]
fn end(problem: &str) -> ! {
    static FIRST: Mutex<()> = Mutex::new(());

    // Held until the end: tests run on many threads.
    let _first = FIRST.lock().unwrap_or_else(PoisonError::into_inner);
    // Written past the test harness, which captures what tests print.
    let _ = writeln!(std::io::stderr(), "\nerror: {problem}\nhint: {HINT}");
    std::process::exit(1)
}
