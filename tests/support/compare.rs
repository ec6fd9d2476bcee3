//! Comparison of stored rows with source rows, value by value. It knows one
//! promise of the destination: a value that does not fit its column is stored
//! in the sibling column `<column>__<type>`.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Rows, Value};

/// Column that the host adds.
const LOAD_ID: &str = "_load_id";

/// Fails unless both hold the same rows, bit by bit, in any order.
pub fn check_equal(what: &str, source: &Rows, stored: &Rows) -> Result<()> {
    let stored = folded(source, stored).with_context(|| what.to_owned())?;
    let mut expected: Vec<_> = source
        .rows
        .iter()
        .map(|row| {
            let values = row.iter().zip(&source.columns);
            values
                .map(|(value, column)| storable(source, column, value))
                .collect::<Vec<_>>()
        })
        .collect();
    let mut actual = stored;
    expected.sort();
    actual.sort();
    ensure!(
        expected.len() == actual.len(),
        "{what}: the source has {} rows, {} are stored",
        expected.len(),
        actual.len()
    );
    for (expected, actual) in expected.iter().zip(&actual) {
        ensure!(
            expected == actual,
            "{what}: the source has\n  {expected:?}\nstored is\n  {actual:?}"
        );
    }
    Ok(())
}

/// Fails unless both hold the same rows, for a format that stores only text. A
/// real number has many spellings, so a table with real numbers must be stored
/// in the order of the source.
pub fn check_equal_as_text(what: &str, source: &Rows, stored: &Rows) -> Result<()> {
    let mut actual = folded(source, stored).with_context(|| what.to_owned())?;
    let values = |row: &Vec<Value>| {
        let values = row.iter().zip(&source.columns);
        values
            .map(|(value, column)| storable(source, column, value))
            .collect::<Vec<_>>()
    };
    let mut expected: Vec<_> = source.rows.iter().map(values).collect();
    ensure!(
        expected.len() == actual.len(),
        "{what}: the source has {} rows, {} are stored",
        expected.len(),
        actual.len()
    );
    if !expected
        .iter()
        .flatten()
        .any(|value| matches!(value, Value::Real(_)))
    {
        expected.sort_by_cached_key(|row| row.iter().map(text_form).collect::<Vec<_>>());
        actual.sort();
    }
    for (expected, actual) in expected.iter().zip(&actual) {
        let same = expected
            .iter()
            .zip(actual)
            .all(|(expected, actual)| is_text_form(expected, actual));
        ensure!(
            same,
            "{what}: the source has\n  {expected:?}\nstored is\n  {actual:?}"
        );
    }
    Ok(())
}

/// Returns the stored rows in the columns of the source, with each value from
/// its column or from one of its siblings.
fn folded(source: &Rows, stored: &Rows) -> Result<Vec<Vec<Value>>> {
    let mut positions = Vec::with_capacity(stored.columns.len());
    for column in &stored.columns {
        positions.push(source_column(&source.columns, column));
        if positions.last() == Some(&None) && column != LOAD_ID {
            bail!(
                "column {column} is stored, and the source has only {:?}",
                source.columns
            );
        }
    }
    for (index, column) in source.columns.iter().enumerate() {
        ensure!(
            positions.contains(&Some(index)),
            "column {column} is not stored, only {:?}",
            stored.columns
        );
    }
    let mut rows = Vec::with_capacity(stored.rows.len());
    for row in &stored.rows {
        let mut folded = vec![Value::Null; source.columns.len()];
        for (value, position) in row.iter().zip(&positions) {
            let (Some(position), false) = (position, *value == Value::Null) else {
                continue;
            };
            ensure!(
                folded[*position] == Value::Null,
                "{} has two values in {row:?}",
                source.columns[*position]
            );
            folded[*position] = value.clone();
        }
        rows.push(folded);
    }
    Ok(rows)
}

/// Returns the index of the source column that a stored column belongs to.
fn source_column(source: &[String], stored: &str) -> Option<usize> {
    let exact = source
        .iter()
        .position(|column| column == stored && stored != LOAD_ID);
    let is_sibling = |column: &str| {
        stored
            .strip_prefix(column)
            .is_some_and(|rest| rest.starts_with("__"))
    };
    let longest = || {
        let siblings = source
            .iter()
            .enumerate()
            .filter(|(_, column)| is_sibling(column));
        siblings
            .max_by_key(|(_, column)| column.len())
            .map(|(index, _)| index)
    };
    exact.or_else(longest)
}

/// Returns a value as its column stores it: text that is not UTF-8 as bytes, and
/// a whole number in a numeric column as a real number.
fn storable(source: &Rows, column: &str, value: &Value) -> Value {
    /// Largest whole number up to which every one is exact as a real number.
    const MAX_EXACT: u64 = 1 << 53;
    match value {
        Value::Text(bytes) if std::str::from_utf8(bytes).is_err() => Value::Blob(bytes.clone()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "every integer up to 2^53 is exact"
        )]
        Value::Integer(number)
            if number.unsigned_abs() <= MAX_EXACT
                && source.numeric.iter().any(|name| name == column) =>
        {
            Value::real(*number as f64)
        }
        other => other.clone(),
    }
}

fn is_text_form(value: &Value, stored: &Value) -> bool {
    match value {
        Value::Real(bits) => {
            let number = stored.as_text().and_then(|text| text.parse::<f64>().ok());
            number.is_some_and(|number| number.to_bits() == *bits)
        }
        other => text_form(other) == *stored,
    }
}

/// Returns the text form of a value; bytes are in base64.
fn text_form(value: &Value) -> Value {
    match value.clone() {
        Value::Integer(number) => Value::text(&number.to_string()),
        Value::Blob(bytes) => Value::text(&STANDARD.encode(bytes)),
        other => other,
    }
}
