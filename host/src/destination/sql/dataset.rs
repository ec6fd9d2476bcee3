//! SQL texts about the tables of a dataset: definitions and lists.

use super::connection::{SqlConnection, texts};
use super::dataset_name::DatasetName;
use super::dialect::Dialect;
use super::quoting::quoted;
use crate::destination::columns::Column;
use crate::destination::error::DestinationError;

/// The tables of a dataset, and the SQL of their store.
pub(in crate::destination) struct Dataset {
    dialect: Box<dyn Dialect>,
    name: DatasetName,
}

impl Dataset {
    pub(in crate::destination) fn new(dialect: Box<dyn Dialect>, name: DatasetName) -> Self {
        Self { dialect, name }
    }

    pub(super) fn name(&self) -> &DatasetName {
        &self.name
    }

    pub(super) fn dialect(&self) -> &dyn Dialect {
        self.dialect.as_ref()
    }

    /// Returns the qualified, quoted name of a table.
    pub(super) fn table(&self, name: &str) -> String {
        self.name.table(name)
    }

    pub(super) fn create(&self) -> String {
        format!("CREATE SCHEMA IF NOT EXISTS {}", self.name.quoted())
    }

    pub(in crate::destination) fn create_table(&self, name: &str, columns: &[Column]) -> String {
        let columns: Vec<_> = columns
            .iter()
            .map(|column| self.definition(column))
            .collect();
        format!("CREATE TABLE {} ({})", self.table(name), columns.join(", "))
    }

    pub(super) fn add_column(&self, table: &str, column: &Column) -> String {
        let (table, definition) = (self.table(table), self.definition(column));
        format!("ALTER TABLE {table} ADD COLUMN {definition}")
    }

    pub(super) fn drop_column(&self, table: &str, column: &Column) -> String {
        let (table, column) = (self.table(table), quoted(&column.name));
        format!("ALTER TABLE {table} DROP COLUMN {column}")
    }

    pub(super) fn rename_column(&self, table: &str, from: &str, to: &str) -> String {
        let (table, from, to) = (self.table(table), quoted(from), quoted(to));
        format!("ALTER TABLE {table} RENAME COLUMN {from} TO {to}")
    }

    pub(super) fn drop_table(&self, name: &str) -> String {
        format!("DROP TABLE IF EXISTS {}", self.table(name))
    }

    pub(super) fn rename_table(&self, from: &str, to: &str) -> String {
        format!("ALTER TABLE {} RENAME TO {}", self.table(from), quoted(to))
    }

    /// Returns the names of all tables.
    pub(super) fn list_tables(
        &self,
        connection: &mut dyn SqlConnection,
    ) -> Result<Vec<String>, DestinationError> {
        let batches = connection.query("list the tables", &self.dialect.list_tables(&self.name))?;
        let names = batches.iter().flat_map(|batch| texts(batch.column(0)));
        Ok(names.flatten().collect())
    }

    /// Returns the name under which a table is stored, which may differ in
    /// case, or `None` if there is no such table.
    pub(super) fn find_table(
        &self,
        connection: &mut dyn SqlConnection,
        table: &str,
    ) -> Result<Option<String>, DestinationError> {
        let tables = self.list_tables(connection)?;
        Ok(tables
            .into_iter()
            .find(|name| name.eq_ignore_ascii_case(table)))
    }

    fn definition(&self, column: &Column) -> String {
        let type_name = self.dialect.type_name(column.stored_type);
        format!("{} {type_name}", quoted(&column.name))
    }
}
