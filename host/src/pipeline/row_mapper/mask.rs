//! Masks: the replacement of values that must not be stored. Applied before
//! anything is written; does not rely on the connector.

mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::{RecordBatch, RecordBatchOptions};
use arrow_schema::{ArrowError, Field, Schema, SchemaRef};
use serde_json::Value as Json;

use self::values::{mask_values, masked_type, sha256};
use crate::model::siblings::has_name_of_sibling;
use crate::model::{Mask, PageKind, Rejected, Remedy, SourceSchema, UnreadPart, names};
use crate::pipeline::error::PipelineError;

/// Masks of a resource, by column.
pub(in crate::pipeline) type Masks = BTreeMap<String, Mask>;

/// Returns the mask of a column. Column names ignore case.
pub(in crate::pipeline) fn mask_for(masks: &Masks, column: &str) -> Option<Mask> {
    let mut masks = masks.iter();
    masks
        .find(|(name, _)| name.eq_ignore_ascii_case(column))
        .map(|(_, mask)| *mask)
}

/// Returns the error for a resource that is not selected by its own name while
/// others are masked. The pipeline does not state whether to mask it.
pub(in crate::pipeline) fn unselected(resource: &str) -> PipelineError {
    PipelineError::settings(
        format!(
            "other resources have masks, but `{resource}` has no settings of its own that state \
             which columns to mask"
        ),
        Remedy::ConfigureResource {
            resource: resource.to_owned(),
            setting: "mask",
            values: vec![serde_json::json!({})],
        },
    )
}

/// Returns a rejected record without masked values. Values with others inside
/// are removed too, because their columns are not known. So is the reason,
/// which may quote any value.
pub(in crate::pipeline) fn mask_rejected(masks: &Masks, rejected: Rejected) -> Rejected {
    if masks.is_empty() {
        return rejected;
    }
    let is_masked = |key: &str| {
        let mut masked = masks.keys();
        masked.any(|column| key.eq_ignore_ascii_case(column) || has_name_of_sibling(key, column))
    };
    let record = match serde_json::from_str(&rejected.record) {
        Ok(Json::Object(mut fields)) => {
            for (key, value) in &mut fields {
                if is_masked(key) || value.is_object() || value.is_array() {
                    *value = Json::Null;
                }
            }
            Json::Object(fields)
        }
        _ => Json::Null,
    };
    Rejected {
        resource: rejected.resource,
        record: record.to_string(),
        reason: "not kept, because columns of the resource are masked".to_owned(),
    }
}

/// Returns the texts that identify a part of the rows, as they are stored.
pub(super) fn stored_texts(
    masks: &Masks,
    resource: &str,
    part: &UnreadPart,
) -> Result<Vec<String>, PipelineError> {
    match mask_for(masks, &part.column) {
        None => Ok(part.values.clone()),
        Some(Mask::Sha256) => {
            let values = part.values.iter();
            Ok(values.map(|text| sha256(text.as_bytes())).collect())
        }
        Some(Mask::Null | Mask::Partial) => Err(PipelineError::settings(
            format!(
                "`mask` hides `{}` of `{resource}`, which identifies the rows to keep when a part of the source cannot be read",
                part.column
            ),
            "set the mask of the column to `sha256`, or remove it",
        )),
    }
}

/// The masks of a list of columns.
#[derive(Clone, Debug)]
pub(in crate::pipeline) struct Masking {
    schema: SchemaRef,
    /// Mask of each column.
    masks: Vec<Option<Mask>>,
}

impl Masking {
    /// Applies masks to the columns of a resource. A column and its siblings
    /// have the same mask. Refuses a mask for an unknown column.
    pub(in crate::pipeline) fn new(
        masks: &Masks,
        resource: &str,
        source: &SourceSchema,
        kind: PageKind,
    ) -> Result<Self, PipelineError> {
        let fields = source.columns.fields();
        // The last column of changes is a flag, not a column of the resource.
        let count = fields.len() - usize::from(kind == PageKind::Changes && !fields.is_empty());
        let own = || fields.iter().take(count).map(|field| field.name().as_str());
        for column in masks.keys() {
            if !own().any(|name| name.eq_ignore_ascii_case(column)) {
                let remedy = names::nearest(column, own()).map_or_else(
                    || format!("its columns are {}", own().collect::<Vec<_>>().join(", ")).into(),
                    |nearest| Remedy::UseName {
                        name: nearest.to_owned(),
                    },
                );
                return Err(PipelineError::settings(
                    format!("`mask` names `{column}`, which is not a column of `{resource}`"),
                    remedy,
                ));
            }
        }
        let mask = |name: &str| {
            let siblings = source.siblings.iter();
            let bases = siblings
                .filter(|sibling| sibling.name.eq_ignore_ascii_case(name))
                .map(|sibling| sibling.column.as_str());
            std::iter::once(name)
                .chain(bases)
                .find_map(|column| mask_for(masks, column))
        };
        let mut by_column: Vec<_> = own().map(mask).collect();
        by_column.resize(fields.len(), None);
        let stored = fields.iter().zip(&by_column).map(|(field, mask)| {
            mask.map_or_else(
                || Arc::clone(field),
                |mask| {
                    let data_type = masked_type(mask, field.data_type());
                    Arc::new(Field::new(field.name(), data_type, true))
                },
            )
        });
        Ok(Self {
            schema: Arc::new(Schema::new(stored.collect::<Vec<_>>())),
            masks: by_column,
        })
    }

    /// Returns the columns of a resource after masking.
    pub(super) fn masked(&self, source: &SourceSchema) -> SourceSchema {
        SourceSchema {
            columns: Arc::clone(&self.schema),
            ..source.clone()
        }
    }

    /// Columns after masking.
    pub(in crate::pipeline) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Masks rows.
    pub(in crate::pipeline) fn apply(
        &self,
        batch: &RecordBatch,
    ) -> Result<RecordBatch, ArrowError> {
        if self.masks.iter().all(Option::is_none) {
            return Ok(batch.clone());
        }
        let columns = batch.columns().iter().zip(&self.masks);
        let columns = columns.map(|(column, mask)| match mask {
            None => Ok(Arc::clone(column)),
            Some(mask) => mask_values(*mask, column),
        });
        let columns = columns.collect::<Result<_, _>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray as _;
    use arrow_array::{ArrayRef, BinaryArray, BooleanArray, Int64Array, StringArray};

    use super::*;

    fn masks(masks: &[(&str, Mask)]) -> Masks {
        let owned = masks.iter().map(|(name, mask)| ((*name).to_owned(), *mask));
        owned.collect()
    }

    fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        let nullable = columns
            .into_iter()
            .map(|(name, column)| (name, column, true));
        RecordBatch::try_from_iter_with_nullable(nullable).unwrap()
    }

    fn shown(column: &ArrayRef) -> Vec<Option<&str>> {
        column.as_string::<i32>().iter().collect()
    }

    #[test]
    fn a_mask_covers_siblings_and_ignores_case() {
        let batch = rows(vec![
            ("id", Arc::new(Int64Array::from(vec![1]))),
            ("Email", Arc::new(StringArray::from(vec![None::<&str>]))),
            (
                "Email__blob",
                Arc::new(BinaryArray::from(vec![&b"abc"[..]])),
            ),
        ]);
        let source = SourceSchema::for_batch(&batch, &[("Email__blob", "Email")]);
        let masking = Masking::new(
            &masks(&[("EMAIL", Mask::Sha256)]),
            "t",
            &source,
            PageKind::Rows,
        );
        let masking = masking.unwrap();
        let stored = masking.apply(&batch).unwrap();
        assert_eq!(stored.schema_ref(), masking.schema());
        assert_eq!(stored.column(0), batch.column(0));
        assert_eq!(shown(stored.column(1)), [None]);
        assert_eq!(shown(stored.column(2)), [Some(&*sha256(b"abc"))]);
    }

    #[test]
    fn a_mask_for_an_unknown_column_is_refused() {
        let batch = rows(vec![
            ("email", Arc::new(StringArray::from(vec!["a"]))),
            ("gone", Arc::new(BooleanArray::from(vec![true]))),
        ]);
        let new = |column, kind| {
            let masks = masks(&[(column, Mask::Null)]);
            Masking::new(&masks, "users", &SourceSchema::for_batch(&batch, &[]), kind)
        };
        let error = new("emails", PageKind::Rows).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`mask` names `emails`, which is not a column of `users`"
        );
        let name = "email".to_owned();
        assert_eq!(error.remedy(), Some(Remedy::UseName { name }));
        let error = new("phone_number", PageKind::Rows).unwrap_err();
        assert_eq!(error.remedy(), Some("its columns are email, gone".into()));
        // The flag of deleted rows is not a value of a row.
        assert!(new("gone", PageKind::Rows).is_ok());
        assert!(new("gone", PageKind::Changes).is_err());
    }

    #[test]
    fn a_rejected_record_keeps_no_masked_value() {
        let masked = |record: &str| {
            let rejected = Rejected {
                resource: "t".to_owned(),
                record: record.to_owned(),
                reason: "`bob@x.org` is too long".to_owned(),
            };
            mask_rejected(&masks(&[("email", Mask::Partial)]), rejected)
        };
        let kept =
            masked(r#"{"id":1,"EMAIL":"bob@x.org","email__text":"bob@x.org","row":["bob@x.org"]}"#);
        let record: Json = serde_json::from_str(&kept.record).unwrap();
        assert_eq!(
            record,
            serde_json::json!({"id": 1, "EMAIL": null, "email__text": null, "row": null})
        );
        assert!(!kept.reason.contains("bob"));
        for record in [r#""bob@x.org""#, r#"["bob@x.org"]"#, r#"{"email":"bob@x.o"#] {
            assert_eq!(masked(record).record, "null");
        }
        let open = Rejected {
            resource: "t".to_owned(),
            record: "no JSON".to_owned(),
            reason: "why".to_owned(),
        };
        let kept = mask_rejected(&Masks::new(), open);
        assert_eq!((&*kept.record, &*kept.reason), ("no JSON", "why"));
    }
}
