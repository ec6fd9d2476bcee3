//! Runs connectors that do not have to be trusted.
//!
//! Only this module names wasmtime, and it knows no destination. Its modules, in
//! reading order:
//!
//! | module | job |
//! |---|---|
//! | [`engine`] | compiles a component, once for each process |
//! | [`connectors`] | keeps the loaded connectors by digest |
//! | [`cache`] | keeps compiled components on disk |
//! | [`imports`] | limits what a component may import |
//! | [`bindings`] | code generated from the WIT |
//! | [`instance`] | calls a connector, within its limits |
//! | [`state`] | the host side of the WIT interfaces, for one instance |
//! | [`memory`] | memory limits of a guest |
//! | [`secrets`] | secrets of one instance, by reference |
//! | [`egress`] | the only way to the network |
//! | [`convert`] | WIT types to model types and back |
//! | [`text`] | messages and names of a guest |
//! | [`ipc`] | validation of Arrow IPC messages |
//! | [`pages`] | events of a read and their data |
//! | [`failure`] | causes of a failed call |
//! | [`error`] | errors of a component |

mod bindings;
mod cache;
mod connectors;
mod convert;
pub(crate) mod egress;
mod engine;
mod error;
mod failure;
mod imports;
mod instance;
mod ipc;
mod memory;
pub(crate) mod pages;
mod secrets;
mod state;
mod text;

pub use engine::{ComponentSource, Connector, Engine, EngineError, EngineOptions};
pub use error::SandboxError;
pub use instance::{Grants, Instance, Reader};
