//! Answers of a server that says anything. What `serde_json` reads in them is
//! what the decoders read, however the answer is cut into chunks.
//!
//! The first byte says what is tried; see [`fuzz_target!`] at the end.

#![no_main]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a finding")]

mod expected;

use std::fmt::Write as _;

use libfuzzer_sys::fuzz_target;
use turso_connector::hrana::columns::{ColumnSpec, Storage};
use turso_connector::hrana::cursor::{self, Lines};
use turso_connector::hrana::decoder::{Decoder, Wire};
use turso_connector::hrana::page::glance;
use turso_connector::hrana::response::{Outcome, Response, Rows};
use turso_connector::hrana::value::Value;
use turso_connector::hrana::wanted::{Unit, Wanted};

const STORAGES: [Storage; 9] = [
    Storage::Integer,
    Storage::Real,
    Storage::Numeric,
    Storage::Text,
    Storage::Blob,
    Storage::ByValue,
    Storage::Wanted(Wanted::Date),
    Storage::Wanted(Wanted::Timestamp {
        unit: Unit::Milli,
        utc: true,
    }),
    Storage::Wanted(Wanted::Decimal {
        precision: 18,
        scale: 2,
    }),
];

/// A decoder for a row of any few columns.
fn decoder(shape: u8) -> Decoder {
    let columns = (0..shape % 4).map(|at| ColumnSpec {
        name: format!("c{at}"),
        storage: STORAGES[usize::from(shape / 4 + at) % STORAGES.len()],
        holds_json: false,
    });
    Decoder::new(&columns.collect::<Vec<_>>())
}

/// Any bytes as the answer to a pipeline.
fn whole_answer(shape: u8, text: &str) {
    let mut rows = Rows::default();
    let parsed = Response::parse(text, &mut rows);
    if let Some(expected) = expected::answer(text) {
        match (&parsed, &expected) {
            (Ok(parsed), Ok(expected)) => expected::compare(parsed, &rows, expected),
            (Err(_), Err(())) => {}
            _ => panic!("{parsed:?} instead of {expected:?}"),
        }
    }
    // Rows into columns at once, and value by value.
    let mut at_once = decoder(shape);
    if Response::parse(text, &mut at_once).is_ok() {
        let mut one_by_one = decoder(shape);
        for row in rows.0.iter().flatten() {
            one_by_one.push_row(row);
        }
        assert_eq!(at_once.misfits(), one_by_one.misfits());
        let (one, other) = (at_once.take_page(), one_by_one.take_page());
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        for column in one.unwrap().1.columns() {
            column.to_data().validate_full().unwrap();
        }
    }
    let mut typed = decoder(shape);
    typed.set_wire(Wire::Typed, usize::from(shape / 64));
    if Response::parse(text, &mut typed).is_err() {
        typed.give_up_page();
    }
    let rows = typed.rows();
    assert_eq!(typed.take_page().unwrap().1.num_rows(), rows);
    let _ = glance(text);
}

/// Any bytes as lines of a cursor, whole and in chunks.
fn lines(shape: u8, data: &[u8]) {
    let (cuts, body) = data.split_at(data.len().min(8));
    let mut whole = Vec::new();
    read(&mut Lines::default(), [body], &mut whole);
    let mut chunks = Vec::new();
    let mut rest = body;
    for cut in cuts {
        let (chunk, after) = rest.split_at(rest.len().min(usize::from(*cut)));
        chunks.push(chunk);
        rest = after;
    }
    chunks.push(rest);
    let mut cut = Vec::new();
    read(&mut Lines::default(), chunks, &mut cut);
    assert_eq!(whole, cut);

    let mut expected: Vec<_> = body.split(|byte| *byte == b'\n').collect();
    if expected.last().is_some_and(|last| last.is_empty()) {
        expected.pop();
    }
    let expected: Vec<_> = expected
        .iter()
        .map(|line| std::str::from_utf8(line).ok().map(str::to_owned))
        .collect();
    assert_eq!(whole, expected);

    let mut decoder = decoder(shape);
    let mut rows = 0;
    for line in whole.iter().flatten() {
        match cursor::entry(line, Some(&mut decoder)) {
            Ok(cursor::Entry::Row) => rows += 1,
            Ok(_) => {}
            Err(_) => return,
        }
        assert!(cursor::entry(line, None) != Ok(cursor::Entry::Row));
    }
    let (_, batch) = decoder.take_page().unwrap();
    assert_eq!(batch.num_rows(), rows);
}

fn read<'a>(
    lines: &mut Lines,
    chunks: impl IntoIterator<Item = &'a [u8]>,
    found: &mut Vec<Option<String>>,
) {
    for chunk in chunks {
        lines.push(chunk);
        while let Some(line) = lines.next_line() {
            found.push(line.ok().map(str::to_owned));
        }
    }
    if let Some(line) = lines.last_line() {
        found.push(line.ok().map(str::to_owned));
    }
    assert_eq!(lines.waiting(), 0);
}

/// Values that go out as a server spells them come back as they were, whole
/// and at a glance, and an answer that ends early is none.
fn round_trip(cut: u8, mut data: &[u8]) {
    let mut rows = vec![Vec::new()];
    while let Some(value) = value(&mut data) {
        match value {
            Some(value) => rows.last_mut().unwrap().push(value),
            None => rows.push(Vec::new()),
        }
    }
    let mut body = r#"{"baton":"b","base_url":null,"results":[{"type":"ok","response":{"type":"execute","result":{"cols":[],"rows":["#.to_owned();
    for (at, row) in rows.iter().enumerate() {
        let row = serde_json::to_string(row).unwrap();
        let _ = write!(body, "{}{row}", if at > 0 { "," } else { "" });
    }
    body.push_str(r#"],"affected_row_count":0,"last_insert_rowid":null,"replication_index":"1","rows_read":7,"rows_written":0,"query_duration_ms":0.1}}},{"type":"ok","response":{"type":"get_autocommit","is_autocommit":false}}]}"#);

    let mut read = Rows::default();
    let response = Response::parse(&body, &mut read).unwrap();
    assert_eq!(read.0[0], rows);
    assert_eq!(response.outcomes[1], Outcome::Autocommit(false));
    let seen = glance(&body);
    if rows.iter().all(|row| !row.is_empty()) {
        let seen = seen.unwrap();
        assert_eq!(Some(&seen.last_row), rows.last());
        assert_eq!(
            (seen.baton.as_deref(), seen.rows_read),
            (Some("b"), Some(7))
        );
        assert_eq!(seen.autocommit, Some(false));
    }
    let end = body.len() * usize::from(cut) / 256;
    if let Some(early) = body.get(..end) {
        assert!(Response::parse(early, &mut Rows::default()).is_err());
        assert_eq!(glance(early), None);
    }
}

/// The next value that the bytes stand for; `None` inside ends a row.
#[expect(clippy::option_option, reason = "a value, the end of a row, the end")]
fn value(data: &mut &[u8]) -> Option<Option<Value>> {
    let (&kind, rest) = data.split_first()?;
    *data = rest;
    let mut take = |length: usize| {
        let (taken, rest) = data.split_at(data.len().min(length));
        *data = rest;
        taken
    };
    let mut number = || {
        let mut bytes = [0; 8];
        let taken = take(8);
        bytes[..taken.len()].copy_from_slice(taken);
        bytes
    };
    Some(Some(match kind % 8 {
        0 => Value::Null,
        1 => Value::Integer(i64::from_le_bytes(number())),
        2 => Value::Integer(i64::from(i16::from_le_bytes([number()[0], kind]))),
        3 => {
            let real = f64::from_le_bytes(number());
            Value::Real(if real.is_finite() { real } else { 0.5 })
        }
        4 | 5 => Value::Text(String::from_utf8_lossy(take(usize::from(kind / 8))).into_owned()),
        6 => Value::Blob(take(usize::from(kind / 8)).to_vec()),
        _ => return Some(None),
    }))
}

fuzz_target!(|data: &[u8]| {
    let Some((&[mode, shape], rest)) = data.split_first_chunk() else {
        return;
    };
    match mode % 3 {
        0 => {
            if let Ok(text) = std::str::from_utf8(rest) {
                whole_answer(shape, text);
            }
        }
        1 => lines(shape, rest),
        _ => round_trip(shape, rest),
    }
});
