//! DuckDB's SQL.

use std::borrow::Cow;

use super::conversion;
use crate::destination::names::{self, NameError};
use crate::destination::sql::{Conversion, DatasetName, Dialect, literal};
use crate::destination::stored_type::StoredType;
use crate::model::names::LOAD_ID;

/// The SQL of DuckDB.
#[derive(Debug)]
pub(super) struct DuckDbDialect;

impl Dialect for DuckDbDialect {
    fn identifier<'n>(&self, name: &'n str) -> Result<Cow<'n, str>, NameError> {
        names::duckdb(name)
    }

    fn type_name(&self, stored_type: StoredType) -> Cow<'static, str> {
        let name = match stored_type {
            StoredType::Decimal(precision, scale) => {
                return format!("DECIMAL({precision},{scale})").into();
            }
            StoredType::Int32 => "INTEGER",
            StoredType::Int64 => "BIGINT",
            StoredType::Float64 => "DOUBLE",
            StoredType::Text => "VARCHAR",
            StoredType::Json => "JSON",
            StoredType::Blob => "BLOB",
            StoredType::Boolean => "BOOLEAN",
            StoredType::Date => "DATE",
            StoredType::Timestamp => "TIMESTAMP",
            StoredType::TimestampUtc => "TIMESTAMP WITH TIME ZONE",
        };
        name.into()
    }

    fn timestamp_utc(&self, micros: i64) -> String {
        format!("make_timestamptz({micros})")
    }

    fn conversion(&self, column: &str, from: StoredType, to: StoredType) -> Option<Conversion> {
        conversion::conversion(column, from, to)
    }

    fn list_tables(&self, dataset: &DatasetName) -> String {
        let is_in_dataset = is_in(dataset);
        format!("SELECT table_name FROM duckdb_tables() WHERE {is_in_dataset}")
    }

    fn list_obstacles(&self, dataset: &DatasetName, table: &str, replaces: bool) -> String {
        let is_in_dataset = is_in(dataset);
        let (table, load_id) = (literal(table), literal(LOAD_ID));
        let mut sql = format!(
            "SELECT 'a view has its name' FROM duckdb_views() \
             WHERE {is_in_dataset} AND lower(view_name) = lower({table}) \
             UNION ALL SELECT 'a table of its name exists that no load made' FROM duckdb_tables() t \
             WHERE {is_in_dataset} AND lower(table_name) = lower({table}) AND NOT EXISTS \
             (SELECT 1 FROM duckdb_columns() c WHERE c.table_oid = t.table_oid \
             AND c.database_oid = t.database_oid AND c.column_name = {load_id})"
        );
        if replaces {
            sql.push_str(&format!(
                " UNION ALL SELECT 'the table `' || table_name || '` refers to it by a foreign key' \
                 FROM duckdb_constraints() WHERE {is_in_dataset} \
                 AND constraint_type = 'FOREIGN KEY' AND lower(referenced_table) = lower({table})"
            ));
        }
        sql
    }

    fn count_constraints(&self, dataset: &DatasetName, table: &str) -> String {
        let is_of_table = format!(
            "{} AND lower(table_name) = lower({})",
            is_in(dataset),
            literal(table)
        );
        format!(
            "SELECT (SELECT count(*) FROM duckdb_constraints() WHERE {is_of_table}) \
             + (SELECT count(*) FROM duckdb_indexes() WHERE {is_of_table}) \
             + (SELECT count(*) FROM duckdb_tables() WHERE {is_of_table} \
             AND contains(sql, 'GENERATED ALWAYS AS'))"
        )
    }
}

/// Returns the condition that an object of the catalogue is in a dataset.
fn is_in(dataset: &DatasetName) -> String {
    format!(
        "database_name = {} AND lower(schema_name) = lower({})",
        literal(dataset.catalog.as_deref().unwrap_or_default()),
        literal(&dataset.schema)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::destination::columns::Column;
    use crate::destination::sql::Dataset;

    #[test]
    fn a_table_is_created_with_explicit_types() {
        let name = DatasetName {
            catalog: Some("db".to_owned()),
            schema: "s\"x".to_owned(),
        };
        let dataset = Dataset::new(Box::new(DuckDbDialect), name);
        let columns = [
            Column::new("select", StoredType::Int64),
            Column::new("at", StoredType::TimestampUtc),
            Column::new("price", StoredType::Decimal(18, 2)),
        ];
        assert_eq!(
            dataset.create_table("a.b", &columns),
            r#"CREATE TABLE "db"."s""x"."a.b" ("select" BIGINT, "at" TIMESTAMP WITH TIME ZONE, "price" DECIMAL(18,2))"#
        );
    }
}
