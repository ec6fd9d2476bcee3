//! Runs connectors that nobody trusts.
//!
//! Reading order: [`engine`] (compile, once), [`imports`] (what a component
//! may ask for), [`instance`] (call it, under its limits), [`egress`] (the
//! only way out), [`secrets`] (use without reading), [`pages`] (what comes
//! back). Only this module names wasmtime, and it knows no destination.

mod bindings;
mod cache;
mod convert;
pub mod egress;
pub mod engine;
mod error;
mod failure;
mod imports;
pub mod instance;
mod log;
mod memory;
pub mod pages;
mod random;
mod requests;
mod secrets;
mod state;

pub use engine::{Connector, Engine, EngineOptions};
pub use error::SandboxError;
pub use instance::{Grants, Instance, Reader};
