//! The split of documents into columns and child tables, without a destination.

use std::collections::BTreeMap;

use arrow_array::{Int64Array, StringArray};
use arrow_schema::{DataType, Field};

use super::*;
use crate::destination::json_array;
use crate::model::json_field;

fn source(has_flag: bool) -> SourceSchema {
    let mut fields = vec![
        Field::new("id", DataType::Int64, true),
        json_field("doc"),
        Field::new("doc__taken", DataType::Utf8, true),
    ];
    if has_flag {
        fields.push(Field::new("gone", DataType::Boolean, true));
    }
    SourceSchema {
        columns: Arc::new(Schema::new(fields)),
        primary_key: vec!["id".to_owned()],
        siblings: Vec::new(),
    }
}

fn options(nested: NestedMode) -> NestingOptions {
    NestingOptions {
        nested,
        schema: SchemaPolicy::Evolve,
        grouped: false,
        keeps_table: false,
        keeps_deleted_rows: false,
    }
}

fn nesting(options: NestingOptions, existing: Option<&SchemaRef>) -> Nesting {
    let source = source(false);
    let key = source.primary_key.clone();
    Nesting::new("t", options, PageKind::Rows, &source, &key, existing)
        .unwrap()
        .unwrap()
}

/// Parses consecutive JSON values.
fn rows(text: &str) -> Vec<serde_json::Value> {
    let rows = serde_json::Deserializer::from_str(text).into_iter();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Splits documents, and returns the rows of each table without nulls.
fn take(
    nesting: &mut Nesting,
    documents: &[Option<&str>],
) -> Result<BTreeMap<String, Vec<serde_json::Value>>, PipelineError> {
    let rows = i64::try_from(documents.len()).unwrap();
    let columns: Vec<ArrayRef> = vec![
        Arc::new((1..=rows).collect::<Int64Array>()),
        Arc::new(documents.iter().copied().collect::<StringArray>()),
        Arc::new(StringArray::new_null(documents.len())),
    ];
    let page = RecordBatch::try_new(nesting.source.columns.clone(), columns).unwrap();
    let mut found = BTreeMap::new();
    let shown = |rows: &RecordBatch| {
        let json = json_array(std::slice::from_ref(rows)).unwrap();
        let mut rows: Vec<serde_json::Value> = serde_json::from_str(&json).unwrap();
        for row in &mut rows {
            let row = row.as_object_mut().unwrap();
            row.retain(|_, value| !value.is_null());
        }
        rows
    };
    let own = nesting.take(&page, &mut |items: ChildRows| {
        assert_eq!(items.rows.schema(), items.source.columns);
        found.insert(items.table.clone(), shown(&items.rows));
        Ok(())
    })?;
    found.insert("t".to_owned(), shown(&own));
    Ok(found)
}

#[test]
fn objects_become_columns_and_lists_tables() {
    let mut nesting = nesting(options(NestedMode::Tables), None);
    let found = take(
        &mut nesting,
        &[
            Some(r#"{"a":1,"b":{"c":"x","taken":true},"l":[{"n":1,"m":["p","q"]},7,[8,[9]]]}"#),
            Some(r#"{"a":2.5,"l":[]}"#),
            None,
            Some("no json"),
        ],
    )
    .unwrap();
    assert_eq!(
        found["t"],
        rows(
            r#"{"id":1,"doc__a":1.0,"doc__b__c":"x","doc__b__taken":true} {"id":2,"doc__a":2.5} {"id":3} {"id":4,"doc__text":"no json"}"#
        )
    );
    assert_eq!(
        found["t__doc__l"],
        rows(
            r#"{"_root_id":1,"_index":0,"n":1} {"_root_id":1,"_index":1,"value":7} {"_root_id":1,"_index":2}"#
        )
    );
    assert_eq!(
        found["t__doc__l__m"],
        rows(
            r#"{"_root_id":1,"_index":0,"_index_2":0,"value":"p"} {"_root_id":1,"_index":0,"_index_2":1,"value":"q"}"#
        )
    );
    assert_eq!(
        found["t__doc__l__list"],
        rows(
            r#"{"_root_id":1,"_index":2,"_index_2":0,"value":8} {"_root_id":1,"_index":2,"_index_2":1}"#
        )
    );
    assert_eq!(
        found["t__doc__l__list__list"],
        rows(r#"{"_root_id":1,"_index":2,"_index_2":1,"_index_3":0,"value":9}"#)
    );
    assert_eq!(nesting.mismatches(), 1);
}

#[test]
fn values_of_another_type_lose_nothing() {
    let mut nesting = nesting(options(NestedMode::Tables), None);
    take(&mut nesting, &[Some(r#"{"a":1,"A":2}"#)]).unwrap();
    let found = take(
        &mut nesting,
        &[
            Some(r#"{"a":"x","A":"y","":0}"#),
            Some(r#"{"a":1.5}"#),
            Some(r#"{"a":18446744073709551616}"#),
            Some(r#"{"a":[true],"taken":"z"}"#),
            Some(r#"{"a":3.0,"a":4}"#),
        ],
    )
    .unwrap();
    assert_eq!(
        found["t"],
        rows(
            r#"{"id":1,"doc__a__text":"x","doc__A___text":"y","doc___":0} {"id":2,"doc__a__real":1.5} {"id":3,"doc__a__text":"18446744073709551616"} {"id":4,"doc__taken_":"z"} {"id":5,"doc__a":3}"#
        )
    );
    assert_eq!(
        found["t__doc__a"],
        rows(r#"{"_root_id":4,"_index":0,"value":true}"#)
    );
    let siblings: Vec<_> = nesting.columns().siblings;
    assert_eq!(siblings[0].column, "doc__a");
}

#[test]
fn the_existing_table_decides_types_and_names() {
    let existing = Arc::new(Schema::new(vec![
        Field::new("doc__a", DataType::Float64, true),
        Field::new("doc__b_", DataType::Int64, true),
        Field::new("doc__B", DataType::Int64, true),
    ]));
    let kept = NestingOptions {
        keeps_table: true,
        ..options(NestedMode::Tables)
    };
    let mut nesting = nesting(kept, Some(&existing));
    let found = take(&mut nesting, &[Some(r#"{"a":1,"b":2,"B":3}"#)]).unwrap();
    assert_eq!(
        found["t"],
        rows(r#"{"id":1,"doc__a":1.0,"doc__b_":2,"doc__B":3}"#)
    );
}

#[test]
fn a_replaced_table_decides_names_but_not_types() {
    let existing = Arc::new(Schema::new(vec![
        Field::new("doc__Name", DataType::Int64, true),
        Field::new("doc__name_", DataType::Int64, true),
    ]));
    for (document, expected) in [
        (
            r#"{"name":"n","Name":"N"}"#,
            r#"{"id":1,"doc__name_":"n","doc__Name":"N"}"#,
        ),
        (
            r#"{"Name":"N","name":"n"}"#,
            r#"{"id":1,"doc__Name":"N","doc__name_":"n"}"#,
        ),
        (r#"{"name":1.5}"#, r#"{"id":1,"doc__name_":1.5}"#),
        (r#"{"NAME":true}"#, r#"{"id":1,"doc__NAME__":true}"#),
    ] {
        let mut nesting = nesting(options(NestedMode::Tables), Some(&existing));
        let found = take(&mut nesting, &[Some(document)]).unwrap();
        assert_eq!(found["t"], rows(expected), "{document}");
    }
}

#[test]
fn a_list_uses_its_table_of_earlier_loads() {
    let items = |names: &[&str]| {
        let fields = names
            .iter()
            .map(|name| Field::new(*name, DataType::Int64, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    };
    let grouped = NestingOptions {
        grouped: true,
        ..options(NestedMode::Tables)
    };
    let mut nesting = nesting(grouped, None);
    nesting.add_child_table("t__doc__l", &items(&["_root_id", "_index", "value"]));
    nesting.add_child_table("t__other", &items(&["id", "value"]));
    let found = take(
        &mut nesting,
        &[Some(r#"{"l":[5]}"#), None, Some(r#"{"k":[6]}"#)],
    )
    .unwrap();
    // Every row starts a group, even without items.
    assert_eq!(
        found["t__doc__l"],
        rows(r#"{"_root_id":1} {"_root_id":1,"_index":0,"value":5} {"_root_id":2} {"_root_id":3}"#)
    );
    assert_eq!(
        found["t__doc__k"],
        rows(r#"{"_root_id":3} {"_root_id":3,"_index":0,"value":6}"#)
    );
    assert!(!found.contains_key("t__other"));
}

#[test]
fn documents_that_are_stored_whole_are_validated() {
    let mut nesting = nesting(options(NestedMode::Json), None);
    let good = [Some(r#"{"a":[1]}"#), None, Some("\"x\"")];
    take(&mut nesting, &good).unwrap();
    assert!(!nesting.has_grown());
    let found = take(
        &mut nesting,
        &[Some(" {\"a\":\r\n1}\n"), Some("null"), Some("{"), Some("1")],
    )
    .unwrap();
    assert_eq!(
        found["t"],
        rows(
            r#"{"id":1,"doc":"{\"a\":  1}"} {"id":2} {"id":3,"doc__text":"{"} {"id":4,"doc":"1"}"#
        )
    );
    assert!(nesting.has_grown());
}

#[test]
fn columns_and_tables_of_documents_are_limited() {
    let members: Vec<_> = (0..1001).map(|at| format!("\"k{at}\":{at}")).collect();
    let wide = format!("{{{}}}", members.join(","));
    let error = take(
        &mut nesting(options(NestedMode::Tables), None),
        &[Some(&wide)],
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("more than 1000 columns of `t`"),
        "{error}"
    );
    let lists: Vec<_> = (0..101).map(|at| format!("\"k{at}\":[1]")).collect();
    let many = format!("{{{}}}", lists.join(","));
    let error = take(
        &mut nesting(options(NestedMode::Tables), None),
        &[Some(&many)],
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("more than 100 tables"),
        "{error}"
    );
    assert!(
        error
            .remedy()
            .unwrap()
            .to_string()
            .contains("set `nested` to `json`")
    );
    // Nested lists are tables up to a depth, and then JSON.
    let deep = "[".repeat(20) + &"]".repeat(20);
    let found = take(
        &mut nesting(options(NestedMode::Tables), None),
        &[Some(&deep)],
    )
    .unwrap();
    assert_eq!(found.len(), 9);
}

#[test]
fn the_policy_for_columns_applies_to_child_tables() {
    let existing = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let under = |schema| NestingOptions {
        schema,
        keeps_table: true,
        ..options(NestedMode::Tables)
    };
    let document = [Some(r#"{"l":[1]}"#)];
    let mut frozen = nesting(under(SchemaPolicy::Freeze), Some(&existing));
    let error = take(&mut frozen, &document).unwrap_err();
    assert!(
        error.to_string().contains("`t__doc__l` does not exist"),
        "{error}"
    );
    let mut discarding = nesting(under(SchemaPolicy::DiscardValue), Some(&existing));
    assert_eq!(take(&mut discarding, &document).unwrap().len(), 1);
}

#[test]
fn child_tables_need_a_key() {
    let source = source(false);
    let new = |nested| Nesting::new("t", options(nested), PageKind::Rows, &source, &[], None);
    let error = new(NestedMode::Tables).unwrap_err();
    assert!(
        error.remedy().unwrap().to_string().contains("primary_key"),
        "{error}"
    );
    assert!(new(NestedMode::Json).is_ok());
}

#[test]
fn a_deleted_row_keeps_its_items_only_if_the_row_is_kept() {
    for (keeps_deleted_rows, group_starts) in [(false, 2), (true, 1)] {
        let source = source(true);
        let key = source.primary_key.clone();
        let options = NestingOptions {
            grouped: true,
            keeps_deleted_rows,
            ..options(NestedMode::Tables)
        };
        let nesting = Nesting::new("t", options, PageKind::Changes, &source, &key, None);
        let mut nesting = nesting.unwrap().unwrap();
        let list = Arc::new(Schema::new(vec![
            Field::new("_root_id", DataType::Int64, true),
            Field::new("_index", DataType::Int64, true),
        ]));
        nesting.add_child_table("t__doc", &list);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(StringArray::from(vec![Some("[1]"), None])),
            Arc::new(StringArray::new_null(2)),
            Arc::new(BooleanArray::from(vec![false, true])),
        ];
        let page = RecordBatch::try_new(Arc::clone(&source.columns), columns).unwrap();
        let mut started = 0;
        let rows = nesting.take(&page, &mut |items: ChildRows| {
            started += items.group_starts;
            Ok(())
        });
        assert_eq!(rows.unwrap().schema().fields().len(), 3);
        assert_eq!(started, group_starts, "{keeps_deleted_rows}");
    }
}

#[test]
fn nulls_and_empty_containers_create_no_column() {
    let nothing: Vec<_> = (0..2000)
        .map(|at| format!("\"k{at}\":null,\"l{at}\":[],\"o{at}\":{{}}"))
        .collect();
    let nothing = format!("{{{}}}", nothing.join(","));
    let mut nesting = nesting(options(NestedMode::Tables), None);
    let found = take(&mut nesting, &[Some(&nothing)]).unwrap();
    assert_eq!(found["t"], rows(r#"{"id":1}"#));
    assert_eq!(nesting.columns().columns.fields().len(), 2);
}

#[test]
fn the_first_value_of_a_repeated_key_is_kept() {
    let mut nesting = nesting(options(NestedMode::Tables), None);
    let found = take(
        &mut nesting,
        &[Some(r#"{"l":[1],"l":[2,3],"a":1,"a":"x"}"#)],
    )
    .unwrap();
    assert_eq!(found["t"], rows(r#"{"id":1,"doc__a":1}"#));
    assert_eq!(found["t__doc__l"].len(), 1);
}

#[test]
fn a_primary_key_of_json_is_stored_as_text() {
    let source = source(false);
    let key = ["doc".to_owned()];
    let nested = NestedMode::Json;
    let nesting = Nesting::new("t", options(nested), PageKind::Rows, &source, &key, None);
    let columns = nesting.unwrap().unwrap().columns().columns;
    assert!(!is_json(columns.field(1)));
}
