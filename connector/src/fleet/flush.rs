//! Sends the buffered events of databases, with the columns of the union. Must
//! not decide whether they may be sent.

use std::collections::BTreeSet;

use arrow_array::RecordBatch;

use super::Fleet;
use super::member::Member;
use super::union::{ColumnIndices, Union};
use crate::error::Result;
use crate::output::{Columns, Event, PageKind, page_error};

impl Fleet {
    /// Sends the buffered events of a database, except those of some resources.
    pub(super) fn flush(&mut self, member: &mut Member, without: &BTreeSet<String>) -> Result<()> {
        for event in member.take(without) {
            match event {
                Event::Schema {
                    resource,
                    kind,
                    columns,
                } => self.columns(member, resource, kind, columns),
                Event::Page {
                    resource,
                    kind,
                    batch,
                    ..
                } => self.page(member, resource, kind, &batch)?,
                Event::Rejected {
                    resource,
                    record,
                    reason,
                } => {
                    let resource = self.resource_name(&resource);
                    // The columns of a resource precede its rejected records.
                    self.announce_empty(&resource);
                    self.output.push_back(Event::Rejected {
                        resource,
                        record,
                        reason,
                    });
                }
                Event::Progress { .. } | Event::Restarted(_) | Event::Done(_) => {}
            }
        }
        Ok(())
    }

    /// Sends the columns of a resource if no database has sent a row of it.
    pub(super) fn announce_empty(&mut self, name: &str) {
        let totals = self.totals(name);
        let rows = totals.unions.get(&PageKind::Rows);
        if rows.is_some_and(Union::is_announced) {
            return;
        }
        if let Some(columns) = totals.empty.take() {
            self.announce(name, PageKind::Rows, &columns);
        }
    }

    /// Remembers columns, which are sent with the first row: until then the type
    /// of a column without a declared type is a guess.
    fn columns(&mut self, member: &mut Member, resource: String, kind: PageKind, columns: Columns) {
        let name = self.resource_name(&resource);
        let at = (resource, kind);
        if let Some(indices) = member.indices.get_mut(&at) {
            *indices = self.announce(&name, kind, &columns);
            return;
        }
        if kind == PageKind::Rows {
            let totals = self.totals(&name);
            totals.empty.get_or_insert_with(|| columns.clone());
        }
        member.empty.insert(at, columns);
    }

    fn page(
        &mut self,
        member: &mut Member,
        resource: String,
        kind: PageKind,
        batch: &RecordBatch,
    ) -> Result<()> {
        let name = self.resource_name(&resource);
        // The keys belong to columns, even if the resource sends no rows.
        if kind == PageKind::Keys {
            self.announce_empty(&name);
        }
        let at = (resource, kind);
        if let Some(columns) = member.empty.remove(&at) {
            let indices = self.announce(&name, kind, &columns);
            member.indices.insert(at.clone(), indices);
        }
        let indices = member.indices.get(&at);
        let union = self.totals(&name).unions.get(&kind);
        let (Some(indices), Some(union)) = (indices, union) else {
            return Err(page_error("its columns were not announced"));
        };
        let batch = union
            .page(&member.name, indices, batch)
            .map_err(|error| page_error(&error.to_string()))?;
        let rows = batch.num_rows() as u64;
        self.rows += rows;
        if kind != PageKind::Keys {
            self.totals(&name).sent.add(rows);
        }
        self.output.push_back(Event::Page {
            resource: name,
            kind,
            batch,
            cursor: None,
        });
        self.report_progress(&at.0, member);
        Ok(())
    }

    /// Adds the columns of a database to the union, and sends the union's columns
    /// if some are new.
    fn announce(&mut self, name: &str, kind: PageKind, columns: &Columns) -> ColumnIndices {
        let unions = &mut self.totals(name).unions;
        let union = unions.entry(kind).or_insert_with(Union::new);
        let indices = union.add_columns(columns);
        if let Some(columns) = union.unannounced() {
            let event = Event::Schema {
                resource: name.to_owned(),
                kind,
                columns,
            };
            self.output.push_back(event);
        }
        indices
    }
}
