//! Relative links and anchors resolve. Never visits an address.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use connector_tests::paths;

use super::{documents, read};

#[test]
fn every_relative_link_resolves() -> Result<()> {
    let mut broken = Vec::new();
    for document in documents()? {
        for target in links(&read(&document)?) {
            if !resolves(&document, &target)? {
                broken.push(format!("{document}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "these links lead nowhere: {broken:#?}");
    Ok(())
}

#[test]
fn every_document_is_linked_from_the_readme() -> Result<()> {
    let links = links(&read("README.md")?);
    for document in documents()? {
        assert!(
            document == "README.md" || links.contains(&document),
            "the README does not link {document}"
        );
    }
    Ok(())
}

/// True if a link of a document leads to a file of the tree, and its anchor to
/// a heading of that file.
fn resolves(document: &str, target: &str) -> Result<bool> {
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = Path::new(document).parent().context("no folder")?;
    let file = if path.is_empty() {
        Path::new(document).to_owned()
    } else {
        folder.join(path)
    };
    if !paths::source_tree().join(&file).exists() {
        return Ok(false);
    }
    Ok(anchor.is_empty() || anchors(&read(&file.display().to_string())?).contains(anchor))
}

/// Relative targets of the links of a document.
fn links(document: &str) -> Vec<String> {
    let prose = prose(document);
    let targets = prose.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.to_owned())
        .filter(|target| !target.contains("://"))
        .collect()
}

/// Anchors of the headings of a document, by GitHub's rules.
fn anchors(document: &str) -> BTreeSet<String> {
    let prose = prose(document);
    let headings = prose
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim().to_lowercase());
    headings
        .map(|heading| {
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// A document without its code blocks.
fn prose(document: &str) -> String {
    let blocks = document.split("\n```").step_by(2);
    blocks.collect::<Vec<_>>().join("\n")
}
