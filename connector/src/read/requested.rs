//! Requested resources: which part of the source each of them belongs to. Sends
//! no requests.

use std::collections::VecDeque;

use super::queries::QUERIES;
use crate::builtin::Builtin;
use crate::config::Config;
use crate::database::catalog::Catalog;
use crate::platform;
use crate::selection::Selection;

/// Returns the built-in resources among the selections.
#[must_use]
pub(super) fn builtins(requested: &[Selection], config: &Config) -> VecDeque<Builtin> {
    requested
        .iter()
        .filter_map(|selection| Builtin::find(&selection.resource, config))
        .collect()
}

/// Returns true if a resource is not part of the database's content.
#[must_use]
pub(super) fn is_outside_database(name: &str, config: &Config) -> bool {
    Builtin::find(name, config).is_some() || platform::find_in(name, config).is_some()
}

/// Returns true if a resource is a query of the config, or all of them.
#[must_use]
pub(super) fn is_query(name: &str, config: &Config) -> bool {
    name == QUERIES || config.queries.iter().any(|query| query.name == name)
}

/// Returns the selections that exist in one of many databases, under the name
/// that this database uses: its tables may differ in case.
#[must_use]
pub(super) fn existing(
    requested: Vec<Selection>,
    catalog: &Catalog,
    config: &Config,
) -> Vec<Selection> {
    let existing_name = |name: &str| {
        if is_query(name, config) || is_outside_database(name, config) {
            return Some(name.to_owned());
        }
        let mut tables = catalog.tables.iter();
        let other_case = tables.find(|table| table.name.eq_ignore_ascii_case(name));
        catalog
            .get(name)
            .or(other_case)
            .map(|table| table.name.clone())
    };
    let selections = requested.into_iter();
    selections
        .filter_map(|selection| {
            Some(Selection {
                resource: existing_name(&selection.resource)?,
                ..selection
            })
        })
        .collect()
}
