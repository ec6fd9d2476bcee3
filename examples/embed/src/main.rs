//! A small platform. Two tenants share one process, one engine and one compiled
//! connector. Ada's rows go into Parquet files, Ben's into a store of the
//! platform. Ctrl-C, or the end of the time limit, cancels both loads.
//!
//! ```text
//! embed COMPONENT FOLDER ADAS_URL BENS_URL [SECONDS]
//! ```

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the program shows what the library reports"
)]

mod memory;

use std::env;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use connector_host::model::FilesSpec;
use connector_host::{
    AllowRule, Connector, Engine, EngineOptions, Observer, Pipeline, PipelineError, PipelineSpec,
    Report, RunOptions, Update,
};
use tokio::sync::watch;

use crate::memory::MemoryStore;

/// Progress of one tenant's load, on standard error.
struct Progress(&'static str);

impl Observer for Progress {
    fn update(&self, update: Update<'_>) {
        if let Update::Rows { resource, rows } = update {
            eprintln!("{}: {resource}, {rows} rows", self.0);
        }
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [component, folder, adas_url, bens_url, rest @ ..] = arguments.as_slice() else {
        anyhow::bail!("usage: embed COMPONENT FOLDER ADAS_URL BENS_URL [SECONDS]");
    };
    let limit = rest.first().map(|seconds| seconds.parse()).transpose()?;

    // Once for the process. The component is compiled once for both tenants.
    let engine = Engine::new(EngineOptions::default())?;
    let component = std::fs::read(component).context("cannot read the component")?;
    let connector = engine.connector(component, None)?;

    let store = MemoryStore::default();
    let ada = adas_pipeline(connector.clone(), adas_url, Path::new(folder))?;
    let ben = bens_pipeline(connector, bens_url, &store)?;

    let cancelled = cancellation(limit);
    let (ada, ben) = tokio::join!(
        load("ada", &ada, cancelled.clone()),
        load("ben", &ben, cancelled),
    );
    show("ada", ada);
    show("ben", ben);
    for (table, rows) in store.tables() {
        println!("ben's {table}: {rows} rows in memory");
    }
    Ok(())
}

/// Creates a pipeline into one of the destinations of the library.
fn adas_pipeline(
    connector: Connector,
    url: &str,
    folder: &Path,
) -> Result<Pipeline, PipelineError> {
    let mut spec = spec("ada", url);
    let files = FilesSpec::new(folder.display().to_string(), "ada");
    spec.destination = Some(files.into());
    Pipeline::new(connector, spec)
}

/// Creates a pipeline into a destination of the platform.
fn bens_pipeline(
    connector: Connector,
    url: &str,
    store: &MemoryStore,
) -> Result<Pipeline, PipelineError> {
    Pipeline::with_destination(connector, spec("ben", url), Arc::new(store.clone()))
}

/// Describes a tenant's pipeline. Each tenant has its own grants. The rule names
/// the one host of the tenant's database, with or without a region.
fn spec(tenant: &str, url: &str) -> PipelineSpec {
    PipelineSpec::builder(tenant)
        .config(serde_json::json!({ "database_url": url }))
        .allow(AllowRule {
            origin: url.replacen("libsql://", "https://", 1),
            methods: vec!["GET".to_owned(), "POST".to_owned()],
            private: true,
            ..AllowRule::default()
        })
        .build()
}

/// Returns a receiver that becomes true on Ctrl-C or at the time limit.
fn cancellation(limit: Option<u64>) -> watch::Receiver<bool> {
    let (sender, receiver) = watch::channel(limit == Some(0));
    tokio::spawn(async move {
        let limit = limit.map_or(Duration::MAX, Duration::from_secs);
        let _ = tokio::time::timeout(limit, tokio::signal::ctrl_c()).await;
        sender.send(true)
    });
    receiver
}

async fn load(
    tenant: &'static str,
    pipeline: &Pipeline,
    mut cancelled: watch::Receiver<bool>,
) -> Result<Report, PipelineError> {
    let cancel = async move {
        let _ = cancelled.wait_for(|cancelled| *cancelled).await;
    };
    pipeline
        .run(&RunOptions::default(), Arc::new(Progress(tenant)), cancel)
        .await
}

fn show(tenant: &str, result: Result<Report, PipelineError>) {
    match result {
        Ok(report) => {
            let rows: u64 = report.resources.iter().map(|one| one.rows_written).sum();
            println!("{tenant}: {rows} rows into {}", report.destination);
        }
        Err(PipelineError::Cancelled) => println!("{tenant}: cancelled"),
        Err(error) => {
            println!("{tenant}: {error}");
            if let Some(remedy) = error.remedy() {
                println!("{tenant}: {remedy}");
            }
        }
    }
}
