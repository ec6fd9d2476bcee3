//! Servers that cannot verify rows: `check` warns of it, and a run notes it once.

use anyhow::Result;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::tursodb::Tursodb;
use serde_json::Value as Json;

use super::resource;

fn serve() -> Result<Tursodb> {
    Tursodb::with_data(|file| {
        let sql =
            "CREATE TABLE orders(id INTEGER PRIMARY KEY); INSERT INTO orders VALUES (1), (2);";
        Ok(source::create(file)?.execute_batch(sql)?)
    })
}

#[test]
fn a_server_without_transactions_is_warned_of_before_and_noted_once() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .top("verify = \"count\"")
        .resource("orders");
    let outcome = pipeline.host(&["check"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    let warning = "warning: verify: this server does not keep a transaction open, so that rows cannot be verified\n";
    assert!(outcome.stdout.contains(warning), "{outcome:?}");
    // Nothing is billed for what is not done.
    assert!(!outcome.stdout.contains("bills"), "{outcome:?}");
    let report = pipeline.load()?;
    let orders = resource(&report, "orders")?;
    assert_eq!(orders["rows_written"], 2, "{report}");
    assert_eq!(orders["verified"], Json::Null, "{report}");
    let notes = orders["notes"].as_array().into_iter().flatten();
    let notes: Vec<_> = notes.filter_map(Json::as_str).collect();
    let about = notes.iter().filter(|note| note.contains("verified"));
    assert_eq!(about.count(), 1, "{notes:?}");
    assert!(notes.contains(&"the rows were not verified: the server has no transactions"));
    Ok(())
}

#[test]
fn a_verification_that_a_resource_requires_is_an_error_of_check_and_run() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?.resource_with("orders", "verify = \"count\"");
    let outcome = pipeline.host(&["check"])?;
    assert_eq!(outcome.code, Some(1), "{outcome:?}");
    assert!(outcome.stdout.contains("error: verify: "), "{outcome:?}");
    let outcome = pipeline.host(&["run"])?;
    assert_ne!(outcome.code, Some(0), "{outcome:?}");
    assert!(outcome.stderr.contains("cannot be verified"), "{outcome:?}");
    Ok(())
}

#[test]
fn a_check_without_verification_does_not_mention_it() -> Result<()> {
    let server = serve()?;
    let outcome = Pipeline::new(&server.url())?
        .resource("orders")
        .host(&["check"])?;
    assert_eq!(outcome.code, Some(0), "{outcome:?}");
    assert!(!outcome.stdout.contains("verif"), "{outcome:?}");
    Ok(())
}
