//! Entries of a pipeline that select resources by a pattern, and masks for all
//! resources, resolved against the resources that the connector lists. Must not
//! run the connector.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::error::PipelineError;
use crate::model::pattern::{is_pattern, literal_chars, matches};
use crate::model::{PipelineSpec, Resource, ResourceSpec};

/// The entries of a pipeline, one for each resource.
pub(super) struct Expanded {
    pub(super) resources: Vec<ResourceSpec>,
    /// Patterns that match no resource.
    pub(super) unmatched: Vec<String>,
}

/// True if the entries depend on the resources that the connector lists.
pub(super) fn needs_list(spec: &PipelineSpec) -> bool {
    let mut entries = spec.resources.iter();
    entries.any(|entry| is_pattern(&entry.name)) || !spec.defaults.mask.is_empty()
}

/// Returns an entry for each selected resource. A pattern selects resources that
/// are read by default. An entry with the name of a resource is preferred to
/// patterns, and of these the one with the most characters is used.
pub(super) fn expand(spec: &PipelineSpec, listed: &[Resource]) -> Result<Expanded, PipelineError> {
    let is_listed = |entry: &&ResourceSpec| listed.iter().any(|found| found.name == entry.name);
    let (patterns, named): (Vec<_>, Vec<_>) = spec
        .resources
        .iter()
        .partition(|entry| is_pattern(&entry.name) && !is_listed(entry));
    let mut resources = Vec::new();
    for entry in named {
        let found = listed.iter().find(|found| found.name == entry.name);
        resources.push(with_masks(entry.clone(), found, spec)?);
    }
    let mut unmatched: Vec<_> = patterns.iter().map(|entry| entry.name.clone()).collect();
    for resource in listed.iter().filter(|resource| resource.by_default) {
        if spec
            .resources
            .iter()
            .any(|entry| entry.name == resource.name)
        {
            continue;
        }
        let selects = |entry: &&&ResourceSpec| {
            let mut excluded = entry.exclude.iter();
            matches(&entry.name, &resource.name)
                && !excluded.any(|excluded| matches(excluded, &resource.name))
        };
        let selecting = patterns.iter().filter(selects);
        let Some(entry) = selecting.min_by_key(|entry| Reverse(literal_chars(&entry.name))) else {
            continue;
        };
        unmatched.retain(|pattern| *pattern != entry.name);
        let columns = column_names(resource, entry);
        let own = ResourceSpec {
            name: resource.name.clone(),
            exclude: Vec::new(),
            types: for_columns(&entry.types, &columns),
            mask: for_columns(&entry.mask, &columns),
            ..(*entry).clone()
        };
        resources.push(with_masks(own, Some(resource), spec)?);
    }
    Ok(Expanded {
        resources,
        unmatched,
    })
}

/// Adds the masks for all resources to an entry that has none for the column.
fn with_masks(
    mut entry: ResourceSpec,
    listed: Option<&Resource>,
    spec: &PipelineSpec,
) -> Result<ResourceSpec, PipelineError> {
    if spec.defaults.mask.is_empty() {
        return Ok(entry);
    }
    let columns = listed.map(|listed| column_names(listed, &entry));
    let Some(columns) = columns.filter(|columns| !columns.is_empty()) else {
        return Err(PipelineError::settings(
            format!(
                "the columns of `{}` are not listed, so the masks for all resources cannot be applied",
                entry.name
            ),
            "select the resources by the names that are listed with columns, or set `mask` for each resource",
        ));
    };
    for (column, mask) in for_columns(&spec.defaults.mask, &columns) {
        let mut own = entry.mask.keys();
        if !own.any(|own| own.eq_ignore_ascii_case(&column)) {
            entry.mask.insert(column, mask);
        }
    }
    Ok(entry)
}

/// Returns the names of the columns that an entry reads.
fn column_names<'r>(resource: &'r Resource, entry: &ResourceSpec) -> Vec<&'r str> {
    let fields = resource.schema.fields().iter();
    let names = fields.map(|field| field.name().as_str());
    let is_read = |name: &&str| {
        let mut columns = entry.columns.iter();
        entry.columns.is_empty() || columns.any(|column| column.eq_ignore_ascii_case(name))
    };
    names.filter(is_read).collect()
}

/// Returns the values for columns whose patterns match. A name is preferred to
/// patterns, and of these the one with the most characters.
fn for_columns<T: Clone>(patterns: &BTreeMap<String, T>, columns: &[&str]) -> BTreeMap<String, T> {
    let value = |column: &&str| {
        let matching = patterns.iter().filter(|(key, _)| matches(key, column));
        let best = matching.min_by_key(|(key, _)| (is_pattern(key), Reverse(literal_chars(key))));
        best.map(|(_, value)| ((*column).to_owned(), value.clone()))
    };
    columns.iter().filter_map(value).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Field, Schema};

    use super::*;
    use crate::model::{Mask, ReadMode, ResourceKind};

    fn resource(name: &str, columns: &[&str], by_default: bool) -> Resource {
        let field = |name: &&str| Field::new(*name, DataType::Utf8, true);
        Resource {
            name: name.to_owned(),
            kind: ResourceKind::Table,
            description: None,
            schema: Arc::new(Schema::new(columns.iter().map(field).collect::<Vec<_>>())),
            primary_key: Vec::new(),
            cursor_columns: Vec::new(),
            modes: vec![ReadMode::Full],
            parent: None,
            by_default,
            estimated_rows: None,
        }
    }

    fn listed() -> Vec<Resource> {
        vec![
            resource("orders", &["id", "email"], true),
            resource("log_a", &["id", "Email_2"], true),
            resource("log_b", &["at"], true),
            resource("view", &["id"], false),
        ]
    }

    fn spec(entries: Vec<ResourceSpec>) -> PipelineSpec {
        let mut spec = PipelineSpec::builder("p").build();
        spec.resources = entries;
        spec
    }

    fn named(name: &str, mode: ReadMode) -> ResourceSpec {
        ResourceSpec {
            mode,
            ..ResourceSpec::new(name)
        }
    }

    fn names(expanded: &Expanded) -> Vec<(&str, ReadMode)> {
        let entries = expanded.resources.iter();
        entries
            .map(|entry| (entry.name.as_str(), entry.mode))
            .collect()
    }

    #[test]
    fn the_entry_that_matches_least_is_used() {
        let spec = spec(vec![
            named("*", ReadMode::Full),
            named("log_*", ReadMode::Incremental),
            named("log_b", ReadMode::Changes),
            named("nothing_*", ReadMode::Full),
        ]);
        assert!(needs_list(&spec));
        let expanded = expand(&spec, &listed()).unwrap();
        assert_eq!(
            names(&expanded),
            [
                ("log_b", ReadMode::Changes),
                ("orders", ReadMode::Full),
                ("log_a", ReadMode::Incremental)
            ]
        );
        assert_eq!(expanded.unmatched, ["nothing_*"]);
    }

    #[test]
    fn a_pattern_excludes_names_and_reads_no_views() {
        let mut all = named("*", ReadMode::Full);
        all.exclude = vec!["LOG_*".to_owned(), "x".to_owned()];
        let expanded = expand(&spec(vec![all]), &listed()).unwrap();
        assert_eq!(names(&expanded), [("orders", ReadMode::Full)]);
        let view = spec(vec![named("view", ReadMode::Full)]);
        assert!(!needs_list(&view));
    }

    #[test]
    fn types_and_masks_apply_to_the_columns_that_exist() {
        let mut all = named("*", ReadMode::Full);
        all.types.insert("at".to_owned(), "timestamp".to_owned());
        all.mask.insert("email".to_owned(), Mask::Null);
        let mut spec = spec(vec![all, named("log_b", ReadMode::Full)]);
        spec.defaults
            .mask
            .insert("*email*".to_owned(), Mask::Sha256);
        let expanded = expand(&spec, &listed()).unwrap();
        let [log_b, orders, log_a] = expanded.resources.as_slice() else {
            panic!("{:?}", names(&expanded));
        };
        assert!(orders.types.is_empty() && log_b.mask.is_empty());
        assert_eq!(
            orders.mask,
            BTreeMap::from([("email".to_owned(), Mask::Null)])
        );
        assert_eq!(
            log_a.mask,
            BTreeMap::from([("Email_2".to_owned(), Mask::Sha256)])
        );
        // Without its columns, a resource could be stored without its masks.
        spec.resources.push(named("unlisted", ReadMode::Full));
        assert!(expand(&spec, &listed()).is_err());
    }
}
