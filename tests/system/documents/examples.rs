//! Examples of the documents are accepted by the code. Runs no load.

use std::fs;
use std::process::Command;

use anyhow::{Context, Result};
use connector_tests::paths;
use connector_tests::pipeline::command;

use super::{code_blocks, documents, read};

/// Variables that the examples take credentials from.
const TOKENS: [&str; 3] = ["TURSO_AUTH_TOKEN", "TURSO_API_TOKEN", "TURSO_GROUP_TOKEN"];

#[test]
fn the_embedding_example_is_the_one_that_is_compiled() -> Result<()> {
    let embedding = read("docs/embedding.md")?;
    let library = read("host/src/lib.rs")?;
    let documentation: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    let documentation = documentation.join("\n");
    let compiled = code_blocks(&documentation, "no_run");
    assert!(!compiled.is_empty(), "the library has no example");
    assert_eq!(code_blocks(&embedding, "rust"), compiled);
    Ok(())
}

#[test]
fn every_example_of_a_pipeline_file_is_accepted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pipeline.toml");
    let mut examples = 0;
    for document in documents()? {
        for example in code_blocks(&read(&document)?, "toml") {
            examples += 1;
            fs::write(&file, completed(example)?)?;
            let output = command()?
                .args(["inspect", "--config"])
                .arg(&file)
                .envs(TOKENS.map(|name| (name, "token")))
                .output()?;
            assert!(
                output.status.success(),
                "{document}: {}\n{example}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(examples > 10, "only {examples} examples were found");
    Ok(())
}

#[test]
fn the_example_of_many_databases_allows_hosts_with_and_without_a_region() -> Result<()> {
    let document = read("docs/resources.md")?;
    let examples = code_blocks(&document, "toml");
    let mut examples = examples.iter();
    let example = examples.find(|example| example.contains("databases = [\"*\"]"));
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("pipeline.toml");
    fs::write(&file, completed(example.context("no example")?)?)?;
    let output = command()?
        .args(["inspect", "--json", "--config"])
        .arg(&file)
        .envs(TOKENS.map(|name| (name, "token")))
        .output()?;
    let capabilities: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let requests = capabilities["descriptor"]["origins"].to_string();
    for origin in ["https://*.turso.io", "https://*.*.turso.io"] {
        assert!(requests.contains(&format!("{origin:?}")), "{requests}");
        let differences = capabilities["differences"].to_string();
        assert!(
            !differences.contains(&format!("{origin:?}")),
            "{differences}"
        );
    }
    Ok(())
}

#[test]
fn the_output_of_the_demonstration_is_the_one_of_the_readme() -> Result<()> {
    let readme = read("README.md")?;
    let blocks = code_blocks(&readme, "console");
    let example = blocks.first().context("no example")?;
    let folder = tempfile::tempdir()?;
    let output = Command::new(paths::demo()?)
        .current_dir(folder.path())
        .env("CONNECTOR_HOST_CACHE", paths::component_cache()?)
        .output()?;
    let shown = String::from_utf8_lossy(&output.stdout);
    let shown: Vec<_> = shown.lines().map(without_time).collect();
    let mut compared = 0;
    for line in example.lines() {
        if !line.starts_with('$') && line != "..." {
            compared += 1;
            assert!(shown.contains(&without_time(line)), "{line}\n{shown:#?}");
        }
    }
    assert!(compared > 10, "only {compared} lines were compared");
    Ok(())
}

/// A line of a report without the time of a resource.
fn without_time(line: &str) -> &str {
    let time = line.rsplit_once("  ").filter(|_| line.ends_with(" s"));
    time.map_or(line, |(rest, _)| rest)
}

/// A part of a pipeline file with everything that a whole one needs.
fn completed(example: &str) -> Result<String> {
    let component = paths::component()?.display().to_string();
    let component = format!("component = {component:?}");
    // A key before any table is one of a resource.
    let mut text = if example.starts_with('[') || example.starts_with("name = ") {
        example.to_owned()
    } else {
        format!("[[resource]]\nname = \"example\"\n{example}")
    };
    if let Some(line) = text.lines().find(|line| line.starts_with("component = ")) {
        text = text.replace(line, &component);
    } else {
        text += &format!("\n[connector]\n{component}\n");
    }
    if !text.contains("[connector.secrets]") {
        text += "\n[connector.secrets]\n";
        for secret in ["database_token", "platform_token"] {
            text += &format!("{secret} = {{ env = {:?} }}\n", TOKENS[0]);
        }
    }
    if !text.contains("[destination]") {
        text += "\n[destination]\ntype = \"files\"\nurl = \"./out\"\n";
    }
    let has_connector = text.lines().any(|line| line == "[connector]");
    has_connector.then_some(text).context("no [connector]")
}
