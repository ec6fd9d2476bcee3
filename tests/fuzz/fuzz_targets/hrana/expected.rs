//! The expected content of a response, read slowly from a tree of JSON. Shares
//! no code with the decoders. Expects nothing where the order of members or the
//! precision of a number decides.

use base64::Engine as _;
use base64::engine::general_purpose::GeneralPurpose;
use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use serde_json::{Map, Value as Json};
use turso_connector::hrana::response::{Outcome, PipelineResponse, ResultColumn, ValueRows};
use turso_connector::rows::value::Value;

/// Nesting depth from which the decoders may refuse skipped values.
const MAX_DEPTH: usize = 60;

/// The expected content of a response.
#[derive(Debug)]
pub(crate) struct Expected {
    baton: Option<String>,
    base_url: Option<String>,
    outcomes: Vec<(ExpectedOutcome, Vec<Vec<Value>>)>,
}

#[derive(Debug, PartialEq)]
enum ExpectedOutcome {
    Executed(u64, Option<u64>, Vec<Column>),
    Described(bool, Vec<Column>),
    Autocommit(bool),
    Done,
    Failed(String, String),
}

/// Name and declared type.
type Column = (String, Option<String>);

/// The reason why there is no expected content.
enum Unexpected {
    /// The response is invalid.
    Invalid,
    /// The response is ambiguous.
    Ambiguous,
}

type Read<T> = Result<T, Unexpected>;

/// Returns the expected content of a text, an error if it is invalid, or
/// nothing if it is ambiguous.
pub(crate) fn response(text: &str) -> Option<Result<Expected, ()>> {
    let json: Json = serde_json::from_str(text).ok()?;
    let (depth, members) = shape(text);
    // The tree has lost members with the same name.
    if depth > MAX_DEPTH || members != self::members(&json) {
        return None;
    }
    match read(&json) {
        Ok(expected) => Some(Ok(expected)),
        Err(Unexpected::Invalid) => Some(Err(())),
        Err(Unexpected::Ambiguous) => None,
    }
}

/// Returns the nesting depth of a text and the number of its members.
fn shape(text: &str) -> (usize, usize) {
    let (mut depth, mut deepest, mut members) = (0_usize, 0, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b':' => members += 1,
            _ => {}
        }
    }
    (deepest, members)
}

fn members(json: &Json) -> usize {
    match json {
        Json::Object(object) => object.values().map(|value| 1 + members(value)).sum(),
        Json::Array(array) => array.iter().map(members).sum(),
        _ => 0,
    }
}

fn object(json: &Json) -> Read<&Map<String, Json>> {
    json.as_object().ok_or(Unexpected::Invalid)
}

fn array(json: &Json) -> Read<&Vec<Json>> {
    json.as_array().ok_or(Unexpected::Invalid)
}

fn text(json: Option<&Json>) -> Read<Option<String>> {
    match json {
        None | Some(Json::Null) => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(Unexpected::Invalid),
    }
}

/// Checks that an object does not have two members of which the later one wins.
fn check_not_both(object: &Map<String, Json>, one: &str, other: &str) -> Read<()> {
    if object.contains_key(one) && object.contains_key(other) {
        Err(Unexpected::Ambiguous)
    } else {
        Ok(())
    }
}

fn read(json: &Json) -> Read<Expected> {
    let top = object(json)?;
    let outcomes = match top.get("results") {
        None => Vec::new(),
        Some(results) => array(results)?.iter().map(outcome).collect::<Read<_>>()?,
    };
    Ok(Expected {
        baton: text(top.get("baton"))?,
        base_url: text(top.get("base_url"))?,
        outcomes,
    })
}

fn outcome(json: &Json) -> Read<(ExpectedOutcome, Vec<Vec<Value>>)> {
    let outcome = object(json)?;
    check_not_both(outcome, "response", "error")?;
    if let Some(error) = outcome.get("error") {
        let error = object(error)?;
        let part = |name| text(error.get(name)).map(Option::unwrap_or_default);
        return Ok((
            ExpectedOutcome::Failed(part("message")?, part("code")?),
            Vec::new(),
        ));
    }
    let response = object(outcome.get("response").ok_or(Unexpected::Invalid)?)?;
    check_not_both(response, "is_autocommit", "result")?;
    if let Some(autocommit) = response.get("is_autocommit") {
        let autocommit = autocommit.as_bool().ok_or(Unexpected::Invalid)?;
        return Ok((ExpectedOutcome::Autocommit(autocommit), Vec::new()));
    }
    match response.get("result") {
        Some(Json::Object(result)) => statement(result),
        _ => Ok((ExpectedOutcome::Done, Vec::new())),
    }
}

fn statement(result: &Map<String, Json>) -> Read<(ExpectedOutcome, Vec<Vec<Value>>)> {
    let column = |json: &Json| {
        let column = object(json)?;
        let name = text(column.get("name"))?.unwrap_or_default();
        Ok((name, text(column.get("decltype"))?))
    };
    let columns = match result.get("cols") {
        None => Vec::new(),
        Some(columns) => array(columns)?.iter().map(column).collect::<Read<_>>()?,
    };
    let row = |json: &Json| array(json)?.iter().map(cell).collect::<Read<Vec<_>>>();
    let rows: Vec<_> = match result.get("rows") {
        None => Vec::new(),
        Some(rows) => array(rows)?.iter().map(row).collect::<Read<_>>()?,
    };
    let rows_read = match result.get("rows_read") {
        None | Some(Json::Null) => None,
        Some(count) => Some(count.as_u64().ok_or(Unexpected::Invalid)?),
    };
    let kind = match result.get("is_readonly") {
        Some(readonly) => {
            ExpectedOutcome::Described(readonly.as_bool().ok_or(Unexpected::Invalid)?, columns)
        }
        None => ExpectedOutcome::Executed(rows.len() as u64, rows_read, columns),
    };
    Ok((kind, rows))
}

fn cell(json: &Json) -> Read<Value> {
    const BASE64: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let cell = object(json)?;
    check_not_both(cell, "value", "base64")?;
    let value = cell.get("value").or_else(|| cell.get("base64"));
    let kind = cell
        .get("type")
        .and_then(Json::as_str)
        .ok_or(Unexpected::Invalid)?;
    if kind == "null" {
        return Ok(Value::Null);
    }
    match (kind, value.ok_or(Unexpected::Invalid)?) {
        ("integer", Json::String(digits)) => digits
            .parse()
            .map(Value::Integer)
            .map_err(|_| Unexpected::Invalid),
        ("integer", Json::Number(number)) if number.is_f64() => Err(Unexpected::Ambiguous),
        ("integer", number) => number
            .as_i64()
            .map(Value::Integer)
            .ok_or(Unexpected::Invalid),
        ("float", number) => number.as_f64().map(Value::Real).ok_or(Unexpected::Invalid),
        ("text", Json::String(text)) => Ok(Value::Text(text.clone())),
        // The tree does not tell if the slash was escaped, which is refused.
        ("blob", Json::String(text)) => match BASE64.decode(text) {
            Ok(_) if text.contains('/') => Err(Unexpected::Ambiguous),
            Ok(bytes) => Ok(Value::Blob(bytes)),
            Err(_) => Err(Unexpected::Invalid),
        },
        _ => Err(Unexpected::Invalid),
    }
}

/// Checks that a parsed response has the expected content.
pub(crate) fn compare(parsed: &PipelineResponse, rows: &ValueRows, expected: &Expected) {
    assert_eq!(parsed.baton, expected.baton);
    assert_eq!(parsed.base_url, expected.base_url);
    assert_eq!(parsed.outcomes.len(), expected.outcomes.len());
    assert_eq!(rows.0.len(), expected.outcomes.len());
    let both = parsed.outcomes.iter().zip(&rows.0).zip(&expected.outcomes);
    for ((outcome, rows), (kind, values)) in both {
        assert_eq!(&self::kind(outcome), kind);
        assert_eq!(rows.len(), values.len());
        for (row, values) in rows.iter().zip(values) {
            assert_eq!(row.len(), values.len());
            assert!(
                row.iter().zip(values).all(|(one, other)| same(one, other)),
                "{row:?} {values:?}"
            );
        }
    }
}

fn kind(outcome: &Outcome) -> ExpectedOutcome {
    let columns = |columns: &[ResultColumn]| {
        let column = |column: &ResultColumn| (column.name.clone(), column.decltype.clone());
        columns.iter().map(column).collect()
    };
    match outcome {
        Outcome::Executed(executed) => ExpectedOutcome::Executed(
            executed.rows,
            executed.rows_read,
            columns(&executed.columns),
        ),
        Outcome::Described {
            columns: described,
            is_readonly,
        } => ExpectedOutcome::Described(*is_readonly, columns(described)),
        Outcome::Autocommit(autocommit) => ExpectedOutcome::Autocommit(*autocommit),
        Outcome::Done => ExpectedOutcome::Done,
        Outcome::Failed(error) => {
            ExpectedOutcome::Failed(error.message.clone(), error.code.clone())
        }
    }
}

/// Compares values. The tree rounds floats less exactly.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Real(one), Value::Real(other)) => one.to_bits().abs_diff(other.to_bits()) <= 4,
        _ => one == other,
    }
}
