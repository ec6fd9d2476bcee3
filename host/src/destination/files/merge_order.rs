//! The order in which the tables of a load are combined with their earlier rows:
//! tables of groups follow those of their parent rows. Must not read a file.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::apply;
use super::staged_table::{Applied, StagedTable};
use super::store::Store;
use crate::destination::error::DestinationError;
use crate::destination::names::comparison_key;
use crate::destination::table_write::WriteStats;
use crate::model::{LoadId, names};

/// Fails if a row or a key of a table lacks a value of its key. Changes nothing.
pub(super) fn require_keys(tables: &BTreeMap<String, StagedTable>) -> Result<(), DestinationError> {
    let mut tables = tables.values();
    match tables.find(|table| table.rows_without_key() > 0) {
        Some(table) => Err(DestinationError::NoKey {
            table: table.name.clone(),
            rows: table.rows_without_key(),
            key: table.write.key.join(", "),
        }),
        None => Ok(()),
    }
}

/// Combines all tables of a load with their earlier rows. `tables` are by the
/// key by which their names are compared. If the error concerns one table, the
/// others can be combined by another call without it.
pub(super) fn apply_tables(
    store: &dyn Store,
    load: &LoadId,
    tables: &mut BTreeMap<String, StagedTable>,
) -> Result<(), DestinationError> {
    let parent = |table: &StagedTable| {
        let group = table.write.group.as_ref();
        group.map(|group| comparison_key(&group.parent))
    };
    let parents: HashSet<String> = tables.values().filter_map(parent).collect();
    let mut remaining = BTreeMap::new();
    for (key, table) in tables.iter_mut() {
        if parent(table).is_some() {
            continue;
        }
        let applied = match table.applied.take() {
            Some(applied) => applied,
            None => apply_table(store, load, table, parents.contains(key))?,
        };
        if let Some(rows) = &applied.remaining {
            remaining.insert(key.clone(), Arc::clone(rows));
        }
        table.applied = Some(applied);
    }
    for table in tables.values_mut() {
        let Some(parent) = parent(table) else {
            continue;
        };
        if table.applied.is_some() {
            continue;
        }
        if let Some(rows) = remaining.get(&parent) {
            table.keep_groups(rows);
        }
        table.applied = Some(apply_table(store, load, table, false)?);
    }
    Ok(())
}

/// Returns the statistics of the tables of resources.
pub(super) fn stats(tables: &BTreeMap<String, StagedTable>) -> BTreeMap<String, WriteStats> {
    let resources = tables
        .values()
        .filter(|table| table.name != names::REJECTED);
    let stats =
        resources.filter_map(|table| Some((table.name.clone(), table.applied.as_ref()?.stats)));
    stats.collect()
}

fn apply_table(
    store: &dyn Store,
    load: &LoadId,
    table: &mut StagedTable,
    is_parent: bool,
) -> Result<Applied, DestinationError> {
    let received_rows = table.received_rows();
    let (stats, merge) = apply::apply_table(store, load, table).map_err(|error| {
        let action = format!("merge into `{}`", table.name);
        error.in_table(store, &table.name, &action)
    })?;
    let merge = merge.filter(|_| is_parent);
    Ok(Applied {
        stats,
        received_rows,
        remaining: merge.map(|merge| Arc::new(merge.received.remaining())),
    })
}
