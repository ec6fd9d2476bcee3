//! Speed of the sandbox: loading a compiled component, creating an instance, and
//! ending one at its deadline. The second half of `just bench`. Prints a Markdown
//! table and asserts nothing.

#![expect(clippy::print_stdout, reason = "the figures are its product")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use connector_host::model::{Limit, Limits};
use connector_host::testing::{Grants, Instance};
use connector_host::{Connector, Engine, EngineError, EngineOptions, SandboxError};
use serde_json::{Value as Json, json};

/// Number of measurements.
const TRIES: usize = 200;
/// Time limit of a guest that is stopped.
const TIME: Duration = Duration::from_millis(20);

#[tokio::main]
async fn main() -> Result<()> {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("bench-components");
    let engine = || Engine::new(EngineOptions::default().cache(&cache));
    let turso = component("turso_connector")?;
    let hostile = engine()?.connector(component("hostile_connector")?, None)?;

    println!("{TRIES} tries each\n");
    println!("| | median | p99 | worst |\n|---|---:|---:|---:|");
    row("loading a compiled component", loads(engine, &turso)?);
    let connector = engine()?.connector(turso, None)?;
    row("creating an instance", instances(&connector).await?);
    row(
        "creating and dropping an instance",
        lifetimes(&connector).await?,
    );
    for (action, step) in [
        ("computes", json!("loop")),
        ("calls the host", json!("call_the_host")),
        ("sleeps", json!("sleep")),
        ("polls 900 handles", json!({ "poll": 900 })),
    ] {
        let late = overtime(&hostile, &json!({ "check": [step] })).await?;
        row(&format!("past the deadline, a guest that {action}"), late);
    }
    Ok(())
}

/// Loads a cached component with engines that have not loaded it yet.
fn loads(engine: impl Fn() -> Result<Engine, EngineError>, file: &Path) -> Result<Vec<Duration>> {
    // The first load may have to compile the component.
    engine()?.connector(file, None)?;
    (0..TRIES)
        .map(|_| {
            let engine = engine()?;
            let start = Instant::now();
            let connector = engine.connector(file, None)?;
            let elapsed = start.elapsed();
            drop(connector);
            Ok(elapsed)
        })
        .collect()
}

async fn instances(connector: &Connector) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let start = Instant::now();
        let instance = connector.instantiate(Grants::default()).await?;
        times.push(start.elapsed());
        drop(instance);
    }
    Ok(times)
}

async fn lifetimes(connector: &Connector) -> Result<Vec<Duration>> {
    let mut times = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let start = Instant::now();
        drop(connector.instantiate(Grants::default()).await?);
        times.push(start.elapsed());
    }
    Ok(times)
}

/// Measures the time from the deadline until the call into a guest returns.
async fn overtime(connector: &Connector, script: &Json) -> Result<Vec<Duration>> {
    let script = script.to_string();
    let grants = || Grants {
        limits: Limits {
            time: TIME,
            ..Limits::default()
        },
        ..Grants::default()
    };
    let mut times = Vec::with_capacity(TRIES);
    for _ in 0..TRIES {
        let start = Instant::now();
        let mut instance: Instance = connector.instantiate(grants()).await?;
        let result = instance.check(&script).await;
        times.push(start.elapsed().saturating_sub(TIME));
        ensure!(
            matches!(result, Err(SandboxError::Limit(Limit::Time))),
            "the guest ended otherwise: {result:?}"
        );
    }
    Ok(times)
}

fn row(name: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |part: usize| times[(times.len() * part / 100).min(times.len() - 1)];
    println!(
        "| {name} | {} | {} | {} |",
        shown(at(50)),
        shown(at(99)),
        shown(at(100))
    );
}

fn shown(time: Duration) -> String {
    if time < Duration::from_millis(1) {
        format!("{} µs", time.as_micros())
    } else {
        format!("{:.1} ms", time.as_secs_f64() * 1e3)
    }
}

fn component(name: &str) -> Result<PathBuf> {
    let program = std::env::current_exe().context("this program does not know where it is")?;
    let release = program
        .ancestors()
        .find(|folder| folder.ends_with("release"))
        .context("this program is not in a release folder")?;
    let file = release
        .with_file_name("wasm32-wasip2")
        .join(format!("release/{name}.wasm"));
    ensure!(
        file.exists(),
        "{} is missing\nhint: `just bench` builds it",
        file.display()
    );
    Ok(file)
}
