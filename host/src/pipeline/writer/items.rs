//! The tables that are made of the lists of a resource. They are written,
//! counted and committed with it, and never by themselves.

use arrow_array::RecordBatch;

use super::pages::Counted;
use super::{Writer, contract, unopened};
use crate::model::{PageKind, SourceSchema, UnreadPart, names};
use crate::pipeline::PipelineError;
use crate::pipeline::nested::{self, Items, root_of};

impl Writer<'_, '_, '_> {
    /// Takes the lists out of rows of a resource, and gives what is left.
    pub(super) fn take_apart(
        &mut self,
        resource: &str,
        rows: RecordBatch,
    ) -> Result<RecordBatch, PipelineError> {
        let open = self.run.open.get_mut(resource);
        let Some(mut nesting) = open.and_then(|open| open.nesting.take()) else {
            return Ok(rows);
        };
        let rows = nesting.take(&rows, &mut |items| self.items(resource, items))?;
        let has_grown = nesting.has_grown();
        let Some(open) = self.run.open.get_mut(resource) else {
            return Err(unopened(resource));
        };
        open.nesting = Some(nesting);
        if let (true, Some(source)) = (has_grown, open.source.clone()) {
            self.announce(resource, source)?;
        }
        Ok(rows)
    }

    /// Announces the tables of the lists of a resource, where they are new or
    /// have other columns. Those that are there from earlier loads are
    /// announced with the resource: their items may be gone.
    pub(super) fn announce_items(
        &mut self,
        resource: &str,
        is_first: bool,
    ) -> Result<(), PipelineError> {
        let open = self.run.opened(resource)?;
        if !open
            .nesting
            .as_ref()
            .is_some_and(|nesting| nesting.makes_tables())
        {
            return Ok(());
        }
        if is_first {
            self.adopt(resource)?;
        }
        let open = self.run.opened(resource)?;
        let lists = open.nesting.iter().flat_map(|nesting| nesting.lists());
        let lists: Vec<_> = lists
            .map(|(table, source)| (table.to_owned(), source))
            .collect();
        for (table, source) in lists {
            self.announce_list(resource, &table, source)?;
        }
        Ok(())
    }

    /// Gives up what came of the lists of a resource.
    pub(super) fn discard_items(&mut self, resource: &str) -> Result<(), PipelineError> {
        for open in self.run.open.values_mut() {
            if open.items_of.as_deref() == Some(resource) {
                open.part = None;
                self.load.discard_table(&open.table)?;
            }
        }
        Ok(())
    }

    /// Keeps what is there of a part of a resource that was not read, and of
    /// its lists. Says whether it can.
    pub(super) fn keep(
        &mut self,
        resource: &str,
        part: &UnreadPart,
    ) -> Result<bool, PipelineError> {
        // Where nothing at all came of it, all of it stays.
        let Some(open) = self.run.open.get(resource) else {
            return Ok(true);
        };
        if !open.has_text(&part.column) {
            return Err(contract(format!(
                "a part of `{resource}` was not read, and no column of text says which"
            )));
        }
        let values = open.plan.stored_texts(resource, part)?;
        let mut can = true;
        for (name, open) in &self.run.open {
            let of_items = open.items_of.as_deref() == Some(resource);
            if !of_items && name != resource || open.part.is_none() {
                continue;
            }
            let column = if of_items {
                root_of(&part.column)
            } else {
                names::column_name(&part.column)
            };
            let part = UnreadPart {
                column,
                values: values.clone(),
                failure: None,
            };
            can &= self.load.keep_unread(&open.table, &part)?;
        }
        Ok(can)
    }

    /// That a connector brings what is a list of another resource.
    pub(super) fn is_of_a_list(&self, resource: &str) -> PipelineError {
        let open = self.run.open.get(resource);
        let of = open
            .and_then(|open| open.items_of.as_deref())
            .unwrap_or_default();
        both(resource, of)
    }

    fn items(&mut self, resource: &str, items: Items) -> Result<(), PipelineError> {
        self.announce_list(resource, &items.table, items.source)?;
        let counted = Counted {
            bytes: 0,
            heads: items.heads,
            cursor: None,
        };
        self.store(&items.table, &items.rows, counted)
    }

    fn announce_list(
        &mut self,
        resource: &str,
        table: &str,
        source: SourceSchema,
    ) -> Result<(), PipelineError> {
        match self.run.open.get(table) {
            Some(open) if open.items_of.as_deref() != Some(resource) => {
                return Err(both(table, resource));
            }
            Some(open) => {
                let columns = open.source.as_ref().map(|source| &source.columns);
                if open.part.is_some() && columns == Some(&source.columns) {
                    return Ok(());
                }
            }
            None => {
                // Whatever has that name must be such a table.
                let known = self.load.existing_schema(&names::table_name(table))?;
                if known.is_some_and(|known| nested::depth_of(&known).is_none()) {
                    return Err(both(table, resource));
                }
                let open = self.run.opened(resource)?;
                let plan = open.plan.of_items(table, open.kind);
                self.open(table, PageKind::Rows, plan, Some(resource.to_owned()));
            }
        }
        self.announce(table, source)
    }

    /// Finds the tables that are there from earlier loads. Names alone do not
    /// tell whose they are: one belongs to the longest that it begins with.
    fn adopt(&mut self, resource: &str) -> Result<(), PipelineError> {
        let tables = self.load.existing_tables()?;
        let begins = |table: &str, name: &str| {
            let rest = table.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with("__"))
        };
        let mut lists = Vec::new();
        let mut others = Vec::new();
        for table in tables.iter().filter(|table| begins(table, resource)) {
            match self.load.existing_schema(table)? {
                Some(known) if nested::depth_of(&known).is_some() => lists.push((table, known)),
                _ => others.push(table),
            }
        }
        let selected = self.run.head.plans.keys();
        let others: Vec<_> = others.into_iter().chain(selected).collect();
        for (table, known) in lists {
            let is_nearer = |other: &&&String| begins(other, resource) && begins(table, other);
            if others.iter().any(|other| is_nearer(&other)) {
                continue;
            }
            let open = self.run.open.get_mut(resource);
            if let Some(nesting) = open.and_then(|open| open.nesting.as_mut()) {
                nesting.adopt(table, &known);
            }
        }
        Ok(())
    }
}

fn both(table: &str, resource: &str) -> PipelineError {
    if names::table_name(table) != table {
        return contract(format!("`{table}` is a name of the host's own"));
    }
    PipelineError::settings(
        format!("`{table}` is a resource, and would be the table of a list of `{resource}` too"),
        format!("store the lists of `{resource}` whole, with `nested = \"json\"`"),
    )
}
