//! Support library of the system tests, the demonstration and the bench: real
//! servers, source databases, pipelines to run, and independent clients of both
//! ends. It never names a type of the host or the connector.

pub mod chaos;
pub mod compare;
pub mod duckdb;
pub mod faulty;
pub mod files;
pub mod fleet;
pub mod hrana;
pub mod keys;
pub mod nasty;
pub mod paths;
pub mod pipeline;
pub mod platform;
mod process;
pub mod shop;
pub mod snapshot;
pub mod source;
pub mod sqld;
pub mod tursodb;
pub mod value;
