//! Columns of databases that differ, in one union.

use arrow_array::Int64Array;

use super::*;

fn field(name: &str, data_type: &DataType) -> Field {
    Field::new(name, data_type.clone(), true)
}

fn columns(fields: &[(&str, DataType)]) -> Columns {
    let fields = fields
        .iter()
        .map(|(name, data_type)| field(name, data_type));
    Columns {
        schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
        primary_key: Vec::new(),
        siblings: Vec::new(),
    }
}

/// Columns of a database in which the last one is a sibling of `column`.
fn columns_with_sibling(
    fields: &[(&str, DataType)],
    column: &str,
    holds_text_bytes: bool,
) -> Columns {
    let mut columns = columns(fields);
    let last = columns.schema.fields().last().unwrap();
    let sibling = Sibling::new(column, last, holds_text_bytes, |_| false);
    let sibling = sibling.renamed(last.name().clone(), column.to_owned());
    columns.siblings.push(sibling);
    columns
}

fn names(union: &Union) -> Vec<&str> {
    let fields = union.fields.iter();
    fields.map(|field| field.name().as_str()).collect()
}

fn siblings(union: &Union) -> Vec<(&str, &str, bool)> {
    let siblings = union.siblings.iter();
    let parts = siblings.map(|known| (&*known.name, &*known.column, known.holds_text_bytes));
    parts.collect()
}

#[test]
fn a_union_has_the_columns_of_all_databases() {
    let (int, text) = (DataType::Int64, DataType::Utf8);
    let mut union = Union::new();
    let mut first = columns(&[("id", int.clone()), ("n", int.clone())]);
    first.primary_key.push("id".to_owned());
    union.add_columns(&first);
    assert!(union.unannounced().is_some() && union.unannounced().is_none());
    let second = columns_with_sibling(
        &[
            ("ID", int.clone()),
            ("n", text.clone()),
            ("m", text),
            ("_database", int.clone()),
            ("m__integer", int),
        ],
        "m",
        false,
    );
    let indices = union.add_columns(&second);
    assert_eq!(
        names(&union),
        [
            "_database",
            "id",
            "n",
            "n__text",
            "m",
            "_database__source",
            "m__integer"
        ]
    );
    assert_eq!(union.primary_key, ["_database", "id"]);
    assert_eq!(
        siblings(&union),
        [("n__text", "n", false), ("m__integer", "m", false)]
    );
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1])),
        Arc::new(StringArray::from(vec!["x"])),
        Arc::new(StringArray::from(vec!["y"])),
        Arc::new(Int64Array::from(vec![2])),
        Arc::new(Int64Array::from(vec![3])),
    ];
    let batch = RecordBatch::try_new(second.schema, arrays).unwrap();
    let page = union.page("db", &indices, &batch).unwrap();
    assert_eq!(page.num_columns(), 7);
    assert_eq!(page.column(2).null_count(), 1);
    assert_eq!(page.column(3).null_count(), 0);
    // A third database whose column has the second's type.
    let again = union.add_columns(&columns(&[("n", DataType::Utf8)]));
    assert_eq!(again.0, [3]);
}

#[test]
fn a_column_with_the_name_of_bytes_of_text_has_one_sibling_for_each_type() {
    let name = "utm__text_bytes";
    let mut union = Union::new();
    for (data_type, index) in [
        (DataType::Utf8, 1),
        (DataType::Binary, 2),
        (DataType::Binary, 2),
        (DataType::Int64, 3),
        (DataType::Binary, 2),
    ] {
        let indices = union.add_columns(&columns(&[(name, data_type)]));
        assert_eq!(indices.0, [index]);
    }
    assert_eq!(
        siblings(&union),
        [
            ("utm__text_bytes__blob", name, false),
            ("utm__text_bytes__integer", name, false)
        ]
    );
}

#[test]
fn blobs_and_bytes_of_text_have_separate_siblings() {
    let (text, bytes) = (DataType::Utf8, DataType::Binary);
    let mut union = Union::new();
    for (name, holds_text_bytes, index) in [
        ("at__text_bytes", true, 2),
        ("at__blob", false, 3),
        ("at__text_bytes", true, 2),
    ] {
        let fields = [("at", text.clone()), (name, bytes.clone())];
        let columns = columns_with_sibling(&fields, "at", holds_text_bytes);
        assert_eq!(union.add_columns(&columns).0, [1, index]);
    }
    // The column itself holds blobs in another database.
    let indices = union.add_columns(&columns(&[("at", bytes)]));
    assert_eq!(indices.0, [3]);
    assert_eq!(
        siblings(&union),
        [("at__text_bytes", "at", true), ("at__blob", "at", false)]
    );
}

#[test]
fn a_sibling_whose_name_is_taken_keeps_its_content() {
    let mut union = Union::new();
    union.add_columns(&columns(&[("utm__text_bytes", DataType::Utf8)]));
    let fields = [
        ("utm", DataType::Utf8),
        ("utm__text_bytes", DataType::Binary),
    ];
    let second = columns_with_sibling(&fields, "utm", true);
    for _ in 0..2 {
        assert_eq!(union.add_columns(&second).0, [2, 3]);
    }
    assert_eq!(siblings(&union), [("utm__text_bytes_", "utm", true)]);
}

#[test]
fn a_sibling_of_a_renamed_column_keeps_its_name() {
    let fields = [
        ("_database", DataType::Int64),
        ("_database__text", DataType::Utf8),
    ];
    let mut union = Union::new();
    union.add_columns(&columns_with_sibling(&fields, "_database", false));
    assert_eq!(
        siblings(&union),
        [("_database__text", "_database__source", false)]
    );
}

#[test]
fn a_column_never_shares_the_name_of_a_sibling() {
    let mut union = Union::new();
    let text = DataType::Utf8;
    let mixed = [("stock", DataType::Int64), ("stock__text", text.clone())];
    let mixed = columns_with_sibling(&mixed, "stock", false);
    let own = columns(&[("stock__text", text), ("stock", DataType::Int64)]);
    for _ in 0..2 {
        assert_eq!(union.add_columns(&mixed).0, [1, 2]);
        assert_eq!(union.add_columns(&own).0, [3, 1]);
    }
    let other_type = columns(&[("STOCK__text", DataType::Int64)]);
    assert_eq!(union.add_columns(&other_type).0, [4]);
    assert_eq!(
        names(&union)[2..],
        ["stock__text", "stock__text_", "stock__text___integer"]
    );
    // The other order.
    let mut union = Union::new();
    for _ in 0..2 {
        assert_eq!(union.add_columns(&own).0, [1, 2]);
        assert_eq!(union.add_columns(&mixed).0, [2, 3]);
    }
    assert_eq!(siblings(&union), [("stock__text_", "stock", false)]);
}

#[test]
fn columns_with_names_of_the_fleet_stay_apart() {
    let names_of = [
        "_database",
        "_database__source",
        "_DATABASE__source__source",
    ];
    let fields = names_of.map(|name| (name, DataType::Utf8));
    let mut union = Union::new();
    assert_eq!(union.add_columns(&columns(&fields)).0, [1, 2, 3]);
}
