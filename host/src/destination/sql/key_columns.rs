//! SQL texts about the columns that identify a row.
//!
//! Must not execute anything.

use super::dataset::Dataset;
use super::quoting::quoted;

/// The columns that identify a row: each key column with the siblings that
/// may hold its value instead.
#[derive(Clone, Debug, Default)]
pub(super) struct KeyColumns(pub(super) Vec<Vec<String>>);

impl KeyColumns {
    /// Returns the condition that two rows have the same key.
    pub(super) fn matches(&self, one: &str, other: &str) -> String {
        let family = |family: &Vec<String>| {
            let operator = if family.len() == 1 {
                "="
            } else {
                "IS NOT DISTINCT FROM"
            };
            let columns = family.iter().map(|column| {
                let column = quoted(column);
                format!("{one}.{column} {operator} {other}.{column}")
            });
            columns.collect::<Vec<_>>().join(" AND ")
        };
        let families: Vec<_> = self.0.iter().map(family).collect();
        families.join(" AND ")
    }

    /// Returns the condition that a row lacks a value of its key.
    fn is_missing(&self) -> String {
        let missing = |family: &Vec<String>| {
            let columns = family
                .iter()
                .map(|column| format!("{} IS NULL", quoted(column)));
            format!("({})", columns.collect::<Vec<_>>().join(" AND "))
        };
        let families: Vec<_> = self.0.iter().map(missing).collect();
        families.join(" OR ")
    }

    /// Returns the list of all columns.
    pub(super) fn list(&self) -> String {
        let columns: Vec<_> = self.0.iter().flatten().map(|name| quoted(name)).collect();
        columns.join(", ")
    }

    /// Returns the query that counts the rows without a key.
    pub(super) fn count_missing(&self, dataset: &Dataset, table: &str) -> String {
        let table = dataset.table(table);
        format!("SELECT count(*) FROM {table} WHERE {}", self.is_missing())
    }
}
