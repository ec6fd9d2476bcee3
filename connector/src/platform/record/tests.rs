//! Records of known and of unknown shapes.

use super::*;
use crate::platform::endpoints;
use crate::rows::batch::BatchBuilder;

fn mapper(resource: &str, columns: &[&str]) -> RecordMapper {
    let columns: Vec<_> = columns.iter().map(|name| (*name).to_owned()).collect();
    RecordMapper::new(endpoints::find(resource).unwrap(), &columns).unwrap()
}

fn context() -> PartitionContext {
    PartitionContext {
        organization: "acme".to_owned(),
        id: Some("1".to_owned()),
        name: Some("db".to_owned()),
        ..PartitionContext::default()
    }
}

/// Returns the values of a record by column, without nulls.
fn values(mapper: &mut RecordMapper, json: &str) -> Vec<(String, Value)> {
    let record: Box<RawValue> = serde_json::from_str(json).unwrap();
    let MappedRecord { row, .. } = mapper.row(&record, &context()).unwrap();
    let specs = mapper.columns(&[]).unwrap();
    let named = specs.into_iter().map(|spec| spec.name).zip(row);
    named.filter(|(_, value)| *value != Value::Null).collect()
}

fn value(mapper: &mut RecordMapper, json: &str, column: &str) -> Value {
    let values = values(mapper, json);
    let mut found = values.into_iter().filter(|(name, _)| name == column);
    found.next().map_or(Value::Null, |(_, value)| value)
}

#[test]
fn the_documented_spelling_of_a_name_wins_and_the_other_one_is_not_repeated() {
    let mut mapper = mapper("platform_databases", &["Hostname", "_extra"]);
    let only = |text: &str| vec![("Hostname".to_owned(), Value::from(text))];
    assert_eq!(
        values(&mut mapper, r#"{"hostname":"h","Hostname":"h"}"#),
        only("h")
    );
    assert_eq!(values(&mut mapper, r#"{"hostname":"h"}"#), only("h"));
    assert_eq!(
        values(&mut mapper, r#"{"Hostname":null,"hostname":"h"}"#),
        only("h")
    );
    // Another value is kept.
    let both = values(&mut mapper, r#"{"hostname":"g","Hostname":"h"}"#);
    assert_eq!(both[0].1, Value::from("h"));
    assert_eq!(both[1].1, Value::from(r#"{"hostname":"g"}"#));
}

#[test]
fn fields_without_a_column_are_kept_without_loss() {
    let mut mapper = mapper("platform_groups", &[]);
    let json = r#"{"uuid":"1","archived":false,"size":18446744073709551616,"status":{"locations":[ {"name":"x"} ]},"nothing":null}"#;
    assert_eq!(
        value(&mut mapper, json, "_extra"),
        Value::from(
            r#"{"archived":false,"size":18446744073709551616,"status":{"locations":[{"name":"x"}]},"nothing":null}"#
        )
    );
    assert_eq!(value(&mut mapper, r#"{"uuid":"1"}"#, "_extra"), Value::Null);
}

#[test]
fn nested_fields_have_their_own_columns() {
    let mut mapper = mapper("platform_databases", &[]);
    let json = r#"{"parent":{"id":"p","branched_at":"2025-04-15T13:14:34.468213117Z","depth":2}}"#;
    assert_eq!(value(&mut mapper, json, "parent_id"), Value::from("p"));
    assert_eq!(
        value(&mut mapper, json, "_extra"),
        Value::from(r#"{"parent":{"depth":2}}"#)
    );
    for nothing in [
        r#"{"parent":null}"#,
        r#"{"parent":{}}"#,
        r#"{"parent":{"id":"p"}}"#,
    ] {
        assert_eq!(
            value(&mut mapper, nothing, "_extra"),
            Value::Null,
            "{nothing}"
        );
    }
    assert_eq!(
        value(&mut mapper, r#"{"parent":"p"}"#, "_extra"),
        Value::from(r#"{"parent":"p"}"#)
    );
}

#[test]
fn usage_is_read_under_both_names() {
    let mut mapper = mapper("platform_database_usage", &["rows_read", "_extra"]);
    let only = vec![("rows_read".to_owned(), Value::Integer(7))];
    assert_eq!(values(&mut mapper, r#"{"total":{"rows_read":7}}"#), only);
    assert_eq!(values(&mut mapper, r#"{"usage":{"rows_read":7}}"#), only);
    assert_eq!(
        values(
            &mut mapper,
            r#"{"total":{"rows_read":7},"usage":{"rows_read":7}}"#
        ),
        only
    );
    let both = r#"{"total":{"rows_read":7},"usage":{"rows_read":8}}"#;
    assert_eq!(
        value(&mut mapper, both, "_extra"),
        Value::from(r#"{"usage":{"rows_read":8}}"#)
    );
}

#[test]
fn a_value_of_another_type_is_kept() {
    let mut mapper = mapper("platform_deleted_groups", &[]);
    for (json, expected) in [
        (
            r#"{"cascade_databases":9223372036854775807}"#,
            Value::Integer(i64::MAX),
        ),
        (
            r#"{"cascade_databases":9223372036854775808}"#,
            Value::from("9223372036854775808"),
        ),
        (r#"{"cascade_databases":1.5}"#, Value::Real(1.5)),
        (
            r#"{"cascade_databases":1.0000000000000000001}"#,
            Value::from("1.0000000000000000001"),
        ),
        (r#"{"cascade_databases":"3"}"#, Value::from("3")),
    ] {
        assert_eq!(
            value(&mut mapper, json, "cascade_databases"),
            expected,
            "{json}"
        );
    }
    assert_eq!(mapper.mismatches, 0);
    for json in [
        r#"{"cascade_databases":{"a":1}}"#,
        r#"{"cascade_databases":true}"#,
        r#"{"deleted_at":1700000000}"#,
        r#"{"name":["a"]}"#,
        r#"{"name":"\ud800"}"#,
    ] {
        assert_eq!(
            value(&mut mapper, json, "_extra"),
            Value::from(json),
            "{json}"
        );
    }
    assert_eq!(mapper.mismatches, 5);
}

#[test]
fn a_time_finer_than_microseconds_goes_to_a_sibling_column() {
    let mut mapper = mapper("platform_deleted_groups", &["deleted_at"]);
    let mut rows = BatchBuilder::new(&mapper.columns(&[]).unwrap());
    for json in [
        r#"{"deleted_at":"2025-04-15T13:14:34.468213Z"}"#,
        r#"{"deleted_at":"2025-04-15T13:14:34.468213117Z"}"#,
    ] {
        let record: Box<RawValue> = serde_json::from_str(json).unwrap();
        rows.push_row(&mapper.row(&record, &context()).unwrap().row);
    }
    let siblings: Vec<_> = rows.siblings().collect();
    assert_eq!(siblings.len(), 1);
    assert_eq!(siblings[0].name, "deleted_at__text");
    assert_eq!(siblings[0].column, "deleted_at");
    assert_eq!(rows.mismatches(), 1);
}

#[test]
fn secrets_are_excluded_at_any_depth() {
    let mut mapper = mapper("platform_audit_logs", &[]);
    let json = r#"{"code":"x","Token":"s","data":{"jwt":"s","list":[{"api_key":"s","id":1}]},"more":{"password":"s"},"stripe_id":"s"}"#;
    let values = values(&mut mapper, json);
    let shown = format!("{values:?}");
    assert!(!shown.contains("\"s\""), "{shown}");
    assert!(shown.contains(r#"{\"list\":[{\"id\":1}]}"#), "{shown}");
    let names: Vec<_> = mapper.excluded.iter().map(String::as_str).collect();
    assert_eq!(names, ["Token", "api_key", "jwt", "password", "stripe_id"]);
}

/// Returns the reason for which a record is rejected, and its JSON.
fn rejection(mapper: &mut RecordMapper, json: &str) -> Option<(String, String)> {
    let record: Box<RawValue> = serde_json::from_str(json).unwrap();
    let reason = match mapper.row(&record, &context()) {
        Some(row) => row.rejection?,
        None => "not an object".to_owned(),
    };
    Some((reason, mapper.write(&record)))
}

#[test]
fn a_record_without_a_key_is_rejected_without_its_secrets() {
    let endpoint = endpoints::find("platform_members").unwrap();
    let key = endpoint.key.iter().map(|name| (*name).to_owned());
    let key: Vec<_> = key.collect();
    let new = |columns: &[&str]| mapper("platform_members", columns).with_key(&key, true);
    let mut members = new(&[]);
    assert_eq!(rejection(&mut members, r#"{"username":"ada"}"#), None);
    let reason = "the key column `username` has no valid value".to_owned();
    for (json, shown) in [
        (r#"{"role":"admin"}"#, r#"{"role":"admin"}"#),
        (
            r#"{"username":null,"inner":[{"token":"s","id":1}]}"#,
            r#"{"username":null,"inner":[{"id":1}]}"#,
        ),
        (r#"{"username":true}"#, r#"{"username":true}"#),
    ] {
        let expected = Some((reason.clone(), shown.to_owned()));
        assert_eq!(rejection(&mut members, json), expected);
    }
    assert_eq!(members.mismatches, 0);
    let not_an_object = Some(("not an object".to_owned(), r#"[{"id":1}]"#.to_owned()));
    assert_eq!(
        rejection(&mut members, r#"[{"jwt":"s","id":1}]"#),
        not_an_object
    );
    // Without a required key, or with a part of one, every object is a row.
    let reason = rejection(&mut mapper("platform_members", &[]), r#"{"role":"admin"}"#);
    assert_eq!(reason, None);
    assert_eq!(rejection(&mut new(&["role"]), "{}"), None);
}

#[test]
fn sensitive_fields_are_read_only_if_columns_names_them() {
    let json = r#"{"code":"x","ip":"203.0.113.7","City":"Bern","data":{"ip":"203.0.113.7"}}"#;
    let mut default = mapper("platform_audit_logs", &[]);
    let shown = format!("{:?}", values(&mut default, json));
    assert!(
        !shown.contains("203.0.113.7") && !shown.contains("Bern"),
        "{shown}"
    );
    let mut named = mapper("platform_audit_logs", &["IP", "code", "data"]);
    assert_eq!(value(&mut named, json, "ip"), Value::from("203.0.113.7"));
    assert_eq!(
        value(&mut named, json, "data"),
        Value::from(r#"{"ip":"203.0.113.7"}"#)
    );
    assert!(
        RecordMapper::new(
            endpoints::find("platform_audit_logs").unwrap(),
            &["x".into()]
        )
        .is_err()
    );
}

#[test]
fn the_hash_of_a_record_does_not_depend_on_the_order_of_fields() {
    let mut mapper = mapper("platform_audit_logs", &["record_hash"]);
    let mut hash = |json: &str| value(&mut mapper, json, "record_hash");
    let one = hash(r#"{"code":"x","created_at":"2024","data":{"a":1,"b":2}}"#);
    assert_eq!(
        one,
        hash(r#"{ "data": {"b":2,"a":1}, "created_at":"2024","code":"x"}"#)
    );
    assert_ne!(
        one,
        hash(r#"{"code":"y","created_at":"2024","data":{"a":1,"b":2}}"#)
    );
    assert_eq!(one.as_text().map(str::len), Some(64));
}

#[test]
fn rows_have_the_keys_of_their_scope() {
    let mut mapper = mapper("platform_database_stats", &[]);
    let found = values(&mut mapper, r#"{"query":"SELECT 'private'","rows_read":1}"#);
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "organization_slug",
            "database_id",
            "database_name",
            "query_hash",
            "rows_read"
        ]
    );
    assert!(!format!("{found:?}").contains("private"));
}
