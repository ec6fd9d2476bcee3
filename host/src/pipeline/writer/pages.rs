//! The columns and pages of a resource on their way to the destination. Counts
//! what it stores, and commits nothing.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;

use super::open::{Open, Part};
use super::{Writer, contract, unopened};
use crate::destination;
use crate::model::{Cursor, PageKind, ReadMode, Rejected, SourceSchema, names};
use crate::pipeline::PipelineError;
use crate::pipeline::mark::Marker;
use crate::pipeline::observer::Update;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::widen::widened;

/// A page, as far as it is counted.
pub(super) struct Counted {
    pub(super) bytes: u64,
    /// Rows that only begin a group.
    pub(super) heads: u64,
    pub(super) cursor: Option<Cursor>,
}

impl Writer<'_, '_, '_> {
    /// Takes the columns that the connector says a resource has.
    pub(super) fn schema(
        &mut self,
        resource: &str,
        kind: PageKind,
        source: SourceSchema,
    ) -> Result<(), PipelineError> {
        let open = self.run.open.get(resource);
        let mut source = source;
        // Those that only keys have brought.
        if let Some(open) = open.filter(|open| open.plan.selection().keys)
            && let Some(known) = &open.source
        {
            source.add_siblings(known);
        }
        match open {
            Some(open) if open.items_of.is_some() => return Err(self.is_of_a_list(resource)),
            Some(open) if open.kind != kind => {
                return Err(contract(format!(
                    "`{resource}` brings both rows and changes"
                )));
            }
            Some(_) => {}
            None => {
                let plan = self.run.plan(resource)?;
                if kind == PageKind::Changes && plan.mode() != ReadMode::Changes {
                    return Err(contract(format!(
                        "it sends changes of `{resource}`, for which nobody asked"
                    )));
                }
                self.open(resource, kind, plan, None);
            }
        }
        self.announce(resource, source)
    }

    /// Begins to write a resource, or a list of one.
    pub(super) fn open(
        &mut self,
        resource: &str,
        kind: PageKind,
        plan: ResourcePlan,
        items_of: Option<String>,
    ) {
        let table = names::table_name(resource);
        let span = tracing::info_span!("resource", resource, table);
        span.in_scope(|| tracing::info!("reading"));
        self.run.observer.update(Update::Opened { resource });
        let mut open = Open::new(table, kind, plan, span);
        open.items_of = items_of;
        self.run.open.insert(resource.to_owned(), open);
    }

    /// Announces the columns of what is open to the destination, as they are
    /// stored.
    pub(super) fn announce(
        &mut self,
        resource: &str,
        source: SourceSchema,
    ) -> Result<(), PipelineError> {
        let Some(open) = self.run.open.get_mut(resource) else {
            return Err(unopened(resource));
        };
        let known = match &open.part {
            Some(part) => part.known.clone(),
            None => self.load.existing_schema(&open.table)?,
        };
        let masking = open.plan.masking(resource, open.kind, &source)?;
        let whole = masking.stored(&source);
        if let Some(nesting) = &mut open.nesting {
            nesting.see(&whole, open.plan.key(&whole));
        } else {
            let nesting = open
                .plan
                .nesting(resource, open.kind, &whole, known.as_ref())?;
            open.nesting = nesting.map(Box::new);
        }
        let stored = match &open.nesting {
            Some(nesting) => nesting.columns(),
            None => whole,
        };
        let (plan, kind) = (&open.plan, open.kind);
        let fit = plan.fit(resource, kind, &stored, known.as_deref(), &open.seen)?;
        let table_write = plan.table_write(resource, kind, &stored, &fit, known.as_deref())?;
        self.load.open_table(&open.table, &table_write)?;
        open.source = Some(source);
        let marked = Marker::schema(&stored.columns, kind, plan.write);
        let is_first = open.part.is_none();
        match &mut open.part {
            Some(part) => {
                part.masking = masking;
                part.marked = marked;
                part.fit = fit;
            }
            None => open.part = Some(Part::new(masking, marked, fit, known)),
        }
        self.announce_items(resource, is_first)
    }

    /// Takes rows of a resource.
    pub(super) fn page(
        &mut self,
        resource: &str,
        batch: &RecordBatch,
        cursor: Option<Cursor>,
        bytes: u64,
    ) -> Result<(), PipelineError> {
        let open = self.run.opened(resource)?;
        // The first page after a commit: its columns are still those.
        if let (None, Some(source)) = (&open.part, open.source.clone()) {
            self.announce(resource, source)?;
        }
        let Some((open, part)) = self.run.open.get_mut(resource).and_then(Open::writing) else {
            return Err(unopened(resource));
        };
        let rows = widened(batch, open.columns).and_then(|rows| part.masking.apply(&rows));
        let rows = rows.map_err(|error| contract(error.to_string()))?;
        let rows = self.take_apart(resource, rows)?;
        let counted = Counted {
            bytes,
            heads: 0,
            cursor,
        };
        self.store(resource, &rows, counted)
    }

    /// Stores rows whose columns are announced.
    pub(super) fn store(
        &mut self,
        resource: &str,
        rows: &RecordBatch,
        counted: Counted,
    ) -> Result<(), PipelineError> {
        let broken = |error: ArrowError| contract(error.to_string());
        let Some((_, part)) = self.run.open.get_mut(resource).and_then(Open::writing) else {
            return Err(unopened(resource));
        };
        let marked = self.marker.mark(rows, &part.marked).map_err(broken)?;
        let seen = part.fit.seen_in(&marked);
        if !seen.is_empty()
            && let Some(open) = self.run.open.get_mut(resource)
            && let Some(source) = open.source.clone()
        {
            open.seen.extend(seen);
            self.announce(resource, source)?;
        }
        let Some((open, part)) = self.run.open.get_mut(resource).and_then(Open::writing) else {
            return Err(unopened(resource));
        };
        let _entered = open.span.clone().entered();
        let count = rows.num_rows() as u64;
        tracing::debug!(rows = count, bytes = counted.bytes, "page");
        let (rows, refused) = part.fit.rows(marked).map_err(broken)?;
        part.rows += count;
        part.heads += counted.heads;
        part.cursor = counted.cursor;
        open.totals.add_page(count - counted.heads, counted.bytes);
        if let Some(refused) = refused {
            let count = refused.num_rows() as u64;
            part.refused += count;
            open.totals.refused += count;
            for record in records(resource, &refused)? {
                self.load.reject(record)?;
            }
        }
        self.load.write_rows(open.table, rows)?;
        self.run.observer.update(Update::Rows {
            resource,
            rows: open.totals.rows,
        });
        Ok(())
    }
}

/// Rows that the host rejects, as records.
fn records(resource: &str, rows: &RecordBatch) -> Result<Vec<Rejected>, PipelineError> {
    let json = destination::json_array(std::slice::from_ref(rows));
    let json = json.map_err(|error| contract(error.to_string()))?;
    let values: Vec<serde_json::Value> =
        serde_json::from_str(&json).map_err(|error| contract(error.to_string()))?;
    let record = |value: serde_json::Value| Rejected {
        resource: resource.to_owned(),
        record: value.to_string(),
        reason:
            "it has a value in a column that the table does not have (`schema = \"discard_row\"`)"
                .to_owned(),
    };
    Ok(values.into_iter().map(record).collect())
}
