//! The checksum of pages, and the changes that it notices.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};

use super::*;
use crate::model::json_field;

type Row<'a> = (i64, Option<&'a str>, Option<f64>);

const ROWS: [Row<'_>; 4] = [
    (1, Some("one"), Some(0.5)),
    (2, Some("two"), None),
    (3, None, Some(-3.0)),
    (4, Some(""), Some(0.0)),
];

fn batch(rows: &[Row<'_>]) -> RecordBatch {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.0)));
    let texts: ArrayRef = Arc::new(rows.iter().map(|row| row.1).collect::<StringArray>());
    let floats: ArrayRef = Arc::new(rows.iter().map(|row| row.2).collect::<Float64Array>());
    RecordBatch::try_from_iter_with_nullable([
        ("id", ids, true),
        ("text", texts, true),
        ("float", floats, true),
    ])
    .unwrap()
}

fn checksum(batch: &RecordBatch, siblings: &[(&str, &str)]) -> u64 {
    let mut checksum = RowChecksum::new(&SourceSchema::for_batch(batch, siblings));
    checksum.add(batch);
    checksum.value()
}

#[test]
fn rows_have_the_same_checksum_in_any_order_and_in_any_pages() {
    let mut checksum = RowChecksum::new(&SourceSchema::for_batch(&batch(&[]), &[]));
    for row in ROWS.iter().rev() {
        checksum.add(&batch(&[*row]));
    }
    assert_eq!(checksum.value(), self::checksum(&batch(&ROWS), &[]));
    assert_eq!(self::checksum(&batch(&[]), &[]), 0);
}

#[test]
fn lost_doubled_changed_and_swapped_values_change_the_checksum() {
    let expected = checksum(&batch(&ROWS), &[]);
    let changes: [fn(&mut [Row<'_>]); 7] = [
        // One row is lost, and another doubled.
        |rows| rows[0] = rows[1],
        |rows| rows[0].0 = 0,
        |rows| rows[0].1 = Some("onf"),
        |rows| rows[3].1 = None,
        |rows| rows[3].2 = None,
        // The values of two rows are swapped in one column.
        |rows| (rows[0].1, rows[1].1) = (rows[1].1, rows[0].1),
        |rows| (rows[0].2, rows[2].2) = (rows[2].2, rows[0].2),
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut rows = ROWS;
        change(&mut rows);
        assert_ne!(checksum(&batch(&rows), &[]), expected, "change {index}");
    }
    assert_ne!(checksum(&batch(&ROWS[1..]), &[]), expected);
}

#[test]
fn a_value_in_a_sibling_counts_as_one_of_its_column() {
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let texts: ArrayRef = Arc::new(StringArray::from(vec![None, Some("x")]));
    let columns = [("a", ids, true), ("a__text", texts, true)];
    let both = RecordBatch::try_from_iter_with_nullable(columns.clone()).unwrap();
    let [(_, ids, _), (_, texts, _)] = columns;
    let first = RecordBatch::try_from_iter([("A", ids.slice(0, 1))]).unwrap();
    let second = RecordBatch::try_from_iter([("A", texts.slice(1, 1))]).unwrap();
    assert_eq!(
        checksum(&both, &[("a__text", "a")]),
        checksum(&first, &[]) + checksum(&second, &[])
    );
}

#[test]
fn only_the_presence_of_converted_values_counts() {
    let times = |values: Vec<Option<i64>>| -> ArrayRef {
        Arc::new(TimestampMicrosecondArray::from(values))
    };
    let texts = |values: Vec<Option<&str>>| -> ArrayRef { Arc::new(StringArray::from(values)) };
    let page = |time: ArrayRef, text: ArrayRef| {
        let columns = [("at", time, true), ("at__text", text, true)];
        let batch = RecordBatch::try_from_iter_with_nullable(columns).unwrap();
        checksum(&batch, &[("at__text", "at")])
    };
    let expected = page(times(vec![Some(1), None]), texts(vec![None, Some("soon")]));
    let other = page(times(vec![Some(2), Some(3)]), texts(vec![None, None]));
    assert_eq!(expected, other);
    let less = page(times(vec![Some(1), None]), texts(vec![None, None]));
    assert_ne!(expected, less);
    let json = |text: &str| {
        let schema = Arc::new(arrow_schema::Schema::new(vec![json_field("json")]));
        let batch = RecordBatch::try_new(schema, vec![texts(vec![Some(text)])]).unwrap();
        checksum(&batch, &[])
    };
    assert_eq!(json("1"), json("[]"));
    let flags: ArrayRef = Arc::new(BooleanArray::from(vec![true]));
    let flags = RecordBatch::try_from_iter([("json", flags)]).unwrap();
    assert_eq!(checksum(&flags, &[]), json("1"));
}
