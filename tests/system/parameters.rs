//! Values that are sent to a server, or received from it, keep every bit. The
//! values are all floats that are hard to parse, and the extremes of each kind.

use std::path::Path;

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::{FaultyServer, ProxyFault};
use connector_tests::hrana::Client;
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;
use connector_tests::tursodb::Tursodb;
use connector_tests::value::Value;
use rusqlite::params;
use serde_json::{Value as Json, json};

/// Number of floats in the tests of both servers.
const FLOATS: usize = 100_000;

/// Returns different finite floats: extremes, powers, times, and any bits.
fn floats(count: usize) -> Vec<f64> {
    let powers_of_ten = (-323..=308).map(|power| format!("1e{power}").parse().unwrap_or(0.0));
    let powers_of_two = (-1074..1024).map(|power| 2_f64.powi(power));
    let extremes = [
        0.0,
        f64::MIN,
        f64::MAX,
        f64::MIN_POSITIVE,
        f64::MIN_POSITIVE.next_down(),
        9_007_199_254_740_993.0,
        -9_223_372_036_854_775_808.0,
        0.1 + 0.2,
    ];
    let mut state = 7_u64;
    let random = std::iter::repeat_with(move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let bits = state ^ (state >> 33);
        match state >> 62 {
            // A time in seconds.
            0 => 1_732_802_520.0 + f64::from(u32::try_from(bits >> 32).unwrap_or(0)) / 977.0,
            1 => f64::from_bits(bits >> 12),
            _ => f64::from_bits(bits),
        }
    });
    let special = extremes
        .into_iter()
        .chain(powers_of_ten)
        .chain(powers_of_two);
    let mut floats: Vec<f64> = special
        .chain(random)
        .filter(|float| float.is_finite())
        .take(count)
        .collect();
    floats.sort_by(f64::total_cmp);
    floats.dedup();
    floats
}

/// Writes floats with their numbers, into a column with a type and one without.
fn write_floats(file: &Path, floats: &[f64]) -> Result<()> {
    let mut connection = source::create(file)?;
    connection.execute_batch("CREATE TABLE f(id INTEGER PRIMARY KEY, r REAL, v)")?;
    let transaction = connection.transaction()?;
    {
        let mut insert = transaction.prepare("INSERT INTO f VALUES (?, ?, ?)")?;
        for (id, float) in (0_i64..).zip(floats) {
            insert.execute(params![id, float, float])?;
        }
    }
    Ok(transaction.commit()?)
}

/// Returns the SQL of a float as an integer and powers of two.
fn sql_of_powers(float: f64) -> String {
    let bits = float.to_bits();
    let (fraction, exponent) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
    let (mut integer, mut power) = match exponent {
        0 => (fraction, -1074),
        _ => (fraction | (1 << 52), exponent.cast_signed() - 1075),
    };
    while integer != 0 && integer % 2 == 0 && power < 0 {
        (integer, power) = (integer / 2, power + 1);
    }
    let sign = if float.is_sign_negative() { "-" } else { "" };
    let mut sql = format!("({sign}{integer} * 1.0");
    while power != 0 {
        let step = power.clamp(-62, 62);
        let operator = if step < 0 { '/' } else { '*' };
        sql += &format!(" {operator} {}", 1_u64 << step.abs());
        power -= step;
    }
    sql + ")"
}

/// Checks that a server computes each stored float from powers of two.
fn check_powers(client: &Client, floats: &[f64]) -> Result<()> {
    for (chunk, start) in floats.chunks(50).zip((0..).step_by(50)) {
        let compare = |(index, float): (usize, &f64)| {
            let stored = format!("(SELECT r FROM f WHERE id = {})", start + index);
            format!("{stored} = {}", sql_of_powers(*float))
        };
        let conditions: Vec<_> = chunk.iter().enumerate().map(compare).collect();
        let sql = format!("SELECT {}", conditions.join(" AND "));
        let rows = client.query(&sql, &[])?;
        assert_eq!(rows.single(), Some(&Value::Integer(1)), "{sql}");
    }
    Ok(())
}

#[test]
fn servers_compute_every_float_from_an_integer_and_powers_of_two() -> Result<()> {
    let floats = floats(FLOATS);
    let sqld = Sqld::with_data(|file| write_floats(file, &floats))?;
    check_powers(&sqld.client(), &floats)?;
    let tursodb = Tursodb::with_data(|file| write_floats(file, &floats))?;
    check_powers(&tursodb.client(), &floats)
}

/// Loads floats from the server at a URL, and compares their bits.
fn check_received(url: &str, floats: &[f64]) -> Result<()> {
    let pipeline = Pipeline::new(url)?;
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let rows = duckdb
        .query("SELECT r, v FROM turso_data.f ORDER BY id")?
        .rows;
    assert_eq!(rows.len(), floats.len());
    for (row, float) in rows.iter().zip(floats) {
        assert_eq!(row[1], Value::real(*float), "{float:e}");
        // A column of floats stores whole numbers without a sign of zero.
        assert_eq!(row[0], Value::real(*float + 0.0), "{float:e}");
    }
    Ok(())
}

#[test]
fn every_float_is_received_exactly_from_both_servers_in_both_encodings() -> Result<()> {
    let mut floats = floats(FLOATS);
    floats.push(-0.0);
    for infinity in [false, true] {
        if infinity {
            // Such a value changes the encoding of the whole table.
            floats.insert(0, f64::NEG_INFINITY);
        }
        let sqld = Sqld::with_data(|file| write_floats(file, &floats))?;
        check_received(&sqld.url(), &floats)?;
        let tursodb = Tursodb::with_data(|file| write_floats(file, &floats))?;
        check_received(&tursodb.url(), &floats)?;
    }
    Ok(())
}

#[test]
fn paging_continues_after_every_float() -> Result<()> {
    let floats = floats(6_000);
    let server = Sqld::with_data(|file| {
        let mut connection = source::create(file)?;
        connection.execute_batch("CREATE TABLE t(a REAL PRIMARY KEY) WITHOUT ROWID")?;
        let transaction = connection.transaction()?;
        for float in &floats {
            transaction.execute("INSERT INTO t VALUES (?)", params![float])?;
        }
        Ok(transaction.commit()?)
    })?;
    let pipeline = Pipeline::new(&server.url())?.config("page_rows = 1");
    pipeline.load()?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    let rows = duckdb.query("SELECT a FROM turso_data.t ORDER BY a")?.rows;
    let expected: Vec<_> = floats
        .iter()
        .map(|float| vec![Value::real(*float)])
        .collect();
    assert_eq!(rows.len(), expected.len());
    assert!(rows == expected);
    Ok(())
}

/// Keys of every kind, which a server that changes parameters would confuse.
const KEYS: &str = "
    CREATE TABLE integers(a INT, PRIMARY KEY (a)) WITHOUT ROWID;
    INSERT INTO integers VALUES (-9223372036854775808), (-9007199254740993), (-9007199254740992),
        (0), (9007199254740992), (9007199254740993), (9007199254740994), (9223372036854775806),
        (9223372036854775807);
    CREATE TABLE texts(a TEXT PRIMARY KEY) WITHOUT ROWID;
    INSERT INTO texts VALUES (''), ('a'), ('a' || char(0)), ('a' || char(0) || 'b'), ('é'), ('e' || char(769)),
        ('''\"\\'), (char(1)), (char(8232)), (char(65279)), (char(65535)), (char(1114111)),
        (CAST(x'ff' AS TEXT)), (CAST(x'fe41' AS TEXT));
    CREATE TABLE blobs(a BLOB PRIMARY KEY) WITHOUT ROWID;
    INSERT INTO blobs VALUES (x''), (x'00'), (x'0000'), (x'000000'), (x'fb'), (x'fbff'), (x'fbffbe'), (x'ff'),
        (randomblob(100000)), (randomblob(100001)), (randomblob(100002));
    CREATE TABLE floats(a REAL PRIMARY KEY) WITHOUT ROWID;
    INSERT INTO floats VALUES (-9e999), (-1.5), (0.0), (4.9e-324), (0.1), (1732802520.1234567), (1e300), (9e999)";
const KEY_TABLES: [&str; 4] = ["integers", "texts", "blobs", "floats"];

/// Loads the tables of [`KEYS`] in pages of one row, through a proxy that may
/// change arguments, and compares them.
fn check_keys(change: fn(&mut Json)) -> Result<()> {
    let server = Sqld::with_data(|file| Ok(source::create(file)?.execute_batch(KEYS)?))?;
    let proxy = FaultyServer::proxy(&server.url(), move |_, _, body| {
        let Ok(mut body) = serde_json::from_str::<Json>(body) else {
            return ProxyFault::None;
        };
        let requests = body.get_mut("requests").and_then(Json::as_array_mut);
        for request in requests.into_iter().flatten() {
            let arguments = request.pointer_mut("/stmt/args");
            let arguments = arguments.and_then(Json::as_array_mut);
            arguments.into_iter().flatten().for_each(change);
        }
        ProxyFault::Forward(body.to_string())
    })?;
    let pipeline = Pipeline::new(&proxy.url())?.config("page_rows = 1");
    pipeline.load()?;
    let reference = source::open(&server.file())?;
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    for table in KEY_TABLES {
        let count = format!("SELECT count(*) FROM {table}");
        let rows = source::query(&reference, &count)?
            .single()
            .and_then(Value::as_integer);
        // A text that is not UTF-8 has a column of its own.
        let distinct = format!("SELECT count(DISTINCT t::VARCHAR) FROM turso_data.{table} t");
        assert_eq!(Some(duckdb.number(&distinct)?), rows, "{table}");
        let loaded = format!("SELECT count(*) FROM turso_data.{table}");
        assert_eq!(Some(duckdb.number(&loaded)?), rows, "{table}");
    }
    Ok(())
}

#[test]
fn keys_of_every_kind_are_sent_exactly_and_never_as_json_numbers() -> Result<()> {
    check_keys(|argument| assert_ne!(argument["type"], "float"))
}

#[test]
fn a_server_that_rounds_integers_receives_them_in_the_statement() -> Result<()> {
    check_keys(|argument| {
        if let ("integer", Some(digits)) = (kind(argument), argument["value"].as_str()) {
            let rounded = digits.parse().map_or(0, |number: i64| number / 1024 * 1024);
            *argument = json!({"type": "integer", "value": rounded.to_string()});
        }
    })
}

#[test]
fn a_server_that_cuts_text_receives_it_in_the_statement() -> Result<()> {
    check_keys(|argument| {
        if let ("text", Some(text)) = (kind(argument), argument["value"].as_str()) {
            let cut = text.split('\0').next().unwrap_or_default();
            *argument = json!({"type": "text", "value": cut});
        }
    })
}

#[test]
fn a_server_that_cuts_blobs_receives_them_in_the_statement() -> Result<()> {
    check_keys(|argument| {
        if let ("blob", Some(base64)) = (kind(argument), argument["base64"].as_str()) {
            let cut = base64.get(..4).unwrap_or_default();
            *argument = json!({"type": "blob", "base64": cut});
        }
    })
}

fn kind(argument: &Json) -> &str {
    argument["type"].as_str().unwrap_or_default()
}

#[test]
fn bytes_that_are_no_text_do_not_concern_other_rows_and_tables() -> Result<()> {
    let wide: Vec<_> = (0..1100).map(|index| format!("c{index} INT")).collect();
    let server = Sqld::with_data(|file| {
        let connection = source::create(file)?;
        Ok(connection.execute_batch(&format!(
            "CREATE TABLE infinite(id INTEGER PRIMARY KEY, r REAL);
             INSERT INTO infinite VALUES (1, 9e999), (2, 1.0);
             CREATE TABLE later(id INTEGER PRIMARY KEY, v);
             INSERT INTO later VALUES (1, 9e999), (2, 1), (3, CAST(x'ff' AS TEXT));
             CREATE TABLE one(t TEXT); INSERT INTO one VALUES (CAST(x'ff' AS TEXT));
             CREATE TABLE other(t TEXT); INSERT INTO other VALUES (CAST(x'ff' AS TEXT));
             CREATE TABLE wide(id INTEGER PRIMARY KEY, {}); INSERT INTO wide(id) VALUES (1);",
            wide.join(", ")
        ))?)
    })?;
    let orders = [
        &["infinite", "one"][..],
        &["later"],
        &["one", "other", "wide"],
        &["infinite", "later", "one", "other", "wide"],
    ];
    for order in orders {
        let pipeline = Pipeline::new(&server.url())?.config("page_rows = 2");
        let pipeline = order
            .iter()
            .fold(pipeline, |pipeline, name| pipeline.resource(name));
        let report = pipeline.load()?;
        assert_eq!(report["status"], "loaded", "{order:?}: {report}");
    }
    Ok(())
}

#[test]
fn text_of_a_database_that_stores_utf16_is_read_exactly() -> Result<()> {
    // Such a database cannot hold U+FFFF.
    let texts = [
        "a",
        "\u{e4}",
        "\u{4e2d}\u{6587}",
        "\u{ff5e}",
        "\u{1f600}",
        "",
    ];
    for encoding in ["UTF-16le", "UTF-16be"] {
        let server = Sqld::with_data(|file| {
            let connection = source::create(file)?;
            connection.pragma_update(None, "encoding", encoding)?;
            // The infinities make the connector ask for the bytes of all text.
            connection.execute_batch(
                "CREATE TABLE keyed(k TEXT PRIMARY KEY, r REAL, b BLOB) WITHOUT ROWID;
                 CREATE VIEW viewed AS SELECT k, r, upper(k) AS u FROM keyed;",
            )?;
            for text in texts {
                let values = params![text, f64::INFINITY, text.as_bytes()];
                connection.execute("INSERT INTO keyed VALUES (?, ?, ?)", values)?;
            }
            Ok(())
        })?;
        let pipeline = Pipeline::new(&server.url())?
            .config("page_rows = 2")
            .resource("keyed")
            .resource("viewed");
        pipeline.load()?;
        let mut duckdb = DuckDb::open(&pipeline.database())?;
        let exact = "SELECT count(*) FROM turso_data.keyed WHERE encode(k) = b AND isinf(r)";
        let of_view = "SELECT count(*) FROM turso_data.viewed v JOIN turso_data.keyed k \
                       ON v.k = k.k AND v.u = CASE k.k WHEN 'a' THEN 'A' ELSE k.k END";
        for sql in [exact, of_view] {
            assert_eq!(duckdb.number(sql)?, 6, "{encoding}: {sql}");
        }
        let columns = "SELECT count(*) FROM duckdb_columns() WHERE contains(column_name, '__text')";
        assert_eq!(duckdb.number(columns)?, 0, "{encoding}");
    }
    Ok(())
}
