//! Databases whose rows do not fit in the memory of the connector together.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use anyhow::Result;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::fleet::{Fleet, world};

use super::waits::{behind, database_in};
use super::{counts, number};

/// Number of databases, and the maximum of `concurrency`.
const DATABASES: usize = 16;
/// Rows of 850 bytes in each database, 24 MB. A page of them is almost as large as a
/// response may be.
const ROWS: usize = 28_000;

#[test]
fn large_databases_that_are_read_at_once_fit_in_the_default_memory() -> Result<()> {
    let names: Vec<_> = (10..10 + DATABASES).map(|n| format!("d{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let fleet = Fleet::new(&names)?;
    let rows = format!(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) \
         INSERT INTO items SELECT i, printf('%0850d', i) FROM n"
    );
    for name in &names {
        fleet.run(
            name,
            &[
                "CREATE TABLE items(id INTEGER PRIMARY KEY, label TEXT)",
                &rows,
            ],
        )?;
    }
    // The first pages of all databases arrive at the same time.
    let known = Mutex::new(BTreeSet::new());
    let slow = FaultyServer::proxy(&fleet.server.url(), move |_, target, body| {
        let is_first = |mut known: MutexGuard<'_, BTreeSet<_>>| known.insert(database_in(target));
        if body.contains("items") && known.lock().is_ok_and(is_first) {
            ProxyFault::Pause(Duration::from_secs(3))
        } else {
            ProxyFault::None
        }
    })?;
    let at = |name: &str| behind(&slow, name);
    fleet.platform.change(world(&names, at));
    let pipeline = fleet.pipeline_through("[\"*\"]", &[slow.url()])?;
    let pipeline = pipeline.config("concurrency = 16");
    let report = pipeline.load()?;
    assert_eq!(report["status"], "loaded", "{report}");
    let expected: Vec<_> = names.iter().map(|name| format!("{name}:{ROWS}")).collect();
    assert_eq!(counts(&pipeline, "items")?, expected.join(" "));
    let short = "SELECT count(*) FROM items WHERE length(label) != 850";
    assert_eq!(number(&pipeline, short)?, 0);
    Ok(())
}
