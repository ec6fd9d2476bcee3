//! Arbitrary responses of a server. The decoders and `serde_json` read the same
//! values in them, however a response is split into chunks.
//!
//! The first byte selects the test; see [`fuzz_target!`] at the end.

#![no_main]
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure is a finding")]

mod expected;

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use libfuzzer_sys::fuzz_target;
use turso_connector::hrana::cursor::{self, Lines};
use turso_connector::hrana::decoder::{Decoder, Encoding};
use turso_connector::hrana::page::peek;
use turso_connector::hrana::response::{Outcome, PipelineResponse, ValueRows};
use turso_connector::rows::batch::BatchBuilder;
use turso_connector::rows::columns::{ColumnSpec, Storage};
use turso_connector::rows::logical_type::{EpochUnit, LogicalType};
use turso_connector::rows::value::Value;

const STORAGES: [Storage; 9] = [
    Storage::Integer,
    Storage::Real,
    Storage::Numeric,
    Storage::Text,
    Storage::Blob,
    Storage::ByValue,
    Storage::Logical(LogicalType::Date),
    Storage::Logical(LogicalType::Timestamp {
        unit: EpochUnit::Milli,
        utc: true,
        rounds: false,
    }),
    Storage::Logical(LogicalType::Decimal {
        precision: 18,
        scale: 2,
        rounds: false,
    }),
];

/// Returns up to three columns.
fn columns(shape: u8) -> Vec<ColumnSpec> {
    (0..shape % 4)
        .map(|index| ColumnSpec {
            name: format!("c{index}"),
            storage: STORAGES[usize::from(shape / 4 + index) % STORAGES.len()],
            declared: String::new(),
        })
        .collect()
}

/// Parses any text as the response to a pipeline.
fn pipeline_response(shape: u8, text: &str) {
    let mut rows = ValueRows::default();
    let parsed = PipelineResponse::parse(text, &mut rows);
    if let Some(expected) = expected::response(text) {
        match (&parsed, &expected) {
            (Ok(parsed), Ok(expected)) => expected::compare(parsed, &rows, expected),
            (Err(_), Err(())) => {}
            _ => panic!("{parsed:?} instead of {expected:?}"),
        }
    }
    // Rows decoded into columns directly, and by way of owned values.
    let mut direct = Decoder::new(&columns(shape));
    if PipelineResponse::parse(text, &mut direct).is_ok() {
        let mut by_value = BatchBuilder::new(&columns(shape));
        for row in rows.0.iter().flatten() {
            by_value.push_row(row);
        }
        let direct = direct.batch_mut();
        assert_eq!(direct.mismatches(), by_value.mismatches());
        let (one, other) = (direct.take_page(), by_value.take_page());
        assert_eq!(format!("{one:?}"), format!("{other:?}"));
        for column in one.unwrap().1.columns() {
            column.to_data().validate_full().unwrap();
        }
    }
    let mut typed = Decoder::new(&columns(shape));
    typed.set_encoding(Encoding::Typed, usize::from(shape / 64));
    if PipelineResponse::parse(text, &mut typed).is_err() {
        typed.discard_page();
    }
    let rows = typed.batch().len();
    let (_, batch) = typed.batch_mut().take_page().unwrap();
    assert_eq!(batch.num_rows(), rows);
    let _ = peek(text);
}

/// Parses any bytes as lines of a cursor, at once and in chunks.
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

    let mut decoder = Decoder::new(&columns(shape));
    let mut rows = 0;
    for line in whole.iter().flatten() {
        match cursor::parse_entry(line, Some(&mut decoder)) {
            Ok(cursor::Entry::Row) => rows += 1,
            Ok(_) => {}
            Err(_) => return,
        }
        assert!(cursor::parse_entry(line, None) != Ok(cursor::Entry::Row));
    }
    let (_, batch) = decoder.batch_mut().take_page().unwrap();
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
    assert_eq!(lines.incomplete_bytes(), 0);
}

/// Checks that values survive a round trip in the spelling of servers, parsed
/// and peeked at, and that a truncated response is an error.
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
        let row: Vec<_> = row.iter().map(spelling).collect();
        let comma = if at > 0 { "," } else { "" };
        let _ = write!(body, "{comma}[{}]", row.join(","));
    }
    body.push_str(r#"],"affected_row_count":0,"last_insert_rowid":null,"replication_index":"1","rows_read":7,"rows_written":0,"query_duration_ms":0.1}}},{"type":"ok","response":{"type":"get_autocommit","is_autocommit":false}}]}"#);

    let mut read = ValueRows::default();
    let response = PipelineResponse::parse(&body, &mut read).unwrap();
    assert_eq!(read.0[0], rows);
    assert_eq!(response.outcomes[1], Outcome::Autocommit(false));
    let peeked = peek(&body);
    if rows.iter().all(|row| !row.is_empty()) {
        let peeked = peeked.unwrap();
        assert_eq!(Some(&peeked.last_row), rows.last());
        assert_eq!(
            (peeked.baton.as_deref(), peeked.rows_read),
            (Some("b"), Some(7))
        );
        assert_eq!(peeked.autocommit, Some(false));
    }
    let end = body.len() * usize::from(cut) / 256;
    if let Some(truncated) = body.get(..end) {
        assert!(PipelineResponse::parse(truncated, &mut ValueRows::default()).is_err());
        assert_eq!(peek(truncated), None);
    }
}

/// Returns the JSON of a value in the spelling of servers.
fn spelling(value: &Value) -> String {
    let text = |text: &str| serde_json::to_string(text).unwrap();
    match value {
        Value::Null => r#"{"type":"null"}"#.to_owned(),
        Value::Integer(value) => format!(r#"{{"type":"integer","value":"{value}"}}"#),
        Value::Real(value) => format!(r#"{{"type":"float","value":{value:?}}}"#),
        Value::Text(value) => format!(r#"{{"type":"text","value":{}}}"#, text(value)),
        Value::TextBytes(bytes) | Value::Blob(bytes) => {
            let base64 = STANDARD_NO_PAD.encode(bytes);
            format!(r#"{{"type":"blob","base64":"{base64}"}}"#)
        }
    }
}

/// Takes the next value from the bytes. An inner `None` ends a row.
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
                pipeline_response(shape, text);
            }
        }
        1 => lines(shape, rest),
        _ => round_trip(shape, rest),
    }
});
