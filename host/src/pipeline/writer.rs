//! The writing half of a run: decodes what the connector sent, hands it to
//! the destination, and commits only when all counts agree. Runs on a thread
//! of its own, so that decoding and storing overlap with reading.
//!
//! A run is one load. Only one that may be resumed is several: then every few
//! seconds what has come is committed, with the cursors that are true from
//! then on.
//!
//! Reading order: this file (one load), [`run`] (what stays the same over the
//! loads of a run), [`open`] (a resource that is being written).

mod open;
mod run;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant, SystemTime};

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use tokio::sync::mpsc;

use self::open::{Open, Part};
use self::run::{Run, next_load_id};
use super::error::PipelineError;
use super::mark::Marker;
use super::mask;
use super::observer::{Observer, Update};
use super::plan::ResourcePlan;
use super::report::ResourceReport;
use super::widen::widened;
use crate::destination::{self, Destination, Effect, Load};
use crate::model::{
    Cursor, Event, Limits, LoadId, Mode, PageKind, Rejected, ResourceRecord, SourceSchema, Status,
    Summary, names,
};
use crate::sandbox::SandboxError;
use crate::sandbox::pages::{EventDecoder, RawEvent};

/// What is written down about a run, known before it begins.
pub(super) struct LoadHead {
    /// The identity of its first load.
    pub(super) load_id: LoadId,
    pub(super) pipeline: String,
    pub(super) connector_name: String,
    pub(super) connector_version: String,
    pub(super) connector_sha256: String,
    pub(super) started: SystemTime,
    /// How each resource is loaded; replaced where it does not say.
    pub(super) plans: BTreeMap<String, ResourcePlan>,
    /// How often a read that can be resumed is committed before its end;
    /// never, if none.
    pub(super) commit_every: Option<Duration>,
}

/// What a run came to, as far as the writer knows.
pub(super) struct Written {
    /// The identity of its last load.
    pub(super) load_id: LoadId,
    /// How many loads it was.
    pub(super) loads: u64,
    pub(super) status: Status,
    pub(super) resources: Vec<ResourceReport>,
    pub(super) point_in_time: bool,
    pub(super) restarts: u32,
}

/// Writes everything that comes through the channel. When the channel ends
/// before `done`, what is not committed is undone and `None` is returned:
/// whoever dropped the other end knows why.
pub(super) fn write(
    destination: &mut dyn Destination,
    head: &LoadHead,
    limits: &Limits,
    mut events: mpsc::Receiver<RawEvent>,
    observer: &dyn Observer,
) -> Result<Option<Written>, PipelineError> {
    let mut decoder = EventDecoder::new(limits.clone());
    let mut run = Run {
        head,
        observer,
        open: BTreeMap::new(),
        rejected: BTreeMap::new(),
        restarts: 0,
        loads: 0,
        load_id: head.load_id.clone(),
    };
    loop {
        let writer = Writer {
            load: destination.begin(&run.load_id)?,
            marker: Marker::new(&run.load_id),
            begun: Instant::now(),
            run: &mut run,
        };
        match writer.take(&mut events, &mut decoder)? {
            Taken::Part => run.load_id = next_load_id(&run.load_id),
            Taken::All(written) => return Ok(Some(written)),
            Taken::Nothing => return Ok(None),
        }
    }
}

/// Writes one load.
struct Writer<'l, 'r, 'a> {
    load: Box<dyn Load + 'l>,
    marker: Marker,
    begun: Instant,
    run: &'r mut Run<'a>,
}

/// What a load has taken of the run.
enum Taken {
    /// A part, which is committed.
    Part,
    /// The rest, which is committed.
    All(Written),
    /// Nothing: the read ended before its end.
    Nothing,
}

impl Writer<'_, '_, '_> {
    fn take(
        mut self,
        events: &mut mpsc::Receiver<RawEvent>,
        decoder: &mut EventDecoder,
    ) -> Result<Taken, PipelineError> {
        while let Some(event) = events.blocking_recv() {
            let bytes = event.bytes();
            match decoder.decode(event)? {
                Event::Done(summary) => return self.finish(&summary).map(Taken::All),
                event => self.event(event, bytes)?,
            }
            if self.may_commit() {
                self.commit_part()?;
                return Ok(Taken::Part);
            }
        }
        Ok(Taken::Nothing)
    }

    fn event(&mut self, event: Event, bytes: u64) -> Result<(), PipelineError> {
        match event {
            Event::Schema {
                kind: PageKind::Keys,
                resource,
                schema,
            } => self.schema_of_keys(&resource, &schema),
            Event::Schema {
                resource,
                kind,
                schema,
            } => self.schema(&resource, kind, schema),
            Event::Page {
                kind: PageKind::Keys,
                resource,
                batch,
                ..
            } => {
                let table = self.run.keys_of(&resource)?.to_owned();
                let keys = Marker::keys(&batch).map_err(|error| contract(error.to_string()))?;
                Ok(self.load.keys(&table, keys)?)
            }
            Event::Page {
                resource,
                batch,
                cursor,
                ..
            } => self.page(&resource, &batch, cursor, bytes),
            Event::Rejected(rejected) => {
                let rejected_of = self.run.rejected.entry(rejected.resource.clone());
                *rejected_of.or_default() += 1;
                let rejected = match self.run.head.plans.get(&rejected.resource) {
                    Some(plan) => mask::rejected(plan.masks(), rejected),
                    None => rejected,
                };
                Ok(self.load.reject(rejected)?)
            }
            Event::Progress(progress) => {
                if let Some(reason) = &progress.waiting {
                    self.run.observer.update(Update::Waiting { reason });
                }
                if let (Some(resource), Some(rows)) = (&progress.resource, progress.estimated_rows)
                {
                    self.run
                        .observer
                        .update(Update::Expected { resource, rows });
                }
                Ok(())
            }
            Event::Restarted(reason) => {
                if self.run.loads > 0 {
                    return Err(contract(
                        "the read starts anew, and part of it is committed".to_owned(),
                    ));
                }
                tracing::warn!(reason, "the read starts anew");
                self.run
                    .observer
                    .update(Update::Restarted { reason: &reason });
                self.run.open.clear();
                self.run.rejected.clear();
                self.run.restarts += 1;
                Ok(self.load.restart()?)
            }
            Event::Done(_) => Ok(()),
        }
    }

    /// Announces the columns of a resource to the destination.
    fn schema(
        &mut self,
        resource: &str,
        kind: PageKind,
        source: SourceSchema,
    ) -> Result<(), PipelineError> {
        let table = names::table_of(resource);
        let open = self.run.open.get(resource);
        let mut source = source;
        // Those that only keys have brought.
        if let Some(open) = open.filter(|open| open.plan.selection().keys)
            && let Some(known) = &open.source
        {
            source.add_siblings(known);
        }
        if open.is_some_and(|open| open.kind != kind) {
            return Err(contract(format!(
                "`{resource}` brings both rows and changes"
            )));
        }
        let plan = match open {
            Some(open) => open.plan.clone(),
            None => self.run.plan(resource)?,
        };
        if kind == PageKind::Changes && plan.mode() != Mode::Changes {
            return Err(contract(format!(
                "it sends changes of `{resource}`, for which nobody asked"
            )));
        }
        let part = open.and_then(|open| open.part.as_ref());
        let known = match part {
            Some(part) => part.known.clone(),
            None => self.load.known(&table)?,
        };
        let masking = plan.masking(resource, kind, &source)?;
        let stored = masking.stored(&source);
        let nothing = BTreeSet::new();
        let seen = open.map_or(&nothing, |open| &open.seen);
        let fit = plan.fit(resource, kind, &stored, known.as_deref(), seen)?;
        let arrival = plan.arrival(resource, kind, &stored, &fit, known.as_deref())?;
        self.load.open(&table, &arrival)?;
        if open.is_none() {
            let span = tracing::info_span!("resource", resource, table);
            span.in_scope(|| tracing::info!("reading"));
            self.run.observer.update(Update::Opened { resource });
            let open = Open::new(table, kind, plan.clone(), span);
            self.run.open.insert(resource.to_owned(), open);
        }
        if let Some(open) = self.run.open.get_mut(resource) {
            let marked = Marker::schema(&stored.columns, kind, plan.write);
            open.source = Some(source);
            match &mut open.part {
                Some(part) => {
                    part.masking = masking;
                    part.marked = marked;
                    part.fit = fit;
                }
                None => open.part = Some(Part::new(masking, marked, fit, known)),
            }
        }
        Ok(())
    }

    /// Takes note of the columns of keys. What a key may be instead of the
    /// values of its columns, rows may be too, even if none of those that come
    /// is.
    fn schema_of_keys(&mut self, resource: &str, keys: &SourceSchema) -> Result<(), PipelineError> {
        self.run.keys_of(resource)?;
        let Some(open) = self.run.open.get_mut(resource) else {
            return Err(unopened(resource));
        };
        let Some(mut source) = open.source.clone() else {
            return Err(unopened(resource));
        };
        let known = source.columns.fields().len();
        source.add_siblings(keys);
        if source.columns.fields().len() == known {
            return Ok(());
        }
        let kind = open.kind;
        self.schema(resource, kind, source)
    }

    fn page(
        &mut self,
        resource: &str,
        batch: &RecordBatch,
        cursor: Option<Cursor>,
        bytes: u64,
    ) -> Result<(), PipelineError> {
        let open = self.run.opened(resource)?;
        // The first page after a commit: its columns are still those.
        if let (None, Some(source)) = (&open.part, open.source.clone()) {
            self.schema(resource, open.kind, source)?;
        }
        let broken = |error: ArrowError| contract(error.to_string());
        let Some((open, part)) = self.run.open.get_mut(resource).and_then(Open::writing) else {
            return Err(unopened(resource));
        };
        let marked = widened(batch, open.columns)
            .and_then(|rows| part.masking.apply(&rows))
            .and_then(|rows| self.marker.mark(&rows, &part.marked))
            .map_err(broken)?;
        let seen = part.fit.seen_in(&marked);
        if !seen.is_empty()
            && let Some(open) = self.run.open.get_mut(resource)
            && let Some(source) = open.source.clone()
        {
            let kind = open.kind;
            open.seen.extend(seen);
            self.schema(resource, kind, source)?;
        }
        let Some((open, part)) = self.run.open.get_mut(resource).and_then(Open::writing) else {
            return Err(unopened(resource));
        };
        let _entered = open.span.clone().entered();
        tracing::debug!(rows = batch.num_rows(), bytes, "page");
        let (rows, refused) = part.fit.rows(marked).map_err(broken)?;
        part.rows += batch.num_rows() as u64;
        part.cursor = cursor;
        open.totals.add_page(batch.num_rows() as u64, bytes);
        if let Some(refused) = refused {
            let count = refused.num_rows() as u64;
            part.refused += count;
            open.totals.refused += count;
            for record in records(resource, &refused)? {
                self.load.reject(record)?;
            }
        }
        self.load.write(open.table, rows)?;
        self.run.observer.update(Update::Rows {
            resource,
            rows: open.totals.rows,
        });
        Ok(())
    }

    /// Whether what has come can be committed, and it is time.
    fn may_commit(&self) -> bool {
        let due = |every: Duration| self.begun.elapsed() >= every;
        self.run.head.commit_every.is_some_and(due)
            && self.run.open.values().any(Open::has_rows)
            && self.run.open.values().all(Open::can_be_resumed)
    }

    /// Commits what has come so far, with the cursors that are true then.
    fn commit_part(mut self) -> Result<(), PipelineError> {
        let effects = self.settle()?;
        let mut records = Vec::new();
        for (resource, open) in &mut self.run.open {
            let Some(part) = open.part.take() else {
                continue;
            };
            let effect = effects.get(&open.table).copied().unwrap_or_default();
            open.totals.add(effect);
            records.push(ResourceRecord {
                resource: resource.clone(),
                mode: open.plan.mode(),
                rows_read: part.rows,
                rows_written: effect.written,
                rows_deleted: effect.deleted,
                rows_rejected: part.refused,
                rows_billed: None,
                cursor_before: open.plan.cursor.clone(),
                cursor_after: part.cursor.clone(),
            });
            if part.cursor.is_some() {
                open.plan.cursor = part.cursor;
            }
        }
        let record = self.run.record(Status::Ongoing, records);
        self.load.commit(&record)?;
        self.run.loads += 1;
        tracing::info!(load_id = %record.load_id, "committed a part");
        Ok(())
    }

    /// Waits until all rows are stored, compares them with those that came,
    /// and brings them together with what is there.
    fn settle(&mut self) -> Result<BTreeMap<String, Effect>, PipelineError> {
        let stored = self.load.stored_rows()?;
        for (resource, open) in &self.run.open {
            let Some(part) = &open.part else {
                continue;
            };
            let stored = stored.get(&open.table).copied().unwrap_or(0);
            if part.rows != stored + part.refused {
                return Err(PipelineError::Mismatch {
                    resource: resource.clone(),
                    sent: open.totals.rows,
                    decoded: part.rows,
                    stored,
                });
            }
        }
        Ok(self.load.apply()?)
    }

    /// Reconciles all counts, then commits.
    fn finish(mut self, summary: &Summary) -> Result<Written, PipelineError> {
        let mut failed = summary
            .resources
            .iter()
            .filter(|resource| resource.failure.is_some())
            .peekable();
        let status = if failed.peek().is_some() {
            Status::Partial
        } else {
            Status::Loaded
        };
        for failed in failed {
            if let Some(open) = self.run.open.get_mut(&failed.resource) {
                open.part = None;
                self.load.discard(&open.table)?;
            }
        }
        let all_failed = summary
            .resources
            .iter()
            .all(|resource| resource.failure.is_some());
        if let Some(first) = summary.resources.first()
            && let (true, Some(error)) = (all_failed && self.run.loads == 0, &first.failure)
        {
            return Err(PipelineError::NothingRead {
                resource: first.resource.clone(),
                error: error.clone(),
            });
        }
        self.run.reconcile(summary)?;
        let effects = self.settle()?;
        let mut resources = Vec::with_capacity(summary.resources.len());
        let mut records = Vec::with_capacity(summary.resources.len());
        for of_source in &summary.resources {
            let name = &of_source.resource;
            let open = self.run.open.get_mut(name);
            let mut effect = Effect::default();
            if let Some(open) = open {
                effect = effects.get(&open.table).copied().unwrap_or_default();
                open.totals.add(effect);
            }
            if of_source.failure.is_none() {
                records.push(self.run.resource_record(of_source, effect));
            }
            resources.push(self.run.report(of_source));
        }
        self.run.observer.update(Update::Committing);
        let record = self.run.record(status, records);
        self.load.commit(&record)?;
        Ok(Written {
            load_id: record.load_id,
            loads: self.run.loads + 1,
            status,
            resources,
            point_in_time: summary.point_in_time,
            restarts: self.run.restarts,
        })
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

fn unopened(resource: &str) -> PipelineError {
    contract(format!("a page of `{resource}` came before its schema"))
}

fn contract(reason: String) -> PipelineError {
    SandboxError::Contract(reason).into()
}

#[cfg(test)]
mod tests;
