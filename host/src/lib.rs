//! Runs connectors that nobody has to trust, and loads what they read.
//!
//! A [`sandbox::Engine`] serves a whole process. Each tenant's
//! [`pipeline::Pipeline`] is made from a [`model::PipelineSpec`] (which
//! [`config`] reads from a file, and a platform makes from its own records).
//! Nothing is global: no static state, no environment, no output.

pub mod config;
pub mod destination;
pub mod model;
pub mod pipeline;
pub mod sandbox;
