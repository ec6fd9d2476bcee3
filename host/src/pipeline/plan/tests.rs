//! What is filled in, what is refused, and what is asked for.

use arrow_schema::{DataType, Field};

use super::*;

fn spec(mode: ReadMode, cursor: Option<&str>, write: Option<WriteDisposition>) -> ResourceSpec {
    ResourceSpec {
        name: "orders".to_owned(),
        mode,
        cursor: cursor.map(str::to_owned),
        write,
        ..ResourceSpec::default()
    }
}

#[test]
fn what_is_left_out_follows_from_the_mode() {
    let write = |mode, cursor| ResourcePlan::new(&spec(mode, cursor, None)).unwrap().write;
    assert_eq!(write(ReadMode::Full, None), WriteDisposition::Replace);
    assert_eq!(write(ReadMode::Incremental, None), WriteDisposition::Append);
    assert_eq!(
        write(ReadMode::Incremental, Some("at")),
        WriteDisposition::Merge
    );
    assert_eq!(write(ReadMode::Changes, None), WriteDisposition::Merge);
    let versions = spec(ReadMode::Full, None, Some(WriteDisposition::Scd2));
    assert_eq!(
        ResourcePlan::new(&versions).unwrap().deletes,
        DeletionMode::Soft
    );
}

#[test]
fn what_would_lose_rows_or_mean_nothing_is_refused() {
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
            spec.cursor = None;
            spec.write = Some(WriteDisposition::Append);
        }),
        with(|spec| {
            spec.write = Some(WriteDisposition::Append);
            spec.lag = Some("1".to_owned());
        }),
        with(|spec| {
            spec.write = Some(WriteDisposition::Append);
            spec.deletes = Some(DeletionMode::Hard);
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
fn deleted_rows_show_in_what_comes() {
    let mut spec = spec(ReadMode::Incremental, Some("at"), None);
    spec.deletes = Some(DeletionMode::Hard);
    let plan = ResourcePlan::new(&spec).unwrap();
    let cursor = Cursor {
        version: 1,
        value: Vec::new(),
    };
    // Without a cursor everything comes; with one, the keys are asked for.
    assert_eq!(
        plan.deletion_source(PageKind::Rows),
        DeletionSource::AllRows
    );
    assert!(!plan.selection().keys);
    let later = plan.at(Some(&cursor), false);
    assert_eq!(
        later.deletion_source(PageKind::Rows),
        DeletionSource::AllKeys
    );
    assert!(later.selection().keys);
    assert_eq!(plan.at(Some(&cursor), true).cursor, None);
}

fn masked(mask: Mask) -> ResourceSpec {
    ResourceSpec {
        name: "users".to_owned(),
        mask: BTreeMap::from([("Id".to_owned(), mask)]),
        ..ResourceSpec::default()
    }
}

fn of_key(key: &str) -> SourceSchema {
    let field = Field::new("id", DataType::Int64, true);
    SourceSchema {
        columns: Schema::new(vec![field]).into(),
        primary_key: vec![key.to_owned()],
        siblings: Vec::new(),
    }
}

fn masking(spec: &ResourceSpec) -> Result<Masking, PipelineError> {
    let plan = ResourcePlan::new(spec).unwrap();
    plan.masking("users", PageKind::Rows, &of_key("id"))
}

#[test]
fn a_key_that_is_hidden_merges_nothing() {
    for mask in [Mask::Null, Mask::Partial] {
        let mut spec = masked(mask);
        assert!(masking(&spec).is_ok());
        spec.write = Some(WriteDisposition::Merge);
        let error = masking(&spec).unwrap_err();
        assert!(error.to_string().contains("rows are merged"), "{error}");
        spec.primary_key = vec!["ID".to_owned()];
        assert!(ResourcePlan::new(&spec).is_err());
    }
    let mut spec = masked(Mask::Sha256);
    spec.write = Some(WriteDisposition::Merge);
    let stored = masking(&spec).unwrap();
    assert_eq!(stored.schema().field(0).data_type(), &DataType::Utf8);
}

#[test]
fn what_a_cursor_holds_is_not_masked() {
    let mut spec = masked(Mask::Sha256);
    spec.mode = ReadMode::Incremental;
    let error = masking(&spec).unwrap_err();
    assert!(error.hint().unwrap().contains("cursor"), "{error}");
    spec.cursor = Some("ID".to_owned());
    assert!(ResourcePlan::new(&spec).is_err());
    spec.cursor = Some("updated_at".to_owned());
    let plan = ResourcePlan::new(&spec).unwrap();
    assert!(
        plan.masking("users", PageKind::Rows, &of_key("id"))
            .is_err()
    );
    assert!(plan.masking("users", PageKind::Rows, &of_key("k")).is_ok());
}
