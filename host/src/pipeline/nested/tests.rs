//! Documents taken apart and put into tables, without a destination.

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

fn manner(nested: NestedMode) -> Manner {
    Manner {
        nested,
        schema: SchemaPolicy::Evolve,
        groups: false,
        stays: false,
        keeps_deleted: false,
    }
}

fn nesting(manner: Manner, known: Option<&SchemaRef>) -> Nesting {
    let source = source(false);
    let key = source.primary_key.clone();
    Nesting::new("t", manner, PageKind::Rows, &source, &key, known)
        .unwrap()
        .unwrap()
}

/// Rows as JSON, one after the other.
fn rows(text: &str) -> Vec<serde_json::Value> {
    let rows = serde_json::Deserializer::from_str(text).into_iter();
    rows.collect::<Result<_, _>>().unwrap()
}

/// Takes documents, and gives the rows of each table, without nulls.
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
    let own = nesting.take(&page, &mut |items| {
        assert_eq!(items.rows.schema(), items.source.columns);
        found.insert(items.table.clone(), shown(&items.rows));
        Ok(())
    })?;
    found.insert("t".to_owned(), shown(&own));
    Ok(found)
}

#[test]
fn objects_become_columns_and_lists_tables() {
    let mut nesting = nesting(manner(NestedMode::Tables), None);
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
    let mut nesting = nesting(manner(NestedMode::Tables), None);
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
fn the_table_that_is_there_decides() {
    let known = Arc::new(Schema::new(vec![
        Field::new("doc__a", DataType::Float64, true),
        Field::new("doc__b_", DataType::Int64, true),
        Field::new("doc__B", DataType::Int64, true),
    ]));
    let stays = Manner {
        stays: true,
        ..manner(NestedMode::Tables)
    };
    let mut nesting = nesting(stays, Some(&known));
    let found = take(&mut nesting, &[Some(r#"{"a":1,"b":2,"B":3}"#)]).unwrap();
    assert_eq!(
        found["t"],
        rows(r#"{"id":1,"doc__a":1.0,"doc__b_":2,"doc__B":3}"#)
    );
}

#[test]
fn a_list_has_the_table_that_it_had_before() {
    let items = |names: &[&str]| {
        let fields = names
            .iter()
            .map(|name| Field::new(*name, DataType::Int64, true));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    };
    let groups = Manner {
        groups: true,
        ..manner(NestedMode::Tables)
    };
    let mut nesting = nesting(groups, None);
    nesting.adopt("t__doc__l", &items(&["_root_id", "_index", "value"]));
    nesting.adopt("t__other", &items(&["id", "value"]));
    let found = take(
        &mut nesting,
        &[Some(r#"{"l":[5]}"#), None, Some(r#"{"k":[6]}"#)],
    )
    .unwrap();
    // Every row begins a group, also one that has no items.
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
fn documents_that_are_stored_whole_are_judged() {
    let mut nesting = nesting(manner(NestedMode::Json), None);
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
fn keys_that_are_data_do_not_become_columns_without_end() {
    let members: Vec<_> = (0..1001).map(|at| format!("\"k{at}\":{at}")).collect();
    let wide = format!("{{{}}}", members.join(","));
    let error = take(
        &mut nesting(manner(NestedMode::Tables), None),
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
        &mut nesting(manner(NestedMode::Tables), None),
        &[Some(&many)],
    )
    .unwrap_err();
    assert!(
        error.to_string().contains("more than 100 tables"),
        "{error}"
    );
    assert!(error.hint().unwrap().contains("nested = \"json\""));
    // Lists in lists in lists are tables up to a depth, and then JSON.
    let deep = "[".repeat(20) + &"]".repeat(20);
    let found = take(
        &mut nesting(manner(NestedMode::Tables), None),
        &[Some(&deep)],
    )
    .unwrap();
    assert_eq!(found.len(), 9);
}

#[test]
fn a_policy_for_columns_is_one_for_tables() {
    let known = Arc::new(Schema::new(vec![Field::new("id", DataType::Int64, true)]));
    let under = |schema| Manner {
        schema,
        stays: true,
        ..manner(NestedMode::Tables)
    };
    let document = [Some(r#"{"l":[1]}"#)];
    let mut frozen = nesting(under(SchemaPolicy::Freeze), Some(&known));
    let error = take(&mut frozen, &document).unwrap_err();
    assert!(
        error.to_string().contains("no table `t__doc__l`"),
        "{error}"
    );
    let mut discarding = nesting(under(SchemaPolicy::DiscardValue), Some(&known));
    assert_eq!(take(&mut discarding, &document).unwrap().len(), 1);
}

#[test]
fn without_a_key_no_item_could_tell_whose_it_is() {
    let source = source(false);
    let new = |nested| Nesting::new("t", manner(nested), PageKind::Rows, &source, &[], None);
    let error = new(NestedMode::Tables).unwrap_err();
    assert!(error.hint().unwrap().contains("primary_key"), "{error}");
    assert!(new(NestedMode::Json).is_ok());
}

#[test]
fn what_a_feed_deletes_has_no_items_unless_it_stays() {
    for (keeps_deleted, heads) in [(false, 2), (true, 1)] {
        let source = source(true);
        let key = source.primary_key.clone();
        let manner = Manner {
            groups: true,
            keeps_deleted,
            ..manner(NestedMode::Tables)
        };
        let nesting = Nesting::new("t", manner, PageKind::Changes, &source, &key, None);
        let mut nesting = nesting.unwrap().unwrap();
        let list = Arc::new(Schema::new(vec![
            Field::new("_root_id", DataType::Int64, true),
            Field::new("_index", DataType::Int64, true),
        ]));
        nesting.adopt("t__doc", &list);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![1, 2])),
            Arc::new(StringArray::from(vec![Some("[1]"), None])),
            Arc::new(StringArray::new_null(2)),
            Arc::new(BooleanArray::from(vec![false, true])),
        ];
        let page = RecordBatch::try_new(Arc::clone(&source.columns), columns).unwrap();
        let mut began = 0;
        let rows = nesting.take(&page, &mut |items| {
            began += items.heads;
            Ok(())
        });
        assert_eq!(rows.unwrap().schema().fields().len(), 3);
        assert_eq!(began, heads, "{keeps_deleted}");
    }
}

#[test]
fn what_is_not_there_takes_no_room() {
    let nothing: Vec<_> = (0..2000)
        .map(|at| format!("\"k{at}\":null,\"l{at}\":[],\"o{at}\":{{}}"))
        .collect();
    let nothing = format!("{{{}}}", nothing.join(","));
    let mut nesting = nesting(manner(NestedMode::Tables), None);
    let found = take(&mut nesting, &[Some(&nothing)]).unwrap();
    assert_eq!(found["t"], rows(r#"{"id":1}"#));
    assert_eq!(nesting.columns().columns.fields().len(), 2);
}

#[test]
fn of_a_key_that_comes_twice_the_first_value_counts() {
    let mut nesting = nesting(manner(NestedMode::Tables), None);
    let found = take(
        &mut nesting,
        &[Some(r#"{"l":[1],"l":[2,3],"a":1,"a":"x"}"#)],
    )
    .unwrap();
    assert_eq!(found["t"], rows(r#"{"id":1,"doc__a":1}"#));
    assert_eq!(found["t__doc__l"].len(), 1);
}

#[test]
fn a_key_is_text_whatever_it_is_said_to_be() {
    let source = source(false);
    let key = ["doc".to_owned()];
    let nested = NestedMode::Json;
    let nesting = Nesting::new("t", manner(nested), PageKind::Rows, &source, &key, None);
    let columns = nesting.unwrap().unwrap().columns().columns;
    assert!(!is_json(columns.field(1)));
}
