//! The Turso connector: reads a Turso or libSQL database and yields Arrow.
//! Runs as a sandboxed component; what it can do is in `wit/connector.wit`.
//!
//! Reading order:
//!
//! | module | job | must not |
//! |---|---|---|
//! | [`component`] | the contract, in and out | decide anything |
//! | [`describe`], [`check`], [`list`] | what is asked for, what works, what there is | read rows |
//! | [`read`] | one read, event by event | speak HTTP by itself |
//! | [`fleet`] | many databases as if they were one | know how a database is read |
//! | [`builtin`] | probes, dump, changes, jobs | touch tables |
//! | [`platform`] | the Platform API | touch databases |
//! | [`changes`] | the feed of changes, into rows | ask the server |
//! | [`selection`], [`output`] | what is asked for; events and counts | know where rows come from |
//! | [`database`] | servers, streams, catalogue, statements, errors | choose what is read |
//! | [`hrana`] | the wire protocol, into Arrow | know a network |
//! | [`http`], [`clock`], [`log`] | the host's services | know Turso |

pub mod arrow;
mod bindings;
pub mod builtin;
pub mod changes;
pub mod check;
pub mod clock;
pub mod component;
pub mod config;
pub mod database;
pub mod describe;
pub mod error;
#[cfg(target_family = "wasm")]
mod export;
pub mod failure;
pub mod finding;
pub mod fleet;
pub mod hrana;
pub mod http;
pub mod list;
pub mod log;
pub mod moment;
pub mod output;
pub mod platform;
pub mod read;
pub mod retry;
pub mod selection;
pub mod url;
