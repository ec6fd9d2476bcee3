//! The passes of incremental reads, and the cursors between them.

use super::super::pass::{Pass, PassRows};
use super::*;
use crate::cursor::StoredValue;
use crate::database::table::TableColumn;
use crate::database::table::tests::table;
use crate::hrana::decoder::{Captured, Encoding};
use crate::hrana::request::Argument;
use crate::rows::value::Value;
use crate::selection::{Lag, TypeOverride};

fn increment(selection: &Selection) -> Result<Increment> {
    let table = table(&[("id", "INTEGER", 1), ("at", "DATETIME", 0)], false);
    let specs: Vec<_> = table.columns.iter().map(TableColumn::spec).collect();
    Increment::new(&table, &specs, selection)
}

fn by_timestamp(cursor: Option<Cursor>) -> Selection {
    Selection {
        cursor_column: Some("AT".to_owned()),
        idempotent: true,
        cursor,
        ..Selection::default()
    }
}

/// Returns the text after the table in the statement of each pass, and its
/// arguments.
fn conditions(passes: &[Pass]) -> Vec<(String, Vec<Value>)> {
    let clause = |pass: &Pass| {
        let page = pass.paging.page(Encoding::Plain, pass.after.as_deref(), 9);
        let (_, rest) = page.sql.split_once(r#" FROM "t""#).unwrap();
        let value = |argument| match argument {
            Argument::Integer(value) => Value::Integer(value),
            Argument::Text(text) => Value::Text(text),
            Argument::Blob(bytes) => Value::Blob(bytes),
        };
        let args = page.args.into_iter().map(value);
        (rest.trim().to_owned(), args.collect())
    };
    passes.iter().map(clause).collect()
}

/// Returns a selection that continues after rows of the key and the cursor
/// column.
fn after(selection: &Selection, rows: &[[Value; 2]]) -> Selection {
    let mut tracker = increment(selection).unwrap().tracker();
    let captured = rows
        .iter()
        .flat_map(|[key, value]| [value.clone(), key.clone()]);
    let captured = Captured {
        digests: vec![1; rows.len()],
        values: captured.collect(),
    };
    tracker.advance(PassRows::Unordered, &captured, &[]);
    Selection {
        cursor: Some(tracker.finish().unwrap()),
        ..selection.clone()
    }
}

fn appending() -> Selection {
    Selection {
        idempotent: false,
        ..by_timestamp(None)
    }
}

const IN_ORDER: &str = r#" ORDER BY "t"."at", "t"."id" LIMIT 9"#;

#[test]
fn a_merge_reads_each_storage_class_from_its_last_value_on() {
    let rows = [
        [Value::Integer(7), Value::from("2024-01-02")],
        [Value::Integer(8), Value::from("2024-01-01")],
        [Value::Integer(9), Value::Null],
    ];
    let later = increment(&after(&by_timestamp(None), &rows)).unwrap();
    let text = "2024-01-02";
    let ranges = [
        (
            r#"("t"."at" >= -9e999 AND "t"."at" < ?)"#,
            vec![Value::from("")],
        ),
        (
            r#"("t"."at" >= ? AND "t"."at" < ?)"#,
            vec![Value::from(text), Value::Blob(Vec::new())],
        ),
        (r#""t"."at" >= ?"#, vec![Value::Blob(Vec::new())]),
    ];
    let passes = later.ordered().unwrap();
    assert_eq!(
        conditions(&passes[..1]),
        [(
            r#"WHERE "t"."at" IS NULL ORDER BY "t"."id" LIMIT 9"#.to_owned(),
            vec![]
        )]
    );
    let expected = ranges
        .clone()
        .map(|(sql, args)| (format!("WHERE {sql}{IN_ORDER}"), args));
    assert_eq!(conditions(&passes[1..]), expected);
    let [(numbers, mut args), (texts, text_args), (blobs, blob_args)] = ranges;
    args.extend(text_args.into_iter().chain(blob_args));
    assert_eq!(
        conditions(&[later.unordered("at").unwrap()]),
        [(
            format!(
                r#"WHERE (({numbers} OR {texts}) OR ({blobs} OR "t"."at" IS NULL)) ORDER BY "t"."id" LIMIT 9"#
            ),
            args
        )]
    );
}

#[test]
fn a_read_that_appends_leaves_out_the_rows_that_it_knows() {
    let at = |id: i64, at: i64| [Value::Integer(id), Value::Integer(at)];
    let rows = [at(1, 100), at(4, 200), at(5, 200), at(9, 200)];
    let later = after(&appending(), &rows);
    let cursor = later.cursor.clone().unwrap();
    assert_eq!(cursor.known.len(), 1);
    assert_eq!(cursor.known[0].runs, [(4, 5), (9, 9)]);
    let passes = increment(&later).unwrap().ordered().unwrap();
    assert_eq!(
        conditions(&passes[1..2]),
        [(
            format!(
                r#"WHERE ("t"."at" = ? AND NOT coalesce(("t"."at" = ? AND (("t"."id" >= ? AND "t"."id" <= ?) OR "t"."id" = ?)), 0)){IN_ORDER}"#
            ),
            [200, 200, 4, 5, 9].map(Value::Integer).into()
        )]
    );
    assert!(passes[1].skips_rows());
    let [(above, _)] = &conditions(&passes[2..3])[..] else {
        panic!("a pass follows");
    };
    assert!(above.starts_with(r#"WHERE ("t"."at" > ? AND "#), "{above}");
}

#[test]
fn rows_within_the_lag_are_known_as_far_back_as_they_were_noted() {
    let at = |id: i64, at: i64| [Value::Integer(id), Value::Integer(at)];
    let rows = [at(1, 100), at(2, 150), at(3, 200)];
    let with_lag = |selection: Selection, lag: f64| Selection {
        lag: Some(Lag {
            amount: lag,
            is_time: false,
        }),
        ..selection
    };
    let later = after(&with_lag(appending(), 60.0), &rows);
    let window = |selection: &Selection| {
        let passes = increment(selection).unwrap().ordered().unwrap();
        conditions(&passes[1..2]).remove(0).1[..2].to_vec()
    };
    assert_eq!(window(&later), [140, 200].map(Value::Integer));
    // A longer lag has an effect on later rows only.
    let longer = with_lag(later.clone(), 90.0);
    assert_eq!(window(&longer), [140, 200].map(Value::Integer));
    let longer = after(&longer, &[at(4, 300)]);
    assert_eq!(window(&longer), [210, 300].map(Value::Integer));
    assert_eq!(
        window(&with_lag(later, 10.0)),
        [190, 200].map(Value::Integer)
    );
}

#[test]
fn a_cursor_of_an_earlier_release_is_continued_after_its_row() {
    let cursor = Cursor {
        cursor_column: Some("at".to_owned()),
        key: vec!["id".to_owned()],
        last: vec![RowPosition {
            value: Some(StoredValue::Integer(2)),
            key: vec![StoredValue::Integer(4)],
            ..RowPosition::default()
        }],
        ..Cursor::default()
    };
    let later = Selection {
        cursor: Some(cursor),
        ..appending()
    };
    let window = |selection: &Selection| {
        let passes = increment(selection).unwrap().ordered().unwrap();
        conditions(&passes[1..2]).remove(0).0
    };
    let row = r#"("t"."at" = ? AND ("t"."at", "t"."id") > (?, ?))"#;
    assert_eq!(window(&later), format!("WHERE {row}{IN_ORDER}"));
    // Further rows with the value are known by their keys.
    let later = after(&later, &[[Value::Integer(7), Value::Integer(2)]]);
    let expected =
        format!(r#"WHERE ({row} AND NOT coalesce(("t"."at" = ? AND "t"."id" = ?), 0)){IN_ORDER}"#);
    assert_eq!(window(&later), expected);
}

#[test]
fn the_key_as_the_cursor_column_is_followed_by_key() {
    let by_id = Selection {
        cursor_column: Some("ID".to_owned()),
        ..by_timestamp(None)
    };
    let position = RowPosition {
        value: Some(StoredValue::Integer(4)),
        key: vec![StoredValue::Integer(4)],
        ..RowPosition::default()
    };
    let earlier = Cursor {
        cursor_column: Some("id".to_owned()),
        key: vec!["id".to_owned()],
        last: vec![position],
        ..Cursor::default()
    };
    let later = Selection {
        cursor: Some(earlier),
        ..by_id
    };
    let by_key = increment(&later).unwrap();
    assert_eq!(by_key.cursor_column(), None);
    assert_eq!(
        conditions(&by_key.ordered().unwrap()),
        [(
            r#"WHERE "t"."id" > ? ORDER BY "t"."id" LIMIT 9"#.to_owned(),
            vec![Value::Integer(4)]
        )]
    );
    // With a lag, rows before the last key are read again.
    let cursor = by_key.tracker().finish().unwrap();
    let with_lag = Selection {
        cursor: Some(cursor),
        lag: Lag::parse("3"),
        ..later
    };
    let passes = increment(&with_lag).unwrap().ordered().unwrap();
    let [(_, args)] = &conditions(&passes[1..])[..] else {
        panic!("only numbers are keys");
    };
    assert_eq!(args, &[Value::Integer(1)]);
}

#[test]
fn a_lag_reads_earlier_values_again_without_moving_the_cursor_back() {
    let at = |id: i64, at: i64| [Value::Integer(id), Value::Integer(at)];
    let selection = Selection {
        lag: Lag::parse("60"),
        ..after(&by_timestamp(None), &[at(1, 1_000)])
    };
    let later = increment(&selection).unwrap();
    let passes = later.ordered().unwrap();
    assert_eq!(conditions(&passes[1..2])[0].1[0], Value::Integer(940));
    let again = after(&selection, &[at(2, 950)]);
    let last = |selection: Selection| selection.cursor.map(|cursor| cursor.last);
    assert_eq!(last(again), last(selection));
}

#[test]
fn a_cursor_of_another_column_key_or_condition_is_refused() {
    let begun = increment(&by_timestamp(None)).unwrap().tracker();
    let mut cursor = begun.finish().unwrap();
    cursor.last = vec![RowPosition {
        value: Some(StoredValue::Integer(1)),
        key: vec![StoredValue::Integer(1)],
        ..RowPosition::default()
    }];
    for change in [
        |cursor: &mut Cursor| cursor.cursor_column = Some("id".to_owned()),
        |cursor: &mut Cursor| cursor.key = vec!["rowid".to_owned()],
        |cursor: &mut Cursor| cursor.filter = Some("1".to_owned()),
    ] {
        let mut other = cursor.clone();
        change(&mut other);
        let error = increment(&by_timestamp(Some(other))).unwrap_err();
        assert!(error.message.starts_with("the cursor of `t` "), "{error}");
    }
    assert!(increment(&by_timestamp(Some(cursor))).is_ok());
}

#[test]
fn a_time_is_subtracted_from_numbers_in_their_unit() {
    let rows = [[Value::Integer(1), Value::Integer(1_700_000_000_000)]];
    for (unit, earlier) in [("ms", 1_699_999_400_000), ("us", 1_699_400_000_000)] {
        let types = TypeOverride::parse("AT".to_owned(), &format!("timestamp({unit})"));
        let selection = Selection {
            lag: Lag::parse("600s"),
            types: vec![types.unwrap()],
            ..by_timestamp(None)
        };
        let passes = increment(&after(&selection, &rows)).unwrap().ordered();
        let from = conditions(&passes.unwrap()[1..2])[0].1[0].clone();
        assert_eq!(from, Value::Integer(earlier), "{unit}");
    }
}

#[test]
fn a_time_is_not_subtracted_from_numbers_without_a_unit() {
    let selection = Selection {
        lag: Lag::parse("600s"),
        ..by_timestamp(None)
    };
    let mut tracker = increment(&selection).unwrap().tracker();
    let captured = Captured {
        values: vec![Value::Integer(1_000), Value::Integer(1)],
        digests: vec![0],
    };
    tracker.advance(PassRows::Unordered, &captured, &[]);
    let error = tracker.finish().unwrap_err();
    assert!(
        error.message.contains("the unit of the numbers in `at`"),
        "{error}"
    );
}
