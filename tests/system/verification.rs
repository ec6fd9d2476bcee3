//! Rows are verified against figures that the server computes in the same
//! snapshot.

mod billing;
mod unsupported;

use std::sync::Mutex;

use anyhow::{Context as _, Result};
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::fleet::Fleet;
use connector_tests::hrana;
use connector_tests::nasty;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use serde_json::{Value as Json, json};

use crate::system::nasty_source;

/// Starts a server with the tables `orders` of 5,000 rows and `items` of three.
fn serve() -> Result<Sqld> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE orders(id INTEGER PRIMARY KEY, note TEXT, total REAL, at INTEGER)",
        "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) \
         INSERT INTO orders SELECT i, 'note ' || i, i / 4.0, i / 10 FROM n",
        "CREATE TABLE items(id INTEGER PRIMARY KEY)",
        "INSERT INTO items VALUES (1), (2), (3)",
    ])?;
    Ok(server)
}

/// Returns the report of a resource.
fn resource<'r>(report: &'r Json, name: &str) -> Result<&'r Json> {
    let resources = report["resources"].as_array().into_iter().flatten();
    let mut resources = resources.filter(|resource| resource["resource"] == name);
    resources
        .next()
        .with_context(|| format!("no `{name}` in {report}"))
}

/// True for a request of a page of `orders`.
fn is_page(body: &str) -> bool {
    body.contains("orders") && body.contains("ORDER BY")
}

/// Loads through a proxy that changes the rows of the first page of `orders`,
/// and returns the exit code and the report. Checks that nothing of `orders` was
/// stored, and that all of `items` was.
fn load_changed(lines: &str, edit: fn(&mut Vec<Json>)) -> Result<(Option<i32>, Json)> {
    let server = serve()?;
    let proxy = FaultyServer::proxy(&server.url(), move |_, _, body| {
        if is_page(body) {
            ProxyFault::EditRows(edit)
        } else {
            ProxyFault::None
        }
    })?;
    let pipeline = Pipeline::new(&proxy.url())?
        .top(lines)
        .resource("orders")
        .resource("items");
    let outcome = pipeline.host(&["run", "--json"])?;
    let report = outcome.json()?;
    let mut stored = DuckDb::open(&pipeline.database())?;
    assert_eq!(stored.number("SELECT count(*) FROM turso_data.items")?, 3);
    let tables = "SELECT count(*) FROM information_schema.tables WHERE table_name = 'orders'";
    let is_stored = stored.number(tables)? > 0;
    assert_eq!(is_stored, outcome.code == Some(0), "{report}");
    Ok((outcome.code, report))
}

#[test]
fn a_lost_row_and_a_doubled_row_fail_only_their_resource() -> Result<()> {
    let lose: fn(&mut Vec<Json>) = |rows| {
        rows.remove(7);
    };
    let double: fn(&mut Vec<Json>) = |rows| rows.insert(7, rows[7].clone());
    for (edit, arrived) in [(lose, 4_999), (double, 5_001)] {
        let (code, report) = load_changed("verify = \"count\"", edit)?;
        assert_eq!((code, &report["status"]), (Some(1), &json!("partial")));
        let message = &resource(&report, "orders")?["failure"]["message"];
        let expected = format!(
            "the source counts 5000 rows of `orders`, and {arrived} arrived; none of them was stored"
        );
        assert_eq!(*message, expected);
        assert_eq!(resource(&report, "items")?["verified"]["rows"], 3);
        // Without verification, the load succeeds.
        let (code, report) = load_changed("", edit)?;
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(resource(&report, "orders")?["verified"], Json::Null);
    }
    Ok(())
}

#[test]
fn a_checksum_notices_changed_swapped_and_replaced_values() -> Result<()> {
    let changes: [fn(&mut Vec<Json>); 5] = [
        // One byte of a text, and of an integer.
        |rows| rows[7][1]["value"] = json!("note 9"),
        |rows| rows[7][3]["value"] = json!("1"),
        |rows| rows[7][1] = json!({"type": "null"}),
        // The notes of two rows are swapped.
        |rows| {
            let note = rows[7][1].take();
            rows[7][1] = rows[8][1].take();
            rows[8][1] = note;
        },
        // One row is lost, and another doubled.
        |rows| rows[7] = rows[8].clone(),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let (code, report) = load_changed("verify = \"checksum\"", change)?;
        assert_eq!(code, Some(1), "change {index}: {report}");
        let message = resource(&report, "orders")?["failure"]["message"].clone();
        let message = message.as_str().unwrap_or_default();
        assert!(
            message.contains("by its checksum"),
            "change {index}: {message}"
        );
        let verified = json!({"rows": 3, "checksum": true, "presence_only": []});
        assert_eq!(resource(&report, "items")?["verified"], verified);
        // The number of rows is the same.
        let (code, _) = load_changed("verify = \"count\"", change)?;
        assert_eq!(code, Some(0), "change {index}");
    }
    Ok(())
}

#[test]
fn every_value_of_the_nasty_source_has_the_checksum_of_the_server() -> Result<()> {
    let served = nasty_source::by_sqld()?;
    let tables = [&nasty::PLAIN[..], &nasty::SHAPES, &nasty::ON_REQUEST].concat();
    let pipeline = Pipeline::new(&served.server.url())?.top("verify = \"checksum\"");
    let pipeline = tables
        .iter()
        .fold(pipeline, |pipeline, name| pipeline.resource(name));
    let report = pipeline.load()?;
    let resources = report["resources"].as_array().context("no resources")?;
    assert_eq!(resources.len(), tables.len());
    for resource in resources {
        // The digits of its values are longer than the server permits.
        let is_large = resource["resource"] == "big";
        assert_eq!(
            resource["verified"]["checksum"] == true,
            !is_large,
            "{resource}"
        );
    }
    Ok(())
}

#[test]
fn tables_with_many_columns_are_verified() -> Result<()> {
    for (columns, has_checksum) in [(999, true), (1001, false)] {
        let server = Sqld::start()?;
        let declared: Vec<_> = (1..columns).map(|index| format!("c{index} TEXT")).collect();
        let values: Vec<_> = (1..columns).map(|index| format!("'{index}'")).collect();
        server.client().run(&[
            &format!(
                "CREATE TABLE t(id INTEGER PRIMARY KEY, {})",
                declared.join(", ")
            ),
            &format!("INSERT INTO t VALUES (1, {})", values.join(", ")),
        ])?;
        let pipeline = Pipeline::new(&server.url())?.top("verify = \"checksum\"");
        let report = pipeline.load()?;
        let t = resource(&report, "t")?;
        assert_eq!(t["verified"]["rows"], 1, "{t}");
        assert_eq!(t["verified"]["checksum"] == true, has_checksum, "{t}");
        let notes = t["notes"].to_string();
        assert_eq!(notes.contains("at most 1000 columns"), !has_checksum, "{t}");
    }
    Ok(())
}

#[test]
fn lost_keys_do_not_delete_rows() -> Result<()> {
    let lose: fn(&mut Vec<Json>) = |rows| {
        rows.remove(0);
    };
    for (deletes, edit) in [("hard", lose), ("soft", lose), ("hard", Vec::clear)] {
        let server = serve()?;
        server
            .client()
            .run(&["ALTER TABLE items ADD COLUMN size INTEGER DEFAULT 1"])?;
        let proxy = FaultyServer::proxy(&server.url(), move |_, _, body| {
            // Pages of rows have the column `size` too.
            if body.contains("items") && body.contains("ORDER BY") && !body.contains("size") {
                ProxyFault::EditRows(edit)
            } else {
                ProxyFault::None
            }
        })?;
        let lines = format!(
            "mode = \"incremental\"\ncursor = \"size\"\nwrite = \"merge\"\ndeletes = \"{deletes}\"\nverify = \"count\""
        );
        let pipeline = Pipeline::new(&server.url())?.resource_with("items", &lines);
        pipeline.load()?;
        let through_proxy = Pipeline::new(&proxy.url())?
            .resource_with("items", &lines)
            .into_database(&pipeline.database());
        let outcome = through_proxy.host(&["run", "--json"])?;
        assert_eq!(outcome.code, Some(1), "{outcome:?}");
        assert!(
            outcome
                .stdout
                .contains("the server counts 3 keys of `items`")
                || outcome
                    .stderr
                    .contains("the server counts 3 keys of `items`"),
            "{outcome:?}"
        );
        let mut stored = DuckDb::open(&pipeline.database())?;
        let is_live = match deletes {
            "soft" => "_deleted_at IS NULL",
            _ => "true",
        };
        let count = format!("SELECT count(*) FROM turso_data.items WHERE {is_live}");
        assert_eq!(stored.number(&count)?, 3);
    }
    Ok(())
}

#[test]
fn databases_that_store_utf16_are_verified_by_the_number_of_rows() -> Result<()> {
    for encoding in ["UTF-16le", "UTF-16be"] {
        let server = Sqld::with_data(|file| {
            let connection = source::create(file)?;
            connection.pragma_update(None, "encoding", encoding)?;
            Ok(connection.execute_batch(
                "CREATE TABLE texts(t TEXT); INSERT INTO texts VALUES ('a'), ('表');
                 CREATE TABLE blobs(b BLOB); INSERT INTO blobs VALUES (x'01');",
            )?)
        })?;
        let pipeline = Pipeline::new(&server.url())?.top("verify = \"checksum\"");
        let report = pipeline.load()?;
        for (name, rows) in [("texts", 2), ("blobs", 1)] {
            let resource = resource(&report, name)?;
            assert_eq!(resource["verified"]["rows"], rows, "{resource}");
            assert_eq!(resource["verified"]["checksum"], false, "{resource}");
            let notes = resource["notes"].to_string();
            assert!(notes.contains("does not store text as UTF-8"), "{resource}");
        }
    }
    Ok(())
}

#[test]
fn converted_values_are_verified_by_their_presence_or_not_at_all() -> Result<()> {
    let server = Sqld::start()?;
    server.client().run(&[
        "CREATE TABLE t(id INTEGER PRIMARY KEY, at TEXT, n TEXT, doc JSON)",
        "INSERT INTO t VALUES (1, '2024-01-01', '5', '[1]'), (2, 'soon', NULL, 1.5), (3, NULL, '7', NULL)",
        "CREATE TABLE other(id INTEGER PRIMARY KEY)",
    ])?;
    let pipeline = Pipeline::new(&server.url())?
        .top("verify = \"checksum\"")
        .resource_with("t", "types = { at = \"date\" }\nnested = \"json\"");
    let verified = json!({"rows": 3, "checksum": true, "presence_only": ["at", "doc"]});
    assert_eq!(resource(&pipeline.load()?, "t")?["verified"], verified);
    let lines = "types = { n = \"integer\" }";
    let pipeline = Pipeline::new(&server.url())?
        .top("verify = \"checksum\"")
        .resource_with("t", lines);
    let report = pipeline.load()?;
    let verified = json!({"rows": 3, "checksum": false, "presence_only": []});
    assert_eq!(resource(&report, "t")?["verified"], verified);
    let notes = resource(&report, "t")?["notes"].to_string();
    assert!(
        notes.contains("only the number of rows was verified"),
        "{notes}"
    );
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("t", &format!("{lines}\nverify = \"checksum\""))
        .resource("other");
    assert_eq!(pipeline.host(&["run", "--json"])?.code, Some(1));
    Ok(())
}

#[test]
fn rows_are_counted_in_the_snapshot_of_the_read_with_its_conditions() -> Result<()> {
    let server = serve()?;
    server.client().run(&[
        "CREATE TABLE twice(a, b)",
        "INSERT INTO twice VALUES (1, 1), (1, 2), (NULL, 3)",
        "CREATE TABLE named(name TEXT PRIMARY KEY, at INTEGER) WITHOUT ROWID",
        "INSERT INTO named VALUES ('a', 1), ('b', NULL)",
        "CREATE VIEW many AS SELECT id FROM orders WHERE total > 100",
    ])?;
    // The source changes while its rows are read.
    let url = server.url();
    let writes = Mutex::new(0);
    let proxy = FaultyServer::proxy(&server.url(), move |_, _, body| {
        if is_page(body) {
            let mut writes = writes.lock().unwrap();
            *writes += 1;
            let id = 10_000 + *writes;
            let insert = format!("INSERT INTO orders VALUES ({id}, 'late', 1, 5000)");
            let client = hrana::Client::new(&url).closing();
            client
                .run(&[&insert, "DELETE FROM orders WHERE id = 4000"])
                .unwrap();
        }
        ProxyFault::None
    })?;
    let pipeline = Pipeline::new(&proxy.url())?
        .top("verify = \"checksum\"")
        .config("page_rows = 1000")
        .config("queries = [{ name = \"few\", sql = \"SELECT id FROM items -- three\" }]")
        .resource_with("orders", "mode = \"incremental\"\ncursor = \"at\"")
        .resource_with("items", "where = \"id > 1 -- two\"")
        .resource_with("twice", "primary_key = [\"b\"]\nwrite = \"merge\"")
        .resource_with(
            "named",
            "mode = \"incremental\"\ncursor = \"at\"\nwrite = \"append\"",
        )
        .resource("many")
        .resource("few");
    let rows = |report: &Json, name: &str| -> Result<Json> {
        Ok(resource(report, name)?["verified"]["rows"].clone())
    };
    let first = pipeline.load()?;
    for (name, expected) in [
        ("orders", 5_000),
        ("items", 2),
        ("twice", 3),
        ("named", 2),
        ("many", 4_600),
        ("few", 3),
    ] {
        assert_eq!(rows(&first, name)?, expected, "{name}: {first}");
        assert_eq!(resource(&first, name)?["verified"]["checksum"], true);
    }
    // Ten of the rows have the last value, and rows were added since.
    let second = pipeline.load()?;
    let orders = resource(&second, "orders")?;
    assert!(orders["rows_read"].as_u64() > Some(1));
    assert_eq!(orders["verified"]["rows"], orders["rows_read"]);
    assert_eq!(orders["verified"]["checksum"], true);
    assert_eq!(rows(&second, "named")?, 0);
    Ok(())
}

#[test]
fn the_cost_of_a_verification_is_stated_before_it_is_paid_and_counts() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .top("verify = \"checksum\"")
        .resource_with("orders", "max_rows_read = 10001");
    let findings = pipeline.host(&["check"])?.stdout;
    let stated = "ok: verify: a full read of the verified resources bills their rows twice: about 5000 rows more\n";
    assert!(findings.contains(stated), "{findings}");
    let outcome = pipeline.host(&["run", "--json"])?;
    let announced = "the server verifies `orders`, which may bill its 5000 rows once more";
    assert!(outcome.stderr.contains(announced), "{}", outcome.stderr);
    let report = outcome.json()?;
    let billed = &resource(&report, "orders")?["rows_billed"];
    // One more row is billed for the largest row id.
    assert!(billed.as_u64() >= Some(10_001), "{billed}");
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("orders", "max_rows_read = 9999\nverify = \"count\"")
        .resource("items");
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1));
    let failure = resource(&outcome.json()?, "orders")?["failure"].clone();
    let message = failure["message"].as_str().unwrap_or_default();
    assert!(
        message.contains("`max_rows_read` permits 9999"),
        "{failure}"
    );
    Ok(())
}

#[test]
fn rows_that_cannot_be_verified_are_stored_unless_their_resource_asks_for_it() -> Result<()> {
    let server = serve()?;
    let pipeline = Pipeline::new(&server.url())?
        .top("verify = \"count\"")
        .resource("db_version")
        .resource("items");
    let report = pipeline.load()?;
    let version = resource(&report, "db_version")?;
    assert_eq!(version["verified"], Json::Null);
    let notes = version["notes"].to_string();
    assert!(notes.contains("the rows were not verified"), "{notes}");
    let pipeline = Pipeline::new(&server.url())?
        .resource_with("db_version", "verify = \"count\"")
        .resource("items");
    let outcome = pipeline.host(&["run", "--json"])?;
    assert_eq!(outcome.code, Some(1));
    let report = outcome.json()?;
    let failure = &resource(&report, "db_version")?["failure"];
    let message = failure["message"].as_str().unwrap_or_default();
    assert!(message.contains("cannot be verified"), "{failure}");
    let resumable = Pipeline::new(&server.url())?
        .top("verify = \"count\"\nconsistency = \"resumable\"")
        .resource_with("orders", "mode = \"incremental\"");
    let outcome = resumable.host(&["run"])?;
    assert_eq!(outcome.code, Some(2), "{outcome:?}");
    Ok(())
}

#[test]
fn the_databases_of_a_fleet_are_verified_each_in_its_own_snapshot() -> Result<()> {
    let fleet = Fleet::new(&["a", "b"])?;
    for (name, rows) in [("a", 3), ("b", 4)] {
        fleet.run(
            name,
            &[
                &format!("CREATE TABLE t(id INTEGER PRIMARY KEY, _database TEXT, {name} TEXT)"),
                &format!(
                    "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows}) \
                     INSERT INTO t SELECT i, 'own', '{name}' FROM n"
                ),
            ],
        )?;
    }
    let report = fleet.pipeline()?.top("verify = \"checksum\"").load()?;
    let verified = json!({"rows": 7, "checksum": true, "presence_only": []});
    assert_eq!(resource(&report, "t")?["verified"], verified);
    Ok(())
}
