//! Errors as people read them: what happened, to what, and what to do. Each case
//! is a snapshot of the exit code and standard error.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::pipeline::{Outcome, Pipeline, command, host};
use connector_tests::snapshot;
use connector_tests::sqld::Sqld;

#[test]
fn a_missing_pipeline_file() -> Result<()> {
    let outcome = host(&["run", "--config", "nowhere.toml"])?;
    snapshot::check("missing-file", &shown(&outcome), &[])
}

#[test]
fn invalid_pipeline_files() -> Result<()> {
    let cases = [
        (
            "unknown-key",
            ("[destination]", "[destination]\npth = \"x\""),
        ),
        ("unknown-destination", ("\"duckdb\"", "\"duckb\"")),
        ("wrong-type", ("name = \"test\"", "name = 7")),
        ("no-toml", ("[connector]", "[connector")),
        (
            "missing-variable",
            ("name = \"test\"", "name = \"${CONNECTOR_TESTS_MISSING}\""),
        ),
        (
            "missing-secret",
            (
                "[connector.secrets]",
                "[connector.secrets]\ndatabase_token = { env = \"CONNECTOR_TESTS_MISSING\" }",
            ),
        ),
        (
            "secret-in-the-file",
            (
                "[connector.secrets]",
                "[connector.secrets]\ndatabase_token = \"eyJ\"",
            ),
        ),
        (
            "wrong-size",
            (
                "[connector.limits]",
                "[connector.limits]\nmemory = \"lots\"",
            ),
        ),
        (
            "wrong-origin",
            ("origin = \"http://127.0.0.1:1\"", "origin = \"127.0.0.1\""),
        ),
        (
            "unknown-setting",
            ("[connector.config]", "[connector.config]\npage_row = 5"),
        ),
        (
            "wrong-setting",
            ("[connector.config]", "[connector.config]\npage_rows = 0"),
        ),
    ];
    for (name, (from, to)) in cases {
        let pipeline = Pipeline::new("http://127.0.0.1:1")?;
        let text = pipeline.text();
        assert!(text.contains(from), "{name}: {text}");
        let file = pipeline.folder().join("pipeline.toml");
        fs::write(&file, text.replacen(from, to, 1))?;
        let outcome = host(&["run", "--config", &file.display().to_string()])?;
        check_snapshot(name, &pipeline, &outcome, "")?;
    }
    Ok(())
}

#[test]
fn invalid_components() -> Result<()> {
    let cases: [(&str, &[u8]); 3] = [
        ("component-text", b"not a component"),
        // The smallest core module, and the smallest component.
        ("component-module", b"\0asm\x01\0\0\0"),
        ("component-empty", b"\0asm\x0d\0\x01\0"),
    ];
    for (name, bytes) in cases {
        let pipeline = Pipeline::new("http://127.0.0.1:1")?;
        let file = pipeline.folder().join("component.wasm");
        fs::write(&file, bytes)?;
        let pipeline = pipeline.component(&file);
        let outcome = pipeline.host(&["run"])?;
        check_snapshot(name, &pipeline, &outcome, "")?;
    }
    let pipeline = Pipeline::new("http://127.0.0.1:1")?;
    let nowhere = pipeline.folder().join("nowhere.wasm");
    let pipeline = pipeline.component(&nowhere);
    let outcome = pipeline.host(&["run"])?;
    check_snapshot("component-missing", &pipeline, &outcome, "")
}

#[test]
fn a_component_with_another_digest() -> Result<()> {
    let pipeline = Pipeline::new("http://127.0.0.1:1")?;
    let text = pipeline.text().replace(
        "[connector]\n",
        &format!("[connector]\nsha256 = \"{}\"\n", "0".repeat(64)),
    );
    let file = pipeline.folder().join("pipeline.toml");
    fs::write(&file, text)?;
    let outcome = host(&["run", "--config", &file.display().to_string()])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("is not the pinned digest") && outcome.stderr.contains("hint: "),
        "{outcome:?}"
    );
    Ok(())
}

#[test]
fn unusable_servers() -> Result<()> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port();
    let closed = format!("http://127.0.0.1:{port}");
    let website = FaultyServer::always(ProxyFault::Respond(
        "404 Not Found",
        "content-type: text/html\r\n",
        b"<h1>Nothing here</h1>".to_vec(),
    ))?;
    let blocked = FaultyServer::always(ProxyFault::Respond(
        "200 OK",
        "content-type: application/json\r\n",
        br#"{"baton":null,"base_url":null,"results":[{"type":"error","error":{"message":"Operation was blocked: SQL read operations are forbidden","code":"BLOCKED"}}]}"#.to_vec(),
    ))?;
    for (name, url) in [
        ("server-closed", closed),
        ("server-website", website.url()),
        ("server-blocked", blocked.url()),
    ] {
        let pipeline = Pipeline::new(&url)?;
        let outcome = pipeline.host(&["run"])?;
        check_snapshot(name, &pipeline, &outcome, &url)?;
    }
    Ok(())
}

#[test]
fn a_denied_request_exits_with_code_4_and_the_lines_that_allow_it() -> Result<()> {
    let server = table()?;
    let pipeline = Pipeline::new(&server.url())?.allow("");
    check_snapshot(
        "denied",
        &pipeline,
        &pipeline.host(&["run"])?,
        &server.url(),
    )?;
    let origin = format!(
        "[[connector.allow]]\norigin = \"{}\"\nmethods = [\"GET\", \"POST\"]\n",
        server.url()
    );
    let pipeline = Pipeline::new(&server.url())?.allow(&origin);
    check_snapshot(
        "denied-private",
        &pipeline,
        &pipeline.host(&["run"])?,
        &server.url(),
    )
}

#[test]
fn a_resource_that_does_not_exist() -> Result<()> {
    let server = table()?;
    let pipeline = Pipeline::new(&server.url())?.resource("ordres");
    check_snapshot(
        "unknown-resource",
        &pipeline,
        &pipeline.host(&["run"])?,
        &server.url(),
    )
}

#[test]
fn unwritable_destinations() -> Result<()> {
    let server = table()?;
    let nowhere = Pipeline::new(&server.url())?
        .destination("type = \"duckdb\"\npath = \"/dev/null/turso.duckdb\"");
    check_snapshot(
        "destination-nowhere",
        &nowhere,
        &nowhere.host(&["run"])?,
        &server.url(),
    )?;

    let other = Pipeline::new(&server.url())?;
    fs::write(
        other.database(),
        "this is not a database, but it is long enough to look at".repeat(200),
    )?;
    check_snapshot(
        "destination-no-database",
        &other,
        &other.host(&["run"])?,
        &server.url(),
    )?;

    let newer = Pipeline::new(&server.url())?;
    newer.load()?;
    set_format_version(&newer.database(), 99)?;
    let outcome = newer.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("does not read")
            && outcome.stderr.contains("version number 99")
            && outcome.stderr.contains("hint: use a driver"),
        "{outcome:?}"
    );

    let locked = Pipeline::new(&server.url())?;
    locked.load()?;
    let reader = DuckDb::open(&locked.database())?;
    let outcome = locked.host(&["run"])?;
    drop(reader);
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("in use") && outcome.stderr.contains("hint: "),
        "{outcome:?}"
    );
    Ok(())
}

/// Changes the version of the format in the header of a DuckDB file, and its
/// checksum.
fn set_format_version(file: &Path, version: u32) -> Result<()> {
    /// Factor of DuckDB's checksum, an exclusive or of products.
    const FACTOR: u64 = 0xbf58_476d_1ce4_e5b9;
    // The checksum, then a word of the magic bytes and half of the version.
    let mut bytes = fs::read(file)?;
    let checksum = u64::from_le_bytes(bytes[..8].try_into()?);
    let before = u64::from_le_bytes(bytes[8..16].try_into()?);
    let after = (before & u64::from(u32::MAX)) | u64::from(version) << 32;
    let checksum = checksum ^ before.wrapping_mul(FACTOR) ^ after.wrapping_mul(FACTOR);
    bytes[..8].copy_from_slice(&checksum.to_le_bytes());
    bytes[8..16].copy_from_slice(&after.to_le_bytes());
    Ok(fs::write(file, bytes)?)
}

#[test]
fn a_named_driver_that_does_not_exist_is_refused() -> Result<()> {
    let server = table()?;
    let pipeline = Pipeline::new(&server.url())?;
    let output = command()?
        .args(["run", "--config"])
        .arg(pipeline.write()?)
        .env("CONNECTOR_HOST_DUCKDB", "/nowhere/libduckdb.so")
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{error}");
    assert!(
        error.contains("searched /nowhere/libduckdb.so)") && error.contains("hint: "),
        "{error}"
    );
    assert!(!pipeline.database().exists());
    Ok(())
}

#[test]
fn a_full_disk_keeps_the_stored_rows() -> Result<()> {
    let server = table()?;
    let pipeline =
        Pipeline::new(&server.url())?.destination("type = \"duckdb\"\npath = \"/dev/full\"");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(
        outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "),
        "{outcome:?}"
    );
    Ok(())
}

fn table() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE orders(id INTEGER PRIMARY KEY)",
        "INSERT INTO orders VALUES (1)",
    ])?;
    Ok(server)
}

/// Compares the outcome with a snapshot, without the parts that change from run
/// to run.
fn check_snapshot(name: &str, pipeline: &Pipeline, outcome: &Outcome, url: &str) -> Result<()> {
    assert!(
        !outcome.stderr.contains("panicked") && !outcome.stderr.contains("backtrace"),
        "{outcome:?}"
    );
    let folder = pipeline.folder().display().to_string();
    let address = url
        .strip_prefix("http://")
        .filter(|address| !address.is_empty());
    let replaced = [
        (folder.as_str(), "FOLDER"),
        (address.unwrap_or("no address"), "HOST:PORT"),
    ];
    snapshot::check(name, &shown(outcome), &replaced)
}

fn shown(outcome: &Outcome) -> String {
    let code = outcome
        .code
        .map_or_else(|| "a signal".to_owned(), |code| code.to_string());
    format!("exit code {code}\n{}", outcome.stderr)
}

#[test]
fn an_invalid_setting_is_an_error_with_every_destination() -> Result<()> {
    let server = table()?;
    let pipeline = Pipeline::new(&server.url())?
        .config("page_row = 1")
        .into_files("parquet");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    assert!(
        outcome.stderr.contains("did you mean `page_rows`?"),
        "{outcome:?}"
    );
    Ok(())
}
