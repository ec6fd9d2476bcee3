//! One validation for all commands: `check`, `diff`, `preview` and `run` refuse
//! the same pipeline with the same message, remedy and exit code.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use connector_tests::duckdb::DuckDb;
use connector_tests::pipeline::{Outcome, Pipeline, host};
use connector_tests::source;
use connector_tests::sqld::Sqld;

const TABLES: [&str; 5] = [
    "CREATE TABLE orders(id INTEGER PRIMARY KEY, total INTEGER, at INTEGER)",
    "INSERT INTO orders VALUES (1, 10, 100), (2, 20, 200)",
    "CREATE TABLE calm(id INTEGER PRIMARY KEY)",
    "INSERT INTO calm VALUES (1)",
    "CREATE VIEW sums AS SELECT sum(total) AS total FROM orders",
];

/// Settings of the resource `orders` that the source or the host refuses.
struct Mistake {
    resource: &'static str,
    lines: &'static str,
    message: &'static str,
    remedy: &'static str,
}

const MISTAKES: [Mistake; 13] = [
    Mistake {
        resource: "order",
        lines: "",
        message: "no table, view or query `order`",
        remedy: "the database has calm, orders, sums",
    },
    Mistake {
        resource: "orders",
        lines: "columns = [\"sum\"]",
        message: "`orders` has no column `sum`",
        remedy: "the columns are id, total, at",
    },
    Mistake {
        resource: "orders",
        lines: "mode = \"incremental\"\ncursor = \"changed\"",
        message: "no cursor column `changed`",
        remedy: "the columns are id, total, at",
    },
    Mistake {
        resource: "orders",
        lines: "types = { total = \"money\" }",
        message: "\"money\" for `total`",
        remedy: "use one of",
    },
    Mistake {
        resource: "orders",
        lines: "types = { sum = \"double\" }",
        message: "`types` names `sum`",
        remedy: "the columns are id, total, at",
    },
    Mistake {
        resource: "orders",
        lines: "where = \"total >\"",
        message: "the server rejected the statement",
        remedy: "compare the settings",
    },
    Mistake {
        resource: "orders",
        lines: "where = \"price > 1\"",
        message: "price",
        remedy: "",
    },
    Mistake {
        resource: "orders",
        lines: "write = \"merge\"\nprimary_key = [\"number\"]",
        message: "`number`",
        remedy: "",
    },
    Mistake {
        resource: "sums",
        lines: "mode = \"incremental\"",
        message: "`sums`",
        remedy: "",
    },
    Mistake {
        resource: "sums",
        lines: "write = \"merge\"",
        message: "`sums`",
        remedy: "primary_key",
    },
    Mistake {
        resource: "orders",
        lines: "mask = { price = \"sha256\" }",
        message: "`price`",
        remedy: "",
    },
    Mistake {
        resource: "orders",
        lines: "cursor = \"at\"",
        message: "`cursor` has no effect in this mode",
        remedy: "set `mode` to `incremental`",
    },
    Mistake {
        resource: "orders",
        lines: "mode = \"incremental\"\ncursor = \"total\"\nmax_rows_read = 1",
        message: "`max_rows_read` permits 1",
        remedy: "raise `max_rows_read`",
    },
];

fn serve() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&TABLES)?;
    Ok(server)
}

/// Runs the commands that validate, the last of which is `run`.
fn outcomes(pipeline: &Pipeline, resource: &str) -> Result<[Outcome; 4]> {
    Ok([
        pipeline.host(&["check"])?,
        pipeline.host(&["diff"])?,
        pipeline.host(&["preview", resource])?,
        pipeline.host(&["run"])?,
    ])
}

/// Returns the message and the hint that a command prints about an error.
fn refusal(outcome: &Outcome) -> Result<String> {
    let start = outcome.stderr.rfind("error: ");
    let text = start.map(|start| outcome.stderr[start..].to_owned());
    text.with_context(|| format!("no error in {outcome:?}"))
}

#[test]
fn every_command_refuses_a_pipeline_that_never_worked_with_the_same_words() -> Result<()> {
    for mistake in &MISTAKES {
        let server = serve()?;
        let pipeline = Pipeline::new(&server.url())?.resource_with(mistake.resource, mistake.lines);
        let outcomes = outcomes(&pipeline, mistake.resource)?;
        let [.., run] = &outcomes;
        let expected = refusal(run)?;
        ensure!(run.code == Some(2), "{}: {run:?}", mistake.lines);
        ensure!(expected.contains(mistake.message), "{expected}");
        ensure!(expected.contains(mistake.remedy), "{expected}");
        for outcome in &outcomes {
            ensure!(outcome.code == run.code, "{}: {outcome:?}", mistake.lines);
            ensure!(refusal(outcome)? == expected, "{outcome:?}\n{expected}");
        }
    }
    Ok(())
}

#[test]
fn every_command_names_a_mistake_of_one_resource_and_has_the_exit_code_of_a_run() -> Result<()> {
    for mistake in MISTAKES
        .iter()
        .filter(|mistake| mistake.lines != "cursor = \"at\"")
    {
        let server = serve()?;
        let pipeline = Pipeline::new(&server.url())?
            .resource_with(mistake.resource, mistake.lines)
            .resource("calm");
        let [check, diff, preview, run] = outcomes(&pipeline, mistake.resource)?;
        ensure!(run.code == Some(1), "{run:?}");
        for outcome in [&check, &diff, &run] {
            ensure!(outcome.code == Some(1), "{outcome:?}");
            ensure!(outcome.stdout.contains(mistake.message), "{outcome:?}");
            ensure!(outcome.stdout.contains(mistake.remedy), "{outcome:?}");
        }
        ensure!(preview.stderr.contains(mistake.message), "{preview:?}");
        ensure!(preview.code != Some(0), "{preview:?}");
        // The other resource has no mistake.
        let calm = pipeline.host(&["preview", "calm"])?;
        ensure!(calm.code == Some(0), "{calm:?}");
    }
    Ok(())
}

#[test]
fn every_command_refuses_a_destination_that_a_run_refuses() -> Result<()> {
    let server = serve()?;
    for lines in [
        "type = \"duckdb\"\npath = \"missing/x.duckdb\"",
        "type = \"files\"\nurl = \"/dev/null/out\"\nformat = \"jsonl\"",
        "type = \"files\"\nurl = \"s3://bucket/x\"\nformat = \"jsonl\"",
    ] {
        let pipeline = Pipeline::new(&server.url())?
            .resource("orders")
            .destination(lines);
        let outcomes = outcomes(&pipeline, "orders")?;
        let [.., run] = &outcomes;
        let expected = refusal(run)?;
        ensure!(run.code != Some(0), "{run:?}");
        for outcome in &outcomes {
            ensure!(outcome.code == run.code, "{lines}: {outcome:?}");
            ensure!(refusal(outcome)? == expected, "{outcome:?}\n{expected}");
        }
    }
    Ok(())
}

#[test]
fn names_that_differ_in_case_only_are_refused_by_every_command() -> Result<()> {
    let server = serve()?;
    let queries = "queries = [{ name = \"Rev\", sql = \"SELECT 1 AS a\" }, \
                   { name = \"rev\", sql = \"SELECT 2 AS a\" }]";
    for (pipeline, message) in [
        (
            Pipeline::new(&server.url())?
                .resource("orders")
                .resource("ORDERS"),
            "there are two entries for `ORDERS`",
        ),
        (
            Pipeline::new(&server.url())?.config(queries),
            "the query name `rev` is empty or used more than once",
        ),
    ] {
        for outcome in outcomes(&pipeline, "orders")? {
            ensure!(outcome.code == Some(2), "{outcome:?}");
            ensure!(outcome.stderr.contains(message), "{outcome:?}");
            ensure!(outcome.stderr.contains("hint: "), "{outcome:?}");
        }
    }
    Ok(())
}

#[test]
fn a_view_of_a_user_in_the_way_of_a_table_is_found_without_a_load() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource("orders")
        .resource("calm");
    pipeline.load()?;
    connector_tests::duckdb::change(
        &pipeline.database(),
        &[
            "ALTER TABLE turso_data.orders RENAME TO kept",
            "CREATE VIEW turso_data.orders AS SELECT * FROM turso_data.kept",
        ],
    )?;
    let [check, diff, preview, run] = outcomes(&pipeline, "orders")?;
    for outcome in [&check, &diff, &run] {
        ensure!(outcome.code == Some(1), "{outcome:?}");
        ensure!(
            outcome.stdout.contains("a view has its name"),
            "{outcome:?}"
        );
    }
    ensure!(
        preview.stderr.contains("a view has its name"),
        "{preview:?}"
    );
    Ok(())
}

#[test]
fn a_validation_stores_nothing_and_reads_no_row() -> Result<()> {
    let server = serve()?;
    for lines in [
        "",
        "mode = \"incremental\"\ncursor = \"at\"",
        "write = \"merge\"\ndeletes = \"hard\"",
    ] {
        let pipeline = Pipeline::new(&server.url())?
            .resource_with("orders", lines)
            .resource("sums")
            .resource("db_version")
            .resource("db_dump");
        for command in [&["check"][..], &["diff"], &["preview", "orders"]] {
            let outcome = pipeline.host(command)?;
            ensure!(outcome.code == Some(0), "{outcome:?}");
            ensure!(!pipeline.database().exists(), "{command:?}");
        }
        let files = Pipeline::new(&server.url())?
            .resource("orders")
            .into_files("jsonl");
        ensure!(files.host(&["check"])?.code == Some(0), "{lines}");
        ensure!(!files.dataset().exists(), "the folder was created");
        pipeline.load()?;
        let loads = "SELECT count(*) FROM turso_data._loads";
        let rows = "SELECT count(*) FROM turso_data.orders";
        for command in [&["check"][..], &["diff"], &["preview", "orders"]] {
            let outcome = pipeline.host(command)?;
            ensure!(outcome.code == Some(0), "{outcome:?}");
        }
        let mut duckdb = DuckDb::open(&pipeline.database())?;
        ensure!(duckdb.number(loads)? == 1, "{lines}");
        ensure!(duckdb.number(rows)? == 2, "{lines}");
    }
    Ok(())
}

#[test]
fn the_first_rows_are_shown_while_the_destination_is_in_use() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?.resource("orders");
    pipeline.load()?;
    let reader = DuckDb::open(&pipeline.database())?;
    let preview = pipeline.host(&["preview", "orders"])?;
    ensure!(preview.code == Some(0), "{preview:?}");
    let check = pipeline.host(&["check"])?;
    ensure!(check.code == Some(1), "{check:?}");
    ensure!(check.stderr.contains("close the program"), "{check:?}");
    drop(reader);
    Ok(())
}

fn set(file: &Path, resource: &str, cursor: &str) -> Result<Outcome> {
    let file = file.display().to_string();
    host(&[
        "state",
        "set",
        "--config",
        &file,
        "--resource",
        resource,
        cursor,
    ])
}

#[test]
fn a_cursor_is_set_only_if_the_connector_accepts_it() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("orders", "mode = \"incremental\"\ncursor = \"at\"")
        .resource("calm");
    pipeline.load()?;
    let file = pipeline.write()?;
    let show = [
        "state",
        "show",
        "--config",
        &file.display().to_string(),
        "--json",
    ];
    let before = host(&show)?.json()?;
    let saved = before[0]["cursor"]
        .as_str()
        .context("no cursor")?
        .to_owned();
    for (cursor, message) in [
        (
            "nonsense",
            "the cursor of `orders` cannot be parsed: it is not JSON",
        ),
        ("5", "it does not have the form of a cursor"),
        (
            "{\"last\":[],\"more\":1}",
            "it does not have the form of a cursor",
        ),
        (
            "{\"last\":[{\"value\":{\"real\":\"NaN\"}}]}",
            "holds a value that is not valid",
        ),
        (
            &saved.replace("\"at\"", "\"total\""),
            "has another cursor column",
        ),
    ] {
        let outcome = set(&file, "orders", cursor)?;
        ensure!(outcome.code == Some(2), "{outcome:?}");
        ensure!(outcome.stderr.contains(message), "{message}: {outcome:?}");
        ensure!(!outcome.stderr.contains("struct"), "{outcome:?}");
        ensure!(outcome.stderr.contains("hint: "), "{outcome:?}");
        ensure!(host(&show)?.json()? == before, "the cursor was changed");
    }
    let outcome = set(&file, "ordes", &saved)?;
    ensure!(outcome.code != Some(0), "{outcome:?}");
    ensure!(outcome.stderr.contains("`ordes`"), "{outcome:?}");
    let outcome = set(&file, "orders", &saved)?;
    ensure!(outcome.code == Some(0), "{outcome:?}");
    Ok(())
}

#[test]
fn a_value_that_is_too_large_for_the_server_has_a_remedy() -> Result<()> {
    let server = Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(
            "CREATE TABLE files(id INTEGER PRIMARY KEY, body TEXT);
             INSERT INTO files VALUES (1, hex(zeroblob(3000000)));
             CREATE VIEW bodies AS SELECT body FROM files;
             CREATE TABLE calm(id INTEGER PRIMARY KEY);",
        )?)
    })?;
    for resource in ["files", "bodies"] {
        let pipeline = Pipeline::new(&server.url())?
            .resource(resource)
            .resource("calm");
        let outcome = pipeline.host(&["run", "--json"])?;
        ensure!(outcome.code == Some(1), "{outcome:?}");
        let text = outcome.json()?["resources"].to_string();
        ensure!(text.contains("larger than the server can read"), "{text}");
        ensure!(text.contains("omit the large column"), "{text}");
    }
    let columns = Pipeline::new(&server.url())?.resource_with("files", "columns = [\"id\"]");
    columns.load()?;
    Ok(())
}

#[test]
fn a_second_pipeline_of_a_table_is_reported_with_a_remedy() -> Result<()> {
    for (lines, effect) in [
        (
            "mode = \"incremental\"\nwrite = \"append\"",
            "rows that both append are stored twice",
        ),
        (
            "mode = \"incremental\"\ncursor = \"at\"",
            "rows with the same key replace each other",
        ),
    ] {
        let server = serve()?;
        let first = Pipeline::new(&server.url())?.resource_with("orders", lines);
        first.load()?;
        let second = Pipeline::new(&server.url())?
            .named("second")
            .resource_with("orders", lines)
            .into_database(&first.database());
        let report = second.load()?;
        let notes = report["resources"][0]["notes"].to_string();
        ensure!(notes.contains(effect), "{report}");
        ensure!(notes.contains("another `dataset`"), "{report}");
        // The first load of one pipeline has no such note.
        let alone = Pipeline::new(&server.url())?.resource_with("orders", lines);
        let report = alone.load()?;
        ensure!(!report.to_string().contains("also loads"), "{report}");
    }
    Ok(())
}
