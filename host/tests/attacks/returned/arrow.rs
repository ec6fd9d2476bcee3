//! Invalid Arrow messages.

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, Date32Array, DictionaryArray, FixedSizeListArray, Int64Array,
    ListArray, NullArray, RecordBatch, RecordBatchOptions, StructArray, TimestampMicrosecondArray,
};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use connector_host::SandboxError;
use connector_host::model::{FileFormat, Limit, Limits};
use connector_host::pipeline::PipelineError;

use super::{Load, messages, read, three_rows};

#[tokio::test]
async fn a_truncated_page_is_refused_at_every_length() {
    let (schema, page) = messages(&three_rows());
    for end in (0..page.len()).step_by(7) {
        let load = Load::new();
        let result = load.run(read("t", 3, (&schema, &page[..end]))).await;
        let reason = load.contract(result);
        assert!(
            reason.contains("not a valid Arrow IPC batch"),
            "{end}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_truncated_schema_is_refused_at_every_length() {
    let (schema, page) = messages(&three_rows());
    for end in (0..schema.len()).step_by(7) {
        let load = Load::new();
        let result = load.run(read("t", 3, (&schema[..end], &page))).await;
        let reason = load.contract(result);
        assert!(
            reason.contains("not a valid Arrow IPC schema"),
            "{end}: {reason}"
        );
    }
}

#[tokio::test]
async fn a_page_of_2_to_the_40_rows_is_refused_before_it_is_decoded() {
    let rows = 1_u64 << 40;
    let (schema, page) = messages(&three_rows());
    // The number of rows, in the batch and in each column.
    let page = replaced(page, &3_i64.to_le_bytes(), &rows.to_le_bytes());
    let load = Load::new();
    let result = load.run(read("t", rows, (&schema, &page))).await;
    let error = load.refused(result);
    assert!(
        matches!(error, SandboxError::Limit(Limit::PageRows)),
        "{error:?}"
    );
}

#[tokio::test]
async fn more_rows_than_bytes_are_refused() {
    let rows = 900_000_u64;
    let (schema, page) = messages(&three_rows());
    let page = replaced(page, &3_i64.to_le_bytes(), &rows.to_le_bytes());
    let load = Load::new();
    let reason = load.contract(load.run(read("t", rows, (&schema, &page))).await);
    assert!(reason.contains("bytes for 900000 rows"), "{reason}");
}

#[tokio::test]
async fn a_page_with_another_row_count_than_its_event_is_refused() {
    let (schema, page) = messages(&three_rows());
    for rows in [0, 2, 4, u64::MAX] {
        let load = Load::new();
        let reason = load.contract(load.run(read("t", rows, (&schema, &page))).await);
        assert!(reason.contains("but contains 3"), "{reason}");
    }
}

#[tokio::test]
async fn a_page_above_the_limit_is_refused() {
    let (schema, page) = messages(&three_rows());
    let load = Load::new().limits(Limits {
        page_rows: 2,
        ..Limits::default()
    });
    let error = load.refused(load.run(read("t", 3, (&schema, &page))).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::PageRows)),
        "{error:?}"
    );
    let load = Load::new().limits(Limits {
        page: page.len() as u64 - 1,
        ..Limits::default()
    });
    let error = load.refused(load.run(read("t", 3, (&schema, &page))).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Page)),
        "{error:?}"
    );
}

#[tokio::test]
async fn types_that_expand_their_bytes_are_refused() {
    let text = "x".repeat(1 << 20);
    let bomb: DictionaryArray<Int32Type> = std::iter::repeat_n(text.as_str(), 1000).collect();
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([Some(vec![Some(1)])]);
    let item = Arc::new(Field::new("item", DataType::Int64, true));
    let empty =
        FixedSizeListArray::new(item, 0, Arc::new(Int64Array::from(Vec::<i64>::new())), None);
    let structure = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Boolean, true)),
        Arc::new(BooleanArray::from(vec![true])) as ArrayRef,
    )]);
    let columns: [(&str, ArrayRef); 5] = [
        ("a dictionary", Arc::new(bomb)),
        ("nulls", Arc::new(NullArray::new(1_000_000))),
        ("lists", Arc::new(list)),
        ("lists of nothing", Arc::new(empty)),
        ("structures", Arc::new(structure)),
    ];
    for (name, column) in columns {
        let rows = column.len() as u64;
        let batch = RecordBatch::try_from_iter([(name, column)]).unwrap();
        let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
        let schema = writer.get_ref().clone();
        writer.write(&batch).unwrap();
        let page = writer.get_ref()[schema.len()..].to_vec();
        let load = Load::new();
        let reason = load.contract(load.run(read("t", rows, (&schema, &page))).await);
        assert!(reason.contains("is not accepted"), "{name}: {reason}");
    }
}

#[tokio::test]
async fn a_schema_a_thousand_levels_deep_is_refused() {
    let deep = (0..1000).fold(DataType::Int64, |inner, _| {
        DataType::List(Arc::new(Field::new("item", inner, true)))
    });
    let schema = Schema::new(vec![Field::new("deep", deep, true)]);
    let writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    let (_, page) = messages(&three_rows());
    let load = Load::new();
    let reason = load.contract(load.run(read("t", 3, (writer.get_ref(), &page))).await);
    assert!(reason.contains("not a valid Arrow IPC schema"), "{reason}");
}

#[tokio::test]
async fn a_hundred_thousand_columns_are_refused() {
    let fields: Vec<_> = (0..100_000)
        .map(|number| Field::new(format!("c{number}"), DataType::Int64, true))
        .collect();
    let schema = Schema::new(fields);
    let writer = StreamWriter::try_new(Vec::new(), &schema).unwrap();
    let (_, page) = messages(&three_rows());
    let load = Load::new();
    let error = load.refused(load.run(read("t", 3, (writer.get_ref(), &page))).await);
    assert!(
        matches!(error, SandboxError::Limit(Limit::Columns)),
        "{error:?}"
    );
}

#[tokio::test]
async fn rows_without_columns_are_refused() {
    let options = RecordBatchOptions::new().with_row_count(Some(1_000_000));
    let nothing = Arc::new(Schema::empty());
    let batch = RecordBatch::try_new_with_options(nothing, Vec::new(), &options).unwrap();
    let (schema, page) = messages(&batch);
    let load = Load::new();
    let reason = load.contract(load.run(read("t", 1_000_000, (&schema, &page))).await);
    assert!(reason.contains("has no columns"), "{reason}");
}

#[tokio::test]
async fn a_schema_that_changes_within_a_page_is_refused() {
    let (schema, page) = messages(&three_rows());
    for message in [
        [schema.clone(), page.clone()].concat(),
        [page.clone(), schema.clone()].concat(),
        [page.clone(), page.clone()].concat(),
        schema.clone(),
    ] {
        let load = Load::new();
        let reason = load.contract(load.run(read("t", 3, (&schema, &message))).await);
        assert!(reason.contains("message"), "{reason}");
    }
}

#[tokio::test]
async fn text_that_is_not_utf_8_is_refused() {
    let (schema, page) = messages(&three_rows());
    let page = replaced(page, b"abc", b"\xff\xfe\xfd");
    let load = Load::new();
    let reason = load.contract(load.run(read("t", 3, (&schema, &page))).await);
    assert!(reason.contains("not a valid Arrow IPC batch"), "{reason}");
}

#[tokio::test]
async fn times_outside_of_the_calendar_crash_no_format() {
    let times = TimestampMicrosecondArray::from(vec![i64::MIN, 0, i64::MAX]);
    let columns: [(&str, ArrayRef); 4] = [
        (
            "days",
            Arc::new(Date32Array::from(vec![i32::MIN, 0, i32::MAX])),
        ),
        ("times", Arc::new(times.clone())),
        ("nowhere", Arc::new(times.clone().with_timezone("No/Where"))),
        ("beyond", Arc::new(times.with_timezone("+99:99"))),
    ];
    for column in columns {
        let batch = RecordBatch::try_from_iter([column]).unwrap();
        let (schema, page) = messages(&batch);
        for format in [FileFormat::Jsonl, FileFormat::Csv, FileFormat::Parquet] {
            let load = Load::new().into(format);
            match load.run(read("t", 3, (&schema, &page))).await {
                // The value, or a refusal.
                Ok(_) | Err(PipelineError::Destination(_) | PipelineError::NothingRead { .. }) => {}
                other => panic!("{format:?}: {other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn columns_that_share_bytes_are_refused() {
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![7; 100]));
    let columns: Vec<_> = (0..50)
        .map(|number| (format!("c{number}"), Arc::clone(&numbers)))
        .collect();
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    let (schema, page) = messages(&batch);
    let load = Load::new();
    load.run(read("t", 100, (&schema, &page))).await.unwrap();

    let page = sharing(page, 100);
    let load = Load::new();
    let reason = load.contract(load.run(read("t", 100, (&schema, &page))).await);
    assert!(reason.contains("overlap"), "{reason}");
}

/// Returns a page whose columns all use the same buffer, with the body of a
/// single column.
fn sharing(mut page: Vec<u8>, rows: usize) -> Vec<u8> {
    let number = |number: usize| i64::try_from(number).unwrap().to_le_bytes();
    let values = rows * size_of::<i64>();
    let metadata: [u8; 4] = page[4..8].try_into().unwrap();
    let body = 8 + usize::try_from(i32::from_le_bytes(metadata)).unwrap();
    // In the metadata, a column has two buffers, each with an offset and a length.
    for at in 24..=body - 8 {
        if page[at..at + 8] == number(values) {
            page[at - 8..at].copy_from_slice(&number(0));
            page[at - 24..at - 16].copy_from_slice(&number(0));
        }
    }
    let before = number(page.len() - body);
    page.truncate(body + values);
    replaced(page, &before, &number(values))
}

/// Replaces every occurrence of some bytes by others of the same length.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut found = 0;
    for at in 0..=bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0, "there is nothing to replace");
    bytes
}
