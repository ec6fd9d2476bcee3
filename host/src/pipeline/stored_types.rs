//! Types of the columns that the destination has. The connector keeps them
//! where the values alone would decide. Must not change anything.

use arrow_schema::{Field, FieldRef};

use crate::destination::{Destination, DestinationError, StoredType, stored_type};
use crate::model::origin::ColumnOrigin;
use crate::model::{LoadId, StoredTable, names};

/// Returns the tables of the selected resources. If one of these has no table,
/// it may stand for others, so all tables are returned.
pub(super) fn stored_tables(
    destination: &mut dyn Destination,
    load: &LoadId,
    selected: &[String],
) -> Result<Vec<StoredTable>, DestinationError> {
    // Dropping the load leaves no trace.
    let mut load = destination.begin(load)?;
    let existing = load.existing_tables()?;
    let table = |resource: &String| {
        let table = names::table_name(resource);
        let is_same = |existing: &&String| existing.eq_ignore_ascii_case(&table);
        Some((resource.clone(), existing.iter().find(is_same)?.clone()))
    };
    let of_selected: Vec<_> = selected.iter().filter_map(table).collect();
    let tables = if selected.is_empty() || of_selected.len() < selected.len() {
        existing
            .iter()
            .filter_map(|table| {
                let resource = names::resource_of_table(table)?;
                Some((resource.to_owned(), table.clone()))
            })
            .collect()
    } else {
        of_selected
    };
    let mut stored = Vec::new();
    for (resource, table) in tables {
        // A table that cannot be read fails when its resource opens it.
        let Ok(Some(schema)) = load.existing_schema(&table) else {
            continue;
        };
        let column = |field: &FieldRef| {
            let source = source_column(field)?;
            Some((source, type_name(stored_type(field)?)))
        };
        stored.push(StoredTable {
            resource,
            columns: schema.fields().iter().filter_map(column).collect(),
        });
    }
    Ok(stored)
}

/// Returns the name in the source of a stored column. `None` for a column of
/// the host and for a sibling.
fn source_column(field: &Field) -> Option<String> {
    match ColumnOrigin::from_field(field) {
        Some(ColumnOrigin::Source(name)) => Some(name),
        Some(ColumnOrigin::Sibling { .. }) => None,
        None => names::source_column(field.name()).map(str::to_owned),
    }
}

/// Returns the name of a type in the contract.
fn type_name(stored: StoredType) -> String {
    let name = match stored {
        StoredType::Int32 | StoredType::Int64 => "bigint",
        StoredType::Float64 => "double",
        StoredType::Text => "text",
        StoredType::Json => "json",
        StoredType::Blob => "blob",
        StoredType::Boolean => "boolean",
        StoredType::Date => "date",
        StoredType::Timestamp => "timestamp",
        StoredType::TimestampUtc => "timestamptz",
        StoredType::Decimal(precision, scale) => return format!("decimal({precision},{scale})"),
    };
    name.to_owned()
}
