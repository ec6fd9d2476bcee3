//! How each resource is loaded: what the pipeline says, with everything filled
//! in that it leaves out. Refuses what would lose rows or mean nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use super::PipelineError;
use super::mark::Marker;
use super::mask::{self, Masking, Masks};
use super::nested::{self, Manner, Nesting};
use super::schema_fit::{Change, SchemaFit};
use crate::destination::{DeletionSource, TableWrite};
use crate::model::{
    Cursor, DeletionMode, Mask, NestedMode, PageKind, ReadMode, ResourceSpec, SchemaPolicy,
    Selection, Sibling, SourceSchema, UnreadPart, WriteDisposition, names,
};

/// How one resource is loaded.
#[derive(Clone, Debug, Default)]
pub(super) struct ResourcePlan {
    spec: ResourceSpec,
    pub(super) write: WriteDisposition,
    pub(super) deletes: DeletionMode,
    /// Where the read goes on.
    pub(super) cursor: Option<Cursor>,
    /// Whether what is there gives way as a whole.
    full_refresh: bool,
    /// Of a table that is made of the lists of a resource: how it is known
    /// which rows of that are gone.
    of_items: Option<DeletionSource>,
}

impl ResourcePlan {
    /// The plan for a resource as the operator described it.
    pub(super) fn new(spec: &ResourceSpec) -> Result<Self, PipelineError> {
        let write = spec.write.unwrap_or(match (spec.mode, &spec.cursor) {
            (ReadMode::Full, _) => WriteDisposition::Replace,
            (ReadMode::Incremental, None) => WriteDisposition::Append,
            (ReadMode::Incremental, Some(_)) | (ReadMode::Changes, _) => WriteDisposition::Merge,
        });
        // A feed says which rows are deleted, and versions end when they are.
        let deletes = spec.deletes.unwrap_or(match (spec.mode, write) {
            (ReadMode::Changes, _) => DeletionMode::Hard,
            (ReadMode::Full, WriteDisposition::Scd2) => DeletionMode::Soft,
            _ => DeletionMode::Ignore,
        });
        let refuse = |what: &str, hint: &str| {
            Err(PipelineError::settings(
                format!("the resource `{}`: {what}", spec.name),
                hint.to_owned(),
            ))
        };
        let compares = matches!(write, WriteDisposition::Merge | WriteDisposition::Scd2);
        match (spec.mode, write) {
            (ReadMode::Incremental | ReadMode::Changes, WriteDisposition::Replace) => {
                return refuse(
                    "what a part of the rows replaces is lost",
                    "use `write = \"merge\"` or `\"append\"`, or `mode = \"full\"`",
                );
            }
            (ReadMode::Changes, WriteDisposition::Append) => {
                return refuse(
                    "a feed of changes brings older rows up to date, and cannot be appended",
                    "use `write = \"merge\"`, or `\"scd2\"` to keep older versions",
                );
            }
            _ => {}
        }
        if deletes != DeletionMode::Ignore && !compares {
            return refuse(
                "`deletes` needs rows that can be told apart",
                "use `write = \"merge\"`; a table that is replaced holds no deleted rows",
            );
        }
        if deletes != DeletionMode::Ignore && spec.schema == SchemaPolicy::DiscardRow {
            return refuse(
                "rows that `schema = \"discard_row\"` rejects would count as deleted",
                "use `schema = \"discard_value\"`, or `deletes = \"ignore\"`",
            );
        }
        if spec.mode == ReadMode::Incremental
            && !spec.mask.is_empty()
            && !spec.primary_key.is_empty()
        {
            return refuse(
                "with a `primary_key` of its own, its cursor may hold masked values as they are",
                "leave `primary_key` out, use `mode = \"full\"`, or leave the mask out",
            );
        }
        if spec.cursor.is_some() && spec.mode != ReadMode::Incremental {
            return refuse(
                "`cursor` has no effect in this mode",
                "add `mode = \"incremental\"`",
            );
        }
        if spec.lag.is_some() && (spec.cursor.is_none() || !compares) {
            return refuse(
                "`lag` reads rows again, which only `cursor` and `write = \"merge\"` make good",
                "leave it out, or merge",
            );
        }
        if spec.nested == NestedMode::Tables && write == WriteDisposition::Scd2 {
            return refuse(
                "versions of a row have no items of their own",
                "use `nested = \"json\"`, whose changes make versions too, or `write = \"merge\"`",
            );
        }
        if spec.nested == NestedMode::Tables && spec.schema == SchemaPolicy::DiscardRow {
            return refuse(
                "the items of rows that `schema = \"discard_row\"` rejects would stay",
                "use `schema = \"discard_value\"`, or `nested = \"json\"`",
            );
        }
        let plan = Self {
            spec: spec.clone(),
            write,
            deletes,
            cursor: None,
            full_refresh: false,
            of_items: None,
        };
        plan.judge_masks(&spec.primary_key)?;
        Ok(plan)
    }

    /// The plan for a run that goes on from a cursor, or starts afresh.
    pub(super) fn at(&self, cursor: Option<&Cursor>, full_refresh: bool) -> Self {
        Self {
            cursor: cursor.filter(|_| !full_refresh).cloned(),
            full_refresh,
            ..self.clone()
        }
    }

    /// The plan for a table that is made of lists in pages of a kind.
    pub(super) fn of_items(&self, table: &str, kind: PageKind) -> Self {
        let deletes = match self.deletes {
            DeletionMode::Hard => DeletionMode::Hard,
            DeletionMode::Ignore | DeletionMode::Soft => DeletionMode::Ignore,
        };
        let deletion_source = match self.deletion_source(kind) {
            DeletionSource::AllRows if deletes == DeletionMode::Hard => DeletionSource::AllRows,
            DeletionSource::AllKeys if deletes == DeletionMode::Hard => DeletionSource::AllKeys,
            // What a feed says of a row, its group says by having no items.
            _ => DeletionSource::Unknown,
        };
        Self {
            spec: ResourceSpec {
                name: table.to_owned(),
                mode: self.spec.mode,
                schema: self.spec.schema,
                ..ResourceSpec::default()
            },
            deletes,
            of_items: Some(deletion_source),
            ..self.clone()
        }
    }

    /// Whether the keys of all rows say which of its rows are gone.
    pub(super) fn is_by_keys(&self) -> bool {
        self.deletion_source(PageKind::Rows) == DeletionSource::AllKeys
    }

    /// How the JSON in its columns is stored.
    pub(super) fn nesting(
        &self,
        name: &str,
        kind: PageKind,
        source: &SourceSchema,
        known: Option<&SchemaRef>,
    ) -> Result<Option<Nesting>, PipelineError> {
        let manner = Manner {
            nested: self.spec.nested,
            schema: self.spec.schema,
            groups: self.compares(),
            stays: self.stays(),
            keeps_deleted: self.deletes == DeletionMode::Soft,
        };
        if self.of_items.is_some() {
            return Ok(None);
        }
        Nesting::new(name, manner, kind, source, self.key(source), known)
    }

    /// Its columns as far as they are known before its first value.
    pub(super) fn announced(&self, source: &SourceSchema) -> SourceSchema {
        nested::announced(self.spec.nested, source, self.key(source))
    }

    /// What is stored in place of values of its columns.
    pub(super) fn masks(&self) -> &Masks {
        &self.spec.mask
    }

    /// The texts that tell a part of its rows, as they are stored.
    pub(super) fn stored_texts(
        &self,
        name: &str,
        part: &UnreadPart,
    ) -> Result<Vec<String>, PipelineError> {
        match mask::of(&self.spec.mask, &part.column) {
            None => Ok(part.values.clone()),
            Some(Mask::Sha256) => {
                let values = part.values.iter();
                Ok(values.map(|text| mask::sha256(text.as_bytes())).collect())
            }
            Some(Mask::Null | Mask::Partial) => Err(PipelineError::settings(
                format!(
                    "`mask` hides `{}` of `{name}`, by which rows are told that stay because they could not be read",
                    part.column
                ),
                "use \"sha256\" for it, or leave the mask out".to_owned(),
            )),
        }
    }

    pub(super) fn mode(&self) -> ReadMode {
        self.spec.mode
    }

    /// Whether rows can be committed before all have come. Not where what is
    /// there gives way as a whole, nor where all must be known to tell which
    /// rows were deleted.
    pub(super) fn can_be_resumed(&self) -> bool {
        self.write != WriteDisposition::Replace
            && !self.full_refresh
            && self.deletes == DeletionMode::Ignore
            || self.spec.mode == ReadMode::Changes && self.cursor.is_some()
    }

    /// What to ask the connector for.
    pub(super) fn selection(&self) -> Selection {
        let spec = &self.spec;
        Selection {
            resource: spec.name.clone(),
            mode: spec.mode,
            cursor: self.cursor.clone(),
            cursor_column: spec.cursor.clone(),
            lag: spec.lag.clone(),
            columns: spec.columns.clone(),
            types: spec.types.clone(),
            nested: spec.nested != NestedMode::Keep,
            filter: spec.filter.clone(),
            primary_key: spec.primary_key.clone(),
            max_rows_billed: spec.max_rows_read,
            idempotent: self.compares(),
            keys: self.is_by_keys(),
        }
    }

    /// How its rows are masked before they are stored. Refuses masks that
    /// would tell no rows apart, or hide what is stored elsewhere.
    pub(super) fn masking(
        &self,
        name: &str,
        kind: PageKind,
        source: &SourceSchema,
    ) -> Result<Masking, PipelineError> {
        self.judge_masks(self.key(source))?;
        Masking::new(&self.spec.mask, name, source, kind)
    }

    /// What the destination is told of its rows.
    pub(super) fn table_write(
        &self,
        name: &str,
        kind: PageKind,
        source: &SourceSchema,
        fit: &SchemaFit,
        known: Option<&Schema>,
    ) -> Result<TableWrite, PipelineError> {
        let wanted = self.key(source);
        if self.compares() && wanted.is_empty() {
            return Err(PipelineError::settings(
                format!("`{name}` has no primary key by which its rows could be merged"),
                "name columns that tell its rows apart with `primary_key`, or use `write = \"append\"`"
                    .to_owned(),
            ));
        }
        let mut key = Vec::with_capacity(wanted.len());
        for column in wanted.iter().filter(|_| self.compares()) {
            let stored = names::column_name(column);
            // Of a column that is there with another type, only siblings come.
            let known = known.into_iter().flat_map(Schema::fields);
            let mut fields = fit.schema.fields().iter().chain(known);
            let Some(field) = fields.find(|field| field.name().eq_ignore_ascii_case(&stored))
            else {
                return Err(PipelineError::settings(
                    format!("`{name}` is merged by `{column}`, which is not among its columns"),
                    "add it to `columns`, or look at `primary_key`".to_owned(),
                ));
            };
            key.push(field.name().clone());
        }
        Ok(TableWrite {
            schema: Arc::clone(&fit.schema),
            siblings: fit.siblings.clone(),
            disposition: self.write,
            key,
            full_refresh: self.full_refresh,
            deletion_source: self.deletion_source(kind),
            deletion_mode: self.deletes,
            group: (self.of_items.is_some() && self.compares()).then(|| names::INDEX.to_owned()),
        })
    }

    /// How its columns go into the table that is there. `seen` are columns of
    /// another type than the table's, of which a value has come.
    pub(super) fn fit(
        &self,
        name: &str,
        kind: PageKind,
        source: &SourceSchema,
        known: Option<&Schema>,
        seen: &BTreeSet<String>,
    ) -> Result<SchemaFit, PipelineError> {
        let fit = self.as_it_comes(kind, source);
        let Some(known) = known else {
            return Ok(fit);
        };
        if self.stays() {
            let fit = fit.into_table(known).without_unseen(known, seen);
            self.judge(name, &fit.changes(Some(known)))?;
            return Ok(fit.under(self.spec.schema, known));
        }
        self.judge(name, &self.changes(kind, source, Some(known)))?;
        Ok(fit.under(self.spec.schema, known))
    }

    /// What would change about the table that is there. One that is replaced
    /// takes any column; to say what has changed, it is looked at as if it
    /// stayed.
    pub(super) fn changes(
        &self,
        kind: PageKind,
        source: &SourceSchema,
        known: Option<&Schema>,
    ) -> Vec<Change> {
        let fit = self.as_it_comes(kind, source);
        match known {
            Some(known) => fit.into_table(known).changes(Some(known)),
            None => fit.changes(None),
        }
    }

    /// The columns that are read.
    pub(super) fn chosen(&self, all: &SchemaRef) -> SchemaRef {
        let chosen = |name: &str| {
            let mut columns = self.spec.columns.iter();
            self.spec.columns.is_empty() || columns.any(|column| column.eq_ignore_ascii_case(name))
        };
        let fields = all.fields().iter().filter(|field| chosen(field.name()));
        Arc::new(Schema::new(fields.cloned().collect::<Vec<_>>()))
    }

    fn as_it_comes(&self, kind: PageKind, source: &SourceSchema) -> SchemaFit {
        let stored = |sibling: &Sibling| Sibling {
            name: names::column_name(&sibling.name),
            column: names::column_name(&sibling.column),
        };
        SchemaFit::new(
            Marker::schema(&source.columns, kind, self.write),
            source.siblings.iter().map(stored).collect(),
        )
    }

    /// Whether the table that is there stays.
    fn stays(&self) -> bool {
        self.write != WriteDisposition::Replace && !self.full_refresh
    }

    /// Refuses changes, if the table is to stay as it is.
    fn judge(&self, name: &str, changes: &[Change]) -> Result<(), PipelineError> {
        if self.spec.schema != SchemaPolicy::Freeze {
            return Ok(());
        }
        let shown = changes.iter().filter_map(|change| match change {
            Change::ColumnAdded { column, kind } => {
                let kind = kind.map(|kind| format!(" ({kind})")).unwrap_or_default();
                Some(format!("column `{column}`{kind} is new"))
            }
            Change::TypeChanged {
                column, from, to, ..
            } => Some(format!("column `{column}` was {from} and is {to}")),
            Change::TableAdded | Change::ColumnMissing { .. } => None,
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            return Ok(());
        }
        Err(PipelineError::settings(
            format!("the columns of `{name}` have changed: {}", shown.join(", ")),
            "`schema = \"freeze\"` refuses that; `evolve` adds columns, `discard_value` leaves them out"
                .to_owned(),
        ))
    }

    /// The columns of its key: the source's, unless the operator says others.
    /// The source was told those, and may know that they are not all.
    pub(super) fn key<'a>(&'a self, source: &'a SourceSchema) -> &'a [String] {
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

    fn judge_masks(&self, key: &[String]) -> Result<(), PipelineError> {
        let spec = &self.spec;
        let refuse = |what: String, hint: &str| {
            let message = format!("the resource `{}`: {what}", spec.name);
            Err(PipelineError::settings(message, hint.to_owned()))
        };
        let cursor = spec.cursor.iter();
        let key_in_cursor = key.iter().filter(|_| spec.mode == ReadMode::Incremental);
        for column in cursor.chain(key_in_cursor) {
            if mask::of(&spec.mask, column).is_some() {
                return refuse(
                    format!("`mask` names `{column}`, by which it is read incrementally"),
                    "the cursor that is stored with the rows holds values of this column as they are; use another cursor, `mode = \"full\"`, or leave the mask out",
                );
            }
        }
        for column in key.iter().filter(|_| self.compares()) {
            if let Some(Mask::Null | Mask::Partial) = mask::of(&spec.mask, column) {
                return refuse(
                    format!("`mask` hides `{column}`, by which its rows are merged"),
                    "use \"sha256\" for it, which keeps different values different",
                );
            }
        }
        Ok(())
    }

    fn compares(&self) -> bool {
        matches!(self.write, WriteDisposition::Merge | WriteDisposition::Scd2)
    }

    fn deletion_source(&self, kind: PageKind) -> DeletionSource {
        if let Some(deletion_source) = self.of_items {
            return deletion_source;
        }
        match (kind, self.deletes, &self.cursor) {
            (PageKind::Changes, _, _) => DeletionSource::Flagged,
            (_, DeletionMode::Ignore, _) => DeletionSource::Unknown,
            // Without a cursor, everything comes.
            (_, _, None) => DeletionSource::AllRows,
            (_, _, Some(_)) => match self.spec.mode {
                // A feed is first read in full, whatever the cursor says.
                ReadMode::Full | ReadMode::Changes => DeletionSource::AllRows,
                ReadMode::Incremental => DeletionSource::AllKeys,
            },
        }
    }
}

/// The plans of all resources that the pipeline describes, by name.
pub(super) fn plans(
    resources: &[ResourceSpec],
) -> Result<BTreeMap<String, ResourcePlan>, PipelineError> {
    let plan = |spec: &ResourceSpec| Ok((spec.name.clone(), ResourcePlan::new(spec)?));
    resources.iter().map(plan).collect()
}

#[cfg(test)]
mod tests;
