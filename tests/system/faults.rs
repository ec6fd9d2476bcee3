//! Servers and connections that fail: a load gets through, or it ends with
//! the right code and leaves what was there.

use anyhow::Result;
use connector_tests::duckdb::DuckDb;
use connector_tests::faulty::{Fault, Faulty};
use connector_tests::pipeline::Pipeline;
use connector_tests::source;
use connector_tests::sqld::Sqld;

const ROWS: i64 = 25_000;

#[test]
fn a_reset_is_survived() -> Result<()> {
    survived(|number| {
        if number % 4 == 3 && number < 20 {
            Fault::Reset
        } else {
            Fault::None
        }
    })
}

#[test]
fn half_an_answer_is_survived() -> Result<()> {
    survived(|number| {
        if number == 4 || number == 9 {
            Fault::Truncate
        } else {
            Fault::None
        }
    })
}

#[test]
fn too_many_requests_are_survived_with_and_without_a_time_to_wait() -> Result<()> {
    survived(|number| match number {
        2 => Fault::Answer("429 Too Many Requests", "retry-after: 1\r\n", Vec::new()),
        5 => Fault::Answer(
            "429 Too Many Requests",
            "",
            br#"{"error":"Too many concurrent requests"}"#.to_vec(),
        ),
        _ => Fault::None,
    })
}

#[test]
fn a_gateway_that_is_away_for_a_moment_is_survived() -> Result<()> {
    survived(|number| match number {
        1 | 3 => Fault::Answer("502 Bad Gateway", "", Vec::new()),
        4 => Fault::Answer("503 Service Unavailable", "retry-after: 1\r\n", Vec::new()),
        _ => Fault::None,
    })
}

#[test]
fn a_stream_that_expired_is_begun_anew() -> Result<()> {
    let body = br#"{"message":"The stream has expired due to inactivity","code":"STREAM_EXPIRED"}"#;
    survived(move |number| match number {
        6 => Fault::Answer(
            "400 Bad Request",
            "content-type: application/json\r\n",
            body.to_vec(),
        ),
        _ => Fault::None,
    })
}

#[test]
fn an_answer_that_is_none_ends_the_load_and_keeps_the_old_rows() -> Result<()> {
    let answers: [&[u8]; 5] = [
        b"<html>",
        br#"{"results":[{"type":"ok""#,
        br#"{"baton":null,"base_url":null,"results":[]}"#,
        br#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"id"}],"rows":[[{"type":"integer","value":1}]]}}}]}"#,
        br#"{"baton":null,"base_url":null,"results":[{"type":"ok","response":{"type":"execute","result":{"cols":[],"rows":[[{"type":"colour"}]]}}}]}"#,
    ];
    let server = numbers()?;
    for answer in answers {
        let outcome = spoilt(&server, "", move |number| match number {
            0..5 => Fault::None,
            _ => Fault::Answer(
                "200 OK",
                "content-type: application/json\r\n",
                answer.to_vec(),
            ),
        })?;
        assert_eq!(outcome, Some(1), "{}", String::from_utf8_lossy(answer));
    }
    Ok(())
}

#[test]
fn what_cannot_pass_is_asked_once() -> Result<()> {
    for (status, body) in [
        ("400 Bad Request", "what is this?"),
        ("401 Unauthorized", "Unauthorized: `The JWT is invalid`"),
        ("403 Forbidden", "Authorization forbidden"),
        (
            "403 Forbidden",
            "Operation was blocked: SQL read operations are forbidden (upgrade)",
        ),
    ] {
        let server = Faulty::always(Fault::Answer(
            status,
            "content-type: text/plain\r\n",
            body.into(),
        ))?;
        let outcome = Pipeline::new(&server.url())?.host(&["run"])?;
        assert_ne!(outcome.code, Some(0), "{outcome:?}");
        assert!(outcome.stderr.contains("hint: "), "{outcome:?}");
        assert_eq!(server.requests(), 1, "{status}: {outcome:?}");
    }
    Ok(())
}

#[test]
fn a_server_that_stalls_is_stopped_by_the_time_limit() -> Result<()> {
    let code = spoilt(&numbers()?, "time = \"4s\"", |number| {
        if number < 5 {
            Fault::None
        } else {
            Fault::Stall
        }
    })?;
    assert_eq!(code, Some(5));
    Ok(())
}

#[test]
fn an_endless_answer_is_stopped_by_the_response_limit() -> Result<()> {
    let code = spoilt(&numbers()?, "response = \"20MB\"", |number| {
        if number < 5 {
            Fault::None
        } else {
            Fault::Endless
        }
    })?;
    assert_eq!(code, Some(5));
    Ok(())
}

#[test]
fn a_connector_that_needs_more_memory_than_it_may_have_is_stopped() -> Result<()> {
    let server = numbers()?;
    let pipeline = Pipeline::new(&server.url())?
        .config("page_rows = 25000")
        .limits("memory = \"2MiB\"");
    let outcome = pipeline.host(&["run"])?;
    assert_eq!(outcome.code, Some(5), "{outcome:?}");
    assert!(outcome.stderr.contains("memory"), "{outcome:?}");
    Ok(())
}

/// Loads through faults, and expects every row.
fn survived(plan: impl Fn(usize) -> Fault + Send + Sync + 'static) -> Result<()> {
    let server = numbers()?;
    let faulty = Faulty::proxy(&server.url(), move |number, _, _| plan(number))?;
    let pipeline = Pipeline::new(&faulty.url())?.config("page_rows = 2000");
    pipeline.load()?;
    assert!(faulty.requests() > 10, "{} requests", faulty.requests());
    assert_whole(&pipeline)
}

/// Loads once without faults and once with them, and yields the exit code of
/// the second. The rows of the first must still be there.
fn spoilt(
    server: &Sqld,
    limits: &str,
    plan: impl Fn(usize) -> Fault + Send + Sync + 'static,
) -> Result<Option<i32>> {
    let good = Pipeline::new(&server.url())?;
    good.load()?;
    let faulty = Faulty::proxy(&server.url(), move |number, _, _| plan(number))?;
    let bad = Pipeline::new(&faulty.url())?
        .config("page_rows = 2000")
        .limits(limits)
        .into_database(&good.database());
    let outcome = bad.host(&["run"])?;
    assert!(
        outcome.stderr.contains("error: ") && outcome.stderr.contains("hint: "),
        "{outcome:?}"
    );
    assert_whole(&good)?;
    Ok(outcome.code)
}

fn assert_whole(pipeline: &Pipeline) -> Result<()> {
    let mut duckdb = DuckDb::open(&pipeline.database())?;
    assert_eq!(
        duckdb.number("SELECT count(*) FROM turso_data.numbers")?,
        ROWS
    );
    assert_eq!(
        duckdb.number("SELECT count(DISTINCT id) FROM turso_data.numbers")?,
        ROWS
    );
    Ok(())
}

fn numbers() -> Result<Sqld> {
    Sqld::with_data(|file| {
        Ok(source::create(file)?.execute_batch(&format!(
            "CREATE TABLE numbers(id INTEGER PRIMARY KEY, label TEXT);
             WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS})
             INSERT INTO numbers SELECT i, 'no. ' || i FROM n;"
        ))?)
    })
}
