//! The steps of the mapping together, without a destination.

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{Array as _, ArrayRef, Int64Array, StringArray};
use arrow_schema::{Field, Schema};

use super::*;
use crate::model::siblings::Sibling;
use crate::model::{LoadId, Mask, PageKind, ResourceSpec, SchemaPolicy, WriteDisposition};
use crate::pipeline::plan::ResourcePlan;

fn schema(columns: &[(&str, DataType)]) -> SchemaRef {
    let field = |(name, data_type): &(&str, DataType)| Field::new(*name, data_type.clone(), true);
    Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>()))
}

fn source(columns: &[(&str, DataType)], siblings: &[(&str, &str)]) -> SourceSchema {
    let sibling =
        |(name, column): &(&str, &str)| Sibling::new((*name).to_owned(), (*column).to_owned());
    SourceSchema {
        columns: schema(columns),
        primary_key: vec!["id".to_owned()],
        siblings: siblings.iter().map(sibling).collect(),
    }
}

fn mapper(
    change: impl FnOnce(&mut ResourceSpec),
    source: SourceSchema,
    existing: Option<SchemaRef>,
) -> RowMapper {
    let mut spec = ResourceSpec {
        name: "t".to_owned(),
        write: Some(WriteDisposition::Merge),
        ..ResourceSpec::default()
    };
    change(&mut spec);
    let target = TargetTable {
        plan: ResourcePlan::new(&spec).unwrap(),
        resource: "t".to_owned(),
        kind: PageKind::Rows,
        existing,
    };
    RowMapper::new(target, source).unwrap()
}

fn integers(values: impl IntoIterator<Item = Option<i64>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<Int64Array>())
}

fn texts<'t>(values: impl IntoIterator<Item = Option<&'t str>>) -> ArrayRef {
    Arc::new(values.into_iter().collect::<StringArray>())
}

fn take(mapper: &mut RowMapper, columns: Vec<ArrayRef>) -> MappedRows {
    let mut load = LoadColumns::new(&LoadId::from_time(std::time::UNIX_EPOCH));
    let fields = mapper.source().columns.fields().iter();
    let fields: Vec<_> = fields.take(columns.len()).cloned().collect();
    let page = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    mapper
        .take(&page, &mut load, &mut |_, _| panic!("no child tables"))
        .unwrap()
}

fn names(rows: &RecordBatch) -> Vec<String> {
    let fields = rows.schema_ref().fields().iter();
    fields.map(|field| field.name().clone()).collect()
}

#[test]
fn rows_have_the_columns_that_the_destination_was_told() {
    let masked = |spec: &mut ResourceSpec| {
        spec.mask.insert("email".to_owned(), Mask::Partial);
    };
    let columns = [
        ("id", DataType::Int64),
        ("email", DataType::Utf8),
        ("_load_id", DataType::Int64),
    ];
    let mut mapper = mapper(masked, source(&columns, &[]), None);
    let page = vec![
        integers([Some(1)]),
        texts([Some("bob@example.com")]),
        integers([Some(7)]),
    ];
    let stored = take(&mut mapper, page);
    assert_eq!(stored.rows.schema_ref(), &mapper.table_write().schema);
    assert_eq!(
        names(&stored.rows),
        ["id", "email", "_load_id__source", "_load_id"]
    );
    let emails = stored.rows.column(1).as_string::<i32>();
    assert_eq!(emails.value(0), "b***@example.com");
}

#[test]
fn a_page_from_before_an_announcement_has_nulls_in_the_new_columns() {
    let mut mapper = mapper(|_| {}, source(&[("id", DataType::Int64)], &[]), None);
    let more = [("id", DataType::Int64), ("name", DataType::Utf8)];
    mapper.announce(source(&more, &[])).unwrap();
    let stored = take(&mut mapper, vec![integers([Some(1), Some(2)])]);
    assert_eq!(names(&stored.rows), ["id", "name", "_load_id"]);
    assert_eq!(stored.rows.column(1).null_count(), 2);
}

#[test]
fn a_column_of_another_type_is_added_with_its_first_value() {
    let existing = schema(&[("id", DataType::Int64), ("size", DataType::Utf8)]);
    let columns = [("id", DataType::Int64), ("size", DataType::Int64)];
    let mut mapper = mapper(|_| {}, source(&columns, &[]), Some(Arc::clone(&existing)));
    let empty = take(&mut mapper, vec![integers([Some(1)]), integers([None])]);
    assert_eq!(names(&empty.rows), ["id", "_load_id"]);
    assert!(!empty.has_new_columns);
    let valued = take(&mut mapper, vec![integers([Some(2)]), integers([Some(5)])]);
    assert_eq!(names(&valued.rows), ["id", "size__integer", "_load_id"]);
    assert!(valued.has_new_columns);
    let sizes = valued.rows.column(1).as_primitive::<Int64Type>();
    assert_eq!(sizes.value(0), 5);
    // The next load of the run keeps the column.
    mapper.begin_load(Some(existing)).unwrap();
    let later = take(&mut mapper, vec![integers([Some(3)]), integers([None])]);
    assert_eq!(names(&later.rows), ["id", "size__integer", "_load_id"]);
}

#[test]
fn a_row_with_a_value_in_a_refused_column_is_rejected() {
    let existing = schema(&[("id", DataType::Int64)]);
    let columns = [("id", DataType::Int64), ("new", DataType::Utf8)];
    let discard = |spec: &mut ResourceSpec| spec.schema = SchemaPolicy::DiscardRow;
    let mut mapper = mapper(discard, source(&columns, &[]), Some(existing));
    let page = vec![integers([Some(1), Some(2)]), texts([None, Some("x")])];
    let stored = take(&mut mapper, page);
    assert_eq!(stored.rows.num_rows(), 1);
    assert_eq!(stored.rejected.unwrap().num_rows(), 1);
}

#[test]
fn keys_go_to_the_columns_of_the_rows_with_their_type() {
    let columns = [
        ("id", DataType::Int64),
        ("id__text", DataType::Utf8),
        ("n", DataType::Int64),
    ];
    let rows = source(&columns, &[("id__text", "id")]);
    let mut mapper = mapper(|_| {}, rows, None);
    let keys = source(
        &[("id", DataType::Utf8), ("id__real", DataType::Float64)],
        &[("id__real", "id")],
    );
    assert!(mapper.announce_keys(&keys).unwrap());
    assert_eq!(mapper.key_columns(), ["id__text", "id__real"]);
    let columns = mapper.key_columns().to_vec();
    let reals: ArrayRef = Arc::new(arrow_array::Float64Array::from(vec![None]));
    let batch = RecordBatch::try_new(keys.columns, vec![texts([Some("a")]), reals]).unwrap();
    let stored = mapper.take_keys(&columns, &batch).unwrap();
    assert_eq!(names(&stored.keys), ["id__text", "id__real"]);
    assert!(
        !mapper
            .announce_keys(&source(&[("id", DataType::Utf8)], &[]))
            .unwrap()
    );
}
