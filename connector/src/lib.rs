//! The Turso connector: reads a Turso or libSQL database and returns Arrow.
//! Runs as a sandboxed component, under the contract of `wit/connector.wit`.
//!
//! Modules in reading order. A module imports only modules of the rows below
//! its own, or of its own row:
//!
//! | module | job | must not |
//! |---|---|---|
//! | `export` | exports the component | do anything else |
//! | [`component`] | implements the contract | decide what is read |
//! | [`fleet`] | many databases, read like a single one | know how a database is read |
//! | [`check`], [`list`] | findings about a config, and its resources | read rows |
//! | [`read`] | one read, event by event | send requests itself |
//! | [`builtin`] | probes, dump, listening, migration jobs | touch tables |
//! | [`platform`] | resources of the Platform API | touch databases |
//! | [`changes`] | changes of the feed, as rows | ask a server |
//! | [`database`] | servers, streams, catalogue, statements, errors | choose what is read |
//! | [`cursor`] | saved positions of resources | read rows |
//! | [`selection`], [`output`] | selections of a read; its events and statistics | know where rows come from |
//! | [`hrana`] | the wire protocol: requests, and the decoding of responses | know a network |
//! | [`rows`] | rows of values, as Arrow batches | know a protocol or SQL |
//! | [`config`], [`describe`] | config and descriptor of the connector | ask a server |
//! | [`http`], [`retry`], [`clock`], [`log`] | services of the host | know Turso |
//! | [`failure`], [`finding`], [`error`], [`url`], [`moment`], [`arrow`] | values that the others share | import the others |
//! | `bindings` | code generated from the contract | hold anything else |

pub mod arrow;
mod bindings;
pub mod builtin;
pub mod changes;
pub mod check;
pub mod clock;
pub mod component;
pub mod config;
pub mod cursor;
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
pub mod rows;
pub mod selection;
pub mod url;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn the_table_lists_every_module() {
        let source = include_str!("lib.rs");
        let rows = source
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "));
        let listed: BTreeSet<_> = rows
            .filter(|row| row.starts_with(['[', '`']))
            .flat_map(|row| row.split(" | ").take(1))
            .flat_map(|cell| cell.split(", "))
            .map(|name| name.trim_matches(['[', '`', ']']))
            .collect();
        let declared: BTreeSet<_> = source
            .lines()
            .map(|line| line.trim_start_matches("pub "))
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
            .collect();
        assert_eq!(listed, declared);
    }
}
