//! Statements that compute the checksum of rows on the server, in the version
//! that the contract (`wit/connector.wit`) defines. SQLite has no hash function,
//! so it is integer arithmetic: no step leaves the range of 64 bits, in which
//! SQLite would continue with floats.
//!
//! Bytes are read eight at a time, as a hexadecimal number in JSON5. This is the
//! fastest way to the bytes of a value: one at a time with `unicode` takes longer,
//! and so does a replacement of the letters among the digits. The first chunks
//! are written out, the rest is a recursive query.

use std::fmt::Write as _;

use crate::hrana::request::{Argument, Statement};
use crate::rows::columns::Storage;
use crate::rows::logical_type::LogicalType;

/// Version of the checksum in the contract.
pub const VERSION: u32 = 1;

/// The prime 2^31 - 1: the product of two remainders is less than 2^62.
const MODULUS: u64 = (1 << 31) - 1;
/// Addend of a number, which tells zero from NULL.
const NUMBER: u64 = 521_288_629;
/// Factor of the fraction of a float.
const FRACTION: u64 = 362_436_069;
/// Factor of one more than the number of hexadecimal digits.
const LENGTH: u64 = 88_675;
/// The power of two by which floats are scaled.
const SCALE: u64 = 1 << 62;
/// Hexadecimal digits of a chunk.
const DIGITS: usize = 16;
/// Digits of a block of chunks.
const BLOCK: usize = 1 << 14;
/// Maximum chunks of a value that are written out.
const MAX_CHUNKS: usize = 8;
/// Chunks of all columns that are written out. More would only make the statement
/// long.
const MAX_WRITTEN_CHUNKS: usize = 320;
/// Maximum number of columns that have a checksum. A server selects at most 2,000
/// values in a statement, and each column takes two of them.
pub const MAX_COLUMNS: usize = 1000;
/// Terms of a sum in parentheses. Servers limit the depth of an expression.
const TERMS: usize = 40;

/// Column of a checksum.
#[derive(Clone, Debug)]
pub struct ChecksumColumn {
    /// SQL of the value.
    pub expression: String,
    /// Name of the column, as it is sent.
    pub name: String,
    /// Storage of the values.
    pub storage: Storage,
}

/// Coverage of a column by the checksum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// The checksum covers the values.
    Values,
    /// The checksum covers whether there is a value.
    Presence,
    /// The values are converted to a type that the checksum covers by value, so
    /// that the server cannot compute it.
    Impossible,
}

impl Coverage {
    /// Returns the coverage of a column.
    #[must_use]
    pub fn of_storage(storage: Storage) -> Self {
        match storage {
            Storage::Logical(LogicalType::Blob) => Self::Values,
            Storage::Logical(LogicalType::Integer | LogicalType::Double | LogicalType::Text) => {
                Self::Impossible
            }
            Storage::Logical(_) => Self::Presence,
            _ => Self::Values,
        }
    }
}

/// Returns the statement for the number and the checksum of rows. Its third value
/// is 1 if the database stores text as UTF-8. Otherwise the checksum is not valid,
/// because the server computes with other bytes. `rows` is the SQL of a relation
/// with its conditions, after `FROM`.
#[must_use]
pub fn select(columns: &[ChecksumColumn], rows: &str, args: Vec<Argument>) -> Statement {
    let chunks = (MAX_WRITTEN_CHUNKS / columns.len().max(1)).clamp(1, MAX_CHUNKS);
    let mut selected = Vec::with_capacity(2 * columns.len());
    let mut terms = Vec::with_capacity(columns.len());
    for (index, column) in columns.iter().enumerate() {
        let expression = &column.expression;
        let (value, digits) = (format!("__c{index}"), format!("__h{index}"));
        selected.push(format!("{expression} AS {value}"));
        let hash = match Coverage::of_storage(column.storage) {
            Coverage::Presence | Coverage::Impossible => {
                format!("CASE WHEN {value} IS NOT NULL THEN {NUMBER} END")
            }
            Coverage::Values => {
                // Text and blobs are the values after all numbers.
                selected.push(format!(
                    "CASE WHEN {expression} >= '' THEN CAST(hex({expression}) AS BLOB) END AS {digits}"
                ));
                value_hash(column.storage, &value, &digits, chunks)
            }
        };
        let weight = weight(&column.name);
        terms.push(format!(
            "coalesce(({hash}) % {MODULUS} * {weight} % {MODULUS}, 0)"
        ));
    }
    let groups = terms.chunks(TERMS).map(|terms| terms.join(" + "));
    let sum: Vec<_> = groups.map(|terms| format!("({terms})")).collect();
    // The limits keep the server from computing a result again where it is used.
    Statement::with_args(
        format!(
            "SELECT count(*), coalesce(sum(s * s % {MODULUS}), 0), hex('a') = '61' FROM (SELECT ({}) % {MODULUS} AS s \
             FROM (SELECT {} FROM {rows} LIMIT -1) LIMIT -1)",
            sum.join(" + "),
            selected.join(", ")
        ),
        args,
    )
}

/// Returns the statement for the number and the checksum of the rows of a query
/// with this number of columns.
#[must_use]
pub fn select_query(columns: &[ChecksumColumn], query: &str, width: usize) -> Statement {
    let query = query.trim().trim_end_matches(';');
    let names: Vec<_> = (0..width).map(query_column).collect();
    let mut statement = select(columns, "\"__rows\"", Vec::new());
    // Names of a query need not be unique. The line break ends a comment.
    statement.sql = format!(
        "WITH \"__rows\"({}) AS ({query}\n) {}",
        names.join(", "),
        statement.sql
    );
    statement
}

/// Returns the SQL of a column of a query in [`select_query`].
#[must_use]
pub fn query_column(index: usize) -> String {
    format!("__q{index}")
}

/// Returns the weight of a column: the 64-bit FNV-1a hash of its name in lower
/// case, as a remainder that is not zero.
fn weight(name: &str) -> u64 {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte.to_ascii_lowercase())).wrapping_mul(0x0100_0000_01b3)
    });
    hash % (MODULUS - 1) + 1
}

/// Returns the SQL of a value's hash. The likely storage class is tested first.
fn value_hash(storage: Storage, value: &str, digits: &str, chunks: usize) -> String {
    let written = match storage {
        Storage::Integer | Storage::Real | Storage::Numeric => 0,
        _ => chunks,
    };
    // A part of an empty blob is NULL.
    let bytes = format!(
        "WHEN {digits} = x'' THEN {LENGTH} WHEN {digits} IS NOT NULL THEN {}",
        bytes_hash(digits, written)
    );
    let integer = format!("WHEN typeof({value}) = 'integer' THEN {value} % {MODULUS} + {NUMBER}");
    let real = format!("WHEN typeof({value}) = 'real' THEN {}", real_hash(value));
    let cases = match storage {
        Storage::Integer => [integer, real, bytes],
        Storage::Real | Storage::Numeric => [real, integer, bytes],
        _ => [bytes, integer, real],
    };
    format!("CASE {} END", cases.join(" "))
}

/// Returns the SQL of the hash of bytes from their hexadecimal digits. The first
/// `written` chunks are written out.
fn bytes_hash(digits: &str, written: usize) -> String {
    let mut sql = format!("(length({digits}) + 1) * {LENGTH}");
    let mut ends = String::new();
    for index in 0..written {
        let end = (index + 1) * DIGITS;
        // Writing to a string cannot fail.
        let _ = write!(
            sql,
            " + {} % {MODULUS} * {}",
            chunk(digits, &(index * DIGITS + 1).to_string()),
            index * 7919 % 65521 + 1
        );
        if index + 1 < written {
            let _ = write!(sql, " + CASE WHEN length({digits}) <= {end} THEN 0 ELSE 0");
            ends.push_str(" END");
        }
    }
    let rest = rest_hash(digits, written);
    if written == 0 {
        return format!("{sql} + {rest}");
    }
    format!(
        "{sql}{ends} + CASE WHEN length({digits}) <= {} THEN 0 ELSE {rest} END",
        written * DIGITS
    )
}

/// Returns the SQL of the hash of all chunks but the first. They are read from
/// blocks, because each access to a value copies it.
fn rest_hash(digits: &str, written: usize) -> String {
    let start = written * DIGITS;
    let chunks = format!(
        "(WITH RECURSIVE r(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM r \
         WHERE (k + 1) * {DIGITS} < length(d)) \
         SELECT sum({} % {MODULUS} * (({written} + i * {} + k) * 7919 % 65521 + 1) % {MODULUS}) FROM r)",
        chunk("d", &format!("k * {DIGITS} + 1")),
        BLOCK / DIGITS
    );
    format!(
        "(WITH RECURSIVE b(i, d) AS (SELECT 0, substr({digits}, {start} + 1, {BLOCK}) UNION ALL \
         SELECT i + 1, substr({digits}, {start} + (i + 1) * {BLOCK} + 1, {BLOCK}) FROM b \
         WHERE {start} + (i + 1) * {BLOCK} < length({digits})) SELECT sum({chunks}) FROM b)"
    )
}

/// Returns the SQL of the number of a chunk that starts at a digit.
fn chunk(digits: &str, start: &str) -> String {
    format!("(('0x0' || substr({digits}, {start}, {DIGITS})) ->> '$')")
}

/// Returns the SQL of the hash of a float: of its whole part, and of its
/// fraction as a multiple of 2^-62. Very small and very large floats are scaled
/// before, so that no bit is lost.
fn real_hash(value: &str) -> String {
    let parts = |value: &str| {
        format!(
            "{NUMBER} + CAST({value} AS INTEGER) % {MODULUS} + CAST(({value} - CAST({value} AS \
             INTEGER)) * {SCALE} AS INTEGER) % {MODULUS} * {FRACTION}"
        )
    };
    let is_usual = |value: &str| format!("abs({value}) BETWEEN 1.0 / 1024 AND {SCALE}");
    format!(
        "CASE WHEN {} OR {value} = 0 OR abs({value}) = 9e999 THEN {} ELSE (WITH RECURSIVE s(y) AS \
         (SELECT {value} UNION ALL SELECT CASE WHEN abs(y) < 1 THEN y * {SCALE} ELSE y / {SCALE} END \
         FROM s WHERE NOT {usual}) SELECT {} FROM s WHERE {usual}) END",
        is_usual(value),
        parts(value),
        parts("y"),
        usual = is_usual("y"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, storage: Storage) -> ChecksumColumn {
        ChecksumColumn {
            expression: format!("\"{name}\""),
            name: name.to_owned(),
            storage,
        }
    }

    #[test]
    fn a_column_has_the_same_weight_in_every_letter_case() {
        assert_eq!(weight("ID"), weight("id"));
        assert_ne!(weight("id"), weight("di"));
        assert!((1..MODULUS).contains(&weight("")));
    }

    #[test]
    fn fewer_chunks_are_written_out_for_many_columns() {
        let columns: Vec<_> = (0..400)
            .map(|index| column(&format!("column_{index}"), Storage::Text))
            .collect();
        for (count, chunks) in [(1, MAX_CHUNKS), (80, 4), (400, 1)] {
            let sql = select(&columns[..count], "\"t\"", Vec::new()).sql;
            // Each column has one more chunk in its recursive query.
            assert_eq!(sql.matches("->> '$'").count(), count * (chunks + 1));
        }
    }

    #[test]
    fn converted_values_are_covered_by_presence_only() {
        let date = Storage::Logical(LogicalType::Date);
        let sql = select(&[column("d", date)], "\"t\"", Vec::new()).sql;
        assert!(
            sql.contains("IS NOT NULL") && !sql.contains("hex(\"d\")"),
            "{sql}"
        );
        let text = Storage::Logical(LogicalType::Text);
        assert_eq!(Coverage::of_storage(text), Coverage::Impossible);
    }
}
