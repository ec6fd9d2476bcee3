//! Holds what was stored against what the source has, value by value. It
//! knows the one rule of the destination's tables that is promised: a value
//! that does not fit its column stands in `<column>__<type>`.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Rows, Value};

/// The column that the host adds.
const LOAD_ID: &str = "_load_id";

/// Whether both hold the same rows, in any order, each bit of them.
pub fn same(what: &str, source: &Rows, stored: &Rows) -> Result<()> {
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

/// The same for formats that hold nothing but text. A number has many texts,
/// so a table with real numbers must be stored in the order of the source.
pub fn same_as_text(what: &str, source: &Rows, stored: &Rows) -> Result<()> {
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
        expected.sort_by_cached_key(|row| row.iter().map(text_of).collect::<Vec<_>>());
        actual.sort();
    }
    for (expected, actual) in expected.iter().zip(&actual) {
        let same = expected
            .iter()
            .zip(actual)
            .all(|(expected, actual)| is_text_of(expected, actual));
        ensure!(
            same,
            "{what}: the source has\n  {expected:?}\nstored is\n  {actual:?}"
        );
    }
    Ok(())
}

/// The stored rows in the columns of the source: each value from its column
/// or from one of the siblings.
fn folded(source: &Rows, stored: &Rows) -> Result<Vec<Vec<Value>>> {
    let mut homes = Vec::with_capacity(stored.columns.len());
    for column in &stored.columns {
        homes.push(home(&source.columns, column));
        if homes.last() == Some(&None) && column != LOAD_ID {
            bail!(
                "column {column} is stored, and the source has only {:?}",
                source.columns
            );
        }
    }
    for (index, column) in source.columns.iter().enumerate() {
        ensure!(
            homes.contains(&Some(index)),
            "column {column} is not stored, only {:?}",
            stored.columns
        );
    }
    let mut rows = Vec::with_capacity(stored.rows.len());
    for row in &stored.rows {
        let mut folded = vec![Value::Null; source.columns.len()];
        for (value, home) in row.iter().zip(&homes) {
            let (Some(home), false) = (home, *value == Value::Null) else {
                continue;
            };
            ensure!(
                folded[*home] == Value::Null,
                "{} has two values in {row:?}",
                source.columns[*home]
            );
            folded[*home] = value.clone();
        }
        rows.push(folded);
    }
    Ok(rows)
}

/// The source column that a stored column belongs to.
fn home(source: &[String], stored: &str) -> Option<usize> {
    let exact = source
        .iter()
        .position(|column| column == stored && stored != LOAD_ID);
    let of = |column: &str| {
        stored
            .strip_prefix(column)
            .is_some_and(|rest| rest.starts_with("__"))
    };
    let longest = || {
        let siblings = source.iter().enumerate().filter(|(_, column)| of(column));
        siblings
            .max_by_key(|(_, column)| column.len())
            .map(|(index, _)| index)
    };
    exact.or_else(longest)
}

/// A value as its column stores it: bytes that are no text can only be stored
/// as bytes, and whole numbers among real ones only as such.
fn storable(source: &Rows, column: &str, value: &Value) -> Value {
    /// Every whole number up to here is a real one too.
    const EXACT: u64 = 1 << 53;
    match value {
        Value::Text(bytes) if std::str::from_utf8(bytes).is_err() => Value::Blob(bytes.clone()),
        #[expect(
            clippy::cast_precision_loss,
            reason = "every integer up to 2^53 is exact"
        )]
        Value::Integer(number)
            if number.unsigned_abs() <= EXACT
                && source.numeric.iter().any(|name| name == column) =>
        {
            Value::real(*number as f64)
        }
        other => other.clone(),
    }
}

fn is_text_of(value: &Value, stored: &Value) -> bool {
    match value {
        Value::Real(bits) => {
            let number = stored.as_text().and_then(|text| text.parse::<f64>().ok());
            number.is_some_and(|number| number.to_bits() == *bits)
        }
        other => text_of(other) == *stored,
    }
}

/// The one text of a value; bytes are in base64.
fn text_of(value: &Value) -> Value {
    match value.clone() {
        Value::Integer(number) => Value::text(&number.to_string()),
        Value::Blob(bytes) => Value::text(&STANDARD.encode(bytes)),
        other => other,
    }
}
