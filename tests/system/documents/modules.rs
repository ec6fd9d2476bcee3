//! The module tables of `docs/architecture.md` list the modules of the tree.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result};
use connector_tests::paths;

use super::{read, rows, section};

/// Headings of the tables, and the folders whose modules they list.
const TABLES: [(&str, &str); 5] = [
    ("### Host", "host/src"),
    ("### Pipeline", "host/src/pipeline"),
    ("### Sandbox", "host/src/sandbox"),
    ("### Destinations", "host/src/destination"),
    ("### Connector", "connector/src"),
];

#[test]
fn every_module_is_in_its_table() -> Result<()> {
    let architecture = read("docs/architecture.md")?;
    for (heading, folder) in TABLES {
        let rows = rows(section(&architecture, heading)?);
        let listed: Vec<_> = rows
            .iter()
            .flat_map(|row| row[0].split(", "))
            .map(|name| name.trim_matches('`').to_owned())
            .collect();
        let modules = modules(folder)?;
        assert_eq!(listed.len(), modules.len(), "{heading}: {listed:?}");
        assert_eq!(BTreeSet::from_iter(listed), modules, "{heading}");
    }
    Ok(())
}

/// Names of the modules of a folder, without its root.
fn modules(folder: &str) -> Result<BTreeSet<String>> {
    let mut modules = BTreeSet::new();
    for entry in fs::read_dir(paths::source_tree().join(folder)).context("no such folder")? {
        let path = entry?.path();
        let is_module = path.is_dir() || path.extension().is_some_and(|name| name == "rs");
        let name = path.file_stem().context("a file has no name")?;
        let name = name.to_string_lossy().into_owned();
        if is_module && !["lib", "mod", "tests"].contains(&name.as_str()) {
            modules.insert(name);
        }
    }
    Ok(modules)
}
