//! SQL of the typed encoding, and the decoding of single values.

use crate::rows::value::Value;

/// Wraps an expression in the two columns of
/// [`Encoding::Typed`](crate::hrana::decoder::Encoding::Typed). Text becomes a
/// blob, since servers fail on text that is not UTF-8. Infinities become text,
/// since JSON has no infinities.
pub(super) fn encode(expression: &str) -> String {
    format!(
        "CASE WHEN typeof({expression}) = 'text' THEN CAST({expression} AS BLOB) \
         WHEN {expression} IN (9e999, -9e999) THEN CAST({expression} AS TEXT) \
         ELSE {expression} END, typeof({expression})"
    )
}

/// Decodes values, each from its two columns.
pub(super) fn decode_all(row: &[Value]) -> Vec<Value> {
    let pairs = row.chunks_exact(2);
    pairs
        .map(|pair| decode(&pair[0], pair[1].as_text().unwrap_or_default()))
        .collect()
}

fn decode(value: &Value, class: &str) -> Value {
    match (class, value) {
        ("text", Value::Blob(bytes)) => match String::from_utf8(bytes.clone()) {
            Ok(text) => Value::Text(text),
            Err(error) => Value::TextBytes(error.into_bytes()),
        },
        ("real", Value::Text(text)) => Value::Real(if text.starts_with('-') {
            f64::NEG_INFINITY
        } else {
            f64::INFINITY
        }),
        _ => value.clone(),
    }
}
