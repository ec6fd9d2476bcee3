//! Secrecy of credentials in failures.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::keys;
use connector_tests::paths;
use connector_tests::pipeline::{self, Outcome, Pipeline};

use super::{Source, VARIABLE, guarded, host, nothing_shows, written};

const TOKEN: &str = "eyJhbGciOiJub25lIn0.e30.canary-4b1d7f0a9c2e8356-canary-e0c3a86f52d917b4";

/// Runs every command that contacts the source, and checks its exit code. They run
/// one after the other, because each may open the destination.
fn each_ends(pipeline: &Pipeline, token: &str, code: i32) -> Result<Vec<Outcome>> {
    const COMMANDS: [&[&str]; 4] = [&["check"], &["list"], &["run"], &["preview", "t"]];
    const FORMATS: [&[&str]; 2] = [&[], &["--log-format", "json", "--json"]];

    let file = written(pipeline, Source::Environment)?;
    let mut outcomes = Vec::new();
    for format in FORMATS {
        for command in COMMANDS {
            let started = pipeline::command()?
                .args([command, &["--log", "trace", "--config"][..]].concat())
                .arg(&file)
                .args(format)
                .env(VARIABLE, token)
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .context("cannot start the host")?;
            let outcome = Outcome::from(started.wait_with_output()?);
            ensure!(outcome.code == Some(code), "{command:?}: {outcome:?}");
            nothing_shows(pipeline, &outcome, token).with_context(|| format!("{command:?}"))?;
            outcomes.push(outcome);
        }
    }
    Ok(outcomes)
}

#[test]
fn a_refused_credential_is_not_shown() -> Result<()> {
    let (server, _) = guarded()?;
    let token = keys::foreign_token()?;
    let pipeline = Pipeline::new(&server.url())?.token(&token);
    each_ends(&pipeline, &token, 3).map(drop)
}

#[test]
fn a_refusal_that_contains_the_credential_is_not_shown() -> Result<()> {
    let body = format!("{{\"error\":\"the token {TOKEN} is not known here\"}}");
    let server = FaultyServer::always(ProxyFault::Respond(
        "401 Unauthorized",
        "content-type: application/json\r\n",
        body.into(),
    ))?;
    let pipeline = Pipeline::new(&server.url())?.token(TOKEN);
    each_ends(&pipeline, TOKEN, 4).map(drop)
}

#[test]
fn a_server_that_echoes_the_credential_is_not_shown() -> Result<()> {
    let header = format!("x-echo: Bearer {TOKEN}\r\n").leak();
    let responses = [
        ProxyFault::Respond("200 OK", header, b"{}".to_vec()),
        ProxyFault::Respond("200 OK", "", format!("Bearer {TOKEN}").into()),
        ProxyFault::Respond("500 Internal Server Error", "", TOKEN.into()),
        ProxyFault::Respond(
            "302 Found",
            format!("location: /{TOKEN}\r\n").leak(),
            Vec::new(),
        ),
    ];
    for response in responses {
        let server = FaultyServer::always(response)?;
        let pipeline = Pipeline::new(&server.url())?.token(TOKEN);
        for outcome in each_ends(&pipeline, TOKEN, 4)? {
            ensure!(outcome.stderr.contains("database_token"), "{outcome:?}");
        }
    }
    Ok(())
}

#[test]
fn an_unreachable_server_is_reported_without_the_credential() -> Result<()> {
    let pipeline = Pipeline::new("http://127.0.0.1:1")?.token(TOKEN);
    each_ends(&pipeline, TOKEN, 1).map(drop)
}

#[test]
fn a_denied_request_is_reported_without_the_credential() -> Result<()> {
    let (server, token) = guarded()?;
    let origin = server.url();
    for rule in [
        // Another origin.
        "[[connector.allow]]\norigin = \"https://elsewhere.example\"\nsecrets = [\"database_token\"]\n".to_owned(),
        // The right origin, without the credential.
        format!("[[connector.allow]]\norigin = \"{origin}\"\nmethods = [\"GET\", \"POST\"]\nprivate = true\n"),
        // The right origin, without private addresses.
        format!("[[connector.allow]]\norigin = \"{origin}\"\nmethods = [\"GET\", \"POST\"]\nsecrets = [\"database_token\"]\n"),
    ] {
        let pipeline = Pipeline::new(&origin)?.token(&token).allow(&rule);
        each_ends(&pipeline, &token, 4)?;
    }
    Ok(())
}

#[test]
fn a_crash_of_the_connector_shows_no_credential() -> Result<()> {
    for steps in [
        // The connector has only the reference.
        "[{ secret = \"token\" }, { print = \"printed\" }, { panic = \"panicked\" }]",
        "[{ secret = \"token\" }, \"recurse\"]",
        "[{ secret = \"token\" }, { exit = 1 }]",
        "[{ request = { authority = \"{token}\" } }]",
    ] {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("pipeline.toml");
        let component = paths::hostile()?;
        std::fs::write(
            &file,
            format!(
                "[connector]\ncomponent = '{}'\n[connector.config]\ncheck = {steps}\nread = {steps}\n\
                 list = {{ steps = {steps} }}\n[connector.secrets]\ntoken = {{ env = \"{VARIABLE}\" }}\n\
                 [destination]\ntype = \"files\"\nurl = \"./out\"\n",
                component.display()
            ),
        )?;
        for command in ["check", "list", "run"] {
            let output = pipeline::command()?
                .args([command, "--log", "trace", "--config"])
                .arg(&file)
                .env(VARIABLE, TOKEN)
                .stdin(Stdio::null())
                .output()?;
            let outcome = Outcome::from(output);
            ensure!(outcome.code.is_some_and(|code| code != 0), "{outcome:?}");
            ensure!(!super::holds(outcome.stdout.as_bytes(), TOKEN), "{command}");
            ensure!(!super::holds(outcome.stderr.as_bytes(), TOKEN), "{command}");
            super::nothing_written_in(folder.path(), TOKEN)?;
        }
    }
    Ok(())
}

#[test]
fn a_killed_run_writes_no_credential() -> Result<()> {
    let (server, token) = guarded()?;
    for format in ["duckdb", "parquet"] {
        // In the middle of the read.
        let stalling = FaultyServer::proxy(&server.url(), |number, _, _| match number {
            0..3 => ProxyFault::None,
            _ => ProxyFault::Stall,
        })?;
        let mut pipeline = Pipeline::new(&stalling.url())?.token(&token);
        if format != "duckdb" {
            pipeline = pipeline.into_files(format);
        }
        let file = written(&pipeline, Source::Environment)?;
        let mut child = pipeline::command()?
            .args(["run", "--log", "trace", "--config"])
            .arg(file)
            .env(VARIABLE, &token)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stderr = BufReader::new(
            child
                .stderr
                .take()
                .context("the standard error is missing")?,
        );
        let mut log = String::new();
        while log.matches("response received").count() < 3 {
            ensure!(stderr.read_line(&mut log)? > 0, "the process ended: {log}");
        }
        child.kill()?;
        stderr.read_to_string(&mut log)?;
        let mut outcome = Outcome::from(child.wait_with_output()?);
        outcome.stderr = log;
        ensure!(outcome.code.is_none(), "it was not killed: {outcome:?}");
        nothing_shows(&pipeline, &outcome, &token)?;
    }
    Ok(())
}

#[test]
fn an_invalid_pipeline_file_is_reported_without_the_credential() -> Result<()> {
    let pipeline = Pipeline::new("http://127.0.0.1:1")?.token(TOKEN);
    for wrong in [
        format!("\"{TOKEN}\""),
        format!("{{ value = \"{TOKEN}\" }}"),
        format!("[\"{TOKEN}\"]"),
        format!("\"{TOKEN}"),
        format!("{{ env = \"{VARIABLE}\", file = \"token\" }}"),
    ] {
        let text = pipeline.text().replace("{ file = \"token\" }", &wrong);
        let file = pipeline.folder().join("wrong.toml");
        std::fs::write(&file, text)?;
        for command in ["check", "run", "inspect"] {
            let file = file.display().to_string();
            let outcome = pipeline::host(&[command, "--config", &file, "--log", "trace"])?;
            ensure!(outcome.code == Some(2), "{wrong}: {outcome:?}");
            let shown = super::holds(outcome.stderr.as_bytes(), TOKEN);
            ensure!(!shown, "{wrong}: {}", outcome.stderr);
        }
        std::fs::remove_file(file)?;
    }
    // A value that is not valid in a header.
    for unusable in [format!("{TOKEN}\u{1}"), format!("{TOKEN}\nsecond line")] {
        let outcome = host(&pipeline, Source::Environment, &unusable, &["run"])?;
        ensure!(outcome.code == Some(2), "{outcome:?}");
        nothing_shows(&pipeline, &outcome, TOKEN)?;
    }
    Ok(())
}
