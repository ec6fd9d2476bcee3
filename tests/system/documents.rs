//! The README and `docs/` agree with the code, as far as the two can be
//! compared. Does not assess the prose.

mod examples;
mod links;
mod modules;
mod promises;
mod tables;

use std::fs;

use anyhow::{Context, Result};
use connector_tests::paths;

/// Maximum lines of the README. Everything else belongs into `docs/`.
const MAX_README_LINES: usize = 300;

#[test]
fn the_readme_is_short() -> Result<()> {
    let lines = read("README.md")?.lines().count();
    assert!(lines <= MAX_README_LINES, "the README has {lines} lines");
    Ok(())
}

/// The documents of the root and all files of `docs/`, as paths below the root
/// of the tree.
fn documents() -> Result<Vec<String>> {
    let mut names = ["CHANGELOG.md", "README.md", "SECURITY.md"]
        .map(str::to_owned)
        .to_vec();
    for entry in fs::read_dir(paths::source_tree().join("docs")).context("cannot read docs/")? {
        let name = entry.context("cannot read docs/")?.file_name();
        names.push(format!("docs/{}", name.to_string_lossy()));
    }
    names.sort_unstable();
    Ok(names)
}

/// The text of a file of the tree.
fn read(file: &str) -> Result<String> {
    fs::read_to_string(paths::source_tree().join(file))
        .with_context(|| format!("cannot read {file}"))
}

/// Texts of the code blocks of a document in this language.
fn code_blocks<'a>(document: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    let blocks = document.split(fence.as_str()).skip(1);
    blocks
        .filter_map(|rest| rest.split_once("```"))
        .map(|(block, _)| block)
        .collect()
}

/// The text below a heading, up to the next heading of the same level.
fn section<'a>(document: &'a str, heading: &str) -> Result<&'a str> {
    let level = heading.split(' ').next().unwrap_or_default();
    let (_, rest) = document
        .split_once(&format!("\n{heading}\n"))
        .with_context(|| format!("no heading {heading:?}"))?;
    let next = rest.find(&format!("\n{level} "));
    Ok(&rest[..next.unwrap_or(rest.len())])
}

/// Cells of the rows of all tables in a text, without their headers.
fn rows(text: &str) -> Vec<Vec<&str>> {
    let mut rows = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let is_header = lines.peek().is_some_and(|next| next.starts_with("|---"));
        if line.starts_with("| ") && !is_header {
            let line = line.trim_end_matches('|').trim_start_matches('|');
            rows.push(line.split(" | ").map(str::trim).collect());
        }
    }
    rows
}

/// The cell without backticks, unless it is something else than one code span.
fn code_span(cell: &str) -> Option<&str> {
    let inner = cell.strip_prefix('`')?.strip_suffix('`')?;
    (!inner.contains('`')).then_some(inner)
}
