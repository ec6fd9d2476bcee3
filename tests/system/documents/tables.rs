//! Tables of keys, settings, limits, resources, commands and exit codes hold
//! what the code has, and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result};
use connector_tests::paths;
use connector_tests::pipeline::{Pipeline, host};
use connector_tests::shop;
use connector_tests::sqld::Sqld;
use serde_json::Value as Json;

use super::{code_span, read, rows, section};

#[test]
fn every_key_of_the_pipeline_file_is_explained() -> Result<()> {
    let configuration = read("docs/configuration.md")?;
    let explained = keys(&configuration, &["## Settings of the Turso connector"])?;
    let known = keys_of_the_file()?;
    assert!(known.len() > 30, "only {known:?} were found");
    // Those that are tables have headings of their own.
    let tables = [
        "connector",
        "config",
        "secrets",
        "allow",
        "limits",
        "defaults",
        "resource",
        "destination",
    ];
    let unexplained: Vec<_> = known
        .iter()
        .filter(|key| !explained.contains(*key) && !tables.contains(&key.as_str()))
        .collect();
    assert!(unexplained.is_empty(), "not explained: {unexplained:?}");
    let secrets = ["database_token", "platform_token"];
    let unknown: Vec<_> = explained
        .iter()
        .filter(|key| !known.contains(*key) && !secrets.contains(&key.as_str()))
        .collect();
    assert!(unknown.is_empty(), "explained, but not a key: {unknown:?}");
    for table in tables {
        let spellings = [format!("[{table}]"), format!("connector.{table}]")];
        assert!(
            spellings
                .iter()
                .any(|spelling| configuration.contains(spelling)),
            "the table `{table}` is not explained"
        );
    }
    Ok(())
}

#[test]
fn every_setting_of_the_connector_is_explained() -> Result<()> {
    let configuration = read("docs/configuration.md")?;
    let explained = defaults(section(
        &configuration,
        "## Settings of the Turso connector",
    )?);
    let schema: Json = serde_json::from_str(&read("connector/src/config.schema.json")?)?;
    let settings = schema["properties"]
        .as_object()
        .context("the schema has no properties")?;
    let known: BTreeSet<_> = settings.keys().map(String::as_str).collect();
    assert_eq!(explained.keys().copied().collect::<BTreeSet<_>>(), known);
    for (name, setting) in settings {
        let default = match &setting["default"] {
            Json::Null => continue,
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        assert_eq!(explained[name.as_str()], default, "default of `{name}`");
    }
    Ok(())
}

#[test]
fn every_limit_has_its_default() -> Result<()> {
    let configuration = read("docs/configuration.md")?;
    let explained = defaults(section(&configuration, "## Limits")?);
    let component = paths::component()?.display().to_string();
    let inspected = host(&["inspect", &component, "--json"])?.json()?;
    let limits = inspected["limits"].as_object().context("no limits")?;
    let known: BTreeMap<_, _> = limits
        .iter()
        .map(|(limit, amount)| (limit.as_str(), amount.to_string()))
        .collect();
    let explained: BTreeMap<_, _> = explained
        .into_iter()
        .map(|(limit, amount)| (limit, amount.to_owned()))
        .collect();
    assert_eq!(explained, known);
    Ok(())
}

#[test]
fn every_resource_of_the_platform_api_is_in_its_table() -> Result<()> {
    let resources = read("docs/resources.md")?;
    let listed = Pipeline::for_platform("http://127.0.0.1:1")?
        .host(&["list", "--json"])?
        .json()?;
    let listed = listed.as_array().context("the list is not an array")?;
    assert!(listed.len() > 20, "only {} were found", listed.len());
    let mut rows = rows(section(&resources, "## The Platform API")?);
    for resource in listed {
        let name = resource["name"].as_str().context("it has no name")?;
        let row = rows
            .iter()
            .position(|row| code_span(row[0]) == Some(name))
            .with_context(|| format!("the table does not have `{name}`"))?;
        let cells = rows.swap_remove(row);
        let text = |key: &str| resource[key].to_string();
        let endpoint = cells[1].trim_matches('`');
        assert!(text("description").contains(endpoint), "{cells:?}");
        let key = resource["primary_key"].as_array().context("no key")?;
        let key: Vec<_> = key.iter().filter_map(Json::as_str).collect();
        assert_eq!(cells[2].replace('`', ""), key.join(", "), "{cells:?}");
        let is_incremental = text("modes").contains("incremental");
        assert_eq!(
            cells[3].contains("incremental"),
            is_incremental,
            "{cells:?}"
        );
        let default = if resource["default"] == true {
            "yes"
        } else {
            "no"
        };
        assert_eq!(cells[4], default, "{cells:?}");
    }
    assert!(rows.is_empty(), "not listed: {rows:?}");
    Ok(())
}

#[test]
fn every_command_and_exit_code_is_explained() -> Result<()> {
    let operations = read("docs/operations.md")?;
    let help = host(&["--help"])?.stdout;
    let (_, commands) = help.split_once("Commands:").context("no commands")?;
    let (commands, _) = commands.split_once("\n\n").context("no end")?;
    let commands: BTreeSet<_> = commands
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|command| *command != "help")
        .collect();
    let explained = rows(section(&operations, "## Commands")?);
    let explained: BTreeSet<_> = explained
        .iter()
        .filter_map(|row| code_span(row[0])?.split(' ').next())
        .filter(|command| !command.starts_with('-'))
        .collect();
    assert_eq!(explained, commands);

    let (_, codes) = help.split_once("Exit codes:").context("no exit codes")?;
    let (codes, _) = codes.split_once('.').context("no end")?;
    let codes: BTreeSet<_> = codes
        .split(|c: char| !c.is_ascii_digit())
        .filter(|code| !code.is_empty())
        .collect();
    let explained = rows(section(&operations, "## Exit codes")?);
    let explained: BTreeSet<_> = explained.iter().map(|row| row[0]).collect();
    assert_eq!(explained, codes);
    Ok(())
}

#[test]
fn every_key_of_the_report_is_explained() -> Result<()> {
    let operations = read("docs/operations.md")?;
    let explained = rows(section(&operations, "## Reports")?);
    let keys = explained.iter().flat_map(|row| row[0].split(", "));
    let mut explained: Vec<_> = keys.filter_map(code_span).collect();
    let server = Sqld::with_data(shop::write)?;
    let report = Pipeline::new(&server.url())?.into_files("jsonl").load()?;
    let mut known = Vec::new();
    for object in [&report, &report["resources"][0]] {
        let object = object.as_object().context("not an object")?;
        known.extend(object.keys().map(String::as_str));
    }
    explained.sort_unstable();
    known.sort_unstable();
    assert_eq!(explained, known);
    Ok(())
}

/// Keys that the tables of a document explain, without those of some sections.
fn keys(document: &str, excluded: &[&str]) -> Result<BTreeSet<String>> {
    let mut document = document.to_owned();
    for heading in excluded {
        let section = section(&document, heading)?.to_owned();
        document = document.replace(&section, "");
    }
    let rows = rows(&document);
    let keys = rows.iter().filter_map(|row| code_span(row[0]));
    Ok(keys.map(str::to_owned).collect())
}

/// Keys and their defaults, from a table whose first columns are these.
fn defaults(text: &str) -> BTreeMap<&str, &str> {
    let rows = rows(text).into_iter();
    rows.filter_map(|row| Some((code_span(row[0])?, row[1].trim_matches('`'))))
        .collect()
}

/// Keys that the parser of the pipeline file knows: fields of its `Raw`
/// structs.
fn keys_of_the_file() -> Result<BTreeSet<String>> {
    let mut keys = BTreeSet::new();
    for entry in fs::read_dir(paths::source_tree().join("host/src/config"))? {
        let file = entry?.path();
        if file.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let mut is_raw = false;
        for line in fs::read_to_string(&file)?.lines() {
            is_raw = (is_raw || line.contains("struct Raw")) && line != "}";
            if let Some(field) = field(line).filter(|_| is_raw) {
                keys.insert(if matches!(field, "kind" | "_type") {
                    "type".to_owned()
                } else {
                    field.to_owned()
                });
            }
        }
    }
    Ok(keys)
}

/// Name of the field that a line of a struct declares.
fn field(line: &str) -> Option<&str> {
    let line = line.trim();
    let line = line.strip_prefix("pub(super) ").unwrap_or(line);
    let (name, _) = line.split_once(": ")?;
    let name = name.trim_start_matches("r#");
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    is_name.then_some(name)
}
