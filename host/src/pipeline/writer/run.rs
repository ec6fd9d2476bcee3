//! A run over all of its loads: what is open, what is counted, and what is
//! said of it in the end. Writes nothing.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use super::open::{Open, Part};
use super::{LoadHead, contract, unopened};
use crate::destination::WriteStats;
use crate::model::{
    Cursor, LoadId, LoadRecord, LoadStatus, ReadMode, ResourceRecord, ResourceSummary, Summary,
    WriteDisposition, names,
};
use crate::pipeline::error::PipelineError;
use crate::pipeline::mask;
use crate::pipeline::observer::Observer;
use crate::pipeline::plan::ResourcePlan;
use crate::pipeline::report::ResourceReport;

/// What stays the same over the loads of a run.
pub(super) struct Run<'a> {
    pub(super) head: &'a LoadHead,
    pub(super) observer: &'a dyn Observer,
    pub(super) open: BTreeMap<String, Open>,
    pub(super) rejected: BTreeMap<String, u64>,
    pub(super) restarts: u32,
    /// Loads that were committed.
    pub(super) loads: u64,
    /// The identity of the load that is written.
    pub(super) load_id: LoadId,
}

impl Run<'_> {
    pub(super) fn opened(&self, resource: &str) -> Result<&Open, PipelineError> {
        self.open.get(resource).ok_or_else(|| unopened(resource))
    }

    /// Whether the keys of a resource were asked for.
    pub(super) fn keys_of(&self, resource: &str) -> Result<(), PipelineError> {
        let open = self.opened(resource)?;
        if open.items_of.is_none() && open.plan.selection().keys {
            Ok(())
        } else {
            Err(contract(format!(
                "it sends keys of `{resource}`, for which nobody asked"
            )))
        }
    }

    /// The tables of the lists of a resource, whose keys are those of its rows.
    pub(super) fn items_by_keys(&self, resource: &str) -> Vec<String> {
        let items = self.open.iter().filter(|(_, open)| {
            open.items_of.as_deref() == Some(resource)
                && open.part.is_some()
                && open.plan.is_by_keys()
        });
        items.map(|(name, _)| name.clone()).collect()
    }

    /// How a resource is loaded.
    pub(super) fn plan(&self, resource: &str) -> Result<ResourcePlan, PipelineError> {
        if let Some(plan) = self.head.plans.get(resource) {
            return Ok(plan.clone());
        }
        // One selection may stand for several resources. Which of them are to
        // be added to, or masked, is then not known, and to guess could
        // replace what is there, or store what is to be masked.
        let mut others = self.head.plans.values();
        if others.any(|plan| !plan.masks().is_empty()) {
            return Err(mask::unselected(resource));
        }
        let mut others = self.head.plans.values();
        if others.any(|plan| plan.write != WriteDisposition::Replace) {
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

    /// Compares what the connector says it sent with what came.
    pub(super) fn reconcile(&self, summary: &Summary) -> Result<(), PipelineError> {
        for of_source in &summary.resources {
            let resource = &of_source.resource;
            let Some(open) = self.open.get(resource) else {
                // Of what has not changed, not even the columns come.
                let goes_on = self.cursor_before(resource).is_some();
                if of_source.failure.is_some() || (of_source.rows == 0 && goes_on) {
                    continue;
                }
                return Err(contract(format!(
                    "`done` says that `{resource}` was read, and its columns never came"
                )));
            };
            if of_source.failure.is_some() {
                continue;
            }
            if of_source.rows != open.totals.rows {
                return Err(PipelineError::Mismatch {
                    resource: resource.clone(),
                    sent: of_source.rows,
                    decoded: open.totals.rows,
                    stored: open.totals.rows,
                });
            }
            let rejected = self.rejected.get(resource).copied().unwrap_or(0);
            if of_source.rejected != rejected {
                return Err(contract(format!(
                    "`done` says {} rejected records of `{resource}`, {rejected} came",
                    of_source.rejected
                )));
            }
        }
        let summed = |name: &String| {
            let mut resources = summary.resources.iter();
            resources.any(|resource| resource.resource == *name)
        };
        let mut of_source = self.open.iter().filter(|(_, open)| open.items_of.is_none());
        match of_source.find(|(name, _)| !summed(name)) {
            Some((unsummed, _)) => Err(contract(format!("`done` says nothing of `{unsummed}`"))),
            None => Ok(()),
        }
    }

    pub(super) fn report(&self, summary: &ResourceSummary) -> ResourceReport {
        let open = self.open.get(&summary.resource);
        let totals = open.map(|open| open.totals).unwrap_or_default();
        let rejected = self.rejected.get(&summary.resource).copied().unwrap_or(0);
        let mut notes = summary.notes.clone();
        if totals.stats.superseded > 0 {
            notes.push(format!(
                "{} rows were followed by others of the same key, which took their place",
                totals.stats.superseded
            ));
        }
        let failed = summary.failure.is_some();
        ResourceReport {
            table: names::table_name(&summary.resource),
            resource: summary.resource.clone(),
            mode: self.mode(&summary.resource),
            rows_read: if failed { 0 } else { summary.rows },
            rows_written: totals.stats.written,
            rows_deleted: totals.stats.deleted,
            rows_rejected: rejected + totals.refused,
            mismatches: summary.mismatches + open.map_or(0, Open::mismatches),
            bytes: totals.bytes,
            requests: summary.requests,
            rows_billed: summary.rows_billed,
            elapsed: open.map(Open::elapsed).unwrap_or_default(),
            failure: summary.failure.clone(),
            notes,
        }
    }

    /// What came of the lists of a resource: what is written down of each
    /// table's part in the last load, and what is said of the run.
    pub(super) fn items(
        &mut self,
        resource: &str,
        stats_by_table: &BTreeMap<String, WriteStats>,
    ) -> Vec<(ResourceRecord, ResourceReport)> {
        let mut items = Vec::new();
        for (name, open) in &mut self.open {
            if open.items_of.as_deref() != Some(resource) {
                continue;
            }
            let stats = stats_by_table.get(&open.table).copied().unwrap_or_default();
            open.totals.add(stats);
            let part = open.part.as_ref();
            let record = ResourceRecord {
                resource: name.clone(),
                mode: open.plan.mode(),
                rows_read: part.map_or(0, Part::rows_of_source),
                rows_written: stats.written,
                rows_deleted: stats.deleted,
                rows_rejected: 0,
                rows_billed: None,
                cursor_before: None,
                cursor_after: None,
            };
            let report = ResourceReport {
                resource: name.clone(),
                table: open.table.clone(),
                mode: open.plan.mode(),
                rows_read: open.totals.rows,
                rows_written: open.totals.stats.written,
                rows_deleted: open.totals.stats.deleted,
                rows_rejected: 0,
                mismatches: 0,
                bytes: 0,
                requests: 0,
                rows_billed: None,
                elapsed: open.elapsed(),
                failure: None,
                notes: Vec::new(),
            };
            items.push((record, report));
        }
        items
    }

    /// What is written down of a resource's part in the last load.
    pub(super) fn resource_record(
        &self,
        summary: &ResourceSummary,
        stats: WriteStats,
    ) -> ResourceRecord {
        let open = self.open.get(&summary.resource);
        let part = open.and_then(|open| open.part.as_ref());
        let rejected = self.rejected.get(&summary.resource).copied().unwrap_or(0);
        ResourceRecord {
            resource: summary.resource.clone(),
            mode: self.mode(&summary.resource),
            rows_read: part.map_or(0, |part| part.rows),
            rows_written: stats.written,
            rows_deleted: stats.deleted,
            rows_rejected: rejected + part.map_or(0, |part| part.refused),
            rows_billed: summary.rows_billed,
            cursor_before: match open {
                Some(open) => open.plan.cursor.clone(),
                None => self.cursor_before(&summary.resource).cloned(),
            },
            cursor_after: summary.cursor.clone(),
        }
    }

    /// Where the read of a resource began.
    pub(super) fn cursor_before(&self, resource: &str) -> Option<&Cursor> {
        self.head.plans.get(resource)?.cursor.as_ref()
    }

    pub(super) fn mode(&self, resource: &str) -> ReadMode {
        let plan = self.head.plans.get(resource);
        plan.map_or(ReadMode::Full, ResourcePlan::mode)
    }

    pub(super) fn record(&self, status: LoadStatus, resources: Vec<ResourceRecord>) -> LoadRecord {
        LoadRecord {
            load_id: self.load_id.clone(),
            pipeline: self.head.pipeline.clone(),
            connector_name: self.head.connector_name.clone(),
            connector_version: self.head.connector_version.clone(),
            connector_sha256: self.head.connector_sha256.clone(),
            started: self.head.started,
            finished: SystemTime::now(),
            status,
            resources,
        }
    }
}

/// The identity of a load that starts now, after another.
pub(super) fn next_load_id(last: &LoadId) -> LoadId {
    loop {
        let next = LoadId::from_time(SystemTime::now());
        if next > *last {
            return next;
        }
        std::thread::sleep(Duration::from_micros(1));
    }
}
