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
        .map(|row| row.iter().map(storable).collect::<Vec<_>>())
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

/// The same for formats that hold nothing but text: rows in the same order,
/// each value the text of what the source has.
pub fn same_as_text(what: &str, source: &Rows, stored: &Rows) -> Result<()> {
    let actual = folded(source, stored).with_context(|| what.to_owned())?;
    ensure!(
        source.rows.len() == actual.len(),
        "{what}: the source has {} rows, {} are stored",
        source.rows.len(),
        actual.len()
    );
    for (index, (expected, actual)) in source.rows.iter().zip(&actual).enumerate() {
        for (column, (expected, actual)) in expected.iter().zip(actual).enumerate() {
            ensure!(
                is_text_of(expected, actual),
                "{what}, row {index}, column {}: the source has {expected:?}, stored is {actual:?}",
                source.columns[column]
            );
        }
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

/// Bytes that are no text can only be stored as bytes.
fn storable(value: &Value) -> Value {
    match value {
        Value::Text(bytes) if std::str::from_utf8(bytes).is_err() => Value::Blob(bytes.clone()),
        other => other.clone(),
    }
}

fn is_text_of(value: &Value, stored: &Value) -> bool {
    let text = match stored {
        Value::Null => return *value == Value::Null,
        Value::Text(text) => text,
        _ => return false,
    };
    let as_str = std::str::from_utf8(text).unwrap_or_default();
    match storable(value) {
        Value::Null => false,
        Value::Integer(number) => as_str == number.to_string(),
        Value::Real(bits) => as_str
            .parse()
            .is_ok_and(|number: f64| number.to_bits() == bits),
        Value::Text(expected) => expected == *text,
        Value::Blob(expected) => as_str == STANDARD.encode(&expected) || as_str == hex(&expected),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}
