//! Requested resources: which part of the source each of them belongs to. Sends
//! no requests.

use std::collections::VecDeque;

use super::queries::QUERIES;
use crate::builtin::Builtin;
use crate::config::{Config, missing_database};
use crate::database::catalog::Catalog;
use crate::error::{Error, Result};
use crate::platform;
use crate::selection::{Mode, ReadOptions, Selection};

/// Returns the built-in resources among the valid selections.
#[must_use]
pub(super) fn builtins(requested: &[Selection], config: &Config) -> VecDeque<Builtin> {
    let valid = requested
        .iter()
        .filter(|selection| selection.invalid.is_none());
    valid
        .filter_map(|selection| Builtin::find(&selection.resource, config))
        .collect()
}

/// Checks a selection as far as the catalogue is not needed for it.
///
/// # Errors
/// The reason why the resource cannot be read.
pub(super) fn validate(
    selection: &Selection,
    has_database: bool,
    config: &Config,
    options: &ReadOptions,
) -> Result<()> {
    let name = &selection.resource;
    if let Some(error) = &selection.invalid {
        return Err(error.clone());
    }
    if platform::find_in(name, config).is_some() {
        return platform::validate(selection, options);
    }
    if !has_database {
        return Err(missing_database(name));
    }
    if Builtin::find(name, config).is_some() {
        check_read_in_full(selection, false)?;
    }
    Ok(())
}

/// Checks the selection of a resource that is not a table: it is read in full.
///
/// # Errors
/// A config error if the selection has a setting that only tables support.
pub(super) fn check_read_in_full(selection: &Selection, is_single_query: bool) -> Result<()> {
    let name = &selection.resource;
    if selection.mode != Mode::Full || selection.filter.is_some() {
        return Err(Error::config(
            format!("`{name}` is always read in full, without a condition"),
            "remove `mode` and `where`",
        ));
    }
    if !is_single_query && !selection.types.is_empty() {
        return Err(Error::config(
            format!("the column types of `{name}` cannot be changed"),
            "remove `types`; to set the types of a query, select it by its own name",
        ));
    }
    if !selection.columns.is_empty() {
        return Err(Error::config(
            format!("the columns of `{name}` cannot be selected"),
            "remove `columns`; the columns of a query are those of its SQL",
        ));
    }
    Ok(())
}

/// Returns true if a resource is not part of the database's content.
#[must_use]
pub(super) fn is_outside_database(name: &str, config: &Config) -> bool {
    Builtin::find(name, config).is_some() || platform::find_in(name, config).is_some()
}

/// Returns true if a resource is a query of the config, or all of them.
#[must_use]
pub(super) fn is_query(name: &str, config: &Config) -> bool {
    let mut queries = config.queries.iter();
    name == QUERIES || queries.any(|query| query.name.eq_ignore_ascii_case(name))
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
        catalog.get(name).map(|table| table.name.clone())
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
