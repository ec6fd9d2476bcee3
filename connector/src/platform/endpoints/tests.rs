//! Rules that every endpoint follows.

use std::collections::BTreeSet;

use super::*;
use crate::platform::plan;

#[test]
fn every_endpoint_has_a_valid_name_key_and_path() {
    let mut names = BTreeSet::new();
    for endpoint in ENDPOINTS {
        assert!(
            names.insert(endpoint.name),
            "{} is listed twice",
            endpoint.name
        );
        assert!(endpoint.name.starts_with("platform_"));
        assert!(!endpoint.description.is_empty() && !endpoint.description.ends_with('.'));
        let columns: Vec<_> = endpoint.all_columns().collect();
        let lower: BTreeSet<_> = columns
            .iter()
            .map(|column| column.name.to_ascii_lowercase())
            .collect();
        assert_eq!(lower.len(), columns.len(), "{}", endpoint.name);
        // Child tables refer to the key.
        assert!(!endpoint.key.is_empty(), "{}", endpoint.name);
        for key in endpoint.key {
            let column = columns.iter().find(|column| column.name == *key);
            assert!(column.is_some_and(|column| !column.is_sensitive), "{key}");
        }
        if let Some(cursor_column) = plan::cursor_column(endpoint) {
            assert!(
                columns.iter().any(|column| column.name == cursor_column),
                "{cursor_column}"
            );
        }
        let has = |name| endpoint.path.contains(name);
        let (organization, database, group) = (
            has("{organizationSlug}") || has("{organizationId}"),
            has("{databaseName}"),
            has("{groupName}"),
        );
        let expected = match endpoint.scope {
            Scope::Token | Scope::Region => (false, false, false),
            Scope::Organization => (true, false, false),
            Scope::Database => (true, true, false),
            Scope::Group => (true, false, true),
        };
        assert_eq!(
            (organization, database, group),
            expected,
            "{}",
            endpoint.name
        );
    }
}

#[test]
fn no_field_has_two_columns() {
    for endpoint in ENDPOINTS {
        let mut fields = BTreeSet::new();
        for column in endpoint.all_columns() {
            if let ColumnSource::Fields(names) = column.source {
                for field in names {
                    assert!(fields.insert(field.to_ascii_lowercase()), "{field}");
                }
            }
        }
    }
}

#[test]
fn resources_of_groups_and_databases_are_not_read_by_default() {
    for endpoint in ENDPOINTS {
        let is_expensive = matches!(endpoint.scope, Scope::Group | Scope::Database);
        assert!(!(is_expensive && endpoint.by_default), "{}", endpoint.name);
        assert!(
            !is_expensive || endpoint.note.contains("request for each"),
            "{}",
            endpoint.name
        );
    }
}
