//! The order in which the tables of a load are combined with their earlier rows:
//! tables of groups follow those of their parent rows. Must not read a file.

use std::collections::{BTreeMap, HashSet};

use super::apply;
use super::merge::Merge;
use super::staged_table::StagedTable;
use super::store::Store;
use crate::destination::error::DestinationError;
use crate::destination::names::comparison_key;
use crate::destination::table_write::WriteStats;
use crate::model::LoadId;

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
/// key by which their names are compared.
pub(super) fn apply_tables(
    store: &dyn Store,
    load: &LoadId,
    tables: &mut BTreeMap<String, StagedTable>,
) -> Result<BTreeMap<String, WriteStats>, DestinationError> {
    let parent = |table: &StagedTable| {
        let group = table.write.group.as_ref();
        group.map(|group| comparison_key(&group.parent))
    };
    let parents: HashSet<String> = tables.values().filter_map(parent).collect();
    let mut stats = BTreeMap::new();
    let mut remaining = BTreeMap::new();
    for (key, table) in tables.iter_mut() {
        if parent(table).is_some() {
            continue;
        }
        let (applied, merge) = apply_table(store, load, table)?;
        stats.insert(table.name.clone(), applied);
        if let Some(merge) = merge.filter(|_| parents.contains(key)) {
            remaining.insert(key.clone(), merge.received.remaining());
        }
    }
    for table in tables.values_mut() {
        let Some(parent) = parent(table) else {
            continue;
        };
        if let Some(rows) = remaining.get(&parent) {
            table.keep_groups(rows);
        }
        let (applied, _) = apply_table(store, load, table)?;
        stats.insert(table.name.clone(), applied);
    }
    Ok(stats)
}

fn apply_table(
    store: &dyn Store,
    load: &LoadId,
    table: &mut StagedTable,
) -> Result<(WriteStats, Option<Merge>), DestinationError> {
    apply::apply_table(store, load, table).map_err(|error| {
        let action = format!("merge into `{}`", table.name);
        DestinationError::doing(&action, store.location(), error).in_table(&table.name)
    })
}
