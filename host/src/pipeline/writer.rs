//! The writing half of a load: decodes what the connector sent, hands it to
//! the destination, and commits only when all counts agree. Runs on a thread
//! of its own, so that decoding and storing overlap with reading.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime};

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use tokio::sync::mpsc;

use super::error::PipelineError;
use super::fit::Fit;
use super::mark::Marker;
use super::observer::{Observer, Update};
use super::plan::ResourcePlan;
use super::report::ResourceReport;
use crate::destination::{self, Destination, Load};
use crate::model::{
    Cursor, Event, Limits, LoadId, LoadRecord, Mode, PageKind, Rejected, ResourceRecord,
    ResourceSummary, SourceSchema, Status, Summary, Write, names,
};
use crate::sandbox::SandboxError;
use crate::sandbox::pages::{EventDecoder, RawEvent};

/// What is written down about a load, known before it begins.
pub(super) struct LoadHead {
    pub(super) load_id: LoadId,
    pub(super) pipeline: String,
    pub(super) connector_name: String,
    pub(super) connector_version: String,
    pub(super) connector_sha256: String,
    pub(super) started: SystemTime,
    /// How each resource is loaded; replaced where it does not say.
    pub(super) plans: BTreeMap<String, ResourcePlan>,
}

/// What a load came to, as far as the writer knows.
pub(super) struct Written {
    pub(super) status: Status,
    pub(super) resources: Vec<ResourceReport>,
    pub(super) point_in_time: bool,
    pub(super) restarts: u32,
}

/// A resource that is being written.
struct Open {
    table: String,
    /// The columns with those of the host, as they come.
    marked: SchemaRef,
    /// How they are stored.
    fit: Fit,
    /// What its pages are.
    kind: PageKind,
    /// The columns that the table had before.
    known: Option<SchemaRef>,
    rows: u64,
    /// Rows that the host rejected.
    refused: u64,
    bytes: u64,
    first: Instant,
    last: Instant,
    span: tracing::Span,
}

/// Writes everything that comes through the channel. When the channel ends
/// before `done`, the load is undone and `None` is returned: whoever dropped
/// the other end knows why.
pub(super) fn write(
    destination: &mut dyn Destination,
    head: &LoadHead,
    limits: &Limits,
    mut events: mpsc::Receiver<RawEvent>,
    observer: &dyn Observer,
) -> Result<Option<Written>, PipelineError> {
    let load = destination.begin(&head.load_id)?;
    let mut writer = Writer {
        load,
        head,
        observer,
        marker: Marker::new(&head.load_id),
        open: BTreeMap::new(),
        rejected: BTreeMap::new(),
        restarts: 0,
    };
    let mut decoder = EventDecoder::new(limits.clone());
    while let Some(event) = events.blocking_recv() {
        let bytes = event.bytes();
        match decoder.decode(event)? {
            Event::Done(summary) => return writer.finish(&summary).map(Some),
            event => writer.event(event, bytes)?,
        }
    }
    Ok(None)
}

struct Writer<'a> {
    load: Box<dyn Load + 'a>,
    head: &'a LoadHead,
    observer: &'a dyn Observer,
    marker: Marker,
    open: BTreeMap<String, Open>,
    rejected: BTreeMap<String, u64>,
    restarts: u32,
}

impl Writer<'_> {
    fn event(&mut self, event: Event, bytes: u64) -> Result<(), PipelineError> {
        match event {
            Event::Schema {
                kind: PageKind::Keys,
                resource,
                ..
            } => self.opened(&resource).map(drop),
            Event::Schema {
                resource,
                kind,
                schema,
            } => self.schema(resource, kind, &schema),
            Event::Page {
                kind: PageKind::Keys,
                resource,
                batch,
                ..
            } => {
                let table = self.opened(&resource)?.table.clone();
                let keys = Marker::keys(&batch).map_err(|error| contract(error.to_string()))?;
                Ok(self.load.keys(&table, keys)?)
            }
            Event::Page {
                resource, batch, ..
            } => {
                let Some(open) = self.open.get_mut(&resource) else {
                    return Err(unopened(&resource));
                };
                let _entered = open.span.clone().entered();
                tracing::debug!(rows = batch.num_rows(), bytes, "page");
                let marked = self.marker.mark(&batch, &open.marked);
                let split = marked.and_then(|marked| open.fit.rows(marked));
                let (rows, refused) = split.map_err(|error| contract(error.to_string()))?;
                open.rows += batch.num_rows() as u64;
                open.bytes += bytes;
                if let Some(refused) = refused {
                    open.refused += refused.num_rows() as u64;
                    for record in records(&resource, &refused)? {
                        self.load.reject(record)?;
                    }
                }
                self.load.write(&open.table, rows)?;
                open.last = Instant::now();
                self.observer.update(Update::Rows {
                    resource: &resource,
                    rows: open.rows,
                });
                Ok(())
            }
            Event::Rejected(rejected) => {
                *self.rejected.entry(rejected.resource.clone()).or_default() += 1;
                Ok(self.load.reject(rejected)?)
            }
            Event::Progress(progress) => {
                if let Some(reason) = &progress.waiting {
                    self.observer.update(Update::Waiting { reason });
                }
                if let (Some(resource), Some(rows)) = (&progress.resource, progress.estimated_rows)
                {
                    self.observer.update(Update::Expected { resource, rows });
                }
                Ok(())
            }
            Event::Restarted(reason) => {
                tracing::warn!(reason, "the read starts anew");
                self.observer.update(Update::Restarted { reason: &reason });
                self.open.clear();
                self.rejected.clear();
                self.restarts += 1;
                Ok(self.load.restart()?)
            }
            Event::Done(_) => Ok(()),
        }
    }

    fn opened(&self, resource: &str) -> Result<&Open, PipelineError> {
        self.open.get(resource).ok_or_else(|| unopened(resource))
    }

    /// How a resource is loaded.
    fn plan(&self, resource: &str) -> Result<ResourcePlan, PipelineError> {
        if let Some(plan) = self.head.plans.get(resource) {
            return Ok(plan.clone());
        }
        // One selection may stand for several resources. Which of them are to
        // be added to is then not known, and to guess could replace what is
        // there.
        let mut others = self.head.plans.values();
        if others.any(|plan| plan.write != Write::Replace) {
            return Err(PipelineError::settings(
                format!(
                    "`{resource}` is not selected by its own name, and other resources are not replaced"
                ),
                format!(
                    "add to the file\n\n[[resource]]\nname = \"{resource}\"\nwrite = \"replace\"   # or append"
                ),
            ));
        }
        Ok(ResourcePlan::default())
    }

    fn schema(
        &mut self,
        resource: String,
        kind: PageKind,
        source: &SourceSchema,
    ) -> Result<(), PipelineError> {
        let table = names::table_of(&resource);
        let plan = self.plan(&resource)?;
        if self
            .open
            .get(&resource)
            .is_some_and(|open| open.kind != kind)
        {
            return Err(contract(format!(
                "`{resource}` brings both rows and changes"
            )));
        }
        let known = match self.open.get(&resource) {
            Some(open) => open.known.clone(),
            None => self.load.known(&table)?,
        };
        let known_columns = known.as_deref();
        let fit = plan.fit(&resource, kind, source, known_columns)?;
        let arrival = plan.arrival(&resource, kind, source, &fit, known_columns)?;
        self.load.open(&table, &arrival)?;
        let marked = Marker::schema(&source.columns, kind, plan.write);
        if let Some(open) = self.open.get_mut(&resource) {
            open.marked = marked;
            open.fit = fit;
        } else {
            let span = tracing::info_span!("resource", resource, table);
            span.in_scope(|| tracing::info!("reading"));
            self.observer.update(Update::Opened {
                resource: &resource,
            });
            let now = Instant::now();
            let open = Open {
                table,
                marked,
                fit,
                kind,
                known,
                rows: 0,
                refused: 0,
                bytes: 0,
                first: now,
                last: now,
                span,
            };
            self.open.insert(resource, open);
        }
        Ok(())
    }

    /// Reconciles all counts, then commits.
    fn finish(mut self, summary: &Summary) -> Result<Written, PipelineError> {
        for failed in summary
            .resources
            .iter()
            .filter(|resource| resource.failure.is_some())
        {
            if let Some(open) = self.open.remove(&failed.resource) {
                self.load.discard(&open.table)?;
            }
        }
        let all_failed = summary
            .resources
            .iter()
            .all(|resource| resource.failure.is_some());
        if let Some(first) = summary.resources.first()
            && let (true, Some(error)) = (all_failed, &first.failure)
        {
            return Err(PipelineError::NothingRead {
                resource: first.resource.clone(),
                error: error.clone(),
            });
        }
        let stored = self.load.stored_rows()?;
        let mut resources = Vec::with_capacity(summary.resources.len());
        for resource in &summary.resources {
            resources.push(self.reconcile(resource, &stored)?);
        }
        let effects = self.load.apply()?;
        for report in &mut resources {
            let effect = effects.get(&report.table).copied().unwrap_or_default();
            report.rows_written = effect.written;
            report.rows_deleted = effect.deleted;
            if effect.superseded > 0 {
                report.notes.push(format!(
                    "{} rows were followed by others of the same key, which took their place",
                    effect.superseded
                ));
            }
        }
        if let Some(unsummed) = self.open.keys().find(|name| {
            !summary
                .resources
                .iter()
                .any(|resource| resource.resource == **name)
        }) {
            return Err(contract(format!("`done` says nothing of `{unsummed}`")));
        }
        let failed = summary
            .resources
            .iter()
            .any(|resource| resource.failure.is_some());
        let status = if failed {
            Status::Partial
        } else {
            Status::Loaded
        };
        self.observer.update(Update::Committing);
        let record = self.record(status, &resources, summary);
        self.load.commit(&record)?;
        Ok(Written {
            status,
            resources,
            point_in_time: summary.point_in_time,
            restarts: self.restarts,
        })
    }

    fn reconcile(
        &self,
        summary: &ResourceSummary,
        stored: &BTreeMap<String, u64>,
    ) -> Result<ResourceReport, PipelineError> {
        let resource = summary.resource.clone();
        let open = self.open.get(&resource);
        let (sent, decoded) = (summary.rows, open.map_or(0, |open| open.rows));
        let rejected = self.rejected.get(&resource).copied().unwrap_or(0);
        let written = open
            .and_then(|open| stored.get(&open.table))
            .copied()
            .unwrap_or(0);
        let failed = summary.failure.is_some();
        if !failed && open.is_none() {
            return Err(contract(format!(
                "`done` says that `{resource}` was read, and its columns never came"
            )));
        }
        let refused = open.map_or(0, |open| open.refused);
        if !failed && (sent != decoded || decoded != written + refused) {
            return Err(PipelineError::Mismatch {
                resource,
                sent,
                decoded,
                stored: written,
            });
        }
        if !failed && summary.rejected != rejected {
            return Err(contract(format!(
                "`done` says {} rejected records of `{resource}`, {rejected} came",
                summary.rejected
            )));
        }
        Ok(ResourceReport {
            table: names::table_of(&resource),
            resource,
            mode: self
                .head
                .plans
                .get(&summary.resource)
                .map_or(Mode::Full, ResourcePlan::mode),
            rows_read: if failed { 0 } else { sent },
            rows_written: 0,
            rows_deleted: 0,
            rows_rejected: rejected + refused,
            misfits: summary.misfits,
            bytes: open.map_or(0, |open| open.bytes),
            requests: summary.requests,
            rows_billed: summary.rows_billed,
            elapsed: open.map_or_else(Default::default, |open| open.last - open.first),
            failure: summary.failure.clone(),
            notes: summary.notes.clone(),
        })
    }

    /// Where the read of a resource began.
    fn cursor_before(&self, resource: &str) -> Option<&Cursor> {
        self.head.plans.get(resource)?.cursor.as_ref()
    }

    fn record(&self, status: Status, reports: &[ResourceReport], summary: &Summary) -> LoadRecord {
        let loaded = reports
            .iter()
            .zip(&summary.resources)
            .filter(|(report, _)| report.failure.is_none());
        let resources = loaded.map(|(report, summary)| ResourceRecord {
            resource: report.resource.clone(),
            mode: report.mode,
            rows_read: report.rows_read,
            rows_written: report.rows_written,
            rows_deleted: report.rows_deleted,
            rows_rejected: report.rows_rejected,
            rows_billed: report.rows_billed,
            cursor_before: self.cursor_before(&report.resource).cloned(),
            cursor_after: summary.cursor.clone(),
        });
        LoadRecord {
            load_id: self.head.load_id.clone(),
            pipeline: self.head.pipeline.clone(),
            connector_name: self.head.connector_name.clone(),
            connector_version: self.head.connector_version.clone(),
            connector_sha256: self.head.connector_sha256.clone(),
            started: self.head.started,
            finished: SystemTime::now(),
            status,
            resources: resources.collect(),
        }
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
