//! The origins of the columns of tables, as `_load_resources` records them.
//! They are stored there, because comments on columns belong to the operator.
//!
//! Must not know what an origin means.

use std::collections::BTreeMap;

use arrow_schema::Schema;

use super::connection::texts;
use super::open_table::OpenTable;
use super::quoting::quoted;
use super::transaction::Transaction;
use crate::destination::columns::Columns;
use crate::destination::error::DestinationError;
use crate::destination::names::comparison_key;
use crate::destination::records::{COLUMN_NAMES, TABLE_NAME};
use crate::model::names;
use crate::model::origin::ColumnOrigin;

/// Origins by the stored names of columns. Columns whose names determine their
/// origin have none.
type Origins = BTreeMap<String, ColumnOrigin>;

/// The recorded origins by the key by which names of tables are compared.
#[derive(Debug, Default)]
pub(super) struct RecordedOrigins(BTreeMap<String, Origins>);

impl RecordedOrigins {
    /// Returns a schema of a table with the origins of its columns.
    fn add_to(&self, table: &str, schema: Schema) -> Schema {
        let Some(origins) = self.0.get(&comparison_key(table)) else {
            return schema;
        };
        let fields = schema.fields().iter().map(|field| {
            let field = field.as_ref().clone();
            ColumnOrigin::set(origins.get(field.name().as_str()), field)
        });
        Schema::new(fields.collect::<Vec<_>>())
    }

    /// Returns the origins of tables that differ from the recorded ones, as
    /// JSON.
    pub(super) fn changes(&self, tables: &BTreeMap<String, OpenTable>) -> BTreeMap<String, String> {
        let changed = tables.iter().filter_map(|(key, table)| {
            let origins = origins_of(&table.columns);
            let recorded = self.0.get(key);
            if recorded.map_or(origins.is_empty(), |recorded| *recorded == origins) {
                return None;
            }
            Some((key.clone(), serde_json::to_string(&origins).ok()?))
        });
        changed.collect()
    }
}

fn origins_of(columns: &Columns) -> Origins {
    let columns = columns.as_slice().iter();
    let origins = columns.filter_map(|column| Some((column.name.clone(), column.origin.clone()?)));
    origins.collect()
}

impl Transaction<'_> {
    /// Reads the origins that loads have recorded. A dataset of an earlier
    /// release has none.
    pub(super) fn read_origins(&mut self) -> Result<RecordedOrigins, DestinationError> {
        let action = "read the names of columns";
        let records = names::LOAD_RESOURCES;
        let dataset = self.dataset;
        let columns = self
            .connection
            .table_schema(action, dataset.name(), records)?;
        if columns.field_with_name(COLUMN_NAMES).is_err() {
            return Ok(RecordedOrigins::default());
        }
        let sql = format!(
            "SELECT {table}, {names} FROM {records} WHERE {names} IS NOT NULL ORDER BY load_id",
            table = quoted(TABLE_NAME),
            names = quoted(COLUMN_NAMES),
            records = dataset.table(records),
        );
        let mut recorded = RecordedOrigins::default();
        for batch in self.connection.query(action, &sql)? {
            for (table, origins) in texts(batch.column(0)).zip(texts(batch.column(1))) {
                // The host writes only valid records, so another program wrote this text.
                if let (Some(table), Some(origins)) = (table, origins)
                    && let Ok(origins) = serde_json::from_str(&origins)
                {
                    recorded.0.insert(comparison_key(&table), origins);
                }
            }
        }
        Ok(recorded)
    }

    /// Returns the columns of a table of a resource with their origins.
    pub(super) fn with_origins(
        &mut self,
        table: &str,
        schema: Schema,
    ) -> Result<Schema, DestinationError> {
        if names::RESERVED_TABLES.contains(&table) {
            return Ok(schema);
        }
        let recorded = match self.origins.take() {
            Some(recorded) => recorded,
            None => self.read_origins()?,
        };
        let schema = recorded.add_to(table, schema);
        self.origins = Some(recorded);
        Ok(schema)
    }
}
