//! What the README says is what the code says, as far as that can be
//! compared. It must not judge the prose.

use std::fs;

use anyhow::{Context, Result};
use connector_tests::paths;
use connector_tests::pipeline::Pipeline;
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

#[test]
fn every_resource_of_the_platform_api_is_in_its_table() -> Result<()> {
    let readme = read("README.md")?;
    let listed = Pipeline::of_platform("http://127.0.0.1:1")?
        .host(&["list", "--json"])?
        .json()?;
    let listed = listed.as_array().context("the list is none")?;
    assert!(listed.len() > 20, "only {} were found", listed.len());
    for resource in listed {
        let name = resource["name"].as_str().context("it has no name")?;
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| `{name}` |")))
            .with_context(|| format!("the README does not have `{name}`"))?;
        let cells: Vec<_> = row.split(" | ").collect();
        let text = |of: &str| resource[of].to_string();
        let endpoint = cells[1].trim_matches('`');
        assert!(text("description").contains(endpoint), "{row}");
        let key = resource["primary_key"].as_array().context("no key")?;
        let key: Vec<_> = key.iter().filter_map(Json::as_str).collect();
        assert_eq!(cells[2].replace('`', ""), key.join(", "), "{row}");
        let is_incremental = text("modes").contains("incremental");
        assert_eq!(cells[3].contains("incremental"), is_incremental, "{row}");
        let default = if resource["default"] == true {
            "yes"
        } else {
            "no"
        };
        assert_eq!(cells[4], default, "{row}");
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
