//! The table that rows of a resource are mapped to, and the steps that the
//! plan of the resource leads to for a list of columns.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_schema::{Schema, SchemaRef};

use super::changes::{self, Change};
use super::column_names::ColumnNames;
use super::load_columns::LoadColumns;
use super::mask::Masking;
use super::nested::{self, Nesting, NestingOptions};
use super::schema_fit::{ColumnFate, SchemaFit, find};
use crate::destination::{RowGroups, RowOrder, StoredType, TableWrite};
use crate::model::{DeletionMode, PageKind, SchemaPolicy, SourceSchema, names};
use crate::pipeline::error::PipelineError;
use crate::pipeline::plan::ResourcePlan;

/// The table of a resource, or of a list in a resource.
pub(in crate::pipeline) struct TargetTable {
    pub(in crate::pipeline) plan: ResourcePlan,
    /// Name of the resource or of the child table, for messages.
    pub(in crate::pipeline) resource: String,
    pub(in crate::pipeline) kind: PageKind,
    /// Columns of the table before the load; `None` if there is no table.
    pub(in crate::pipeline) existing: Option<SchemaRef>,
}

/// The steps that rows of one list of columns pass.
pub(super) struct Mapping {
    pub(super) masking: Masking,
    /// Columns of the rows, with those that the host adds.
    pub(super) loaded: SchemaRef,
    pub(super) fit: SchemaFit,
    pub(super) table_write: TableWrite,
}

impl TargetTable {
    /// Returns the steps for rows with the columns of `source`. `valued` names
    /// the columns of another type than the table's that have had a value.
    pub(super) fn mapping(
        &self,
        source: &SourceSchema,
        nesting: &mut Option<Box<Nesting>>,
        names: &mut ColumnNames,
        valued: &BTreeSet<String>,
    ) -> Result<Mapping, PipelineError> {
        let masking = self.masking(source)?;
        let masked = masking.masked(source);
        match nesting {
            Some(nesting) => nesting.set_source(&masked, self.plan.key_columns(&masked)),
            None => *nesting = self.nesting(&masked)?.map(Box::new),
        }
        let columns = match nesting {
            Some(nesting) => nesting.columns(),
            None => masked,
        };
        names.add(&columns, self.kind, self.existing.as_deref());
        let incoming = self.incoming(&columns, names);
        let loaded = Arc::clone(incoming.schema());
        let fit = self.fit(incoming, valued)?;
        names.reserve(fit.siblings());
        let fit = fit.with_origins(names);
        Ok(Mapping {
            table_write: self.table_write(&columns, &loaded, &fit, names)?,
            masking,
            loaded,
            fit,
        })
    }

    /// Compares the listed columns of a resource with the table. Also returns
    /// the error with which a load would refuse them.
    pub(in crate::pipeline) fn compare(
        &self,
        listed: &SourceSchema,
    ) -> (Vec<Change>, Result<(), PipelineError>) {
        let masking = self.masking(listed);
        let masked = match &masking {
            Ok(masking) => masking.masked(listed),
            Err(_) => listed.clone(),
        };
        let nested = self.plan.spec.nested;
        let key = self.plan.key_columns(&masked);
        let known = nested::known_columns(nested, &masked, key);
        let mut names = ColumnNames::default();
        names.add(&known, self.kind, self.existing.as_deref());
        let incoming = self.incoming(&known, &names);
        let changes = match self.existing.as_deref() {
            None => vec![Change::TableAdded],
            Some(existing) => {
                let documents = nested::split_documents(nested, &masked, key);
                let fit = incoming.clone().into_table(existing);
                let missing = changes::missing_columns(&fit, existing, &documents);
                let mut changes = if self.plan.keeps_table() {
                    let mut changes = changes::added_columns(&fit, existing);
                    for change in &mut changes {
                        self.note_conversion(change);
                    }
                    changes
                } else {
                    let mut changes = changes::added_columns(&incoming, existing);
                    changes.extend(changes::replaced_types(&incoming, existing));
                    changes
                };
                changes.extend(missing);
                changes
            }
        };
        let accepted = masking.and_then(|_| self.fit(incoming, &BTreeSet::new()));
        (changes, accepted.map(|_| ()))
    }

    /// Notes in a change that a load converts the column, because the settings of
    /// the resource request another type.
    fn note_conversion(&self, change: &mut Change) {
        if let Change::TypeChanged { column, into, .. } = change {
            let mut types = self.plan.spec.types.keys();
            if types.any(|name| names::column_name(name).eq_ignore_ascii_case(column)) {
                into.clone_from(column);
            }
        }
    }

    fn masking(&self, source: &SourceSchema) -> Result<Masking, PipelineError> {
        self.plan.validate_masks(self.plan.key_columns(source))?;
        Masking::new(self.plan.masks(), &self.resource, source, self.kind)
    }

    /// Returns the storage of JSON in a resource. A child table has none.
    fn nesting(&self, masked: &SourceSchema) -> Result<Option<Nesting>, PipelineError> {
        if self.plan.is_child_table() {
            return Ok(None);
        }
        let options = NestingOptions {
            nested: self.plan.spec.nested,
            schema: self.plan.spec.schema,
            grouped: self.plan.merges_by_key(),
            keeps_table: self.plan.keeps_table(),
            keeps_deleted_rows: self.plan.deletion_mode == DeletionMode::Soft,
        };
        Nesting::new(
            &self.resource,
            options,
            self.kind,
            masked,
            self.plan.key_columns(masked),
            self.existing.as_ref(),
        )
    }

    /// Returns the columns with those of the host, before they are fitted into
    /// the table.
    fn incoming(&self, columns: &SourceSchema, names: &ColumnNames) -> SchemaFit {
        let siblings = columns.siblings.iter().map(|sibling| {
            sibling.renamed(names.stored(&sibling.name), names.stored(&sibling.column))
        });
        SchemaFit::new(
            LoadColumns::schema(&columns.columns, names, self.kind, self.plan.disposition),
            siblings.collect(),
        )
    }

    /// Fits the columns into the existing table. A replaced table accepts any
    /// column, unless its schema is frozen.
    fn fit(
        &self,
        incoming: SchemaFit,
        valued: &BTreeSet<String>,
    ) -> Result<SchemaFit, PipelineError> {
        let Some(existing) = self.existing.as_deref() else {
            return Ok(incoming);
        };
        let policy = self.plan.spec.schema;
        let fit = if self.plan.keeps_table() {
            incoming
                .into_table(existing)
                .without_pending(existing, valued)
        } else {
            incoming
        };
        if policy == SchemaPolicy::Freeze {
            let changes = if self.plan.keeps_table() {
                changes::added_columns(&fit, existing)
            } else {
                changes::added_columns(&fit.clone().into_table(existing), existing)
            };
            changes::refuse(&self.resource, &changes)?;
        }
        Ok(fit.with_policy(policy, existing))
    }

    /// Returns the instructions for the destination.
    fn table_write(
        &self,
        columns: &SourceSchema,
        loaded: &Schema,
        fit: &SchemaFit,
        stored_names: &ColumnNames,
    ) -> Result<TableWrite, PipelineError> {
        let plan = &self.plan;
        let merges = plan.merges_by_key();
        Ok(TableWrite {
            schema: Arc::clone(fit.schema()),
            siblings: fit.siblings().to_vec(),
            disposition: plan.disposition,
            key: if merges {
                self.merge_key(columns, fit, stored_names)?
            } else {
                Vec::new()
            },
            full_refresh: plan.full_refresh,
            deletion_source: plan.deletion_source(self.kind),
            deletion_mode: plan.deletion_mode,
            group: (plan.is_child_table() && merges).then(|| RowGroups {
                index: names::INDEX.to_owned(),
                parent: names::table_name(&plan.spec.name),
            }),
            order: self.row_order(loaded, fit, stored_names),
        })
    }

    /// Returns the order of the rows of one key, if their values in the cursor
    /// column are stored.
    fn row_order(
        &self,
        loaded: &Schema,
        fit: &SchemaFit,
        stored_names: &ColumnNames,
    ) -> Option<RowOrder> {
        let name = stored_names.stored(self.plan.order_column()?);
        let mut fields = loaded.fields().iter();
        let index = fields.position(|field| field.name().eq_ignore_ascii_case(&name))?;
        if fit.column_fate(index) == ColumnFate::Dropped {
            return None;
        }
        let existing = self.existing.as_deref();
        let stored = existing.and_then(|existing| find(existing, &name));
        let stored = stored.or_else(|| find(fit.schema(), &name));
        Some(RowOrder {
            column: stored.map_or(name, |field| field.name().clone()),
            // A read without a cursor is complete. Stored rows that it does not
            // have are no longer in the source.
            includes_stored: self.plan.cursor.is_some(),
        })
    }

    /// Returns the stored names of the columns by which rows are merged.
    fn merge_key(
        &self,
        columns: &SourceSchema,
        fit: &SchemaFit,
        stored_names: &ColumnNames,
    ) -> Result<Vec<String>, PipelineError> {
        let resource = &self.resource;
        let key = self.plan.key_columns(columns);
        if key.is_empty() {
            return Err(PipelineError::settings(
                format!("`{resource}` has no primary key by which its rows can be merged"),
                "set `primary_key` to columns that identify its rows, or set `write` to `append`",
            ));
        }
        let stored_name = |column: &String| {
            let name = stored_names.stored(column);
            // If all values of a key column go to siblings, only the table has
            // the column itself.
            let existing = self.existing.iter().flat_map(|table| table.fields());
            let mut fields = fit.schema().fields().iter().chain(existing);
            let stored = fields.find(|field| field.name().eq_ignore_ascii_case(&name));
            stored.map(|field| field.name().clone()).ok_or_else(|| {
                PipelineError::settings(
                    format!(
                        "`{resource}` is merged by `{column}`, which is not one of its columns"
                    ),
                    "add it to `columns`, or correct `primary_key`",
                )
            })
        };
        key.iter().map(stored_name).collect()
    }
}

/// Returns the columns that a plan reads, with the types that it requests by
/// common names.
pub(in crate::pipeline) fn selected_columns(plan: &ResourcePlan, all: &SchemaRef) -> SchemaRef {
    let is_selected = |name: &str| {
        let mut columns = plan.spec.columns.iter();
        plan.spec.columns.is_empty() || columns.any(|column| column.eq_ignore_ascii_case(name))
    };
    let fields = all
        .fields()
        .iter()
        .filter(|field| is_selected(field.name()));
    let typed = fields.map(|field| {
        let mut types = plan.spec.types.iter();
        let requested = types.find(|(name, _)| name.eq_ignore_ascii_case(field.name()));
        let stored = requested.and_then(|(_, type_name)| StoredType::from_common_name(type_name));
        stored.map_or_else(
            || Arc::clone(field),
            |stored| Arc::new(stored.field(field.name())),
        )
    });
    Arc::new(Schema::new(typed.collect::<Vec<_>>()))
}
