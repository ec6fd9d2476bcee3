//! A resource that is being written: its own table, and the child tables that
//! are made of its lists. Child tables are written, counted and committed with
//! the resource.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::converted_columns::convert_columns;
use super::load_context::LoadContext;
use super::table_state::{PageStats, TableState};
use crate::destination::{DestinationError, Load};
use crate::model::{PageKind, SourceSchema, UnreadPart, WriteDisposition, names};
use crate::pipeline::error::PipelineError;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::row_mapper::{ChildRows, LoadColumns, list_depth, parent_column};
use crate::pipeline::verification::checksum::RowChecksum;

/// A resource whose schema was received.
pub(super) struct OpenResource {
    pub(super) own: TableState,
    pub(super) children: BTreeMap<String, TableState>,
    child_plan: ResourcePlan,
    /// Checksum of the rows, if they are verified by one.
    pub(super) checksum: Option<RowChecksum>,
}

impl OpenResource {
    /// Opens the own table of a resource.
    pub(super) fn new(
        name: &str,
        kind: PageKind,
        plan: ResourcePlan,
        source: SourceSchema,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<Self, PipelineError> {
        let child_plan = plan.for_child_tables(kind);
        let existing = context.load.existing_schema(&names::table_name(name))?;
        let (existing, converted) = convert_columns(name, &plan, &source, existing, context)?;
        let mut own = TableState::new(name, kind, plan, source, existing, context)?;
        own.mapper.set_converted(converted);
        own.open(context)?;
        context.parents.insert(name.to_owned(), name.to_owned());
        Ok(Self {
            own,
            children: BTreeMap::new(),
            child_plan,
            checksum: None,
        })
    }

    /// Opens the child tables of earlier loads.
    pub(super) fn open_existing_children(
        &mut self,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        self.add_existing_children(context)?;
        self.open_children(context)
    }

    /// Announces the columns of later pages.
    pub(super) fn announce(
        &mut self,
        source: SourceSchema,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        self.begin_load(context)?;
        if let Some(checksum) = &mut self.checksum {
            checksum.set_columns(&source);
        }
        self.own.mapper.announce(source)?;
        self.own.open(context)?;
        self.open_children(context)
    }

    /// Announces the columns of pages of keys.
    pub(super) fn announce_keys(
        &mut self,
        keys: &SourceSchema,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        self.begin_load(context)?;
        if self.own.mapper.announce_keys(keys)? {
            self.own.open(context)?;
            self.open_children(context)?;
        }
        Ok(())
    }

    /// Writes the rows of a page, and those that its lists add to child tables.
    pub(super) fn write(
        &mut self,
        batch: &RecordBatch,
        page: PageStats,
        columns: &mut LoadColumns,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        self.begin_load(context)?;
        let Self {
            own,
            children,
            child_plan,
            checksum,
        } = self;
        if let Some(checksum) = checksum {
            checksum.add(batch);
        }
        let resource = &own.name;
        let rows_before = own.stored_rows();
        let mut write_child = |rows: ChildRows, columns: &mut LoadColumns| {
            let parents = rows.parents.iter();
            let page = PageStats {
                group_starts: rows.group_starts,
                parents: parents.map(|row| rows_before + i64::from(*row)).collect(),
                ..PageStats::default()
            };
            let (table, source) = (rows.table, rows.source);
            let child = open_child(children, resource, child_plan, table, source, context)?;
            let rows = child.mapper.take(&rows.rows, columns, &mut |_, _| Ok(()))?;
            child.write(rows, page, context)
        };
        let rows = own.mapper.take(batch, columns, &mut write_child)?;
        own.write(rows, page, context)
    }

    /// Writes the keys of all rows that the resource has in the source.
    pub(super) fn write_keys(
        &mut self,
        batch: &RecordBatch,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        self.begin_load(context)?;
        let columns = self.own.mapper.key_columns().to_vec();
        self.own.write_keys(&columns, batch, context)?;
        let columns: Vec<_> = columns.iter().map(|key| parent_column(key)).collect();
        let mut children = self.children.values_mut();
        children
            .by_ref()
            .filter(|child| child.counts.is_some() && child.plan().needs_keys())
            .try_for_each(|child| child.write_keys(&columns, batch, context))
    }

    /// Discards the rows of this load.
    pub(super) fn discard(&mut self, load: &mut dyn Load) -> Result<(), DestinationError> {
        self.tables_mut().try_for_each(|table| {
            table.counts = None;
            load.discard_table(&table.table)
        })
    }

    /// Keeps the stored rows of a part that was not read. Returns false if the
    /// destination cannot.
    pub(super) fn keep_unread(
        &self,
        part: &UnreadPart,
        load: &mut dyn Load,
    ) -> Result<bool, PipelineError> {
        let stored = self.own.mapper.stored_unread(part)?;
        let in_children = UnreadPart {
            column: parent_column(&part.column),
            ..stored.clone()
        };
        let children = self.children.values().map(|child| (child, &in_children));
        let mut can_keep = true;
        for (table, part) in std::iter::once((&self.own, &stored)).chain(children) {
            if table.counts.is_some() {
                can_keep &= load.keep_unread(&table.table, part)?;
            }
        }
        Ok(can_keep)
    }

    /// True if a later run can resume after a commit of the rows so far.
    pub(super) fn can_be_resumed(&self) -> bool {
        let Some(counts) = &self.own.counts else {
            return true;
        };
        let plan = self.own.plan();
        let repeats_rows = counts.rows > 0
            && plan.disposition == WriteDisposition::Append
            && !counts.has_new_cursor(plan);
        plan.can_be_resumed() && counts.rows_after_cursor == 0 && !repeats_rows
    }

    /// Returns the own table and the child tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = &TableState> {
        std::iter::once(&self.own).chain(self.children.values())
    }

    /// Returns the own table and the child tables.
    pub(super) fn tables_mut(&mut self) -> impl Iterator<Item = &mut TableState> {
        std::iter::once(&mut self.own).chain(self.children.values_mut())
    }

    /// Opens the tables in a load that has not opened them yet.
    fn begin_load(&mut self, context: &mut LoadContext<'_, '_>) -> Result<(), PipelineError> {
        if self.own.begin_load(context)? {
            self.open_existing_children(context)?;
        }
        Ok(())
    }

    /// Opens the child tables that the resource has so far. Those of earlier
    /// loads are opened even without rows, because their rows may be deleted.
    fn open_children(&mut self, context: &mut LoadContext<'_, '_>) -> Result<(), PipelineError> {
        let resource = &self.own.name;
        for (table, source) in self.own.mapper.child_tables() {
            open_child(
                &mut self.children,
                resource,
                &self.child_plan,
                table,
                source,
                context,
            )?;
        }
        Ok(())
    }

    /// Adds the child tables of earlier loads to the mapper. A table belongs to
    /// the resource with the longest name that its own name starts with.
    fn add_existing_children(
        &mut self,
        context: &mut LoadContext<'_, '_>,
    ) -> Result<(), PipelineError> {
        if !self.own.mapper.makes_child_tables() {
            return Ok(());
        }
        let resource = &self.own.name;
        let tables = context.load.existing_tables()?;
        let mut lists: Vec<(&String, SchemaRef)> = Vec::new();
        let mut others: Vec<&String> = context.plans.keys().collect();
        for table in tables.iter().filter(|table| is_below(table, resource)) {
            match context.load.existing_schema(table)? {
                Some(existing) if list_depth(&existing).is_some() => lists.push((table, existing)),
                _ => others.push(table),
            }
        }
        lists.retain(|(table, _)| {
            let mut others = others.iter();
            !others.any(|other| is_below(other, resource) && is_below(table, other))
        });
        for (table, existing) in lists {
            self.own.mapper.add_child_table(table, &existing);
        }
        Ok(())
    }
}

/// Opens a child table, unless it is open with these columns.
fn open_child<'t>(
    children: &'t mut BTreeMap<String, TableState>,
    resource: &str,
    plan: &ResourcePlan,
    table: String,
    source: SourceSchema,
    context: &mut LoadContext<'_, '_>,
) -> Result<&'t mut TableState, PipelineError> {
    match children.entry(table) {
        Entry::Occupied(entry) => {
            let child = entry.into_mut();
            child.begin_load(context)?;
            if child.mapper.source().columns != source.columns {
                child.mapper.announce(source)?;
                child.open(context)?;
            }
            Ok(child)
        }
        Entry::Vacant(entry) => {
            let table = entry.key();
            let existing = context.load.existing_schema(&names::table_name(table))?;
            let is_other = |existing: &SchemaRef| list_depth(existing).is_none();
            if context.parents.contains_key(table) || existing.as_ref().is_some_and(is_other) {
                return Err(name_conflict(table, resource));
            }
            let kind = PageKind::Rows;
            let child = TableState::new(table, kind, plan.clone(), source, existing, context)?;
            context.parents.insert(table.clone(), resource.to_owned());
            // The child is known before it is opened, so that an error discards it.
            let child = entry.insert(child);
            child.open(context)?;
            Ok(child)
        }
    }
}

/// True if the name of a table starts with that of a resource and a separator.
fn is_below(table: &str, resource: &str) -> bool {
    let rest = table.strip_prefix(resource);
    rest.is_some_and(|rest| rest.starts_with("__"))
}

/// Returns the error for a name that a resource and a child table share.
pub(super) fn name_conflict(table: &str, resource: &str) -> PipelineError {
    if names::table_name(table) != table {
        return PipelineError::contract(format!("the name `{table}` is reserved for the host"));
    }
    PipelineError::settings(
        format!("`{table}` is a resource, and also the name of a child table of `{resource}`"),
        format!("set `nested` of `{resource}` to `json` to store its lists whole"),
    )
}
