//! Rules for the source of the host. Modules import only what is below them, and
//! only one folder names a driver. The library speaks of settings: tables of the
//! pipeline file, commands and the name of the program belong to the binary. The
//! host names no source.

#![expect(
    clippy::unwrap_used,
    reason = "a failure of the suite is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Layers of the library, each with the layers that it may import.
const LAYERS: [(&str, &[&str]); 5] = [
    ("pipeline", &["sandbox", "destination", "config", "model"]),
    ("sandbox", &["model"]),
    ("destination", &["model"]),
    ("config", &["model"]),
    ("model", &[]),
];
/// Crates that only one folder may name. Modules for tests may name any.
const DRIVERS: [(&str, &str); 7] = [
    ("wasmtime", "sandbox"),
    ("wasmtime_wasi", "sandbox"),
    ("wasmtime_wasi_http", "sandbox"),
    ("reqwest", "sandbox"),
    ("adbc_driver_manager", "destination/adbc"),
    ("object_store", "destination/files/store"),
    ("toml", "config"),
];
/// Texts of the command line.
const COMMAND_LINE: [&str; 4] = ["`just ", "connector-host", "--full-refresh", "--resource"];
/// Tables of the pipeline file.
const TABLES: [&str; 4] = ["[connector", "[destination", "[[connector", "[[resource"];
/// Names of a source.
const SOURCE: [&str; 2] = ["turso", "Turso"];

#[test]
fn a_layer_imports_only_layers_below_it() {
    for (layer, below) in LAYERS {
        let above = LAYERS.iter().map(|(other, _)| *other);
        let above = above.filter(|other| *other != layer && !below.contains(other));
        let imports: Vec<_> = above.map(|other| format!("crate::{other}")).collect();
        let imports: Vec<_> = imports.iter().map(String::as_str).collect();
        for file in sources(&Path::new("src").join(layer)) {
            assert_free(&file, &[&imports[..], &["crate::{"]].concat());
        }
    }
}

#[test]
fn a_file_names_a_shared_type_by_its_own_file() {
    for (layer, _) in LAYERS {
        let folder = Path::new("src").join(layer);
        let root = format!("crate::{layer}::");
        for file in sources(&folder) {
            let is_child = file.parent() == Some(&folder) && !file.ends_with("mod.rs");
            let code = code_of(&file);
            let imports = code.split(';').map(str::trim);
            for import in imports.filter_map(|text| text.strip_prefix("use ")) {
                let parent = import.strip_prefix("super::").filter(|_| is_child);
                let Some(names) = import.strip_prefix(&root).or(parent) else {
                    continue;
                };
                let list = names.strip_prefix('{').map(|list| list.split(','));
                let mut names = list.into_iter().flatten().chain([names]).map(str::trim);
                // The methods of `Pipeline` are spread over the files of its layer.
                let name = names.find(|name| is_type(name) && *name != "Pipeline");
                assert_eq!(name, None, "{} imports it from {layer}", file.display());
            }
        }
    }
}

#[test]
fn a_driver_is_named_in_one_folder() {
    for (driver, folder) in DRIVERS {
        let path = format!("{driver}::");
        for file in sources(Path::new("src")) {
            let is_inside = file.starts_with(Path::new("src").join(folder));
            if !is_inside && !file.ends_with("testing.rs") {
                assert_free(&file, &[&path]);
            }
        }
    }
}

#[test]
fn the_library_names_no_command_and_no_table_of_the_file() {
    for file in sources(Path::new("src")) {
        let is_config = file.starts_with("src/config");
        let tables = if is_config { &[][..] } else { &TABLES };
        assert_free(&file, &[&COMMAND_LINE, tables, &SOURCE].concat());
    }
}

/// Returns the Rust files below a folder, without the binary and test modules.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("bin") {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && !path.ends_with("tests.rs")
        {
            files.push(path);
        }
    }
    files
}

/// Returns the lines of a file before its tests.
fn code_of(file: &Path) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.split("#[cfg(test)]").next().unwrap().to_owned()
}

/// Returns true for names such as `PipelineSpec`.
fn is_type(name: &str) -> bool {
    name.starts_with(char::is_uppercase) && !name.contains("::")
}

/// Fails if a line before the tests of a file holds one of the texts.
fn assert_free(file: &Path, texts: &[&str]) {
    let code = code_of(file);
    for (number, line) in code.lines().enumerate() {
        for text in texts {
            assert!(
                !line.contains(text),
                "{}:{}: {text:?} in {line}",
                file.display(),
                number + 1
            );
        }
    }
}
