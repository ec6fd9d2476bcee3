//! Removes staged rows that another row of their key supersedes, before a merge.
//!
//! Must not change a row that was stored before the load.

use std::collections::BTreeMap;

use super::key_columns::KeyColumns;
use super::open_table::{OpenTable, TableOrigin};
use super::quoting::quoted;
use super::transaction::{Transaction, not_storable};
use crate::destination::error::DestinationError;
use crate::destination::names::comparison_key;
use crate::destination::table_write::TableWrite;

impl Transaction<'_> {
    /// Drops the superseded rows of all tables, and the groups of those rows.
    /// Returns how many rows were superseded. Tables are by the key by which
    /// their names are compared.
    pub(super) fn drop_superseded(
        &mut self,
        tables: &BTreeMap<String, OpenTable>,
    ) -> Result<BTreeMap<String, u64>, DestinationError> {
        // Before anything is changed, so that the load can continue without one of
        // the tables.
        for table in tables.values() {
            self.require_keys(table)?;
        }
        let mut superseded = BTreeMap::new();
        for (key, table) in tables {
            let rows = self.drop_rows(table);
            let rows = rows.map_err(|error| error.in_table(&table.name))?;
            superseded.insert(key.clone(), rows);
        }
        for table in tables.values() {
            let Some(group) = &table.write.group else {
                continue;
            };
            let parent = comparison_key(&group.parent);
            let Some(parent_table) = tables.get(&parent) else {
                let reason = format!("the table `{}` was not opened", group.parent);
                return Err(not_storable(&table.name, reason));
            };
            if superseded.get(&parent).is_some_and(|rows| *rows > 0) {
                self.drop_groups(table, parent_table)?;
            }
        }
        Ok(superseded)
    }

    /// Keeps one staged row of each key, and none that is older than the stored
    /// row. Returns how many rows were superseded.
    fn drop_rows(&mut self, table: &OpenTable) -> Result<u64, DestinationError> {
        let action = action(table);
        let Some(sql) = Superseded::new(self, table) else {
            return Ok(0);
        };
        if table.write.group.is_some() {
            return Ok(0);
        }
        let mut superseded = self.connection.query_count(&action, &sql.count())?;
        if superseded > 0 {
            for statement in sql.keep_one() {
                self.execute(&action, &statement)?;
            }
        }
        if let TableOrigin::Staged { target, .. } = &table.origin
            && let Some(older) = sql.older_than(&self.dataset.table(target), &table.write)
            // Spares a pass over the keys of the target.
            && self.connection.query_count(&action, &older.count)? > 0
        {
            superseded += self.connection.execute_counted(&action, &older.delete)?;
        }
        Ok(superseded)
    }

    /// Keeps the staged groups of the rows that are left in the parent table.
    fn drop_groups(
        &mut self,
        table: &OpenTable,
        parent: &OpenTable,
    ) -> Result<(), DestinationError> {
        let (Some(groups), Some(parents)) =
            (Superseded::new(self, table), Superseded::new(self, parent))
        else {
            return Ok(());
        };
        let sql = format!(
            "DELETE FROM {table} WHERE {number} NOT IN (SELECT {parent_number} FROM {parents})",
            table = groups.table,
            number = groups.number,
            parent_number = parents.number,
            parents = parents.table,
        );
        self.execute(&action(table), &sql)
    }

    /// Fails if a row or a key lacks a value of its key. Changes nothing.
    fn require_keys(&mut self, table: &OpenTable) -> Result<(), DestinationError> {
        let Some(Superseded { key, .. }) = Superseded::new(self, table) else {
            return Ok(());
        };
        self.connection.prepare_merge()?;
        let action = action(table);
        let keys = table.keys.as_ref().map(|keys| keys.stored.as_str());
        for stored in [Some(table.stored.as_str()), keys].into_iter().flatten() {
            let sql = key.count_missing(self.dataset, stored);
            let rows = self.connection.query_count(&action, &sql)?;
            if rows > 0 {
                return Err(DestinationError::NoKey {
                    table: table.name.clone(),
                    rows,
                    key: table.write.key.join(", "),
                });
            }
        }
        Ok(())
    }
}

fn action(table: &OpenTable) -> String {
    format!("merge into `{}`", table.name)
}

/// The rows of a staged table, and how those of one key are ordered.
struct Superseded {
    /// Qualified name of the table.
    table: String,
    key: KeyColumns,
    /// Column of the numbers of rows.
    number: String,
    /// Column whose largest value decides, and its siblings.
    order: Option<(String, Vec<String>)>,
}

/// Statements about staged rows that are older than a stored row.
struct OlderRows {
    /// Counts rows that may be older.
    count: String,
    delete: String,
}

impl Superseded {
    /// Describes a staged table. `None` if its rows are not identified by a key.
    fn new(transaction: &Transaction<'_>, table: &OpenTable) -> Option<Self> {
        let order = table.write.order_family().filter(|family| {
            let columns = family.iter().map(|name| table.columns.index_of(name));
            columns.into_iter().all(|index| index.is_some())
        });
        Some(Self {
            table: transaction.dataset.table(&table.stored),
            key: KeyColumns(table.write.key_families()),
            number: quoted(table.numbers.as_ref()?.name()),
            order: order.and_then(|family| {
                let mut names = family.iter().map(|name| quoted(name));
                Some((names.next()?, names.collect()))
            }),
        })
    }

    /// Returns the query that counts the rows that are not the only one of their
    /// key.
    fn count(&self) -> String {
        let (table, list) = (&self.table, self.key.list());
        format!(
            "SELECT (SELECT count(*) FROM {table}) - \
             (SELECT count(*) FROM (SELECT DISTINCT {list} FROM {table}) k)"
        )
    }

    /// Returns the statements that keep one row of each key: that with the
    /// largest value of the order, or else the last one.
    fn keep_one(&self) -> Vec<String> {
        let (table, number, list) = (&self.table, &self.number, self.key.list());
        let Some((column, siblings)) = &self.order else {
            return vec![format!(
                "DELETE FROM {table} WHERE {number} NOT IN \
                 (SELECT max({number}) FROM {table} GROUP BY {list})"
            )];
        };
        let mut statements = Vec::new();
        if !siblings.is_empty() {
            // Values of several types do not compare.
            let values: Vec<_> = siblings
                .iter()
                .map(|sibling| format!("count({sibling})"))
                .collect();
            statements.push(format!(
                "DELETE FROM {table} t USING (SELECT {list}, max({number}) AS {number} FROM {table} \
                 GROUP BY {list} HAVING {} > 0) k WHERE {} AND t.{number} < k.{number}",
                values.join(" + "),
                self.key.matches("t", "k")
            ));
        }
        statements.push(format!(
            "DELETE FROM {table} WHERE {number} NOT IN (SELECT ranked.number FROM (SELECT {number}, \
             row_number() OVER (PARTITION BY {list} ORDER BY {column} DESC NULLS LAST, {number} DESC) \
             FROM {table}) AS ranked(number, place) WHERE ranked.place = 1)"
        ));
        statements
    }

    /// Returns the statements about rows that are older than a row of the
    /// target. `None` if stored rows are not compared.
    fn older_than(&self, target: &str, write: &TableWrite) -> Option<OlderRows> {
        let (column, siblings) = self.order.as_ref()?;
        if !write.order.as_ref()?.includes_stored {
            return None;
        }
        let table = &self.table;
        let current = write
            .end_column()
            .map(|column| format!(" AND t.{} IS NULL", quoted(column)));
        let comparable: Vec<_> = siblings
            .iter()
            .map(|sibling| format!(" AND s.{sibling} IS NULL AND t.{sibling} IS NULL"))
            .collect();
        Some(OlderRows {
            count: format!(
                "SELECT count(*) FROM {table} s WHERE s.{column} IS NULL OR s.{column} < \
                 (SELECT max(t.{column}) FROM {target} t)"
            ),
            delete: format!(
                "DELETE FROM {table} s USING {target} t WHERE {} AND t.{column} IS NOT NULL \
                 AND (s.{column} IS NULL OR s.{column} < t.{column}){}{}",
                self.key.matches("s", "t"),
                comparable.concat(),
                current.unwrap_or_default()
            ),
        })
    }
}
