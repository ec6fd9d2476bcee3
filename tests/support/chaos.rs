//! Randomized test of loads that are killed while the source changes, behind a
//! server that resets, stalls, truncates, refuses and restarts. From time to
//! time a load runs undisturbed. The destination must then equal the source.

mod changes;
mod random;
mod tables;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use self::changes::Changes;
use self::random::Random;
use self::tables::{NESTED_TABLES, TABLES};
use crate::compare;
use crate::faulty::{FaultyServer, ProxyFault};
use crate::pipeline::Pipeline;
use crate::sqld::Sqld;
use crate::value::{Rows, Value};

/// Function that reads a table of the destination.
type Read = dyn FnMut(&Pipeline, &str) -> Result<Option<Rows>>;

/// Source, destination, and the disturbances between them.
pub struct Chaos {
    server: Sqld,
    condition: Arc<AtomicU8>,
    faults: Arc<AtomicUsize>,
    pipeline: Pipeline,
    read: Box<Read>,
    random: Random,
    changes: Changes,
    /// Duration of an undisturbed load.
    load_time: Duration,
    summary: Summary,
}

/// Counts of a whole test.
#[derive(Clone, Copy, Debug, Default)]
pub struct Summary {
    /// Number of loads that were killed.
    pub kills: u32,
    /// Number of loads that ended by themselves under a fault.
    pub ended: u32,
    /// Number of injected faults.
    pub faults: usize,
    /// Number of restarts of the server.
    pub restarts: u32,
    /// Number of transactions in the source.
    pub changes: i64,
    /// Number of full comparisons.
    pub comparisons: u32,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills, {} loads that ended under faults, {} injected faults, {} restarts of the server, \
             {} changes of the source, {} comparisons, 0 differences",
            self.kills, self.ended, self.faults, self.restarts, self.changes, self.comparisons
        )
    }
}

/// Number of conditions of the server; see [`fault`].
const CONDITIONS: u8 = 8;

impl Chaos {
    /// Starts a test from a random `seed`. `shape` completes the pipeline. `read`
    /// returns the rows of a table of the destination, if the table exists.
    pub fn new(
        seed: u64,
        shape: impl FnOnce(Pipeline) -> Pipeline,
        read: impl FnMut(&Pipeline, &str) -> Result<Option<Rows>> + 'static,
    ) -> Result<Self> {
        let server = Sqld::start()?;
        for table in TABLES {
            server.client().run(&[table.create])?;
        }
        server.client().run(&[
            "CREATE INDEX orders_updated ON orders(updated_at)",
            r#"INSERT INTO carts VALUES (0, '{"count":1,"items":[{"sku":"first","tags":[0]}]}', 0)"#,
            "INSERT INTO ticks VALUES (1, 0)",
            "INSERT INTO orders VALUES (0, 0, 'the tick', 0)",
            "CREATE INDEX samples_taken ON samples(taken)",
            "INSERT INTO fragile VALUES (1, 'first')",
            r#"INSERT INTO "order" VALUES (1, 'first', 2, 3, 4)"#,
            "WITH n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 9) \
             INSERT INTO rates SELECT i + 1, 'pair ' || i, i / 7.0, 0 FROM n",
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) \
             INSERT INTO jobs SELECT i, 'job ' || i FROM n",
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) \
             INSERT INTO readings SELECT i / 7.0, 'a', i / 3.0 FROM n",
            "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) \
             INSERT INTO events SELECT i, 'event ' || i, i FROM n",
        ])?;
        let condition = Arc::new(AtomicU8::new(0));
        let faults = Arc::new(AtomicUsize::new(0));
        let shared = (Arc::clone(&condition), Arc::clone(&faults));
        let proxy = FaultyServer::proxy(&server.url(), move |number, _, _| {
            let fault = fault(shared.0.load(Ordering::Relaxed), number);
            if !matches!(fault, ProxyFault::None) {
                shared.1.fetch_add(1, Ordering::Relaxed);
            }
            fault
        })?;
        let mut pipeline = Pipeline::new(&proxy.url())?.config("page_rows = 1000");
        for table in TABLES {
            pipeline = pipeline.resource_with(table.name, table.resource);
        }
        let mut pipeline = shape(pipeline);
        // Parts are committed before all rows have arrived.
        if !pipeline.text().contains("resumable") {
            pipeline = pipeline.top("verify = \"checksum\"");
        }
        let mut chaos = Self {
            server,
            condition,
            faults,
            pipeline,
            read: Box::new(read),
            random: Random::new(seed),
            changes: Changes::default(),
            load_time: Duration::ZERO,
            summary: Summary::default(),
        };
        let start = Instant::now();
        chaos.load_and_compare()?;
        chaos.load_time = start.elapsed();
        Ok(chaos)
    }

    /// Runs until `kills` loads were killed.
    pub fn run(mut self, kills: u32) -> Result<Summary> {
        let mut attempt = 0;
        while self.summary.kills < kills {
            attempt += 1;
            self.round(attempt)
                .with_context(|| format!("attempt {attempt}, tick {}", self.changes.count()))?;
            if attempt.is_multiple_of(4) {
                self.load_and_compare().with_context(|| {
                    format!("after attempt {attempt}, tick {}", self.changes.count())
                })?;
            }
        }
        self.load_and_compare()?;
        self.summary.changes = self.changes.count();
        self.summary.faults = self.faults.load(Ordering::Relaxed);
        Ok(self.summary)
    }

    /// Runs one load under changes and faults, and kills it at a random time
    /// unless it ends before.
    fn round(&mut self, attempt: u32) -> Result<()> {
        for _ in 0..=self.random.below(4) {
            self.change()?;
        }
        // Every second load has a healthy server: under faults, few loads get as
        // far as the commit.
        let condition = if attempt.is_multiple_of(2) {
            0
        } else {
            u8::try_from(self.random.below(u64::from(CONDITIONS)))?
        };
        self.condition.store(condition, Ordering::Relaxed);
        // Times are spread evenly from the start to a little after the end, so
        // that every step of a commit is hit.
        let percent = u32::try_from(self.random.below(125))?;
        let end = self.load_time * percent / 100;
        let restarts = self.random.below(6) == 0;
        let mut child = self.pipeline.spawn()?;
        let start = Instant::now();
        let mut restarted = false;
        let killed = loop {
            if child.try_wait()?.is_some() {
                break false;
            }
            if start.elapsed() >= end {
                child.kill()?;
                break true;
            }
            if restarts && !restarted && start.elapsed() > end / 2 {
                self.server.restart()?;
                self.summary.restarts += 1;
                restarted = true;
            }
            self.change()?;
        };
        child.wait()?;
        self.condition.store(0, Ordering::Relaxed);
        self.summary.kills += u32::from(killed);
        self.summary.ended += u32::from(!killed && condition > 0);
        self.check_invariants()
    }

    /// Changes the source in one transaction.
    fn change(&mut self) -> Result<()> {
        let statements = self.changes.next(&mut self.random);
        self.commit(&statements)
    }

    fn commit(&self, statements: &[String]) -> Result<()> {
        let statements = statements.iter().map(String::as_str);
        let transaction: Vec<_> = ["BEGIN IMMEDIATE"]
            .into_iter()
            .chain(statements)
            .chain(["COMMIT"])
            .collect();
        self.server.client().run(&transaction)
    }

    /// Checks what must be true of the destination after every load.
    fn check_invariants(&mut self) -> Result<()> {
        let items: &[&str] = &["_root_id", "_index"];
        let keys = TABLES.iter().map(|table| (table.name, table.key));
        for (table, key) in keys.chain([("carts__cart__items", items)]) {
            if key.is_empty() {
                continue;
            }
            let Some(rows) = (self.read)(&self.pipeline, table)? else {
                continue;
            };
            let columns: Vec<_> = key.iter().map(|column| rows.column(column)).collect();
            let mut keys: Vec<Vec<&Value>> = (0..rows.rows.len())
                .map(|row| columns.iter().map(|column| column[row]).collect())
                .collect();
            let all = keys.len();
            keys.sort();
            keys.dedup();
            ensure!(
                keys.len() == all,
                "`{table}` holds {} duplicate rows",
                all - keys.len()
            );
        }
        self.check_carts()?;
        if self.is_snapshot() {
            let (orders, ticks) = (
                self.stored_tick("orders", "total")?,
                self.stored_tick("ticks", "tick")?,
            );
            ensure!(
                orders == ticks,
                "`orders` holds tick {orders:?}, and `ticks` holds tick {ticks:?}"
            );
        }
        Ok(())
    }

    /// Checks that each cart has as many items as its count says.
    fn check_carts(&mut self) -> Result<()> {
        let (Some(carts), Some(items)) = (
            (self.read)(&self.pipeline, "carts")?,
            (self.read)(&self.pipeline, "carts__cart__items")?,
        ) else {
            return Ok(());
        };
        let mut counts: BTreeMap<_, i64> = BTreeMap::new();
        for id in items.column("_root_id") {
            *counts.entry(id).or_default() += 1;
        }
        let ids = carts.column("id").into_iter();
        for (id, count) in ids.zip(carts.column("cart__count")) {
            let found = counts.remove(id).unwrap_or(0);
            ensure!(
                count.as_integer() == Some(found),
                "cart {id:?} has {found} items instead of {count:?}"
            );
        }
        ensure!(counts.is_empty(), "items without a cart: {counts:?}");
        Ok(())
    }

    fn is_snapshot(&self) -> bool {
        !self.pipeline.text().contains("resumable")
    }

    fn stored_tick(&mut self, table: &str, column: &str) -> Result<Option<i64>> {
        let Some(rows) = (self.read)(&self.pipeline, table)? else {
            return Ok(None);
        };
        let id = i64::from(table != "orders");
        let ids = rows.column("id");
        let row = ids.iter().position(|value| value.as_integer() == Some(id));
        let value = row.map(|row| rows.column(column)[row].clone());
        Ok(value.and_then(|value| match value {
            Value::Integer(tick) => Some(tick),
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the value is a small whole number"
            )]
            Value::Real(bits) => Some(f64::from_bits(bits) as i64),
            _ => None,
        }))
    }

    /// Loads without disturbance, and compares all tables.
    fn load_and_compare(&mut self) -> Result<()> {
        let changes = self.changes.complete(&mut self.random);
        self.commit(&changes)?;
        let report = self.pipeline.load()?;
        self.changes.allow_reuses();
        if self.is_snapshot() {
            check_verified(&report)?;
        }
        self.check_invariants()?;
        let tables = TABLES
            .iter()
            .map(|table| (table.name, table.expected_query()));
        let nested = NESTED_TABLES.map(|(table, sql)| (table, sql.to_owned()));
        for (table, sql) in tables.chain(nested) {
            let source = self.server.client().query(&sql, &[])?;
            let stored = (self.read)(&self.pipeline, table)?;
            let stored = stored.with_context(|| format!("`{table}` is missing"))?;
            // A format without a schema has no columns if it has no rows.
            if !(source.rows.is_empty() && stored.rows.is_empty()) {
                compare::check_equal(table, &source, &current(stored))?;
            }
        }
        self.summary.comparisons += 1;
        Ok(())
    }
}

/// Checks that the rows of each table were verified by a checksum.
fn check_verified(report: &Json) -> Result<()> {
    let resources = report["resources"].as_array().into_iter().flatten();
    let verified = resources.filter(|resource| resource["verified"]["checksum"] == true);
    let verified = verified.count();
    ensure!(
        verified == TABLES.len(),
        "{verified} resources were verified: {report}"
    );
    Ok(())
}

/// Returns the rows that are current, without the columns of the host.
fn current(mut rows: Rows) -> Rows {
    let ends: Vec<usize> = (0..rows.columns.len())
        .filter(|at| matches!(rows.columns[*at].as_str(), "_deleted_at" | "_valid_to"))
        .collect();
    rows.rows
        .retain(|row| ends.iter().all(|at| row[*at] == Value::Null));
    let kept: Vec<usize> = (0..rows.columns.len())
        .filter(|at| !ends.contains(at) && rows.columns[*at] != "_valid_from")
        .collect();
    rows.columns = kept.iter().map(|at| rows.columns[*at].clone()).collect();
    for row in &mut rows.rows {
        *row = kept.iter().map(|at| row[*at].clone()).collect();
    }
    rows
}

/// Returns the fault of a request in a condition of the server.
fn fault(condition: u8, number: usize) -> ProxyFault {
    let is_hit = number % 7 == 3;
    let respond = |status, body: &str| ProxyFault::Respond(status, "", body.as_bytes().to_vec());
    match condition {
        1 if is_hit => ProxyFault::Reset,
        2 if is_hit => ProxyFault::Stall,
        3 if is_hit => ProxyFault::Truncate,
        4 if is_hit => respond("503 Service Unavailable", "busy"),
        5 if is_hit => respond(
            "400 Bad Request",
            r#"{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}"#,
        ),
        6 => respond(
            "401 Unauthorized",
            r#"{"error":"Unauthorized: the token has expired"}"#,
        ),
        7 if is_hit => respond("200 OK", "{\"baton\":"),
        _ => ProxyFault::None,
    }
}
