//! What the README says is what the code says, as far as that can be
//! compared. It must not judge the prose.

use std::fs;

use anyhow::{Context, Result};
use connector_tests::paths;
use serde_json::Value as Json;

#[test]
fn the_example_is_the_one_that_is_compiled() -> Result<()> {
    let readme = read("README.md")?;
    let library = read("host/src/lib.rs")?;
    let documentation: Vec<_> = library
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    assert_eq!(
        between(&readme, "```rust\n", "```")?,
        between(&documentation.join("\n"), "```no_run\n", "```")?
    );
    Ok(())
}

#[test]
fn every_key_of_the_pipeline_file_is_explained() -> Result<()> {
    let readme = read("README.md")?;
    let shapes = read("host/src/config/file.rs")?;
    let key = |line| {
        let (field, _) = str::trim(line)
            .strip_prefix("pub(super) ")?
            .split_once(':')?;
        let field = field.trim_start_matches("r#");
        Some(if field == "kind" { "type" } else { field })
    };
    let keys: Vec<_> = shapes.lines().filter_map(key).collect();
    assert!(keys.len() > 30, "only {keys:?} were found");
    for key in keys {
        let spellings = [
            format!("`{key}`"),
            format!("[{key}]"),
            format!("connector.{key}]"),
        ];
        assert!(
            spellings.iter().any(|spelling| readme.contains(spelling)),
            "the README does not explain `{key}`"
        );
    }
    Ok(())
}

#[test]
fn every_setting_of_the_connector_is_explained() -> Result<()> {
    let readme = read("README.md")?;
    let schema: Json = serde_json::from_str(&read("connector/src/config.schema.json")?)?;
    let settings = schema["properties"]
        .as_object()
        .context("the schema has no properties")?;
    for setting in settings.keys() {
        assert!(
            readme.contains(&format!("`{setting}`")),
            "the README does not explain `{setting}`"
        );
    }
    Ok(())
}

fn read(file: &str) -> Result<String> {
    fs::read_to_string(paths::tree().join(file)).with_context(|| format!("cannot read {file}"))
}

fn between<'a>(text: &'a str, from: &str, to: &str) -> Result<&'a str> {
    let (_, rest) = text
        .split_once(from)
        .with_context(|| format!("there is no {from:?}"))?;
    let (inside, _) = rest
        .split_once(to)
        .with_context(|| format!("there is no {to:?} after {from:?}"))?;
    Ok(inside)
}
