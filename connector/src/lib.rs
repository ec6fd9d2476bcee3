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
//! | [`pull`] | a read that is under way between two calls of the host | know the contract |
//! | [`fleet`] | many databases, read like a single one | know how a database is read |
//! | [`check`], [`list`] | findings about a config, and its resources | read rows |
//! | [`read`] | one read, event by event | send requests itself |
//! | [`builtin`] | probes, dump, listening, migration jobs | touch tables |
//! | [`platform`] | resources of the Platform API | touch databases |
//! | [`changes`] | changes of the feed, as rows | send requests |
//! | [`database`] | servers, streams, catalogue, statements, errors | choose what is read |
//! | [`selection`], [`output`] | selections of a read; its events and statistics | know the source of rows |
//! | [`cursor`] | saved positions of resources | read rows |
//! | [`hrana`] | the wire protocol: requests, and the decoding of responses | know a network |
//! | [`rows`] | rows of values, as Arrow batches | know a protocol or SQL |
//! | [`config`], [`describe`] | config and descriptor of the connector | send requests |
//! | [`http`], [`pace`], [`retry`], [`delays`], [`clock`], [`deadline`], [`executor`], [`log`] | services of the host | know Turso |
//! | [`failure`], [`finding`], [`error`], [`url`], [`moment`], [`noun`], [`pattern`], [`arrow`] | values that the others share | import the others |
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
pub mod deadline;
pub mod delays;
pub mod describe;
pub mod error;
pub mod executor;
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
pub mod noun;
pub mod output;
pub mod pace;
pub mod pattern;
pub mod platform;
pub mod pull;
pub mod read;
pub mod retry;
pub mod rows;
pub mod selection;
pub mod url;

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    const SOURCE: &str = include_str!("lib.rs");

    /// Returns the modules of each row of the table.
    fn rows() -> Vec<Vec<&'static str>> {
        SOURCE
            .lines()
            .filter_map(|line| line.strip_prefix("//! | "))
            .filter(|row| row.starts_with(['[', '`']))
            .filter_map(|row| row.split(" | ").next())
            .map(|cell| {
                cell.split(", ")
                    .map(|name| name.trim_matches(['[', '`', ']']))
            })
            .map(Iterator::collect)
            .collect()
    }

    /// Returns the code of a module and its submodules, without comments.
    fn code(module: &str) -> String {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let file = fs::read_to_string(source.join(format!("{module}.rs")));
        let mut text = file.unwrap_or_default();
        let mut folders = vec![source.join(module)];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    text += &fs::read_to_string(path).unwrap();
                }
            }
        }
        let lines = text.lines();
        let code = lines.filter(|line| !line.trim_start().starts_with("//"));
        code.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn the_table_lists_every_module() {
        let listed: BTreeSet<_> = rows().concat().into_iter().collect();
        let declared: BTreeSet<_> = SOURCE
            .lines()
            .map(|line| line.trim_start_matches("pub "))
            .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
            .collect();
        assert_eq!(listed, declared);
    }

    #[test]
    fn no_module_imports_one_of_a_row_above() {
        let mut above = Vec::new();
        for row in rows() {
            for module in &row {
                let code = code(module);
                for other in &above {
                    let import = format!("crate::{other}");
                    assert!(!code.contains(&import), "{module} imports {other}");
                }
                let is_first = above.is_empty();
                assert!(
                    is_first || !code.contains("crate::{"),
                    "{module} has a list"
                );
            }
            above.extend(row);
        }
    }

    #[test]
    fn no_message_names_a_program_or_a_table_of_its_file() {
        for module in rows().concat() {
            let code = code(module);
            for word in [
                "connector-host",
                "`just",
                "[connector.",
                "[[resource",
                "--full-refresh",
            ] {
                assert!(!code.contains(word), "{module} contains {word}");
            }
        }
    }
}
