//! Attacks through data that a connector returns: invalid pages, schemas, names,
//! cursors and lists. Each attack is a complete load into files.

mod arrow;
mod cursors;
mod events;
mod kinds;
mod names;
mod parts;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow_ipc::writer::StreamWriter;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use connector_host::SandboxError;
use connector_host::model::{
    Consistency, FileFormat, FilesSpec, Limits, PipelineSpec, ResourceSpec,
};
use connector_host::pipeline::{Pipeline, PipelineError, Report, RunOptions};
use serde_json::{Value as Json, json};
use tempfile::TempDir;

use crate::world::World;

/// Load of the events of a script.
struct Load {
    folder: TempDir,
    limits: Limits,
    requested: Vec<ResourceSpec>,
    format: FileFormat,
    consistency: Consistency,
    options: RunOptions,
}

impl Load {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            limits: Limits::default(),
            requested: Vec::new(),
            format: FileFormat::Jsonl,
            consistency: Consistency::Snapshot,
            options: RunOptions::default(),
        }
    }

    /// Requests a resource.
    fn request(self, resource: &str) -> Self {
        self.request_with(ResourceSpec {
            name: resource.to_owned(),
            ..ResourceSpec::default()
        })
    }

    /// Requests a resource with settings.
    fn request_with(mut self, resource: ResourceSpec) -> Self {
        self.requested.push(resource);
        self
    }

    fn into(mut self, format: FileFormat) -> Self {
        self.format = format;
        self
    }

    fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    async fn run(&self, script: Json) -> Result<Report, PipelineError> {
        self.run_as("attack", script).await
    }

    /// Runs a script as a pipeline of this name.
    async fn run_as(&self, name: &str, script: Json) -> Result<Report, PipelineError> {
        let pipeline = self.pipeline(name, script)?;
        pipeline
            .run(&self.options, Arc::new(()), std::future::pending())
            .await
    }

    fn pipeline(&self, name: &str, script: Json) -> Result<Pipeline, PipelineError> {
        let out = self.folder.path().join("out").display().to_string();
        let mut spec = PipelineSpec::builder(name)
            .config(script)
            .limits(self.limits.clone())
            .consistency(self.consistency)
            .destination(FilesSpec::new(out, "data").with_format(self.format))
            .build();
        spec.resources.clone_from(&self.requested);
        Pipeline::new(World::new().load()?, spec)
    }

    /// Returns the error of a refused load. No row may be stored.
    #[track_caller]
    fn refused(&self, result: Result<Report, PipelineError>) -> SandboxError {
        assert_eq!(rows(self.folder.path()), 0, "rows were stored");
        match result {
            Err(PipelineError::Sandbox(error)) => error,
            other => panic!("the load was not refused: {other:?}"),
        }
    }

    /// Returns the reason of a load that was refused for a breach of the contract.
    #[track_caller]
    fn contract(&self, result: Result<Report, PipelineError>) -> String {
        match self.refused(result) {
            SandboxError::Contract(reason) => reason,
            other => panic!("refused for another reason: {other:?}"),
        }
    }
}

/// Counts the rows in all files of a load.
fn rows(folder: &Path) -> usize {
    let Ok(entries) = fs::read_dir(folder) else {
        return 0;
    };
    entries
        .map(|entry| entry.unwrap().path())
        .map(|path| match path.extension() {
            _ if path.is_dir() => rows(&path),
            Some(ending) if ending == "jsonl" => fs::read_to_string(path).unwrap().lines().count(),
            _ => 0,
        })
        .sum()
}

/// Three valid rows.
fn three_rows() -> RecordBatch {
    let columns: [(&str, ArrayRef); 2] = [
        ("id", Arc::new(Int64Array::from(vec![1, 2, 3]))),
        ("t", Arc::new(StringArray::from(vec!["a", "b", "c"]))),
    ];
    RecordBatch::try_from_iter(columns).unwrap()
}

/// Returns the messages of a stream: its schema and one batch.
fn messages(batch: &RecordBatch) -> (Vec<u8>, Vec<u8>) {
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let schema = writer.get_ref().clone();
    writer.write(batch).unwrap();
    let page = writer.get_ref()[schema.len()..].to_vec();
    (schema, page)
}

fn schema(resource: &str, message: &[u8]) -> Json {
    json!({ "schema": { "resource": resource, "schema": STANDARD.encode(message) } })
}

fn page(resource: &str, rows: u64, message: &[u8]) -> Json {
    json!({ "page": { "resource": resource, "rows": rows, "batch": STANDARD.encode(message) } })
}

fn done(resource: &str, rows: u64) -> Json {
    json!({ "done": [[resource, rows]] })
}

/// Returns the script of a complete read of one resource.
fn read(resource: &str, rows: u64, (schema, page): (&[u8], &[u8])) -> Json {
    json!({ "events": [
        self::schema(resource, schema),
        self::page(resource, rows, page),
        done(resource, rows),
    ] })
}

#[tokio::test]
async fn a_valid_read_is_stored() {
    let load = Load::new();
    let (schema, page) = messages(&three_rows());
    load.run(read("t", 3, (&schema, &page))).await.unwrap();
    assert_eq!(rows(load.folder.path()), 3);
}
