//! Secrecy of credentials: every command runs with a known credential at the
//! highest log level. Then all output and all files are searched for it.

mod failures;
mod permissions;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use connector_tests::keys;
use connector_tests::paths;
use connector_tests::pipeline::{self, Outcome, Pipeline};
use connector_tests::sqld::{Options, Sqld};
use serde_json::json;

/// Environment variable with the credential.
const VARIABLE: &str = "CANARY";

/// Every command. All of them succeed.
const COMMANDS: [&[&str]; 10] = [
    &["check"],
    &["check", "--json"],
    &["list"],
    &["list", "--json"],
    &["preview", "t"],
    &["preview", "t", "--json"],
    &["inspect"],
    &["inspect", "--json"],
    &["run"],
    &["run", "--json"],
];

#[test]
fn no_command_shows_a_credential_from_the_environment() -> Result<()> {
    let (server, token) = guarded()?;
    every_command(
        &Pipeline::new(&server.url())?.token(&token),
        &token,
        Source::Environment,
    )
}

#[test]
fn no_command_shows_a_credential_from_a_file() -> Result<()> {
    let (server, token) = guarded()?;
    every_command(
        &Pipeline::new(&server.url())?.token(&token),
        &token,
        Source::File,
    )
}

#[test]
fn no_command_shows_a_credential_from_a_program() -> Result<()> {
    let (server, token) = guarded()?;
    every_command(
        &Pipeline::new(&server.url())?.token(&token),
        &token,
        Source::Command,
    )
}

#[test]
fn no_destination_holds_a_credential() -> Result<()> {
    let (server, token) = guarded()?;
    for format in ["parquet", "jsonl", "csv"] {
        let pipeline = Pipeline::new(&server.url())?
            .token(&token)
            .into_files(format);
        for _ in 0..2 {
            let outcome = host(
                &pipeline,
                Source::Environment,
                &token,
                &["run", "--log", "trace"],
            )?;
            ensure!(outcome.code == Some(0), "{format}: {outcome:?}");
            nothing_shows(&pipeline, &outcome, &token)?;
        }
    }
    Ok(())
}

/// Source of the credential in the pipeline file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Environment,
    File,
    Command,
}

fn every_command(pipeline: &Pipeline, token: &str, source: Source) -> Result<()> {
    for format in ["text", "json"] {
        for command in COMMANDS {
            let arguments = [command, &["--log", "trace", "--log-format", format]].concat();
            let outcome = host(pipeline, source, token, &arguments)?;
            ensure!(outcome.code == Some(0), "{arguments:?}: {outcome:?}");
            ensure!(
                outcome.stderr.contains("TRACE") || command[0] == "inspect",
                "{arguments:?} traces nothing"
            );
            nothing_shows(pipeline, &outcome, token)
                .with_context(|| format!("{arguments:?}, from {source:?}"))?;
        }
    }
    nothing_written_in(&paths::component_cache()?, token)
}

/// Runs a command with the credential in its source.
fn host(pipeline: &Pipeline, source: Source, token: &str, arguments: &[&str]) -> Result<Outcome> {
    let file = written(pipeline, source)?;
    let (command, rest) = arguments.split_first().context("the command is missing")?;
    let mut host = pipeline::command()?;
    host.args([command, "--config"]).arg(file).args(rest);
    if source == Source::Environment {
        host.env(VARIABLE, token);
    }
    Ok(host.stdin(Stdio::null()).output()?.into())
}

fn written(pipeline: &Pipeline, source: Source) -> Result<PathBuf> {
    let elsewhere = match source {
        Source::File => return pipeline.write(),
        Source::Environment => format!("{{ env = \"{VARIABLE}\" }}"),
        Source::Command => {
            // A program that prints the credential, like the client of a vault.
            pipeline.write()?;
            "{ command = [\"cat\", \"token\"] }".to_owned()
        }
    };
    let text = pipeline.text().replace("{ file = \"token\" }", &elsewhere);
    ensure!(text.contains(&elsewhere), "the pipeline has no credential");
    let file = pipeline.folder().join("pipeline.toml");
    fs::write(&file, text)?;
    Ok(file)
}

/// Fails if the credential is in the output or in the files of the pipeline.
fn nothing_shows(pipeline: &Pipeline, outcome: &Outcome, token: &str) -> Result<()> {
    ensure!(
        !holds(outcome.stdout.as_bytes(), token),
        "standard output shows it"
    );
    ensure!(
        !holds(outcome.stderr.as_bytes(), token),
        "standard error shows it"
    );
    nothing_written_in(pipeline.folder(), token)
}

fn nothing_written_in(folder: &Path, token: &str) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        ensure!(
            !holds(path.as_os_str().as_encoded_bytes(), token),
            "a name shows it"
        );
        if path.is_dir() {
            nothing_written_in(&path, token)?;
        } else if path.file_name().is_some_and(|name| name != "token") {
            // Other processes add and remove files of the component cache.
            let bytes = fs::read(&path).unwrap_or_default();
            ensure!(!holds(&bytes, token), "{} shows it", path.display());
        }
    }
    Ok(())
}

/// Returns true if bytes contain the credential or a large part of it, plain or
/// in base64.
fn holds(bytes: &[u8], token: &str) -> bool {
    // Only the signature of a token cannot be guessed.
    let secret = token.rsplit('.').next().unwrap_or(token);
    let (first, last) = secret.split_at(secret.len() / 2);
    let mut needles = vec![first.to_owned(), last.to_owned()];
    for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
        // For each alignment in base64, without the characters at both ends,
        // which depend on the neighbouring bytes.
        for before in 0..3 {
            let text = engine.encode(format!("{}{secret}", " ".repeat(before)));
            needles.push(text[4..text.len() - 4].to_owned());
        }
    }
    needles.iter().any(|needle| {
        bytes
            .windows(needle.len())
            .any(|part| part == needle.as_bytes())
    })
}

/// Starts a server that requires a token, and returns a token for it.
fn guarded() -> Result<(Sqld, String)> {
    let server = Sqld::with_options(&Options {
        jwt_key: Some(keys::public()?),
        ..Options::default()
    })?;
    let token = keys::token(&json!({"a": "rw"}))?;
    server.client().with_token(&token).run(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, note TEXT)",
        "INSERT INTO t VALUES (1, 'one'), (2, 'two')",
    ])?;
    Ok((server, keys::token(&json!({"a": "ro"}))?))
}
