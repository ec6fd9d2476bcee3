//! The writing half of a run: decodes the connector's events, writes the rows
//! to the destination, and commits only if all counts agree. Runs on its own
//! thread, so that decoding and storing overlap with reading.
//!
//! A run is one load. A resumable run is several: the rows so far are committed
//! every few seconds, with the cursors that are valid from then on.
//!
//! Reading order: this file (the events of one load), `resource` (the tables of a
//! resource), `table_state` (one table), `load_context` (what they share),
//! `isolation` (failures of single resources), `commit` (the end of a load),
//! `cursors` (the cursors that it saves), `run_state` (what outlasts the loads of a
//! run), `appended` (notes about appended rows), `verify` (rows against figures of
//! the source), `converted_columns` (columns that get another type).

mod appended;
mod commit;
mod converted_columns;
mod cursors;
mod isolation;
mod load_context;
mod resource;
mod run_state;
mod table_state;
mod verify;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

pub(super) use self::run_state::RunHeader;

use self::load_context::LoadContext;
use self::resource::OpenResource;
use self::run_state::{RunState, next_load_id};
use self::table_state::{PageStats, TableState};
use super::error::PipelineError;
use super::observer::{Observer, Update};
use super::report::ResourceReport;
use super::row_mapper::{LoadColumns, mask_rejected};
use super::verification::checksum::RowChecksum;
use crate::destination::{Destination, Load};
use crate::model::{
    Event, Limits, LoadId, LoadStatus, PageKind, Progress, ReadMode, Rejected, SourceSchema,
    Verification, names,
};
use crate::sandbox::pages::{EventDecoder, RawEvent};

/// The result of a run that was committed.
pub(super) struct RunResult {
    /// Id of the last load.
    pub(super) load_id: LoadId,
    /// Number of loads.
    pub(super) loads: u64,
    pub(super) status: LoadStatus,
    pub(super) resources: Vec<ResourceReport>,
    pub(super) point_in_time: bool,
    pub(super) restarts: u32,
}

/// Writes all events of the channel. `None` if the channel ends before `done`:
/// uncommitted rows are undone, and the sender knows the reason.
pub(super) fn write(
    destination: &mut dyn Destination,
    header: &RunHeader,
    limits: &Limits,
    mut events: mpsc::Receiver<RawEvent>,
    observer: &dyn Observer,
) -> Result<Option<RunResult>, PipelineError> {
    let mut decoder = EventDecoder::new(limits.clone());
    let mut run = RunState::new(header, observer);
    loop {
        let writer = LoadWriter {
            load: destination.begin(&run.load_id)?,
            columns: LoadColumns::new(&run.load_id),
            started: Instant::now(),
            run: &mut run,
        };
        match writer.write(&mut events, &mut decoder)? {
            LoadEnd::PartCommitted => run.load_id = next_load_id(&run.load_id),
            LoadEnd::Committed(result) => return Ok(Some(result)),
            LoadEnd::Aborted => return Ok(None),
        }
    }
}

/// Writes one load.
struct LoadWriter<'l, 'r, 'a> {
    load: Box<dyn Load + 'l>,
    columns: LoadColumns,
    started: Instant,
    run: &'r mut RunState<'a>,
}

/// The end of a load.
enum LoadEnd {
    /// The load was committed, and the run continues with another.
    PartCommitted,
    /// The last load of the run was committed.
    Committed(RunResult),
    /// The channel ended before `done`.
    Aborted,
}

impl<'l> LoadWriter<'l, '_, '_> {
    fn write(
        mut self,
        events: &mut mpsc::Receiver<RawEvent>,
        decoder: &mut EventDecoder,
    ) -> Result<LoadEnd, PipelineError> {
        while let Some(event) = events.blocking_recv() {
            let bytes = event.bytes();
            match decoder.decode(event)? {
                Event::Done(summary) => return self.finish(summary).map(LoadEnd::Committed),
                event => self.isolated_event(event, bytes)?,
            }
            if self.may_commit() {
                self.commit_part()?;
                return Ok(LoadEnd::PartCommitted);
            }
        }
        Ok(LoadEnd::Aborted)
    }

    /// Processes an event. An error that concerns one resource fails only this
    /// one, and its later events are ignored.
    fn isolated_event(&mut self, event: Event, bytes: u64) -> Result<(), PipelineError> {
        let resource = match &event {
            Event::Schema { resource, .. } | Event::Page { resource, .. } => Some(resource.clone()),
            Event::Rejected(rejected) => Some(rejected.resource.clone()),
            _ => None,
        };
        let resource = resource.as_deref();
        if resource.is_some_and(|resource| self.has_failed(resource)) {
            return Ok(());
        }
        self.event(event, bytes)
            .or_else(|error| self.isolate(error, resource))
    }

    fn event(&mut self, event: Event, bytes: u64) -> Result<(), PipelineError> {
        match event {
            Event::Schema {
                kind: PageKind::Keys,
                resource,
                schema,
            } => {
                let (open, _, mut context) = self.with_keys(&resource)?;
                open.announce_keys(&schema, &mut context)
            }
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
                let (open, _, mut context) = self.with_keys(&resource)?;
                open.write_keys(&batch, &mut context)
            }
            Event::Page {
                resource,
                batch,
                cursor,
                ..
            } => {
                let page = PageStats {
                    bytes,
                    cursor,
                    ..PageStats::default()
                };
                let (open, columns, mut context) = self.resource(&resource)?;
                open.write(&batch, page, columns, &mut context)
            }
            Event::Rejected(rejected) => self.reject(rejected),
            Event::Progress(progress) => {
                self.progress(&progress);
                Ok(())
            }
            Event::Restarted(reason) => self.restart(&reason),
            Event::Done(_) => Ok(()),
        }
    }

    /// Opens the tables of a resource, or announces more columns of it.
    fn schema(
        &mut self,
        resource: &str,
        kind: PageKind,
        source: SourceSchema,
    ) -> Result<(), PipelineError> {
        if let Some(parent) = self.run.parent_of(resource) {
            return Err(resource::name_conflict(resource, parent));
        }
        if self.run.resources.contains_key(resource) {
            let (open, _, mut context) = self.resource(resource)?;
            if open.own.kind() != kind {
                return Err(PipelineError::contract(format!(
                    "the connector sent both rows and changes of `{resource}`"
                )));
            }
            return open.announce(source, &mut context);
        }
        let table = names::table_name(resource);
        let has_table = |open: &&String| names::table_name(open).eq_ignore_ascii_case(&table);
        if let Some(open) = self.run.resources.keys().find(has_table) {
            return Err(PipelineError::contract(format!(
                "the connector sent `{open}` and `{resource}`, which have one table"
            )));
        }
        let plan = self.run.plan(resource)?;
        if kind == PageKind::Changes && plan.mode() != ReadMode::Changes {
            return Err(PipelineError::contract(format!(
                "the connector sent changes of `{resource}`, which were not requested"
            )));
        }
        let (verification, _) = self.run.verification(resource);
        let checksum = (verification == Verification::Checksum).then(|| RowChecksum::new(&source));
        let (resources, _, mut context) = self.parts();
        let mut open = OpenResource::new(resource, kind, plan, source, &mut context)?;
        open.checksum = checksum;
        let open = resources.entry(resource.to_owned()).or_insert(open);
        // The resource is known now, so that an error discards its tables.
        open.open_existing_children(&mut context)
    }

    fn reject(&mut self, rejected: Rejected) -> Result<(), PipelineError> {
        let count = self.run.rejected.entry(rejected.resource.clone());
        *count.or_default() += 1;
        let rejected = match names::find_in(&self.run.header.plans, &rejected.resource) {
            Some(plan) => mask_rejected(plan.masks(), rejected),
            None => rejected,
        };
        Ok(self.load.reject(rejected)?)
    }

    fn progress(&self, progress: &Progress) {
        let observer = self.run.observer;
        if let Some(reason) = &progress.waiting {
            observer.update(Update::Waiting { reason });
        }
        if let (Some(resource), Some(rows)) = (&progress.resource, progress.estimated_rows) {
            observer.update(Update::Expected { resource, rows });
        }
    }

    fn restart(&mut self, reason: &str) -> Result<(), PipelineError> {
        if self.run.loads > 0 {
            return Err(PipelineError::contract(
                "the connector restarted a read of which a part is committed",
            ));
        }
        tracing::warn!(reason, "the read restarts");
        self.run.observer.update(Update::Restarted { reason });
        self.run.restart();
        Ok(self.load.restart()?)
    }

    /// True if the rows so far can be committed, and it is time to do so.
    fn may_commit(&self) -> bool {
        let is_due = |every: Duration| self.started.elapsed() >= every;
        self.run.header.commit_every.is_some_and(is_due)
            && self.run.tables().any(TableState::is_uncommitted)
            && self
                .run
                .resources
                .values()
                .all(OpenResource::can_be_resumed)
    }

    /// Returns a resource whose keys were requested.
    fn with_keys(
        &mut self,
        name: &str,
    ) -> Result<(&mut OpenResource, &mut LoadColumns, LoadContext<'_, 'l>), PipelineError> {
        let (resource, columns, context) = self.resource(name)?;
        if resource.own.plan().needs_keys() {
            Ok((resource, columns, context))
        } else {
            Err(PipelineError::contract(format!(
                "the connector sent keys of `{name}`, which were not requested"
            )))
        }
    }

    /// Returns a resource whose schema was received.
    fn resource(
        &mut self,
        name: &str,
    ) -> Result<(&mut OpenResource, &mut LoadColumns, LoadContext<'_, 'l>), PipelineError> {
        let (resources, columns, context) = self.parts();
        match resources.get_mut(name) {
            Some(resource) => Ok((resource, columns, context)),
            None => Err(PipelineError::contract(format!(
                "the connector sent a page of `{name}` before its schema"
            ))),
        }
    }

    fn parts(
        &mut self,
    ) -> (
        &mut BTreeMap<String, OpenResource>,
        &mut LoadColumns,
        LoadContext<'_, 'l>,
    ) {
        let context = LoadContext {
            load: self.load.as_mut(),
            observer: self.run.observer,
            plans: &self.run.header.plans,
            parents: &mut self.run.parents,
        };
        (&mut self.run.resources, &mut self.columns, context)
    }
}

#[cfg(test)]
mod tests;
