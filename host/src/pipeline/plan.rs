//! The settings by which each resource is read and written: those of its spec,
//! with the defaults of the rest. Must not know columns; those are mapped by
//! `row_mapper`.

mod validation;

use std::collections::BTreeMap;

use super::error::PipelineError;
use super::row_mapper::mask::Masks;
use crate::destination::DeletionSource;
use crate::model::{
    Cursor, DeletionMode, NestedMode, PageKind, ReadMode, ResourceSpec, Selection, SourceSchema,
    WriteDisposition, names,
};

/// The settings of one resource, or of a child table of one.
#[derive(Clone, Debug, Default)]
pub(super) struct ResourcePlan {
    pub(super) spec: ResourceSpec,
    pub(super) disposition: WriteDisposition,
    pub(super) deletion_mode: DeletionMode,
    /// Cursor from which the read resumes.
    pub(super) cursor: Option<Cursor>,
    /// True if the load replaces the table, whatever its disposition.
    pub(super) full_refresh: bool,
    /// Deletion source of a child table; `None` for the table of a resource.
    child_deletions: Option<DeletionSource>,
}

impl ResourcePlan {
    /// Creates the plan of a resource. Refuses settings that would lose rows
    /// or have no effect.
    pub(super) fn new(spec: &ResourceSpec) -> Result<Self, PipelineError> {
        let default_disposition = match (spec.mode, &spec.cursor_column) {
            (ReadMode::Full, _) => WriteDisposition::Replace,
            (ReadMode::Incremental, None) => WriteDisposition::Append,
            (ReadMode::Incremental, Some(_)) | (ReadMode::Changes, _) => WriteDisposition::Merge,
        };
        let disposition = spec.write.unwrap_or(default_disposition);
        // A feed names deleted rows. Versions of deleted rows end.
        let default_deletion_mode = match (spec.mode, disposition) {
            (ReadMode::Changes, _) => DeletionMode::Hard,
            (ReadMode::Full, WriteDisposition::Scd2) => DeletionMode::Soft,
            _ => DeletionMode::Ignore,
        };
        let plan = Self {
            spec: spec.clone(),
            disposition,
            deletion_mode: spec.deletes.unwrap_or(default_deletion_mode),
            cursor: None,
            full_refresh: false,
            child_deletions: None,
        };
        plan.validate()?;
        plan.validate_masks(&spec.primary_key)?;
        Ok(plan)
    }

    /// Returns the plan of a run that resumes from a cursor. A full refresh
    /// reads from the beginning.
    pub(super) fn for_run(&self, cursor: Option<&Cursor>, full_refresh: bool) -> Self {
        Self {
            cursor: cursor.filter(|_| !full_refresh).cloned(),
            full_refresh,
            ..self.clone()
        }
    }

    /// Returns the plan of the child tables. `kind` is that of the pages of the
    /// resource.
    pub(super) fn for_child_tables(&self, kind: PageKind) -> Self {
        let deletion_mode = match self.deletion_mode {
            DeletionMode::Hard => DeletionMode::Hard,
            _ => DeletionMode::Ignore,
        };
        let deletion_source = match self.deletion_source(kind) {
            source @ (DeletionSource::AllRows | DeletionSource::AllKeys)
                if deletion_mode == DeletionMode::Hard =>
            {
                source
            }
            // The group of a row that a feed deletes has no items.
            _ => DeletionSource::Unknown,
        };
        Self {
            spec: ResourceSpec {
                name: self.spec.name.clone(),
                mode: self.spec.mode,
                schema: self.spec.schema,
                ..ResourceSpec::default()
            },
            disposition: self.disposition,
            deletion_mode,
            cursor: None,
            full_refresh: self.full_refresh,
            child_deletions: Some(deletion_source),
        }
    }

    /// Returns the request for the connector.
    pub(super) fn selection(&self) -> Selection {
        let spec = &self.spec;
        Selection {
            resource: spec.name.clone(),
            mode: spec.mode,
            cursor: self.cursor.clone(),
            cursor_column: spec.cursor_column.clone(),
            lag: spec.lag.clone(),
            start: spec.start.clone(),
            end: spec.end.clone(),
            columns: spec.columns.clone(),
            types: spec.types.clone(),
            masked: spec.mask.keys().cloned().collect(),
            nested: spec.nested != NestedMode::Keep,
            filter: spec.filter.clone(),
            primary_key: spec.primary_key.clone(),
            max_rows_billed: spec.max_rows_read,
            idempotent: self.merges_by_key(),
            keys: self.needs_keys(),
            verify: spec.verify.unwrap_or_default(),
        }
    }

    /// Mode of the read.
    pub(super) fn mode(&self) -> ReadMode {
        self.spec.mode
    }

    /// Masks by column.
    pub(super) fn masks(&self) -> &Masks {
        &self.spec.mask
    }

    /// True for the plan of a child table.
    pub(super) fn is_child_table(&self) -> bool {
        self.child_deletions.is_some()
    }

    /// True if rows are merged into the table by their key.
    pub(super) fn merges_by_key(&self) -> bool {
        matches!(
            self.disposition,
            WriteDisposition::Merge | WriteDisposition::Scd2
        )
    }

    /// Returns the cursor column if it decides which row of a key is stored.
    /// `None` if the last row does: the key of the source itself identifies one
    /// row, whose last state counts.
    pub(super) fn order_column(&self) -> Option<&str> {
        let has_own_key = !self.spec.primary_key.is_empty() && self.merges_by_key();
        let column = self.spec.cursor_column.as_deref();
        column.filter(|_| has_own_key && self.spec.mode == ReadMode::Incremental)
    }

    /// True if the load adds to the existing table instead of replacing it.
    pub(super) fn keeps_table(&self) -> bool {
        self.disposition != WriteDisposition::Replace && !self.full_refresh
    }

    /// True if the keys of all rows decide which rows were deleted.
    pub(super) fn needs_keys(&self) -> bool {
        self.deletion_source(PageKind::Rows) == DeletionSource::AllKeys
    }

    /// True if rows can be committed before the read is complete. A replaced
    /// table must be complete, and so must an appended copy of all rows, and
    /// rows that decide deletions.
    pub(super) fn can_be_resumed(&self) -> bool {
        let is_copy =
            self.spec.mode == ReadMode::Full && self.disposition == WriteDisposition::Append;
        self.keeps_table() && self.deletion_mode == DeletionMode::Ignore && !is_copy
            || self.spec.mode == ReadMode::Changes && self.cursor.is_some()
    }

    /// Returns the key columns: those of the source, unless the spec names
    /// others. A source knows the columns of the spec, and may add some.
    pub(super) fn key_columns<'a>(&'a self, source: &'a SourceSchema) -> &'a [String] {
        let is_known = |column: &String| {
            let mut known = source.primary_key.iter();
            known.any(|known| known.eq_ignore_ascii_case(column))
        };
        if self.spec.primary_key.iter().all(is_known) {
            &source.primary_key
        } else {
            &self.spec.primary_key
        }
    }

    /// Returns the way in which deleted rows are detected in pages of a kind.
    pub(super) fn deletion_source(&self, kind: PageKind) -> DeletionSource {
        if let Some(deletion_source) = self.child_deletions {
            return deletion_source;
        }
        match (kind, self.deletion_mode, &self.cursor) {
            (PageKind::Changes, _, _) => DeletionSource::Flagged,
            (_, DeletionMode::Ignore, _) => DeletionSource::Unknown,
            // A read without a cursor is complete.
            (_, _, None) => DeletionSource::AllRows,
            (_, _, Some(_)) => match self.spec.mode {
                // The first read of a feed is complete, even with a cursor.
                ReadMode::Full | ReadMode::Changes => DeletionSource::AllRows,
                ReadMode::Incremental => DeletionSource::AllKeys,
            },
        }
    }
}

/// Returns the plan of a resource, by the defaults if it is not in the spec.
pub(super) fn for_resource(
    plans: &BTreeMap<String, ResourcePlan>,
    resource: &str,
) -> Result<ResourcePlan, PipelineError> {
    let by_default = || {
        ResourcePlan::new(&ResourceSpec {
            name: resource.to_owned(),
            ..ResourceSpec::default()
        })
    };
    names::find_in(plans, resource)
        .cloned()
        .map_or_else(by_default, Ok)
}

/// Returns the plans of all resources in the pipeline's spec, by name. Refuses
/// names that differ in case only, because they would have one table.
pub(super) fn plans(
    resources: &[ResourceSpec],
) -> Result<BTreeMap<String, ResourcePlan>, PipelineError> {
    let mut names = BTreeMap::new();
    for spec in resources {
        let table = names::table_name(&spec.name).to_ascii_lowercase();
        if let Some(other) = names.insert(table, &spec.name)
            && *other != spec.name
        {
            return Err(PipelineError::settings(
                format!(
                    "the resources `{other}` and `{}` would have one table, because their names \
                     differ in case only",
                    spec.name
                ),
                "remove one of them, and name the other as the source does",
            ));
        }
    }
    let plan = |spec: &ResourceSpec| Ok((spec.name.clone(), ResourcePlan::new(spec)?));
    resources.iter().map(plan).collect()
}

#[cfg(test)]
mod tests;
