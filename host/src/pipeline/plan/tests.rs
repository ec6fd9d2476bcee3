//! Defaults, refused settings, and requests for the connector.

use arrow_schema::{DataType, Field, Schema};

use super::*;
use crate::destination::TableWrite;
use crate::model::{CursorValue, Mask};
use crate::pipeline::row_mapper::{RowMapper, TargetTable};

fn spec(mode: ReadMode, cursor: Option<&str>, write: Option<WriteDisposition>) -> ResourceSpec {
    ResourceSpec {
        name: "orders".to_owned(),
        mode,
        cursor_column: cursor.map(str::to_owned),
        write,
        ..ResourceSpec::default()
    }
}

#[test]
fn the_mode_decides_the_defaults() {
    let write = |mode, cursor| {
        ResourcePlan::new(&spec(mode, cursor, None))
            .unwrap()
            .disposition
    };
    assert_eq!(write(ReadMode::Full, None), WriteDisposition::Replace);
    assert_eq!(write(ReadMode::Incremental, None), WriteDisposition::Append);
    assert_eq!(
        write(ReadMode::Incremental, Some("at")),
        WriteDisposition::Merge
    );
    assert_eq!(write(ReadMode::Changes, None), WriteDisposition::Merge);
    let versions = spec(ReadMode::Full, None, Some(WriteDisposition::Scd2));
    assert_eq!(
        ResourcePlan::new(&versions).unwrap().deletion_mode,
        DeletionMode::Soft
    );
}

#[test]
fn settings_that_lose_rows_or_have_no_effect_are_refused() {
    let with = |change: fn(&mut ResourceSpec)| {
        let mut spec = spec(ReadMode::Incremental, Some("at"), None);
        change(&mut spec);
        spec
    };
    for refused in [
        with(|spec| spec.write = Some(WriteDisposition::Replace)),
        with(|spec| spec.mode = ReadMode::Full),
        with(|spec| {
            spec.mode = ReadMode::Changes;
            spec.cursor_column = None;
            spec.write = Some(WriteDisposition::Append);
        }),
        with(|spec| {
            spec.cursor_column = None;
            spec.lag = Some("1".to_owned());
        }),
        with(|spec| {
            spec.write = Some(WriteDisposition::Append);
            spec.deletes = Some(DeletionMode::Hard);
        }),
        with(|spec| {
            spec.mode = ReadMode::Full;
            spec.cursor_column = None;
            spec.start = Some(CursorValue::Integer(1));
        }),
        with(|spec| {
            spec.end = Some(CursorValue::Integer(1));
            spec.deletes = Some(DeletionMode::Soft);
        }),
        with(|spec| {
            spec.start = Some(CursorValue::Text("2026-03-02".to_owned()));
            spec.end = Some(CursorValue::Text("2026-03-02".to_owned()));
        }),
    ] {
        let error = ResourcePlan::new(&refused).unwrap_err();
        assert!(
            error.to_string().starts_with("the resource `orders`: "),
            "{error}"
        );
    }
}

#[test]
fn a_complete_read_or_all_keys_detect_deleted_rows() {
    let mut spec = spec(ReadMode::Incremental, Some("at"), None);
    spec.deletes = Some(DeletionMode::Hard);
    let plan = ResourcePlan::new(&spec).unwrap();
    let cursor = Cursor {
        version: 1,
        value: Vec::new(),
    };
    // A read without a cursor is complete. A read with one needs the keys.
    assert_eq!(
        plan.deletion_source(PageKind::Rows),
        DeletionSource::AllRows
    );
    assert!(!plan.selection().keys);
    let later = plan.for_run(Some(&cursor), false);
    assert_eq!(
        later.deletion_source(PageKind::Rows),
        DeletionSource::AllKeys
    );
    assert!(later.selection().keys);
    assert_eq!(plan.for_run(Some(&cursor), true).cursor, None);
}

fn masked(mask: Mask) -> ResourceSpec {
    ResourceSpec {
        name: "users".to_owned(),
        mask: BTreeMap::from([("Id".to_owned(), mask)]),
        ..ResourceSpec::default()
    }
}

/// Maps the rows of a resource with the columns `id` and `k`.
fn table_write(spec: &ResourceSpec, key: &str) -> Result<TableWrite, PipelineError> {
    let target = TargetTable {
        plan: ResourcePlan::new(spec).unwrap(),
        resource: "users".to_owned(),
        kind: PageKind::Rows,
        existing: None,
    };
    let field = |name| Field::new(name, DataType::Int64, true);
    let source = SourceSchema {
        columns: Schema::new(vec![field("id"), field("k")]).into(),
        primary_key: vec![key.to_owned()],
        siblings: Vec::new(),
    };
    let mapper = RowMapper::new(target, source)?;
    Ok(mapper.table_write().clone())
}

#[test]
fn rows_are_not_merged_by_a_hidden_key() {
    for mask in [Mask::Null, Mask::Partial] {
        let mut spec = masked(mask);
        assert!(table_write(&spec, "id").is_ok());
        spec.write = Some(WriteDisposition::Merge);
        let error = table_write(&spec, "id").unwrap_err();
        assert!(error.to_string().contains("rows are merged"), "{error}");
        spec.primary_key = vec!["ID".to_owned()];
        assert!(ResourcePlan::new(&spec).is_err());
    }
    let mut spec = masked(Mask::Sha256);
    spec.write = Some(WriteDisposition::Merge);
    let stored = table_write(&spec, "id").unwrap();
    assert_eq!(stored.schema.field(0).data_type(), &DataType::Utf8);
}

#[test]
fn columns_in_a_cursor_are_not_masked() {
    let mut spec = masked(Mask::Sha256);
    spec.mode = ReadMode::Incremental;
    let error = table_write(&spec, "id").unwrap_err();
    assert!(
        error.remedy().unwrap().to_string().contains("cursor"),
        "{error}"
    );
    spec.cursor_column = Some("ID".to_owned());
    assert!(ResourcePlan::new(&spec).is_err());
    spec.cursor_column = Some("updated_at".to_owned());
    assert!(table_write(&spec, "id").is_err());
    assert!(table_write(&spec, "k").is_ok());
}

#[test]
fn resources_whose_names_differ_in_case_only_are_refused() {
    let named = |name: &str| ResourceSpec {
        name: name.to_owned(),
        ..ResourceSpec::default()
    };
    let error = plans(&[named("orders"), named("other"), named("ORDERS")]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the resources `orders` and `ORDERS` would have one table, because their names differ in case only"
    );
    assert_eq!(plans(&[named("orders"), named("other")]).unwrap().len(), 2);
}
