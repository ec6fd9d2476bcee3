//! SQL of the digests of rows, so that large values stay on the server.

use std::fmt::Write as _;

use super::condition::Condition;
use super::identifier::quote;
use super::paging::CapturedColumn;
use super::table::Table;
use super::typed;
use crate::hrana::decoder::decode_typed;
use crate::hrana::request::Statement;
use crate::rows::datum::Datum;
use crate::rows::digest::{DIGESTED_BYTES, RowDigest};
use crate::rows::value::Value;

/// Selects the keys of rows that meet a condition, and what their digests need.
/// `last` is the maximum number of rows, in descending order of the key.
#[must_use]
pub fn select(
    table: &Table,
    key: &[CapturedColumn<'_>],
    columns: &[String],
    condition: Condition,
    last: Option<usize>,
) -> Statement {
    let keys: Vec<_> = key.iter().map(|column| column.expression(table)).collect();
    let selected = keys.iter().map(|key| typed::encode(key));
    let columns = columns.iter().map(|column| expression(table, column));
    let selected: Vec<_> = selected.chain(columns).collect();
    let sql = format!("SELECT {} FROM {}", selected.join(", "), quote(&table.name));
    let mut statement = condition.restrict(&sql);
    if let (Some(last), Some(key)) = (last, keys.first()) {
        // Writing to a string cannot fail.
        let _ = write!(statement.sql, " ORDER BY {key} DESC LIMIT {last}");
    }
    statement
}

/// Returns the key and the digest of a row of [`select`], whose key has this
/// number of columns.
#[must_use]
pub fn parse(key: usize, row: &[Value]) -> Option<(Vec<Value>, u64)> {
    let (key, values) = row.split_at_checked(2 * key)?;
    Some((decode_typed(key), digest(values)?))
}

/// Returns an expression that holds what a digest needs of a value: numbers as
/// they are, of text and blobs their length and first bytes. Infinities become
/// text, since JSON has none.
fn expression(table: &Table, column: &str) -> String {
    let value = CapturedColumn::Named(column).expression(table);
    let cut = |class: char| {
        format!(
            "'{class}' || length(CAST({value} AS BLOB)) || ':' || \
             hex(substr(CAST({value} AS BLOB), 1, {DIGESTED_BYTES}))"
        )
    };
    format!(
        "CASE typeof({value}) WHEN 'text' THEN {} WHEN 'blob' THEN {} \
         WHEN 'real' THEN CASE WHEN {value} = 9e999 THEN 'r+' WHEN {value} = -9e999 THEN 'r-' ELSE {value} END \
         ELSE {value} END",
        cut('t'),
        cut('b')
    )
}

/// Returns the digest of a row of such expressions.
fn digest(row: &[Value]) -> Option<u64> {
    let mut digest = RowDigest::new();
    for value in row {
        match value {
            Value::Text(text) => add_cut(&mut digest, text)?,
            value => digest.add(&Datum::from(value)),
        }
    }
    Some(digest.finish())
}

fn add_cut(digest: &mut RowDigest, text: &str) -> Option<()> {
    match text {
        "r+" => digest.add(&Datum::Real(f64::INFINITY)),
        "r-" => digest.add(&Datum::Real(f64::NEG_INFINITY)),
        text => {
            let (length, digits) = text.get(1..)?.split_once(':')?;
            let (length, bytes) = (length.parse().ok()?, bytes(digits)?);
            match text.get(..1)? {
                "t" => digest.add_text(length, &bytes),
                _ => digest.add_blob(length, &bytes),
            }
        }
    }
    Some(())
}

fn bytes(digits: &str) -> Option<Vec<u8>> {
    let byte = |at: usize| u8::from_str_radix(digits.get(at..at + 2)?, 16).ok();
    (0..digits.len()).step_by(2).map(byte).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_of_expressions_is_that_of_the_values() {
        let long = "é".repeat(40);
        let values = [
            Value::Null,
            Value::Integer(-7),
            Value::Real(0.5),
            Value::Real(f64::NEG_INFINITY),
            Value::from(&*long),
            Value::from(""),
            Value::TextBytes(vec![0xff]),
            Value::Blob(vec![0, 1]),
        ];
        let mut expected = RowDigest::new();
        for value in &values {
            expected.add(&value.into());
        }
        let first = long.as_bytes()[..DIGESTED_BYTES].iter();
        let digits: Vec<_> = first.map(|byte| format!("{byte:02X}")).collect();
        let digits = digits.concat();
        let row = [
            Value::Null,
            Value::Integer(-7),
            Value::Real(0.5),
            Value::from("r-"),
            Value::Text(format!("t80:{digits}")),
            Value::from("t0:"),
            Value::from("t1:FF"),
            Value::from("b2:0001"),
        ];
        assert_eq!(digest(&row), Some(expected.finish()));
        assert_eq!(digest(&[Value::from("?")]), None);
    }
}
