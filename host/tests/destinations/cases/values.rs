//! Values are stored exactly.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Int32Array, TimestampMicrosecondArray,
    UInt8Array,
};
use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::WriteDisposition;

use super::ids;
use crate::duckdb;
use crate::store::{Kind, Store, batch, blobs, database, floats, integers, load_id, texts};
use crate::value::{Value, rows};

#[expect(clippy::too_many_lines, reason = "a list of values")]
pub(crate) fn nasty_values_are_stored_exactly(store: &Store) {
    let large = "é".repeat(2_500_000);
    let bytes: Vec<u8> = (0..5_000_000_u32).map(|at| at.to_le_bytes()[0]).collect();
    let time = [
        i64::from(i32::MIN) * 1_000_000 + 1,
        0,
        1,
        -1,
        1_700_000_000_123_456,
        253_402_300_799_999_999,
    ];
    let columns: Vec<(&str, ArrayRef)> = vec![
        (
            "integer",
            integers(&[
                i64::MIN,
                i64::MAX,
                0,
                -1,
                (1 << 53) + 1,
                9_007_199_254_740_993,
            ]),
        ),
        (
            "float",
            floats(&[
                f64::INFINITY,
                f64::NEG_INFINITY,
                -0.0,
                5e-324,
                f64::MAX,
                0.1 + 0.2,
            ]),
        ),
        (
            "text",
            texts(&[
                Some(""),
                None,
                Some("a\0b\0"),
                Some("\"quoted\", 'and' \r\n\t\\N"),
                Some(&large),
                Some("日本 🦀\u{feff}"),
            ]),
        ),
        (
            "words",
            texts(&[
                Some("null"),
                Some("NULL"),
                Some("Infinity"),
                Some("1"),
                Some(" "),
                Some("true"),
            ]),
        ),
        (
            "blob",
            blobs(&[
                Some(b""),
                None,
                Some(b"\0\xff\xfe"),
                Some(b"text"),
                Some(&bytes),
                Some(b"\""),
            ]),
        ),
        (
            "boolean",
            Arc::new(BooleanArray::from(vec![
                Some(true),
                Some(false),
                None,
                None,
                Some(true),
                Some(false),
            ])),
        ),
        (
            "int32",
            Arc::new(Int32Array::from(vec![
                Some(i32::MIN),
                Some(i32::MAX),
                None,
                Some(0),
                Some(1),
                Some(-1),
            ])),
        ),
        (
            "date",
            Arc::new(Date32Array::from(vec![
                Some(0),
                Some(-1),
                None,
                Some(19_000),
                Some(-25_000),
                Some(100_000),
            ])),
        ),
        (
            "time",
            Arc::new(TimestampMicrosecondArray::from(time.to_vec())),
        ),
        (
            "time_utc",
            Arc::new(TimestampMicrosecondArray::from(time.to_vec()).with_timezone("UTC")),
        ),
        // Numbers of digits that are stored in different sizes.
        ("decimal_4", decimals(4, 1)),
        ("decimal_9", decimals(9, 9)),
        ("decimal_18", decimals(18, 2)),
        ("decimal_38", decimals(38, 38)),
    ];
    let whole = batch(1, columns);
    store.commit(1, |load| {
        load.open_table(
            "t",
            &TableWrite::new(whole.schema(), WriteDisposition::Replace),
        )
        .unwrap();
        // Slices, too: a batch need not begin at the start of its memory.
        load.write_rows("t", whole.slice(0, 3)).unwrap();
        load.write_rows("t", whole.slice(3, 3)).unwrap();
    });
    let mut expected = rows(&whole);
    expected.sort();
    for (found, expected) in store.rows("t").unwrap().iter().zip(&expected) {
        for (column, value) in expected {
            let same = found[column] == *value;
            assert!(
                same,
                "{column}: {:.200} for {:.200}",
                format!("{:?}", found[column]),
                format!("{value:?}")
            );
        }
    }
}

pub(crate) fn a_table_of_many_columns_is_stored(store: &Store) {
    let names: Vec<_> = (0..1_000)
        .map(|number| format!("column_{number}"))
        .collect();
    let values: Vec<i64> = (0..1_000).collect();
    let wide = batch(
        1,
        names
            .iter()
            .map(|name| (name.as_str(), integers(&values)))
            .collect(),
    );
    store.commit(1, |load| {
        load.open_table(
            "t",
            &TableWrite::new(wide.schema(), WriteDisposition::Replace),
        )
        .unwrap();
        for _ in 0..5 {
            load.write_rows("t", wide.clone()).unwrap();
        }
        assert_eq!(load.count_rows().unwrap()["t"], 5_000);
    });
    assert_eq!(store.rows("t").unwrap().len(), 5_000);
}

pub(crate) fn a_type_that_is_not_stored_is_refused(store: &Store) {
    let unsupported = batch(
        1,
        vec![
            ("id", integers(&[1])),
            ("small", Arc::new(UInt8Array::from(vec![1]))),
        ],
    );
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    let error = load
        .open_table(
            "t",
            &TableWrite::new(unsupported.schema(), WriteDisposition::Replace),
        )
        .unwrap_err();
    assert!(
        matches!(error, DestinationError::NotStorable { .. }),
        "{error}"
    );
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(
        source,
        "column `small` has the type UInt8, which no destination stores"
    );
}

pub(crate) fn names_that_differ_only_in_case_are_refused(store: &Store) {
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(1)).unwrap();
    let twice = batch(1, vec![("Name", integers(&[1])), ("name", integers(&[1]))]);
    assert!(
        load.open_table(
            "t",
            &TableWrite::new(twice.schema(), WriteDisposition::Replace)
        )
        .is_err()
    );
    load.open_table(
        "Orders",
        &TableWrite::new(ids(1, &[]).schema(), WriteDisposition::Replace),
    )
    .unwrap();
    assert!(
        load.open_table(
            "orders",
            &TableWrite::new(ids(1, &[]).schema(), WriteDisposition::Replace)
        )
        .is_err()
    );
    drop(load);
    drop(destination);
    if store.kind == Kind::DuckDb {
        assert_eq!(
            duckdb::rows(&database(store.folder()), "turso data", "Orders"),
            None
        );
    }
}

/// Decimals up to the largest.
fn decimals(precision: u8, scale: i8) -> ArrayRef {
    let most = 10_i128.pow(precision.into()) - 1;
    let values = vec![Some(most), Some(-most), None, Some(0), Some(1), Some(-1)];
    let column = Decimal128Array::from(values).with_precision_and_scale(precision, scale);
    Arc::new(column.unwrap())
}

pub(crate) fn decimals_are_added_to_decimals(store: &Store) {
    for number in 1..=2 {
        let rows = batch(number, vec![("price", decimals(18, 2))]);
        store.commit(number, |load| {
            let table_write = TableWrite::new(rows.schema(), WriteDisposition::Append);
            load.open_table("t", &table_write).unwrap();
            load.write_rows("t", rows.clone()).unwrap();
        });
    }
    let found = store.rows("t").unwrap();
    let least = Value::Decimal("-9999999999999999.99".to_owned());
    let count = found.iter().filter(|row| row["price"] == least);
    assert_eq!((found.len(), count.count()), (12, 2));
}
