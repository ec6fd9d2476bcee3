//! The differences between incoming columns and an existing table, and the
//! policy that refuses them.

use arrow_schema::Schema;

use super::schema_fit::{SchemaFit, find, is_host_column};
use crate::destination::{StoredType, stored_type};
use crate::model::origin::is_sibling_of;
use crate::model::siblings::has_name_of_sibling;
use crate::pipeline::error::PipelineError;

/// A difference between incoming columns and an existing table.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case", tag = "change")]
#[non_exhaustive]
pub enum Change {
    /// The table does not exist yet.
    TableAdded,
    /// The table does not have the column yet.
    ColumnAdded {
        /// Name of the column in the destination.
        column: String,
        /// Type of the column, if it is known before its first value.
        #[serde(rename = "type")]
        kind: Option<StoredType>,
    },
    /// The values have another type than the column. They go to a sibling, or
    /// the column is replaced.
    TypeChanged {
        /// Name of the column.
        column: String,
        /// Type of the column in the table.
        from: StoredType,
        /// Type of the incoming values.
        to: StoredType,
        /// Name of the sibling that receives the values, or of the column if it is
        /// replaced.
        into: String,
    },
    /// The source no longer has the column. The table keeps it, with nulls in
    /// new rows.
    ColumnMissing {
        /// Name of the column.
        column: String,
    },
}

/// Returns the columns that a table would get. `fit` is that of the incoming
/// columns in the table.
pub(super) fn added_columns(fit: &SchemaFit, existing: &Schema) -> Vec<Change> {
    let fields = fit.schema().fields().iter();
    let added = fields
        .filter(|field| !is_host_column(field.name()) && find(existing, field.name()).is_none());
    let change = |name: &String, kind| {
        let column = fit.base_of(name);
        let from = find(existing, column).and_then(stored_type);
        match (from, kind) {
            (Some(from), Some(to)) if column != name && from != to => Change::TypeChanged {
                column: column.to_owned(),
                from,
                to,
                into: name.clone(),
            },
            _ => Change::ColumnAdded {
                column: name.clone(),
                kind,
            },
        }
    };
    added
        .map(|field| change(field.name(), stored_type(field)))
        .collect()
}

/// Returns the columns that get another type, because their table is replaced.
pub(super) fn replaced_types(fit: &SchemaFit, existing: &Schema) -> Vec<Change> {
    let fields = fit.schema().fields().iter();
    let changed = fields.filter_map(|field| {
        let column = field.name();
        let from = find(existing, column).and_then(stored_type)?;
        let to = stored_type(field)?;
        (from != to).then(|| Change::TypeChanged {
            column: column.clone(),
            from,
            to,
            into: column.clone(),
        })
    });
    changed.collect()
}

/// Returns the columns of a table that the source no longer has. Siblings of
/// its columns are not listed, because loads add them only when they need
/// them. Neither are members of `documents`, whose values decide the columns.
pub(super) fn missing_columns(
    fit: &SchemaFit,
    existing: &Schema,
    documents: &[String],
) -> Vec<Change> {
    let incoming = || fit.schema().fields().iter().map(|field| field.name());
    let is_column = |name: &str| {
        let mut bases = fit.siblings().iter().map(|sibling| &sibling.column);
        find(fit.schema(), name).is_some() || bases.any(|base| base.eq_ignore_ascii_case(name))
    };
    let missing = existing.fields().iter().filter(|field| {
        let name = field.name();
        !is_column(name)
            && !is_host_column(name)
            && !incoming().any(|column| is_sibling_of(field, column))
            && !documents
                .iter()
                .any(|column| has_name_of_sibling(name, column))
    });
    missing
        .map(|field| Change::ColumnMissing {
            column: field.name().clone(),
        })
        .collect()
}

/// Returns the error of a frozen table, if the changes add columns to it.
pub(super) fn refuse(resource: &str, changes: &[Change]) -> Result<(), PipelineError> {
    let refused = changes.iter().filter_map(|change| match change {
        Change::ColumnAdded { column, kind } => {
            let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
            Some(format!("column `{column}`{kind} is new"))
        }
        Change::TypeChanged {
            column, from, to, ..
        } => Some(format!("column `{column}` was {from} and is {to}")),
        Change::TableAdded | Change::ColumnMissing { .. } => None,
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() {
        return Ok(());
    }
    Err(PipelineError::settings(
        format!(
            "the columns of `{resource}` have changed, and its schema is frozen: {}",
            refused.join(", ")
        ),
        "set `schema` to `evolve` to add the columns, or to `discard_value` to leave them out",
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_schema::{DataType, Field};

    use super::*;

    fn schema(columns: &[&str]) -> Schema {
        let field = |name: &&str| Field::new(*name, DataType::Utf8, true);
        Schema::new(columns.iter().map(field).collect::<Vec<_>>())
    }

    fn missing(incoming: &[&str], existing: &[&str], documents: &[&str]) -> Vec<String> {
        let existing = schema(existing);
        let fit = SchemaFit::new(Arc::new(schema(incoming)), Vec::new()).into_table(&existing);
        let documents: Vec<_> = documents.iter().map(|name| (*name).to_owned()).collect();
        let changes = missing_columns(&fit, &existing, &documents).into_iter();
        changes
            .map(|change| match change {
                Change::ColumnMissing { column } => column,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn a_dropped_column_is_missing_although_its_name_looks_like_that_of_a_sibling() {
        let existing = ["id", "utm__source", "utm__text", "_load_id"];
        assert_eq!(
            missing(&["id"], &existing, &[]),
            ["utm__source", "utm__text"]
        );
        assert_eq!(missing(&["id", "utm"], &existing, &[]), ["utm__source"]);
    }

    #[test]
    fn siblings_and_members_of_documents_are_not_missing() {
        let existing = ["id", "price", "price__text", "doc__a__b"];
        assert!(missing(&["id", "price"], &existing, &["doc"]).is_empty());
    }
}
