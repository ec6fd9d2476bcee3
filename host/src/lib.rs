//! Runs connectors that do not have to be trusted, and loads their rows.
//!
//! An [`Engine`] serves a whole process. A [`Connector`] is a component that it
//! has compiled, shared by all tenants. Each tenant has a [`Pipeline`], with a
//! [`PipelineSpec`] of its own. Nothing is global: the library has no static
//! state, reads no environment and prints nothing.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use connector_host::model::FilesSpec;
//! use connector_host::{
//!     AllowRule, Engine, EngineOptions, Pipeline, PipelineSpec, Report, RunOptions, Secret,
//! };
//!
//! async fn load(token: &str) -> Result<Report, Box<dyn std::error::Error>> {
//!     // Once for the process.
//!     let engine = Engine::new(EngineOptions::default().cache("/var/cache/connectors"))?;
//!     let connector = engine.connector("connector.wasm", None)?;
//!
//!     // For each tenant.
//!     let spec = PipelineSpec::builder("tenant-1")
//!         .config(serde_json::json!({ "database_url": "https://db.example.com" }))
//!         .secret("database_token", Secret::new(token))
//!         .allow(AllowRule {
//!             origin: "https://db.example.com".to_owned(),
//!             methods: vec!["POST".to_owned()],
//!             secrets: vec!["database_token".to_owned()],
//!             ..AllowRule::default()
//!         })
//!         .destination(FilesSpec::new("/data/tenant-1", "main"))
//!         .build();
//!     let pipeline = Pipeline::new(connector, spec)?;
//!
//!     // An observer shows progress. The load is cancelled when the future ends.
//!     let (observer, cancel) = (Arc::new(()), std::future::pending());
//!     Ok(pipeline.run(&RunOptions::default(), observer, cancel).await?)
//! }
//! ```
//!
//! The program `embed` in `examples/` has two tenants, progress, cancellation and
//! a destination of its own.
//!
//! | module | content |
//! |---|---|
//! | [`model`] | values of specs, reports and destinations |
//! | [`pipeline`] | commands on a pipeline and their results |
//! | [`destination`] | the traits of a destination, and the built-in ones |
//! | [`network`] | resolver, certificates and denials |
//! | [`config`] | the pipeline file of the command line |
//! | [`testing`] | the sandbox without a pipeline |

pub mod config;
pub mod destination;
pub mod model;
pub mod network;
pub mod pipeline;
mod sandbox;
pub mod testing;

pub use model::{AllowRule, PipelineSpec, Secret};
pub use pipeline::{Observer, Pipeline, PipelineError, Report, RunOptions, Update};
pub use sandbox::{ComponentSource, Connector, Engine, EngineError, EngineOptions, SandboxError};
