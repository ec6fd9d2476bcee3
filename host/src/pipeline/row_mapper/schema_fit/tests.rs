//! Columns of another type than the table's, and policies for new columns.

use arrow_array::{Array as _, ArrayRef, Int64Array, StringArray};

use super::*;
use crate::pipeline::row_mapper::changes::{Change, added_columns};

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, kind): &(&str, DataType)| Field::new(*name, kind.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn sibling(name: &str, column: &str) -> Sibling {
    Sibling::new(name.to_owned(), column.to_owned())
}

fn names(fit: &SchemaFit) -> Vec<&str> {
    let fields = fit.schema.fields().iter();
    fields.map(|field| field.name().as_str()).collect()
}

#[test]
fn values_go_to_the_column_of_their_type() {
    let incoming = schema(&[
        ("id", DataType::Int64),
        ("at", DataType::Int64),
        ("at__text", DataType::Utf8),
        ("at__text_bytes", DataType::Binary),
    ]);
    let siblings = vec![sibling("at__text", "at"), sibling("at__text_bytes", "at")];
    let fit = SchemaFit::new(incoming, siblings);
    let existing = schema(&[("id", DataType::Int64), ("At", DataType::Utf8)]);
    let fitted = fit.clone().into_table(&existing);
    assert_eq!(
        names(&fitted),
        ["id", "at__integer", "At", "at__text_bytes"]
    );
    assert_eq!(
        fitted.siblings,
        [
            sibling("at__integer", "At"),
            sibling("at__text_bytes", "At")
        ]
    );
    // The other way round.
    let existing = schema(&[("at", DataType::Int64), ("at__text", DataType::Utf8)]);
    assert_eq!(
        names(&fit.clone().into_table(&existing)),
        ["id", "at", "at__text", "at__text_bytes"]
    );
    // Bytes of text are not blobs.
    let existing = schema(&[("at", DataType::Binary)]);
    assert_eq!(
        names(&fit.into_table(&existing)),
        ["id", "at__integer", "at__text", "at__text_bytes"]
    );
}

#[test]
fn a_name_that_is_taken_by_another_type_gets_a_suffix() {
    let fit = SchemaFit::new(schema(&[("a", DataType::Float64)]), Vec::new());
    let existing = schema(&[("a", DataType::Int64), ("a__real", DataType::Utf8)]);
    let fitted = fit.into_table(&existing);
    assert_eq!(names(&fitted), ["a__real_"]);
    assert_eq!(
        added_columns(&fitted, &existing),
        [Change::TypeChanged {
            column: "a".to_owned(),
            from: StoredType::Int64,
            to: StoredType::Float64,
            into: "a__real_".to_owned(),
        }]
    );
}

#[test]
fn columns_and_rows_can_be_refused() {
    let incoming = schema(&[("id", DataType::Int64), ("new", DataType::Utf8)]);
    let existing = schema(&[("id", DataType::Int64)]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![1, 2])),
        Arc::new(StringArray::from(vec![None, Some("x")])),
    ];
    let batch = RecordBatch::try_new(Arc::clone(&incoming), columns).unwrap();
    let fit = SchemaFit::new(incoming, Vec::new());
    let values = fit
        .clone()
        .with_policy(SchemaPolicy::DiscardValue, &existing);
    let (rows, rejected) = values.split(batch.clone()).unwrap();
    assert_eq!((rows.num_rows(), rows.num_columns()), (2, 1));
    assert!(rejected.is_none());
    let rows = fit.clone().with_policy(SchemaPolicy::DiscardRow, &existing);
    let (kept, rejected) = rows.split(batch.clone()).unwrap();
    assert_eq!((kept.num_rows(), kept.num_columns()), (1, 1));
    assert_eq!(rejected.unwrap().column(1).null_count(), 0);
    let (all, _) = fit
        .with_policy(SchemaPolicy::Evolve, &existing)
        .split(batch)
        .unwrap();
    assert_eq!((all.num_rows(), all.num_columns()), (2, 2));
}

/// A table as a load leaves it: each column with its origin.
fn recorded(columns: &[(&str, DataType)], siblings: &[(&str, &str)]) -> SchemaRef {
    let siblings: Vec<_> = siblings
        .iter()
        .map(|(name, of)| sibling(name, of))
        .collect();
    let names = ColumnNames::default();
    Arc::new(names.with_origins(&schema(columns), &siblings))
}

#[test]
fn a_value_of_another_type_never_goes_to_a_column_of_the_source() {
    let (int, text) = (DataType::Int64, DataType::Utf8);
    let own = [("stock", text.clone()), ("stock__text", text.clone())];
    let fit = SchemaFit::new(schema(&own), Vec::new());
    // The column is in the table, or new.
    let old = [("stock", int.clone()), ("stock__text", text.clone())];
    for existing in [
        schema(&old),
        schema(&old[..1]),
        recorded(&old, &[]),
        recorded(&old[..1], &[]),
    ] {
        let fitted = fit.clone().into_table(&existing);
        assert_eq!(names(&fitted), ["stock__text_", "stock__text"]);
    }
    // The source has dropped the column.
    let fit = SchemaFit::new(schema(&own[..1]), Vec::new());
    let existing = recorded(&old, &[]);
    assert_eq!(names(&fit.clone().into_table(&existing)), ["stock__text_"]);
    // A recorded sibling is used, whatever its name is.
    let old = [("stock", int), ("stock__text", text.clone()), ("s", text)];
    let existing = recorded(&old, &[("s", "stock")]);
    assert_eq!(names(&fit.into_table(&existing)), ["s"]);
}
