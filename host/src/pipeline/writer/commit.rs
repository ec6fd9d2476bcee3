//! The end of a load: compares all counts, applies the rows to the tables, and
//! commits. Nothing else in the pipeline commits rows.

use std::collections::{BTreeMap, BTreeSet};

use super::{LoadWriter, RunResult, isolation};
use crate::destination::WriteStats;
use crate::model::{
    ErrorCategory, LoadStatus, Remedy, ResourceSummary, SourceError, Summary, names,
};
use crate::pipeline::error::{CommonCause, PipelineError};
use crate::pipeline::observer::Update;

impl LoadWriter<'_, '_, '_> {
    /// Commits the rows so far, with the cursors that are valid from now on.
    pub(super) fn commit_part(mut self) -> Result<(), PipelineError> {
        let stats = self.apply()?;
        let tables = self.run.tables_mut();
        let records = tables
            .filter_map(|table| table.finish_part(&stats))
            .collect();
        let record = self.run.record(LoadStatus::Ongoing, records);
        let committed = self.load.commit(&record);
        committed.map_err(|error| isolation::commit_failure(self.run, error))?;
        self.run.loads += 1;
        tracing::info!(load_id = %record.load_id, "committed a part");
        Ok(())
    }

    /// Waits until all rows are stored, compares their number with that of the
    /// decoded rows, and applies the load to the tables. Resources whose rows
    /// cannot be applied fail.
    fn apply(&mut self) -> Result<BTreeMap<String, WriteStats>, PipelineError> {
        loop {
            let stored = self.load.count_rows()?;
            for table in self.run.tables() {
                table.compare_rows(stored.get(&table.table).copied().unwrap_or(0))?;
            }
            match self.load.apply() {
                Ok(stats) => return Ok(stats),
                Err(error) => self.isolate(error.into(), None)?,
            }
        }
    }

    /// Compares all counts, then commits. A run that only validates leaves no trace.
    pub(super) fn finish(mut self, mut summary: Summary) -> Result<RunResult, PipelineError> {
        if let Some(resource) = listed_twice(&summary) {
            return Err(PipelineError::contract(format!(
                "the connector's summary lists `{resource}` twice"
            )));
        }
        self.keep_unread(&mut summary)?;
        self.run.complete_cursors(&mut summary);
        self.conclude_failures(&mut summary)?;
        let validates = self.run.header.only_validates;
        if !validates {
            self.run.verify(&mut summary);
        }
        self.conclude_failures(&mut summary)?;
        self.expect_resources(&summary)?;
        self.run.reconcile(&summary)?;
        let written = if validates {
            BTreeMap::new()
        } else {
            self.apply()?
        };
        self.conclude_failures(&mut summary)?;
        self.expect_resources(&summary)?;
        let resources = &summary.resources;
        let mut reports = Vec::with_capacity(resources.len());
        let mut records = Vec::with_capacity(resources.len());
        for resource in resources {
            let own = self.run.add_stats(&resource.resource, &written);
            reports.push(self.run.report(resource));
            if resource.failure.is_none() {
                records.push(self.run.resource_record(resource, own));
                for (record, report) in self.run.child_reports(&resource.resource, &written) {
                    records.push(record);
                    reports.push(report);
                }
            }
        }
        let status = load_status(&summary);
        let record = self.run.record(status, records);
        let run = self.run;
        if !validates {
            run.observer.update(Update::Committing);
            let committed = self.load.commit(&record);
            committed.map_err(|error| isolation::commit_failure(run, error))?;
        }
        Ok(RunResult {
            load_id: record.load_id,
            loads: run.loads + 1,
            status,
            resources: reports,
            point_in_time: summary.point_in_time,
            restarts: run.restarts,
        })
    }

    /// Fails if every resource has failed, and nothing was committed.
    fn expect_resources(&mut self, summary: &Summary) -> Result<(), PipelineError> {
        let resources = &summary.resources;
        let failures = || {
            resources
                .iter()
                .filter_map(|resource| resource.failure.as_ref())
        };
        if let Some(first) = resources.first()
            && let Some(error) = &first.failure
            && failures().count() == resources.len()
            && self.run.loads == 0
        {
            let is_stored = self.is_any_stored(resources)?;
            return Err(PipelineError::NothingRead {
                resource: first.resource.clone(),
                error: Box::new(error.clone()),
                cause: CommonCause::from_failures(failures(), is_stored),
                others: resources
                    .iter()
                    .skip(1)
                    .filter_map(|other| Some((other.resource.clone(), other.failure.clone()?)))
                    .collect(),
            });
        }
        Ok(())
    }

    /// True if an earlier load stored one of the resources.
    fn is_any_stored(&mut self, resources: &[ResourceSummary]) -> Result<bool, PipelineError> {
        for resource in resources {
            let table = names::table_name(&resource.resource);
            if self.load.existing_schema(&table)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keeps the stored rows of parts that the connector did not read. A
    /// resource for which the destination cannot do that has failed.
    fn keep_unread(&mut self, summary: &mut Summary) -> Result<(), PipelineError> {
        for resource in &mut summary.resources {
            if let (None, Some(part)) = (&resource.failure, &resource.unread)
                // Without any rows, the whole table is kept.
                && let Some(open) = self.run.resources.get(&resource.resource)
                && !open.keep_unread(part, self.load.as_mut())?
            {
                resource.failure = Some(cannot_keep_unread(&resource.resource));
            }
        }
        Ok(())
    }
}

fn listed_twice(summary: &Summary) -> Option<&str> {
    let mut names = BTreeSet::new();
    let mut listed = summary.resources.iter().map(|listed| &*listed.resource);
    listed.find(|name| !names.insert(*name))
}

fn load_status(summary: &Summary) -> LoadStatus {
    let is_partial = |resource: &ResourceSummary| {
        let unread = resource.unread.as_ref();
        resource.failure.is_some() || unread.is_some_and(|part| part.failure.is_some())
    };
    if summary.resources.iter().any(is_partial) {
        LoadStatus::Partial
    } else {
        LoadStatus::Loaded
    }
}

/// Returns the failure of a resource whose new columns have other types than
/// the stored rows of a part that was not read.
fn cannot_keep_unread(resource: &str) -> SourceError {
    SourceError {
        category: ErrorCategory::Data,
        message: format!(
            "a part of `{resource}` was not read, and columns of the rest have new types, which the setting `types` would fix; its table was left unchanged"
        ),
        remedy: Some(Remedy::FullRefresh {
            resource: resource.to_owned(),
        }),
        retryable: true,
        retry_after: None,
    }
}
