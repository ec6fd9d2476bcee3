//! Runs connectors that nobody has to trust, and loads what they read.
//!
//! A [`sandbox::Engine`] serves a whole process. Each tenant's
//! [`pipeline::Pipeline`] is made from a [`model::PipelineSpec`] (which
//! [`config`] reads from a file, and a platform makes from its own records).
//! Nothing is global: no static state, no environment, no output.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use connector_host::model::{
//!     AllowRule, Consistency, FilesSpec, Limits, PipelineSpec, Secret,
//! };
//! use connector_host::pipeline::{Observer, Pipeline, PipelineError, Report, RunOptions, Update};
//! use connector_host::sandbox::{Engine, EngineOptions};
//!
//! /// Once for the process. It compiles components, and holds nothing of any tenant.
//! fn engine() -> anyhow::Result<Engine> {
//!     Engine::new(EngineOptions {
//!         cache: Some("/var/cache/connectors".into()),
//!         ..EngineOptions::default()
//!     })
//! }
//!
//! /// Shows what a load does.
//! struct Dashboard;
//!
//! impl Observer for Dashboard {
//!     fn update(&self, update: Update<'_>) {
//!         if let Update::Rows { resource, rows } = update {
//!             println!("{resource}: {rows} rows");
//!         }
//!     }
//! }
//!
//! /// One load of one tenant. When `cancel` completes, it ends and leaves nothing.
//! async fn load(
//!     engine: &Engine,
//!     tenant: &str,
//!     token: &str,
//!     cancel: impl Future<Output = ()>,
//! ) -> Result<Report, PipelineError> {
//!     let origin = format!("https://{tenant}.turso.io");
//!     let spec = PipelineSpec {
//!         name: tenant.to_owned(),
//!         component: "turso_connector.wasm".into(),
//!         sha256: None,
//!         config: serde_json::json!({ "database_url": origin }),
//!         secrets: [("database_token".to_owned(), Secret::new(token))].into(),
//!         allow: vec![AllowRule {
//!             origin,
//!             methods: vec!["POST".to_owned()],
//!             secrets: vec!["database_token".to_owned()],
//!             ..AllowRule::default()
//!         }],
//!         limits: Limits::default(),
//!         resources: Vec::new(),
//!         destination: FilesSpec::new(format!("/data/{tenant}"), "turso_data").into(),
//!         consistency: Consistency::Snapshot,
//!     };
//!     let pipeline = Pipeline::open(engine, spec, Vec::new())?;
//!     pipeline.run(&RunOptions::default(), Arc::new(Dashboard), cancel).await
//! }
//! ```

pub mod config;
pub mod destination;
pub mod model;
pub mod pipeline;
pub mod sandbox;
