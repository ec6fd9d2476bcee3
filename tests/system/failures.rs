//! Failures of several resources and parts: each is named, with its own hint.

use anyhow::Result;
use connector_tests::fleet::{Fleet, world};
use connector_tests::pipeline::Pipeline;
use connector_tests::sqld::Sqld;
use serde_json::{Value as Json, json};

fn serve() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, total REAL)",
        "INSERT INTO orders VALUES (1, 2.5)",
        "CREATE TABLE items(id INTEGER PRIMARY KEY)",
        "INSERT INTO items VALUES (1)",
    ])?;
    Ok(server)
}

/// Returns the lines that begin with a text.
fn lines<'t>(text: &'t str, begin: &str) -> Vec<&'t str> {
    text.lines()
        .filter(|line| line.starts_with(begin))
        .collect()
}

#[test]
fn each_failed_resource_is_named_with_its_hint() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .resource("ordres")
        .resource_with("orders", "columns = [\"totl\"]")
        .resource_with("items", "where = \"id >\"");
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    let errors = lines(&outcome.stderr, "error: ").join("\n");
    for name in ["`ordres`", "`orders`", "`items`"] {
        assert!(errors.contains(name), "no {name} in {errors}");
    }
    assert!(lines(&outcome.stderr, "hint: ").len() >= 2, "{outcome:?}");
    let document = outcome.json()?;
    let others = document["other_failures"].as_array().map(Vec::len);
    assert_eq!(others, Some(2), "{document}");
    let other = &document["other_failures"][0];
    assert!(other["resource"].is_string(), "{document}");
    assert!(other["failure"]["hint"].is_string(), "{document}");
    Ok(())
}

#[test]
fn a_hint_that_several_failures_share_is_shown_once() -> Result<()> {
    let server = serve()?;
    let failing = |pipeline: Pipeline| pipeline.resource("first").resource("second");
    let all = failing(Pipeline::new(&server.url())?).host(&["run"])?;
    let some = failing(Pipeline::new(&server.url())?.resource("items")).host(&["run"])?;
    for (outcome, code, text) in [(&all, Some(2), &all.stderr), (&some, Some(1), &some.stdout)] {
        assert_eq!(outcome.code, code, "{outcome:?}");
        let named = lines(text, "").into_iter();
        let is_log = |line: &str| line.contains(" WARN ");
        let named = named.filter(|line| line.contains("no table, view or query") && !is_log(line));
        assert_eq!(named.count(), 2, "{outcome:?}");
        assert_eq!(
            lines(text, "hint: the database has ").len(),
            1,
            "{outcome:?}"
        );
    }
    Ok(())
}

#[test]
fn the_parts_that_failed_are_entries_of_the_report() -> Result<()> {
    let fleet = Fleet::new(&["a", "b", "c"])?;
    for name in ["a", "b", "c"] {
        fleet.run(
            name,
            &[
                "CREATE TABLE orders(id INTEGER PRIMARY KEY)",
                "INSERT INTO orders VALUES (1)",
            ],
        )?;
    }
    let pipeline = fleet.pipeline()?.resource("orders");
    let report = pipeline.load()?;
    assert_eq!(report["resources"][0]["failed_parts"], json!([]));
    // No server listens on this port.
    fleet
        .platform
        .change(world(&["a", "b", "c"], |name| match name {
            "a" => fleet.hostname(name),
            _ => "127.0.0.1:9".to_owned(),
        }));
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    let report = outcome.json()?;
    let resource = &report["resources"][0];
    let parts = resource["failed_parts"].as_array().cloned();
    let parts = parts.unwrap_or_default();
    let names: Vec<_> = parts.iter().map(|part| &part["part"]).collect();
    assert_eq!(names, ["b", "c"], "{report}");
    for part in &parts {
        assert_eq!(part["resource"], "orders", "{report}");
        assert_eq!(part["column"], "_database", "{report}");
        assert_eq!(part["error"]["category"], "unavailable", "{report}");
        assert_eq!(part["error"]["retryable"], true, "{report}");
        assert!(part["error"]["message"].is_string(), "{report}");
    }
    assert_eq!(resource["failure"], Json::Null, "{report}");
    Ok(())
}
