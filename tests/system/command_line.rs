//! Commands as people and scripts use them.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use connector_tests::keys;
use connector_tests::paths;
use connector_tests::pipeline::{Pipeline, command, host};
use connector_tests::shop;
use connector_tests::snapshot;
use connector_tests::sqld::{Options, Sqld};

#[test]
fn every_command_has_a_help_text() -> Result<()> {
    for command in ["", "run", "check", "list", "preview", "inspect"] {
        let arguments: Vec<_> = [command, "--help"]
            .into_iter()
            .filter(|word| !word.is_empty())
            .collect();
        let outcome = host(&arguments)?;
        assert_eq!(outcome.code, Some(0), "{outcome:?}");
        let name = if command.is_empty() {
            "help".to_owned()
        } else {
            format!("help-{command}")
        };
        snapshot::check(&name, &outcome.stdout, &[])?;
    }
    Ok(())
}

#[test]
fn a_wrong_command_line_exits_with_code_2() -> Result<()> {
    let wrong: [&[&str]; 4] = [
        &[],
        &["run"],
        &["frobnicate"],
        &["inspect", "x.wasm", "--config", "y.toml"],
    ];
    for arguments in wrong {
        let outcome = host(arguments)?;
        assert_eq!(outcome.code, Some(2), "{outcome:?}");
        assert!(outcome.stdout.is_empty(), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn inspect_shows_the_imports_and_requests_of_a_component() -> Result<()> {
    let component = paths::component()?.display().to_string();
    let outcome = host(&["inspect", &component, "--json"])?;
    let capabilities = outcome.json()?;
    let imports = capabilities["imports"]
        .as_array()
        .context("imports are missing")?;
    for import in imports.iter().filter_map(|import| import.as_str()) {
        assert!(!import.contains("sockets"), "{import}");
    }
    assert_eq!(
        capabilities["sha256"].as_str().map(str::len),
        Some(64),
        "{capabilities}"
    );
    Ok(())
}

#[test]
fn the_template_is_a_valid_pipeline_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let template = fs::read_to_string(paths::source_tree().join("connector/turso.template.toml"))?;
    let component = paths::component()?.display().to_string();
    let file = folder.path().join("turso.toml");
    fs::write(&file, template.replace("@COMPONENT@", &component))?;
    let output = command()?
        .args(["inspect", "--config"])
        .arg(&file)
        .env("TURSO_AUTH_TOKEN", "token")
        .output()?;
    assert!(output.status.success(), "{output:?}");
    Ok(())
}

#[test]
fn list_shows_tables_views_and_probes() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let outcome = Pipeline::new(&server.url())?.host(&["list", "--json"])?;
    let resources = outcome.json()?;
    let by_default = |name: &str| {
        let mut found = resources
            .as_array()
            .into_iter()
            .flatten()
            .filter(|resource| resource["name"] == name);
        found
            .next()
            .with_context(|| format!("{name} is not in {outcome:?}"))
            .map(|resource| resource["default"] == true)
    };
    for table in ["customers", "orders", "products"] {
        assert!(by_default(table)?, "{table}");
    }
    for other in [
        "revenue",
        "db_version",
        "db_health",
        "db_dump",
        "platform_jobs",
    ] {
        assert!(!by_default(other)?, "{other}");
    }
    Ok(())
}

#[test]
fn check_accepts_a_valid_pipeline() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let outcome = Pipeline::new(&server.url())?.host(&["check", "--json"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let findings = outcome.json()?;
    assert!(
        findings
            .as_array()
            .into_iter()
            .flatten()
            .all(|finding| finding["severity"] != "error"),
        "{findings}"
    );
    Ok(())
}

#[test]
fn preview_shows_the_first_rows_and_writes_nothing() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?;
    let outcome = pipeline.host(&["preview", "orders", "--limit", "3", "--json"])?;
    let rows = outcome.json()?;
    let ids: Vec<_> = rows
        .as_array()
        .into_iter()
        .flatten()
        .map(|row| row["id"].as_i64())
        .collect();
    assert_eq!(ids, [Some(1), Some(2), Some(3)], "{outcome:?}");
    assert!(!pipeline.database().exists());
    Ok(())
}

#[test]
fn only_the_named_resources_are_loaded() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let outcome =
        Pipeline::new(&server.url())?.host(&["run", "--resource", "customers", "--json"])?;
    let report = outcome.json()?;
    assert_eq!(
        report["resources"].as_array().map(Vec::len),
        Some(1),
        "{report}"
    );
    assert_eq!(report["resources"][0]["rows_written"], 400, "{report}");
    Ok(())
}

#[test]
fn data_goes_to_stdout_and_everything_else_to_stderr() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?;
    let outcome = pipeline.host(&["run", "--json", "--log", "debug", "--log-format", "json"])?;
    outcome.json()?;
    let mut logged = Vec::new();
    for line in outcome.stderr.lines() {
        let event: serde_json::Value =
            serde_json::from_str(line).with_context(|| line.to_owned())?;
        logged.push(event);
    }
    // Each event names its load, resource and request.
    for (target, message, spans) in [
        (
            "connector_host::pipeline::writer",
            "page",
            &["load", "resource"][..],
        ),
        (
            "connector_host::egress",
            "response received",
            &["load", "request"],
        ),
        ("connector_host::pipeline::run", "committed", &["load"]),
    ] {
        let found = logged.iter().find(|event| {
            let is_inside = event["target"]
                .as_str()
                .is_some_and(|found| found.starts_with(target));
            is_inside && event["message"] == message
        });
        let event = found.with_context(|| format!("{message} is not in {outcome:?}"))?;
        let names = event["spans"].as_array().into_iter().flatten();
        let names: Vec<_> = names.filter_map(|span| span["name"].as_str()).collect();
        assert_eq!(names, spans, "{event}");
    }
    Ok(())
}

#[test]
fn a_failed_command_prints_its_error_as_one_json_document() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    let guarded = Sqld::with_options(&Options {
        jwt_key: Some(keys::public()?),
        ..Options::default()
    })?;
    let pipeline = || Pipeline::new(&server.url());
    let missing_folder = "type = \"duckdb\"\npath = \"missing/x.duckdb\"";
    let failures: [(i32, Option<&str>, &[&str], Pipeline); 7] = [
        (1, None, &["diff"], pipeline()?.destination(missing_folder)),
        (
            2,
            None,
            &["check"],
            pipeline()?.component(Path::new("missing.wasm")),
        ),
        (2, None, &["list"], pipeline()?.top("frobnicate = 1")),
        (
            3,
            Some("authentication"),
            &["run"],
            Pipeline::new(&guarded.url())?,
        ),
        (4, None, &["list"], pipeline()?.allow("")),
        (4, None, &["preview", "orders"], pipeline()?.allow("")),
        (5, None, &["run"], pipeline()?.limits("requests = 1")),
    ];
    for (code, category, arguments, pipeline) in failures {
        let outcome = pipeline.host(&[arguments, &["--json"]].concat())?;
        assert_eq!(outcome.code, Some(code), "{outcome:?}");
        let document = outcome.json()?;
        let error = &document["error"];
        assert_eq!(error["category"].as_str(), category, "{outcome:?}");
        assert_eq!(
            error["retryable"].is_null(),
            category.is_none(),
            "{outcome:?}"
        );
        assert!(error["hint"].is_string(), "{outcome:?}");
        let message = error["message"]
            .as_str()
            .context("the message is missing")?;
        let line = format!("error: {message}\nhint: ");
        assert!(outcome.stderr.contains(&line), "{outcome:?}");
    }
    Ok(())
}

#[test]
fn a_failure_after_the_report_adds_no_second_document() -> Result<()> {
    let server = Sqld::with_data(shop::write)?;
    // The file can be opened, but not written.
    let arguments = ["run", "--json", "--record-policy", "/dev/full"];
    let outcome = Pipeline::new(&server.url())?.host(&arguments)?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert_eq!(outcome.json()?["status"], "loaded", "{outcome:?}");
    assert!(outcome.stderr.contains("error: "), "{outcome:?}");
    Ok(())
}

#[test]
fn a_component_is_compiled_once_into_a_private_folder() -> Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

    let folder = tempfile::tempdir()?;
    let cache = folder.path().join("cache");
    let component = paths::component()?;
    let inspect = || -> Result<()> {
        let mut command = command()?;
        command.env("CONNECTOR_HOST_CACHE", &cache);
        let output = command.arg("inspect").arg(&component).output()?;
        assert!(output.status.success(), "{output:?}");
        Ok(())
    };
    let files =
        || -> Result<Vec<fs::DirEntry>> { Ok(fs::read_dir(&cache)?.collect::<Result<_, _>>()?) };
    inspect()?;
    let compiled = files()?;
    let [file] = compiled.as_slice() else {
        bail!("the cache holds {compiled:?} instead of one file")
    };
    assert_eq!(fs::metadata(&cache)?.permissions().mode() & 0o777, 0o700);
    let first = file.metadata()?.ino();
    inspect()?;
    assert_eq!(files()?[0].metadata()?.ino(), first);
    // A folder that others can write to is not trusted.
    fs::set_permissions(&cache, fs::Permissions::from_mode(0o777))?;
    fs::write(file.path(), b"not what was compiled")?;
    inspect()
}

#[test]
fn a_terminal_shows_the_resources_that_are_read() -> Result<()> {
    /// Runs a command on a pseudo-terminal.
    const ON_A_TERMINAL: &str = "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)";

    let server = Sqld::with_data(shop::write)?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 100");
    let file = pipeline.write()?;
    let mut command = Command::new("python3");
    command.args(["-c", ON_A_TERMINAL]).arg(paths::host()?);
    command.args(["run", "--config"]).arg(file);
    let output = command
        .env("CONNECTOR_HOST_CACHE", paths::component_cache()?)
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()?;
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{shown}");
    // The bar of a resource, then the summary.
    let bar = shown.find("rows/s").context("the rate is not shown")?;
    let summary = shown.find("5,460 rows of 3 resources");
    assert!(summary.is_some_and(|summary| summary > bar), "{shown}");
    Ok(())
}
