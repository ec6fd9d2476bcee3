//! Columns of an existing table whose types were changed in the settings of the
//! resource: they are converted before the first row is written, or the resource
//! is refused.

use arrow_schema::SchemaRef;

use super::load_context::LoadContext;
use crate::destination::{StoredType, stored_type};
use crate::model::{Remedy, SourceSchema, names};
use crate::pipeline::error::PipelineError;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::row_mapper::Change;
use crate::pipeline::row_mapper::mask::mask_for;

/// Converts the columns of the table of a resource to the types that its
/// settings request. Returns the columns of the table, and the changes.
pub(super) fn convert_columns(
    resource: &str,
    plan: &ResourcePlan,
    source: &SourceSchema,
    existing: Option<SchemaRef>,
    context: &mut LoadContext<'_, '_>,
) -> Result<(Option<SchemaRef>, Vec<Change>), PipelineError> {
    let Some(stored) = existing.as_ref().filter(|_| plan.keeps_table()) else {
        return Ok((existing, Vec::new()));
    };
    let table = names::table_name(resource);
    let mut changes = Vec::new();
    for requested in plan.spec.types.keys() {
        if mask_for(plan.masks(), requested).is_some() {
            continue;
        }
        let name = names::column_name(requested);
        let find = |schema: &SchemaRef, name: &str| {
            let mut fields = schema.fields().iter();
            fields
                .find(|field| field.name().eq_ignore_ascii_case(name))
                .cloned()
        };
        let columns = find(stored, &name).zip(find(&source.columns, requested));
        let Some((column, incoming)) = columns else {
            continue;
        };
        let (Some(from), Some(to)) = (stored_type(&column), stored_type(&incoming)) else {
            continue;
        };
        // JSON is text, and a table of JSON stores its text.
        if from == to || (from, to) == (StoredType::Text, StoredType::Json) {
            continue;
        }
        if !context.load.convert_column(&table, column.name(), to)? {
            return Err(refused(resource, column.name(), from, to));
        }
        changes.push(Change::TypeChanged {
            column: column.name().clone(),
            from,
            to,
            into: column.name().clone(),
        });
    }
    if changes.is_empty() {
        return Ok((existing, changes));
    }
    Ok((context.load.existing_schema(&table)?, changes))
}

fn refused(resource: &str, column: &str, from: StoredType, to: StoredType) -> PipelineError {
    PipelineError::settings(
        format!(
            "column `{column}` of `{resource}` is {from} in the table, which cannot be converted to {to}: \
             a value would change, or the destination cannot convert columns"
        ),
        Remedy::FullRefresh {
            resource: resource.to_owned(),
        },
    )
}
