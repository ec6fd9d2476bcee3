//! Decoding of invalid Arrow messages. Everything that the decoder accepts is
//! complete: it has the declared number of rows, and can be displayed, sliced
//! and converted.
//!
//! An input is either a valid message with replaced bytes, which pass the outer
//! checks, or arbitrary bytes. Some messages have types that the decoder must
//! refuse before the library sees them.

#![no_main]
#![expect(clippy::unwrap_used, reason = "the templates are valid")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray,
    Float64Array, Int32Array, Int64Array, LargeStringArray, ListArray, NullArray, RecordBatch,
    RunArray, StringArray, StringViewArray, StructArray, TimestampMicrosecondArray,
};
use arrow_cast::display::{ArrayFormatter, FormatOptions};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{DataType, Field, Schema};
use connector_host::model::Limits;
use connector_host::testing::Event;
use connector_host::testing::{EventDecoder, RawEvent};
use libfuzzer_sys::fuzz_target;

/// Largest array that is converted: arrays without buffers may be much longer.
const MAX_ROWS: usize = 1 << 12;

/// Schema message and a matching page.
type Messages = (Vec<u8>, Vec<u8>);

static TEMPLATES: LazyLock<Vec<Messages>> = LazyLock::new(|| {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (
            "integer",
            Arc::new(Int64Array::from(vec![Some(1), None, Some(-3)])),
        ),
        (
            "float",
            Arc::new(Float64Array::from(vec![Some(0.5), None, Some(f64::NAN)])),
        ),
        (
            "text",
            Arc::new(StringArray::from(vec![Some("a"), None, Some("bcdö")])),
        ),
        (
            "blob",
            Arc::new(BinaryArray::from(vec![Some(&b"\xff"[..]), None, Some(b"")])),
        ),
        (
            "small",
            Arc::new(Int32Array::from(vec![Some(1), None, Some(2)])),
        ),
        (
            "truth",
            Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])),
        ),
        (
            "day",
            Arc::new(Date32Array::from(vec![Some(19_000), None, Some(-1)])),
        ),
        (
            "time",
            Arc::new(
                TimestampMicrosecondArray::from(vec![Some(1), None, Some(-1)]).with_timezone("UTC"),
            ),
        ),
    ];
    let stored = messages(RecordBatch::try_from_iter_with_nullable(
        columns
            .iter()
            .map(|(name, array)| (*name, Arc::clone(array), true)),
    ));
    let list = ListArray::from_iter_primitive::<Int32Type, _, _>([
        Some(vec![Some(1)]),
        None,
        Some(vec![]),
    ]);
    let fields = vec![Field::new("a", DataType::Int64, true)];
    let structure = StructArray::new(fields.into(), vec![Arc::clone(&columns[0].1)], None);
    let runs: RunArray<Int32Type> = ["p", "p", "q"].into_iter().collect();
    columns.extend::<[(&str, ArrayRef); 8]>([
        (
            "word",
            Arc::new(
                vec![Some("x"), None, Some("y")]
                    .into_iter()
                    .collect::<DictionaryArray<Int32Type>>(),
            ),
        ),
        ("list", Arc::new(list)),
        ("struct", Arc::new(structure)),
        ("runs", Arc::new(runs)),
        ("null", Arc::new(NullArray::new(3))),
        (
            "large",
            Arc::new(LargeStringArray::from(vec!["a", "b", "c"])),
        ),
        (
            "view",
            Arc::new(StringViewArray::from(vec![
                "short",
                "a text that is longer",
                "",
            ])),
        ),
        ("decimal", Arc::new(Decimal128Array::from(vec![1, 2, 3]))),
    ]);
    let single = columns.into_iter().map(|(name, array)| {
        messages(RecordBatch::try_from_iter_with_nullable([(
            name, array, true,
        )]))
    });
    std::iter::once(stored).chain(single).collect()
});

fn messages(batch: Result<RecordBatch, arrow_schema::ArrowError>) -> Messages {
    let batch = batch.unwrap();
    let mut writer = StreamWriter::try_new(Vec::new(), &batch.schema()).unwrap();
    let schema = writer.get_ref().clone();
    writer.write(&batch).unwrap();
    let page = writer.get_ref()[schema.len()..].to_vec();
    (schema, page)
}

/// Derives the messages from an input.
fn from_input(data: &[u8]) -> Option<Messages> {
    let (&choice, rest) = data.split_first()?;
    let Some((schema, page)) = TEMPLATES.get(usize::from(choice)) else {
        let (length, rest) = rest.split_first_chunk()?;
        let length = usize::from(u16::from_le_bytes(*length)).min(rest.len());
        let (schema, page) = rest.split_at(length);
        return Some((schema.to_vec(), page.to_vec()));
    };
    let (mut schema, mut page) = (schema.clone(), page.clone());
    let (changes, _) = rest.as_chunks::<4>();
    for [low, high, how, value] in changes {
        let message = if high & 0x80 == 0 {
            &mut page
        } else {
            &mut schema
        };
        let at = usize::from(u16::from_le_bytes([*low, high & 0x7f]));
        change(message, at, *how, *value);
    }
    Some((schema, page))
}

/// Replaces a byte or an aligned number.
fn change(message: &mut Vec<u8>, at: usize, how: u8, value: u8) {
    /// Boundary values of checks.
    const EDGES: [i64; 16] = [
        0,
        1,
        -1,
        2,
        3,
        4,
        7,
        8,
        64,
        i64::MAX,
        i64::MIN,
        0x7fff_ffff,
        0x8000_0000,
        0x1_0000_0000,
        1 << 40,
        i64::MAX - 7,
    ];
    let edge = EDGES[usize::from(value) % EDGES.len()].to_le_bytes();
    match how % 6 {
        0 => {
            if let Some(byte) = message.get_mut(at) {
                *byte = value;
            }
        }
        1 => {
            if let Some(byte) = message.get_mut(at) {
                *byte = byte.wrapping_add(value);
            }
        }
        2 => {
            if let Some(word) = message
                .get_mut(at & !7..)
                .and_then(|rest| rest.first_chunk_mut())
            {
                *word = edge;
            }
        }
        3 => {
            if let Some(word) = message
                .get_mut(at & !3..)
                .and_then(|rest| rest.first_chunk_mut())
            {
                *word = [edge[0], edge[1], edge[2], edge[3]];
            }
        }
        4 => message.truncate(at),
        _ => message.resize(message.len().max(at), value),
    }
}

/// Returns the number of rows that the last message of a page declares.
fn rows(mut page: &[u8]) -> u64 {
    let mut rows = 0;
    while let Some((header, rest)) = page.split_first_chunk::<8>() {
        let length = usize::try_from(u32::from_le_bytes([
            header[4], header[5], header[6], header[7],
        ]));
        let Some(message) = length.ok().and_then(|length| rest.get(..length)) else {
            break;
        };
        let Ok(read) = arrow_ipc::root_as_message(message) else {
            break;
        };
        if let Some(batch) = read.header_as_record_batch() {
            rows = batch.length().cast_unsigned();
        }
        let body = usize::try_from(read.bodyLength()).ok();
        let Some(next) = body.and_then(|body| rest.get(message.len()..)?.get(body..)) else {
            break;
        };
        page = next;
    }
    rows
}

/// Uses an array as destinations and previews do.
fn use_array(array: &dyn Array) {
    let options = FormatOptions::new().with_display_error(true);
    if let Ok(formatter) = ArrayFormatter::try_new(array, &options) {
        for row in [0, 1, array.len() / 2, array.len().saturating_sub(1)] {
            if row < array.len() {
                let _ = formatter.value(row).to_string();
            }
        }
    }
    if array.len() <= MAX_ROWS && arrow_cast::can_cast_types(array.data_type(), &DataType::Utf8) {
        let texts = arrow_cast::cast(array, &DataType::Utf8);
        assert!(
            texts.is_ok_and(|texts| texts.len() == array.len())
                || array.data_type() != &DataType::Int64
        );
    }
}

fuzz_target!(|data: &[u8]| {
    let Some((schema, page)) = from_input(data) else {
        return;
    };
    let rows = rows(&page);
    let mut decoder = EventDecoder::new(Limits::default());
    let Ok(Event::Schema { schema, .. }) = decoder.decode(RawEvent::schema("t", schema)) else {
        return;
    };
    let schema = schema.columns;
    let names = |schema: &Schema| -> BTreeSet<_> {
        schema
            .fields()
            .iter()
            .map(|field| field.name().to_ascii_lowercase())
            .collect()
    };
    assert_eq!(
        names(&schema).len(),
        schema.fields().len(),
        "names of columns differ"
    );
    let Ok(Event::Page { batch, .. }) = decoder.decode(RawEvent::page("t", rows, page)) else {
        return;
    };
    assert_eq!(batch.num_rows() as u64, rows);
    assert_eq!(batch.schema().fields().len(), schema.fields().len());
    for (column, field) in batch.columns().iter().zip(schema.fields()) {
        assert_eq!(
            (column.len() as u64, column.data_type()),
            (rows, field.data_type())
        );
        assert!(
            !field.data_type().is_nested() && field.data_type() != &DataType::Null,
            "{field}"
        );
        assert!(field.metadata().is_empty(), "{field}");
        column.to_data().validate_full().unwrap();
        use_array(column);
    }
    let middle = batch.num_rows() / 2;
    for part in [
        batch.slice(0, middle),
        batch.slice(middle, batch.num_rows() - middle),
    ] {
        part.columns().iter().for_each(|column| use_array(column));
    }
});
