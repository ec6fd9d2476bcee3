//! The library speaks of settings. Tables of the pipeline file, commands and the
//! name of the program belong to the binary, and the host names no source.

#![expect(
    clippy::unwrap_used,
    reason = "a failure of the suite is a failed test"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// Texts of the command line.
const COMMAND_LINE: [&str; 4] = ["`just ", "connector-host", "--full-refresh", "--resource"];
/// Tables of the pipeline file.
const TABLES: [&str; 4] = ["[connector", "[destination", "[[connector", "[[resource"];
/// Names of a source.
const SOURCE: [&str; 2] = ["turso", "Turso"];

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

/// Fails if a line before the tests of a file holds one of the texts.
fn assert_free(file: &Path, texts: &[&str]) {
    let text = fs::read_to_string(file).unwrap();
    let code = text.split("#[cfg(test)]").next().unwrap();
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
