//! The writing half of a run: decodes what the connector sent, hands it to
//! the destination, and commits only when all counts agree. Runs on a thread
//! of its own, so that decoding and storing overlap with reading.
//!
//! A run is one load. Only one that may be resumed is several: then every few
//! seconds what has come is committed, with the cursors that are true from
//! then on.
//!
//! Reading order: this file (one load), [`pages`] (the columns and pages of a
//! resource), [`keys`] (those of all rows), [`items`] (the tables of its lists),
//! [`run`] (what stays the same over the loads of a run), [`open`] (a resource
//! that is being written).

mod items;
mod keys;
mod open;
mod pages;
mod run;

use std::collections::BTreeMap;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;

use self::open::Open;
use self::run::{Run, next_load_id};
use super::error::PipelineError;
use super::mark::Marker;
use super::mask;
use super::observer::{Observer, Update};
use super::plan::ResourcePlan;
use super::report::ResourceReport;
use crate::destination::{Destination, Load, WriteStats};
use crate::model::{
    ErrorCategory, Event, Limits, LoadId, LoadStatus, PageKind, ResourceRecord, ResourceSummary,
    SourceError, Summary,
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
    pub(super) status: LoadStatus,
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
                Event::Done(summary) => return self.finish(summary).map(Taken::All),
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
            } => self.keys(&resource, &batch),
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

    /// Whether what has come can be committed, and it is time.
    fn may_commit(&self) -> bool {
        let due = |every: Duration| self.begun.elapsed() >= every;
        self.run.head.commit_every.is_some_and(due)
            && self.run.open.values().any(Open::has_rows)
            && self.run.open.values().all(Open::can_be_resumed)
    }

    /// Commits what has come so far, with the cursors that are true then.
    fn commit_part(mut self) -> Result<(), PipelineError> {
        let stats_by_table = self.settle()?;
        let mut records = Vec::new();
        for (resource, open) in &mut self.run.open {
            let Some(part) = open.part.take() else {
                continue;
            };
            let stats = stats_by_table.get(&open.table).copied().unwrap_or_default();
            open.totals.add(stats);
            records.push(ResourceRecord {
                resource: resource.clone(),
                mode: open.plan.mode(),
                rows_read: part.rows_of_source(),
                rows_written: stats.written,
                rows_deleted: stats.deleted,
                rows_rejected: part.refused,
                rows_billed: None,
                cursor_before: open.plan.cursor.clone(),
                cursor_after: part.cursor.clone(),
            });
            if part.cursor.is_some() {
                open.plan.cursor = part.cursor;
            }
        }
        let record = self.run.record(LoadStatus::Ongoing, records);
        self.load.commit(&record)?;
        self.run.loads += 1;
        tracing::info!(load_id = %record.load_id, "committed a part");
        Ok(())
    }

    /// Waits until all rows are stored, compares them with those that came,
    /// and brings them together with what is there.
    fn settle(&mut self) -> Result<BTreeMap<String, WriteStats>, PipelineError> {
        let stored = self.load.count_rows()?;
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
    fn finish(mut self, mut summary: Summary) -> Result<Written, PipelineError> {
        for of_source in &mut summary.resources {
            if let (None, Some(part)) = (&of_source.failure, &of_source.unread)
                && !self.keep(&of_source.resource, part)?
            {
                of_source.failure = Some(cannot_be_kept(&of_source.resource));
            }
        }
        let summary = &summary;
        let mut failed = summary
            .resources
            .iter()
            .filter(|resource| resource.failure.is_some())
            .peekable();
        let lacks_a_part = |resource: &ResourceSummary| {
            let unread = resource.unread.as_ref();
            unread.is_some_and(|part| part.failure.is_some())
        };
        let status = if failed.peek().is_some() || summary.resources.iter().any(lacks_a_part) {
            LoadStatus::Partial
        } else {
            LoadStatus::Loaded
        };
        for failed in failed {
            if let Some(open) = self.run.open.get_mut(&failed.resource) {
                open.part = None;
                self.load.discard_table(&open.table)?;
                self.discard_items(&failed.resource)?;
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
        let stats_by_table = self.settle()?;
        let mut resources = Vec::with_capacity(summary.resources.len());
        let mut records = Vec::with_capacity(summary.resources.len());
        for of_source in &summary.resources {
            let name = &of_source.resource;
            let open = self.run.open.get_mut(name);
            let mut written = WriteStats::default();
            if let Some(open) = open {
                written = stats_by_table.get(&open.table).copied().unwrap_or_default();
                open.totals.add(written);
            }
            if of_source.failure.is_none() {
                records.push(self.run.resource_record(of_source, written));
            }
            resources.push(self.run.report(of_source));
            if of_source.failure.is_none() {
                for (record, report) in self.run.items(name, &stats_by_table) {
                    records.push(record);
                    resources.push(report);
                }
            }
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

/// That what is there of a part that was not read does not go beside what has
/// come.
fn cannot_be_kept(resource: &str) -> SourceError {
    SourceError {
        category: ErrorCategory::Data,
        message: format!(
            "a part of `{resource}` was not read, and the columns of the rest have other types now; all of it stays as it was"
        ),
        hint: Some(
            "run again when all of it can be read, with --full-refresh; `types` gives columns one type for good"
                .to_owned(),
        ),
        retryable: true,
        retry_after: None,
    }
}

fn unopened(resource: &str) -> PipelineError {
    contract(format!("a page of `{resource}` came before its schema"))
}

fn contract(reason: String) -> PipelineError {
    SandboxError::Contract(reason).into()
}

#[cfg(test)]
mod tests;
