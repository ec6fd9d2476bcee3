//! The decoder against `serde_json`, which reads the same response slowly.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    Date32Type, Decimal128Type, Float64Type, Int64Type, TimestampMicrosecondType,
};
use arrow_array::{Array as _, RecordBatch};
use serde_json::{Value as Json, json};

use super::*;
use crate::hrana::response::PipelineResponse;
use crate::rows::columns::Storage;
use crate::rows::logical_type::LogicalType;

fn columns(storages: &[(&str, Storage)]) -> Vec<ColumnSpec> {
    storages
        .iter()
        .map(|(name, storage)| ColumnSpec {
            name: (*name).to_owned(),
            storage: *storage,
            declared: String::new(),
        })
        .collect()
}

fn response(rows: &Json) -> String {
    json!({"baton": "b", "base_url": null, "results": [
        {"type": "ok", "response": {"type": "execute", "result": {"cols": [], "rows": rows}}}
    ]})
    .to_string()
}

fn decode(decoder: &mut Decoder, rows: &Json) -> Result<RecordBatch, DecodeError> {
    PipelineResponse::parse(&response(rows), decoder)?;
    Ok(decoder.batch_mut().take_page().unwrap().1)
}

fn integer(value: i64) -> Json {
    json!({"type": "integer", "value": value.to_string()})
}

fn text(value: &str) -> Json {
    json!({"type": "text", "value": value})
}

/// Renders a column as the tagged values of a response.
fn rendered(batch: &RecordBatch, name: &str) -> Vec<Json> {
    let array = batch
        .column_by_name(name)
        .unwrap_or_else(|| panic!("no column {name} in {:?}", batch.schema()));
    (0..array.len())
        .map(|row| {
            if array.is_null(row) {
                return json!({"type": "null"});
            }
            match array.data_type() {
                arrow_schema::DataType::Int64 => integer(array.as_primitive::<Int64Type>().value(row)),
                arrow_schema::DataType::Float64 => {
                    json!({"type": "float", "value": array.as_primitive::<Float64Type>().value(row)})
                }
                arrow_schema::DataType::Utf8 => text(array.as_string::<i32>().value(row)),
                _ => json!({"type": "blob", "base64": BASE64.encode(array.as_binary::<i32>().value(row))}),
            }
        })
        .collect()
}

#[test]
fn every_value_is_decoded_as_serde_json_reads_it() {
    let none = json!({"type": "null"});
    let rows = json!([
        [integer(i64::MAX), {"type": "float", "value": 0.1}, text(""), {"type": "blob", "base64": ""}],
        [integer(i64::MIN), {"type": "float", "value": -0.0}, text("a\0\"\\\n\u{1f600}ß"), {"type": "blob", "base64": "AA"}],
        [none, none, none, none],
        [integer(0), {"type": "float", "value": 1.797_693_134_862_315_7e308}, text("}],[{\"type\":"), {"type": "blob", "base64": "3q2+7w"}],
    ]);
    let specs = columns(&[
        ("i", Storage::Integer),
        ("r", Storage::Real),
        ("t", Storage::Text),
        ("b", Storage::Blob),
    ]);
    let mut decoder = Decoder::new(&specs);
    let batch = decode(&mut decoder, &rows).unwrap();
    for (index, spec) in specs.iter().enumerate() {
        let expected: Vec<Json> = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row[index].clone())
            .collect();
        assert_eq!(rendered(&batch, &spec.name), expected, "{}", spec.name);
    }
    assert_eq!(decoder.batch().mismatches(), 0);
}

#[test]
fn a_mismatch_goes_to_a_sibling_column_and_is_counted() {
    let mut decoder = Decoder::new(&columns(&[
        ("price", Storage::Integer),
        ("price__text", Storage::Text),
    ]));
    let first = decode(
        &mut decoder,
        &json!([[integer(1), text("x")], [integer(2), text("y")]]),
    )
    .unwrap();
    assert_eq!(first.num_columns(), 2);
    let rows = json!([
        [integer(3), text("z")],
        [text("abc"), text("z")],
        [{"type": "float", "value": 1.5}, text("z")],
        [{"type": "blob", "base64": "AA"}, text("z")],
    ]);
    PipelineResponse::parse(&response(&rows), &mut decoder).unwrap();
    let (schema, batch) = decoder.batch_mut().take_page().unwrap();
    let names: Vec<_> = schema
        .unwrap()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(
        names,
        [
            "price",
            "price__text",
            "price__text_",
            "price__real",
            "price__blob"
        ]
    );
    assert_eq!(rendered(&batch, "price__text_")[1], text("abc"));
    assert_eq!(rendered(&batch, "price")[1], json!({"type": "null"}));
    assert_eq!(
        rendered(&batch, "price__real")[2],
        json!({"type": "float", "value": 1.5})
    );
    assert_eq!(
        rendered(&batch, "price__blob")[3],
        json!({"type": "blob", "base64": "AA"})
    );
    assert_eq!(decoder.batch().mismatches(), 3);
}

#[test]
fn an_integer_matches_a_numeric_column_only_if_it_is_exact() {
    let mut decoder = Decoder::new(&columns(&[("n", Storage::Numeric)]));
    let batch = decode(
        &mut decoder,
        &json!([[integer(1 << 53)], [integer((1 << 53) + 1)]]),
    )
    .unwrap();
    assert_eq!(
        rendered(&batch, "n")[0],
        json!({"type": "float", "value": 9_007_199_254_740_992.0})
    );
    assert_eq!(rendered(&batch, "n__integer")[1], integer((1 << 53) + 1));
}

#[test]
fn the_first_value_decides_a_column_without_a_type() {
    let mut decoder = Decoder::new(&columns(&[
        ("x", Storage::ByValue),
        ("y", Storage::ByValue),
    ]));
    let none = json!({"type": "null"});
    let batch = decode(
        &mut decoder,
        &json!([[none, none], [integer(7), none], [text("a"), none]]),
    )
    .unwrap();
    assert_eq!(
        rendered(&batch, "x"),
        [none.clone(), integer(7), none.clone()]
    );
    assert_eq!(rendered(&batch, "x__text")[2], text("a"));
    assert_eq!(
        *batch.column_by_name("y").unwrap().data_type(),
        arrow_schema::DataType::Utf8
    );
    let batch = decode(&mut decoder, &json!([[integer(8), integer(9)]])).unwrap();
    assert_eq!(rendered(&batch, "x"), [integer(8)]);
    assert_eq!(rendered(&batch, "y__integer"), [integer(9)]);
}

#[test]
fn a_lost_infinity_is_an_error_that_the_typed_encoding_avoids() {
    let mut decoder = Decoder::new(&columns(&[("r", Storage::Real), ("t", Storage::Text)]));
    let lost =
        json!([[text("mismatch"), text("a")], [{"type": "float", "value": null}, text("b")]]);
    assert_eq!(decode(&mut decoder, &lost), Err(DecodeError::LostInfinity));
    decoder.discard_page();
    assert_eq!(
        (decoder.batch().len(), decoder.batch().mismatches()),
        (0, 0)
    );
    decoder.set_encoding(Encoding::Typed, 2);
    let rows = json!([
        [integer(1), text("integer"), text("-Inf"), text("real"), {"type": "blob", "base64": "YQ"}, text("text")],
        [integer(2), text("integer"), {"type": "float", "value": 1.5}, text("real"), {"type": "blob", "base64": "/w"}, text("text")],
        [integer(3), text("integer"), {"type": "null"}, text("null"), {"type": "blob", "base64": "/w"}, text("blob")],
    ]);
    let batch = decode(&mut decoder, &rows).unwrap();
    let real = batch.column_by_name("r").unwrap();
    let real = real.as_primitive::<Float64Type>().value(0);
    assert_eq!(real.to_bits(), f64::NEG_INFINITY.to_bits());
    assert_eq!(rendered(&batch, "t")[0], text("a"));
    assert_eq!(
        rendered(&batch, "t__text_bytes")[1],
        json!({"type": "blob", "base64": "/w"})
    );
    assert_eq!(
        rendered(&batch, "t__blob")[2],
        json!({"type": "blob", "base64": "/w"})
    );
}

#[test]
fn a_row_of_another_width_is_an_error() {
    for rows in [
        json!([[]]),
        json!([[integer(1)]]),
        json!([[integer(1), integer(2), integer(3)]]),
    ] {
        let mut decoder = Decoder::new(&columns(&[
            ("a", Storage::Integer),
            ("b", Storage::Integer),
        ]));
        assert!(decode(&mut decoder, &rows).is_err(), "{rows}");
    }
}

#[test]
fn a_value_is_cast_to_a_logical_type_or_goes_to_a_sibling_column() {
    let logical = |name| Storage::Logical(LogicalType::parse(name).unwrap());
    let mut decoder = Decoder::new(&columns(&[
        ("at", logical("timestamptz")),
        ("price", logical("decimal(6,2)")),
        ("paid", logical("boolean")),
        ("day", logical("date")),
    ]));
    let none = json!({"type": "null"});
    let first = json!([
        [
            text("2024-01-01T01:00:00+01:00"),
            text("1.5"),
            integer(1),
            text("2024-01-01")
        ],
        [none, none, none, none],
    ]);
    let batch = decode(&mut decoder, &first).unwrap();
    let types: Vec<_> = batch
        .schema()
        .fields()
        .iter()
        .map(|f| f.data_type().to_string())
        .collect();
    assert_eq!(
        types,
        [
            "Timestamp(µs, \"UTC\")",
            "Decimal128(6, 2)",
            "Boolean",
            "Date32"
        ]
    );
    assert_eq!(decoder.batch().mismatches(), 0);
    let times = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    assert_eq!(
        (times.value(0), times.is_null(1)),
        (1_704_067_200_000_000, true)
    );
    assert_eq!(
        batch.column(1).as_primitive::<Decimal128Type>().value(0),
        150
    );
    assert!(batch.column(2).as_boolean().value(0));
    assert_eq!(
        batch.column(3).as_primitive::<Date32Type>().value(0),
        19_723
    );

    let second = json!([
        [text("yesterday"), text("1.005"), integer(2), integer(19_723)],
        [integer(0), {"type": "float", "value": 0.1}, text("FALSE"), {"type": "blob", "base64": "AA"}],
    ]);
    let batch = decode(&mut decoder, &second).unwrap();
    assert_eq!(decoder.batch().mismatches(), 5);
    for column in ["at", "price", "paid", "day"] {
        assert!(batch.column_by_name(column).unwrap().is_null(0), "{column}");
    }
    assert_eq!(rendered(&batch, "at__text")[0], text("yesterday"));
    assert_eq!(rendered(&batch, "price__text")[0], text("1.005"));
    assert_eq!(rendered(&batch, "paid__integer")[0], integer(2));
    assert_eq!(rendered(&batch, "day__integer")[0], integer(19_723));
    assert_eq!(
        rendered(&batch, "day__blob")[1],
        json!({"type": "blob", "base64": "AA"})
    );
    assert_eq!(
        batch.column(1).as_primitive::<Decimal128Type>().value(1),
        10
    );
    assert!(!batch.column(2).as_boolean().value(1));
}

#[test]
fn a_discarded_page_keeps_the_logical_types() {
    let logical = LogicalType::parse("decimal(3,1)").unwrap();
    let mut decoder = Decoder::new(&columns(&[("d", Storage::Logical(logical))]));
    decode(&mut decoder, &json!([[integer(1)]])).unwrap();
    PipelineResponse::parse(&response(&json!([[text("x")]])), &mut decoder).unwrap();
    decoder.discard_page();
    let batch = decode(&mut decoder, &json!([[text("2.50")]])).unwrap();
    assert_eq!(batch.num_columns(), 1);
    assert_eq!(
        batch.column(0).as_primitive::<Decimal128Type>().value(0),
        25
    );
}

#[test]
fn values_are_captured_from_both_encodings() {
    let specs = columns(&[("i", Storage::Integer), ("t", Storage::Text)]);
    let expected = [
        Value::from("b"),
        Value::Real(f64::INFINITY),
        Value::Integer(7),
    ];
    let places = [Place::Column(1), Place::Prefix(1), Place::Column(0)];
    let mut decoder = Decoder::new(&specs);
    decoder.set_encoding(Encoding::Typed, 4);
    decoder.capture(places.into(), vec![true, true]);
    let blob = |value: &str| json!({"type": "blob", "base64": BASE64.encode(value)});
    let row = json!([
        integer(1),
        text("integer"),
        text("Inf"),
        text("real"),
        integer(7),
        text("integer"),
        blob("b"),
        text("text"),
    ]);
    decode(&mut decoder, &json!([row, row])).unwrap();
    let captured = decoder.take_captured();
    assert_eq!(captured.values, [expected.clone(), expected].concat());
    let mut digest = RowDigest::new();
    digest.add(&Datum::Integer(7));
    digest.add(&Datum::Text("b"));
    assert_eq!(captured.digests, [digest.finish(); 2]);
    decoder.set_encoding(Encoding::Plain, 2);
    decoder.capture(places.into(), Vec::new());
    let row = json!([integer(1), text("x"), integer(7), {"type": "null"}]);
    decode(&mut decoder, &json!([row])).unwrap();
    assert_eq!(
        decoder.take_captured(),
        Captured {
            values: vec![Value::Null, Value::from("x"), Value::Integer(7)],
            digests: Vec::new(),
        }
    );
    assert_eq!(decoder.take_captured(), Captured::default());
}

#[test]
fn text_of_a_utf16_database_is_decoded() {
    let specs = columns(&[("t", Storage::Text)]);
    let blob = |bytes: &[u8]| json!({"type": "blob", "base64": BASE64.encode(bytes)});
    let mut decoder = Decoder::new(&specs);
    decoder.set_encoding(Encoding::Typed, 2);
    decoder.capture([Place::Prefix(0)].into(), Vec::new());
    let le = blob(&[0x61, 0, 0xe4, 0]);
    let row = json!([
        le,
        text("text16le"),
        blob(&[0, 0x61, 0, 0xe4]),
        text("text16be")
    ]);
    let batch = decode(&mut decoder, &json!([row])).unwrap();
    assert_eq!(rendered(&batch, "t"), [text("a\u{e4}")]);
    assert_eq!(decoder.take_captured().values, [Value::from("a\u{e4}")]);
    let row = json!([le, text("text16le"), blob(&[0]), text("text24")]);
    assert!(decode(&mut decoder, &json!([row])).is_err());
}
