//! The settings of a resource that are refused, because they would lose rows,
//! store masked values or have no effect.

use super::ResourcePlan;
use crate::model::{
    DeletionMode, Mask, NestedMode, ReadMode, ResourceSpec, SchemaPolicy, WriteDisposition,
};
use crate::pipeline::error::PipelineError;
use crate::pipeline::row_mapper::mask::mask_for;

impl ResourcePlan {
    /// Refuses settings that contradict each other.
    pub(super) fn validate(&self) -> Result<(), PipelineError> {
        let spec = &self.spec;
        let contradictions = [
            self.validate_disposition(),
            self.validate_deletions(),
            self.validate_cursor(),
            self.validate_bounds(),
            self.validate_nested(),
        ];
        match contradictions.into_iter().flatten().next() {
            Some((message, hint)) => Err(refuse(spec, message, hint)),
            None => Ok(()),
        }
    }

    /// Refuses masks of columns whose values are stored in a cursor, or are
    /// needed to merge rows.
    pub(in crate::pipeline) fn validate_masks(&self, key: &[String]) -> Result<(), PipelineError> {
        let spec = &self.spec;
        let key_in_cursor = key.iter().filter(|_| spec.mode == ReadMode::Incremental);
        for column in spec.cursor_column.iter().chain(key_in_cursor) {
            if mask_for(&spec.mask, column).is_some() {
                return Err(refuse(
                    spec,
                    &format!(
                        "`mask` names `{column}`, by which the resource is read incrementally"
                    ),
                    "the stored cursor contains unmasked values of this column; choose another `cursor`, set `mode` to `full`, or remove the mask",
                ));
            }
        }
        for column in key.iter().filter(|_| self.merges_by_key()) {
            if let Some(Mask::Null | Mask::Partial) = mask_for(&spec.mask, column) {
                return Err(refuse(
                    spec,
                    &format!("`mask` hides `{column}`, by which rows are merged"),
                    "set the mask of the column to `sha256`, which keeps different values different",
                ));
            }
        }
        Ok(())
    }

    fn validate_disposition(&self) -> Option<Contradiction> {
        match (self.spec.mode, self.disposition) {
            (ReadMode::Incremental | ReadMode::Changes, WriteDisposition::Replace) => Some((
                "`write` is `replace`, which would delete all rows that this `mode` does not read",
                "set `write` to `merge` or `append`, or `mode` to `full`",
            )),
            (ReadMode::Changes, WriteDisposition::Append) => Some((
                "`write` is `append`, but a change feed updates earlier rows",
                "set `write` to `merge`, or to `scd2` to keep earlier versions",
            )),
            _ => None,
        }
    }

    fn validate_deletions(&self) -> Option<Contradiction> {
        if self.deletion_mode == DeletionMode::Ignore {
            return None;
        }
        if !self.merges_by_key() {
            return Some((
                "`deletes` needs rows that are merged by a key",
                "set `write` to `merge`; a replaced table contains no deleted rows",
            ));
        }
        (self.spec.schema == SchemaPolicy::DiscardRow).then_some((
            "`schema` is `discard_row`, and `deletes` would treat rejected rows as deleted",
            "set `schema` to `discard_value`, or `deletes` to `ignore`",
        ))
    }

    fn validate_cursor(&self) -> Option<Contradiction> {
        let spec = &self.spec;
        if spec.mode == ReadMode::Incremental
            && !spec.mask.is_empty()
            && !spec.primary_key.is_empty()
        {
            return Some((
                "`primary_key` is set, and the cursor may contain unmasked values of masked columns",
                "remove `primary_key` or `mask`, or set `mode` to `full`",
            ));
        }
        if spec.cursor_column.is_some() && spec.mode != ReadMode::Incremental {
            return Some((
                "`cursor` has no effect in this mode",
                "set `mode` to `incremental`",
            ));
        }
        (spec.lag.is_some() && spec.cursor_column.is_none()).then_some((
            "`lag` reads back in the order of a cursor column, which needs `cursor`",
            "set `cursor`, or remove `lag`",
        ))
    }

    fn validate_bounds(&self) -> Option<Contradiction> {
        let spec = &self.spec;
        let (start, end) = (spec.start.as_ref(), spec.end.as_ref());
        start.or(end)?;
        if spec.mode != ReadMode::Incremental {
            return Some((
                "`start` and `end` have no effect in this mode",
                "set `mode` to `incremental`, or limit the rows with `where`",
            ));
        }
        if self.deletion_mode != DeletionMode::Ignore {
            return Some((
                "`deletes` would treat the rows outside of `start` and `end` as deleted",
                "set `deletes` to `ignore`, or remove `start` and `end`",
            ));
        }
        let (start, end) = start.zip(end)?;
        start.is_from(end).then_some((
            "`start` is not less than `end`, so that no row is read",
            "set `start` to a smaller value than `end`",
        ))
    }

    fn validate_nested(&self) -> Option<Contradiction> {
        if self.spec.nested != NestedMode::Tables {
            return None;
        }
        if self.disposition == WriteDisposition::Scd2 {
            return Some((
                "`nested` is `tables`, but versions of a row cannot have child tables",
                "set `nested` to `json`, so that changes of documents make versions too, or `write` to `merge`",
            ));
        }
        (self.spec.schema == SchemaPolicy::DiscardRow).then_some((
            "`schema` is `discard_row`, which would keep the items of rejected rows",
            "set `schema` to `discard_value`, or `nested` to `json`",
        ))
    }
}

/// A message about settings, and a hint.
type Contradiction = (&'static str, &'static str);

fn refuse(spec: &ResourceSpec, message: &str, hint: &str) -> PipelineError {
    PipelineError::settings(format!("the resource `{}`: {message}", spec.name), hint)
}
