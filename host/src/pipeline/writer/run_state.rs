//! The state of a run that outlasts its loads: open resources, counts, and the
//! reports at the end. Writes nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime};

use super::resource::OpenResource;
use super::table_state::TableState;
use crate::destination::WriteStats;
use crate::model::noun::counted;
use crate::model::{
    Cursor, LoadId, LoadRecord, LoadStatus, ReadMode, Remedy, ResourceRecord, ResourceSummary,
    SourceError, Summary, Verification, WriteDisposition, names,
};
use crate::pipeline::error::PipelineError;
use crate::pipeline::observer::Observer;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::report::{FailedPart, ResourceReport};
use crate::pipeline::row_mapper::{self, RowMapper};
use crate::pipeline::verification::Verified;

/// The record of a run, as far as it is known at the start.
pub(in crate::pipeline) struct RunHeader {
    /// Id of the first load.
    pub(in crate::pipeline) load_id: LoadId,
    pub(in crate::pipeline) pipeline: String,
    pub(in crate::pipeline) connector_name: String,
    pub(in crate::pipeline) connector_version: String,
    pub(in crate::pipeline) connector_sha256: String,
    pub(in crate::pipeline) started: SystemTime,
    /// Plan of each resource in the pipeline's spec.
    pub(in crate::pipeline) plans: BTreeMap<String, ResourcePlan>,
    /// Verification of resources that do not set their own.
    pub(in crate::pipeline) verify: Verification,
    /// Other pipelines that load a resource into the same dataset.
    pub(in crate::pipeline) other_pipelines: BTreeMap<String, BTreeSet<String>>,
    /// Resources that failed in an earlier attempt, and are not written.
    pub(in crate::pipeline) failed: BTreeMap<String, SourceError>,
    /// Interval at which a resumable run is committed.
    pub(in crate::pipeline) commit_every: Option<Duration>,
    /// True if the run only validates: nothing is applied or committed.
    pub(in crate::pipeline) only_validates: bool,
}

/// The state of a run over all of its loads.
pub(super) struct RunState<'a> {
    pub(super) header: &'a RunHeader,
    pub(super) observer: &'a dyn Observer,
    pub(super) resources: BTreeMap<String, OpenResource>,
    /// Resource of each open table, by the name of the table.
    pub(super) parents: BTreeMap<String, String>,
    /// Number of records that the connector rejected, by resource.
    pub(super) rejected: BTreeMap<String, u64>,
    /// Resources that have failed in the host. Their events are ignored.
    pub(super) failed: BTreeMap<String, SourceError>,
    /// Figures of the source that agree with the rows, by resource.
    pub(super) verified: BTreeMap<String, Verified>,
    pub(super) restarts: u32,
    /// Number of committed loads.
    pub(super) loads: u64,
    /// Id of the current load.
    pub(super) load_id: LoadId,
}

impl<'a> RunState<'a> {
    /// Creates the state of a run that has received nothing.
    pub(super) fn new(header: &'a RunHeader, observer: &'a dyn Observer) -> Self {
        Self {
            header,
            observer,
            resources: BTreeMap::new(),
            parents: BTreeMap::new(),
            rejected: BTreeMap::new(),
            failed: header.failed.clone(),
            verified: BTreeMap::new(),
            restarts: 0,
            loads: 0,
            load_id: header.load_id.clone(),
        }
    }

    /// Forgets everything that was received.
    pub(super) fn restart(&mut self) {
        self.resources.clear();
        self.parents.clear();
        self.rejected.clear();
        self.failed.clone_from(&self.header.failed);
        self.restarts += 1;
    }

    /// Returns all open tables.
    pub(super) fn tables(&self) -> impl Iterator<Item = &TableState> {
        self.resources.values().flat_map(OpenResource::tables)
    }

    /// Returns all open tables.
    pub(super) fn tables_mut(&mut self) -> impl Iterator<Item = &mut TableState> {
        self.resources
            .values_mut()
            .flat_map(OpenResource::tables_mut)
    }

    /// Returns the resource of a child table. `None` for other names.
    pub(super) fn parent_of(&self, table: &str) -> Option<&str> {
        let parent = self.parents.get(table).map(String::as_str);
        parent.filter(|parent| *parent != table)
    }

    /// Returns the plan of a resource.
    pub(super) fn plan(&self, resource: &str) -> Result<ResourcePlan, PipelineError> {
        if let Some(plan) = names::find_in(&self.header.plans, resource) {
            return Ok(plan.clone());
        }
        // One selection can lead to several resources. Defaults could replace
        // a table to which others are added, or store unmasked values.
        let others = || self.header.plans.values();
        if others().any(|plan| !plan.masks().is_empty()) {
            return Err(row_mapper::unselected(resource));
        }
        if others().any(|plan| plan.disposition != WriteDisposition::Replace) {
            return Err(PipelineError::settings(
                format!(
                    "other resources are appended or merged, but `{resource}` has no settings of its \
                     own that state how to write it"
                ),
                Remedy::ConfigureResource {
                    resource: resource.to_owned(),
                    setting: "write",
                    values: vec!["replace".into(), "append".into()],
                },
            ));
        }
        Ok(ResourcePlan::default())
    }

    /// Compares the connector's counts with those of the host.
    pub(super) fn reconcile(&self, summary: &Summary) -> Result<(), PipelineError> {
        for sent in summary
            .resources
            .iter()
            .filter(|sent| sent.failure.is_none())
        {
            let resource = &sent.resource;
            let Some(open) = self.resources.get(resource) else {
                // An unchanged resource need not have a schema.
                if sent.rows == 0 && self.cursor_before(resource).is_some() {
                    continue;
                }
                return Err(PipelineError::contract(format!(
                    "the connector reports `{resource}` as read, but sent no schema of it"
                )));
            };
            let decoded = open.own.totals.rows;
            if sent.rows != decoded {
                return Err(PipelineError::Mismatch {
                    resource: resource.clone(),
                    sent: sent.rows,
                    decoded,
                    stored: decoded,
                });
            }
            let rejected = self.rejected(resource);
            if sent.rejected != rejected {
                return Err(PipelineError::contract(format!(
                    "the connector reports {} of `{resource}`, but sent {rejected}",
                    counted(sent.rejected, "rejected record")
                )));
            }
        }
        let is_reported = |name: &String| {
            let mut resources = summary.resources.iter();
            resources.any(|resource| resource.resource == *name)
        };
        match self.resources.keys().find(|name| !is_reported(name)) {
            Some(name) => Err(PipelineError::contract(format!(
                "the connector sent `{name}`, but its summary does not list it"
            ))),
            None => Ok(()),
        }
    }

    /// Adds what the last load did to the own table of a resource.
    pub(super) fn add_stats(
        &mut self,
        resource: &str,
        stats: &BTreeMap<String, WriteStats>,
    ) -> WriteStats {
        let open = self.resources.get_mut(resource);
        open.map_or_else(WriteStats::default, |open| open.own.add_stats(stats))
    }

    /// Returns the report of a resource.
    pub(super) fn report(&self, summary: &ResourceSummary) -> ResourceReport {
        let open = self.resources.get(&summary.resource).map(|open| &open.own);
        let totals = open.map(|open| open.totals).unwrap_or_default();
        let mut notes = summary.notes.clone();
        if totals.stats.superseded > 0 {
            notes.push(format!(
                "rows that were superseded by other rows with the same key: {}",
                totals.stats.superseded
            ));
        }
        let failed = summary.failure.is_some();
        let mapper = open.filter(|_| !failed).map(|open| &open.mapper);
        if !failed {
            notes.extend(self.append_notes(&summary.resource));
        }
        ResourceReport {
            table: names::table_name(&summary.resource),
            resource: summary.resource.clone(),
            mode: self.mode(&summary.resource),
            rows_read: if failed { 0 } else { summary.rows },
            rows_written: totals.stats.written,
            rows_deleted: totals.stats.deleted,
            rows_rejected: self.rejected(&summary.resource) + totals.rejected,
            mismatches: summary.mismatches + open.map_or(0, |open| open.mapper.mismatches()),
            siblings: mapper.map_or_else(Vec::new, |mapper| mapper.sibling_values().to_vec()),
            type_changes: mapper.map_or_else(Vec::new, RowMapper::type_changes),
            bytes: totals.bytes,
            requests: summary.requests,
            rows_billed: summary.rows_billed,
            verified: self.verified.get(&summary.resource).cloned(),
            elapsed: open.map(TableState::elapsed).unwrap_or_default(),
            failure: summary.failure.clone(),
            failed_parts: failed_parts(summary),
            notes,
        }
    }

    /// Returns the record of a resource in the last load.
    pub(super) fn resource_record(
        &self,
        summary: &ResourceSummary,
        stats: WriteStats,
    ) -> ResourceRecord {
        let open = self.resources.get(&summary.resource).map(|open| &open.own);
        let counts = open.and_then(|open| open.counts.as_ref());
        let is_replaced = open.is_some_and(|open| open.plan().full_refresh);
        ResourceRecord {
            resource: summary.resource.clone(),
            // The cursor of the replaced rows is removed, as by a full read.
            mode: if is_replaced && summary.cursor.is_none() {
                ReadMode::Full
            } else {
                self.mode(&summary.resource)
            },
            rows_read: counts.map_or(0, |counts| counts.rows),
            rows_written: stats.written,
            rows_deleted: stats.deleted,
            rows_rejected: self.rejected(&summary.resource)
                + counts.map_or(0, |counts| counts.rejected),
            rows_billed: summary.rows_billed,
            cursor_before: match open {
                Some(open) => open.plan().cursor.clone(),
                None => self.cursor_before(&summary.resource).cloned(),
            },
            cursor_after: summary.cursor.clone(),
        }
    }

    /// Returns the records of child tables in the last load, and their reports.
    pub(super) fn child_reports(
        &mut self,
        resource: &str,
        stats: &BTreeMap<String, WriteStats>,
    ) -> Vec<(ResourceRecord, ResourceReport)> {
        let children = self.resources.get_mut(resource).into_iter();
        let children = children.flat_map(|open| open.children.values_mut());
        children
            .map(|child| {
                let stats = child.add_stats(stats);
                (child.record(stats), child_report(child))
            })
            .collect()
    }

    /// Returns the record of a load that is complete now.
    pub(super) fn record(&self, status: LoadStatus, resources: Vec<ResourceRecord>) -> LoadRecord {
        LoadRecord {
            load_id: self.load_id.clone(),
            pipeline: self.header.pipeline.clone(),
            connector_name: self.header.connector_name.clone(),
            connector_version: self.header.connector_version.clone(),
            connector_sha256: self.header.connector_sha256.clone(),
            started: self.header.started,
            finished: SystemTime::now(),
            status,
            resources,
        }
    }

    /// Returns the cursor from which the read of a resource resumed.
    pub(super) fn cursor_before(&self, resource: &str) -> Option<&Cursor> {
        names::find_in(&self.header.plans, resource)?
            .cursor
            .as_ref()
    }

    fn mode(&self, resource: &str) -> ReadMode {
        let plan = names::find_in(&self.header.plans, resource);
        plan.map_or(ReadMode::Full, ResourcePlan::mode)
    }

    /// Returns the number of records of a resource that the connector rejected.
    pub(super) fn rejected(&self, resource: &str) -> u64 {
        self.rejected.get(resource).copied().unwrap_or(0)
    }
}

/// Returns the parts of a resource that could not be read, while the rest was.
fn failed_parts(summary: &ResourceSummary) -> Vec<FailedPart> {
    let column = summary.unread.as_ref().map(|unread| unread.column.clone());
    let failures = summary.part_failures.iter();
    let parts = failures.filter(|_| summary.failure.is_none());
    parts
        .map(|(part, error)| FailedPart {
            resource: summary.resource.clone(),
            column: column.clone().unwrap_or_default(),
            part: part.clone(),
            error: error.clone(),
        })
        .collect()
}

fn child_report(child: &TableState) -> ResourceReport {
    ResourceReport {
        resource: child.name.clone(),
        table: child.table.clone(),
        mode: child.plan().mode(),
        rows_read: child.totals.rows,
        rows_written: child.totals.stats.written,
        rows_deleted: child.totals.stats.deleted,
        rows_rejected: 0,
        mismatches: 0,
        siblings: child.mapper.sibling_values().to_vec(),
        type_changes: child.mapper.type_changes(),
        bytes: 0,
        requests: 0,
        rows_billed: None,
        verified: None,
        elapsed: child.elapsed(),
        failure: None,
        failed_parts: Vec::new(),
        notes: Vec::new(),
    }
}

/// Returns the id of a load that starts now, later than `last`.
pub(super) fn next_load_id(last: &LoadId) -> LoadId {
    loop {
        let next = LoadId::from_time(SystemTime::now());
        if next > *last {
            return next;
        }
        std::thread::sleep(Duration::from_micros(1));
    }
}
