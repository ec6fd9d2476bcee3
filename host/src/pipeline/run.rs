//! One load, from the first request to the commit.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::Pipeline;
use super::config_schema::time_setting;
use super::error::{CommonCause, PipelineError};
use super::observer::{Observer, Update};
use super::plan::{self, ResourcePlan};
use super::report::Report;
use super::requested::RequestedResources;
use super::stored_types::stored_tables;
use super::writer::{self, RunHeader, RunResult};
use crate::destination::{Destination, DestinationError, DestinationFactory};
use crate::model::{
    Consistency, Cursor, Descriptor, LoadId, ReadMode, ReadOptions, Selection, SourceError,
    StoredTable, Verification, names,
};
use crate::sandbox::egress::PolicyRecorder;
use crate::sandbox::pages::RawEvent;
use crate::sandbox::{Grants, Instance, SandboxError};

/// Maximum number of pages between the connector and the destination. More
/// would only take memory: the slower side sets the pace.
const MAX_WAITING_PAGES: usize = 2;
/// Maximum number of loads of one run that are voided by a resource. Each reads
/// the source again.
const MAX_VOIDED_LOADS: usize = 4;
/// Maximum time that a cancelled load waits for the connector to release its
/// resources at the source.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Options of one run that are not part of the pipeline.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Resources to load; empty loads all of the pipeline.
    pub only: Vec<String>,
    /// True to read from the beginning and replace the tables, whatever the
    /// cursors and the dispositions are.
    pub full_refresh: bool,
    /// Recorder of the permissions that the connector needs.
    pub recorder: Option<Arc<PolicyRecorder>>,
}

/// One attempt of a run.
#[derive(Default)]
pub(super) struct Attempt<'a> {
    /// Resources that voided an earlier attempt, and are not read.
    pub(super) failed: BTreeMap<String, SourceError>,
    /// True to validate only: no row is read, and nothing is committed.
    pub(super) only_validates: bool,
    /// Cursor of a resource that replaces the saved one.
    pub(super) cursor: Option<(&'a str, &'a Cursor)>,
}

impl Pipeline {
    /// Loads once. When `cancel` completes, the uncommitted load is undone.
    pub async fn run(
        &self,
        options: &RunOptions,
        observer: Arc<dyn Observer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Report, PipelineError> {
        let expanded = self.expanded(&options.only).await?;
        let pipeline = expanded.as_ref().unwrap_or(self);
        let attempts = pipeline.attempts(Attempt::default(), options, observer, cancel);
        pipeline.within_runtime(attempts).await
    }

    /// Loads or validates, and does so again without the resources that void the
    /// load.
    pub(super) async fn attempts(
        &self,
        mut attempt: Attempt<'_>,
        options: &RunOptions,
        observer: Arc<dyn Observer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Report, PipelineError> {
        let mut cancel = std::pin::pin!(cancel);
        loop {
            let load_id = LoadId::from_time(SystemTime::now());
            let span = tracing::info_span!("load", load_id = %load_id, pipeline = self.spec.name);
            let progress = Arc::clone(&observer);
            let load = self.load(load_id, &attempt, options, progress, cancel.as_mut());
            let loaded = load.instrument(span).await;
            let failed = &mut attempt.failed;
            match loaded {
                Err(PipelineError::Resource { resource, error })
                    if failed.len() < MAX_VOIDED_LOADS && !failed.contains_key(&resource) =>
                {
                    let reason = format!("the destination refused `{resource}`");
                    tracing::warn!(reason, "the load is done again without it");
                    observer.update(Update::Restarted { reason: &reason });
                    failed.insert(resource, *error);
                }
                result => return result,
            }
        }
    }

    async fn load(
        &self,
        load_id: LoadId,
        attempt: &Attempt<'_>,
        options: &RunOptions,
        observer: Arc<dyn Observer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Report, PipelineError> {
        let failed = &attempt.failed;
        let validates = attempt.only_validates;
        let started = (SystemTime::now(), Instant::now());
        // The destination is opened first, so that the source gets no request
        // for a load that cannot be stored.
        let OpenDestination {
            mut destination,
            cursors,
            other_pipelines,
            stored,
        } = self.open(&load_id, attempt, options).await?;
        let location = destination.location();

        let (mut instance, descriptor) = match self.connect(options).await {
            Ok(ready) => ready,
            Err(error) => {
                // Closing a destination may block.
                blocking(move || drop(destination)).await?;
                return Err(error);
            }
        };
        let plans = self.run_plans(attempt, &cursors, options)?;
        let mut selections = self.selections(&options.only, &plans);
        let reads_all = selections.is_empty();
        selections.retain(|selection| !failed.contains_key(&selection.resource));
        if validates {
            // No rows are received that figures could verify.
            for selection in &mut selections {
                selection.verify = Verification::Off;
            }
        }
        if selections.is_empty()
            && !reads_all
            && let Some(error) = nothing_read(failed)
        {
            blocking(move || drop(destination)).await?;
            return Err(error);
        }
        let header = RunHeader {
            failed: failed.clone(),
            only_validates: validates,
            ..self.header(
                load_id.clone(),
                started.0,
                &descriptor,
                plans,
                other_pipelines,
            )
        };

        let (sender, events) = mpsc::channel(MAX_WAITING_PAGES);
        let limits = self.spec.limits.clone();
        let span = tracing::Span::current();
        let writing = tokio::task::spawn_blocking(move || {
            let _entered = span.enter();
            let result = writer::write(
                destination.as_mut(),
                &header,
                &limits,
                events,
                observer.as_ref(),
            );
            // Closing a database may write to it, so that it is part of the load.
            drop(destination);
            result
        });
        let read_options = self.read_options(attempt, stored);
        let read = self
            .read(&mut instance, &selections, &read_options, sender, cancel)
            .await;
        let written = writing.await.map_err(|error| crashed(&error))?;
        // The error of the writer is returned first, because it ends the reader. An
        // error of the reader after `done` does not undo the commit.
        let result: RunResult = match (read, written) {
            (_, Ok(Some(result))) => result,
            (Err(error @ PipelineError::Cancelled), _)
            | (_, Err(error))
            | (Err(error), Ok(None)) => {
                return Err(time_setting::explain(error, &descriptor.config_schema));
            }
            (Ok(()), Ok(None)) => {
                return Err(SandboxError::Contract(
                    "the connector ended the read without the event `done`".to_owned(),
                )
                .into());
            }
        };
        if !validates {
            tracing::info!(status = result.status.as_str(), "committed");
        }
        Ok(Report {
            pipeline: self.spec.name.clone(),
            load_id: result.load_id,
            loads: result.loads,
            status: result.status,
            destination: location,
            resources: result.resources,
            requests: instance.egress_stats().requests(),
            bytes_received: instance.egress_stats().bytes(),
            point_in_time: result.point_in_time,
            restarts: result.restarts,
            elapsed: started.1.elapsed(),
        })
    }

    /// Starts the connector, and checks the settings that it declares.
    async fn connect(&self, options: &RunOptions) -> Result<(Instance, Descriptor), PipelineError> {
        let grants = Grants {
            recorder: options.recorder.clone(),
            ..self.grants()
        };
        let mut instance = self.connector.instantiate(grants).await?;
        let descriptor = self.describe(&mut instance).await?;
        Ok((instance, descriptor))
    }

    /// Returns the plans of a run that continues from cursors.
    fn run_plans(
        &self,
        attempt: &Attempt<'_>,
        cursors: &BTreeMap<String, Cursor>,
        options: &RunOptions,
    ) -> Result<BTreeMap<String, ResourcePlan>, PipelineError> {
        let plans = self.plans.iter().map(|(name, plan)| {
            let plan = plan.for_run(names::find_in(cursors, name), options.full_refresh);
            (name.clone(), plan)
        });
        let mut plans: BTreeMap<_, _> = plans.collect();
        if let Some((resource, cursor)) = attempt.cursor {
            let plan = plan::for_resource(&self.plans, resource)?;
            plans.insert(plan.spec.name.clone(), plan.for_run(Some(cursor), false));
        }
        Ok(plans)
    }

    /// Opens the destination, and reads what the load depends on.
    async fn open(
        &self,
        load: &LoadId,
        attempt: &Attempt<'_>,
        options: &RunOptions,
    ) -> Result<OpenDestination, PipelineError> {
        let factory = self.destination_factory();
        let (name, load) = (self.spec.name.clone(), load.clone());
        let validates = attempt.only_validates;
        // A full refresh replaces the columns too.
        let keeps_types = (!options.full_refresh).then(|| self.requested_names(&options.only));
        let open = move || {
            open_destination(
                factory.as_ref(),
                &name,
                validates,
                &load,
                keeps_types.as_deref(),
            )
        };
        Ok(blocking(open).await??)
    }

    fn read_options(&self, attempt: &Attempt<'_>, stored: Vec<StoredTable>) -> ReadOptions {
        let validates = attempt.only_validates;
        ReadOptions {
            resumable: self.spec.consistency != Consistency::Snapshot,
            page_bytes: Some(self.spec.limits.page),
            verify: if validates {
                Verification::Off
            } else {
                self.spec.verify
            },
            row_limit: validates.then_some(0),
            types: self.type_rules(),
            stored,
            ..ReadOptions::default()
        }
    }

    /// Reads events from the connector until it is done, the writer has ended,
    /// or `cancel` completes.
    async fn read(
        &self,
        instance: &mut Instance,
        selections: &[Selection],
        options: &ReadOptions,
        sender: mpsc::Sender<RawEvent>,
        cancel: impl Future<Output = ()>,
    ) -> Result<(), PipelineError> {
        let mut cancel = std::pin::pin!(cancel);
        let reader = instance.read(&self.config, selections, options);
        let reader = tokio::select! {
            reader = reader => reader?,
            () = &mut cancel => return Err(PipelineError::Cancelled),
        };
        let mut requested = RequestedResources::new(selections);
        let result = loop {
            let event = {
                let mut next = std::pin::pin!(instance.next(reader));
                tokio::select! {
                    event = &mut next => event,
                    () = &mut cancel => {
                        let _ = tokio::time::timeout(CLOSE_TIMEOUT, next).await;
                        break Err(PipelineError::Cancelled);
                    }
                }
            };
            match event {
                Ok(Some(event)) => {
                    if let Some(resource) = event.schema_resource()
                        && let Err(error) =
                            requested.validate(resource, instance, &self.config).await
                    {
                        break Err(error.into());
                    }
                    let sent = tokio::select! {
                        sent = sender.send(event) => sent,
                        () = &mut cancel => break Err(PipelineError::Cancelled),
                    };
                    if sent.is_err() {
                        break Ok(());
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(error.into()),
            }
        };
        drop(sender);
        if let Ok(Err(error)) = tokio::time::timeout(CLOSE_TIMEOUT, instance.close(reader)).await {
            tracing::debug!(%error, "the connector could not close its read");
        }
        result
    }

    /// Returns the names of the selected resources.
    fn requested_names(&self, only: &[String]) -> Vec<String> {
        if only.is_empty() {
            let resources = self.spec.resources.iter();
            return resources.map(|spec| spec.name.clone()).collect();
        }
        only.to_vec()
    }

    /// Returns the requests for the connector. Without any, it reads its
    /// defaults.
    fn selections(
        &self,
        only: &[String],
        plans: &BTreeMap<String, ResourcePlan>,
    ) -> Vec<Selection> {
        let selection = |name: &String| {
            names::find_in(plans, name).map_or_else(
                || Selection {
                    resource: name.clone(),
                    verify: self.spec.verify,
                    ..Selection::default()
                },
                |plan| Selection {
                    verify: plan.spec.verify.unwrap_or(self.spec.verify),
                    ..plan.selection()
                },
            )
        };
        let mut selections: Vec<_> = self.requested_names(only).iter().map(selection).collect();
        let mut selected = BTreeSet::new();
        selections.retain(|selection| selected.insert(selection.resource.clone()));
        // Resumable resources are read first: nothing can be committed while a
        // table is replaced in part.
        if self.spec.consistency != Consistency::Snapshot {
            selections.sort_by_key(|selection| selection.mode == ReadMode::Full);
        }
        selections
    }

    fn header(
        &self,
        load_id: LoadId,
        started: SystemTime,
        descriptor: &Descriptor,
        plans: BTreeMap<String, ResourcePlan>,
        other_pipelines: BTreeMap<String, BTreeSet<String>>,
    ) -> RunHeader {
        RunHeader {
            load_id,
            pipeline: self.spec.name.clone(),
            connector_name: descriptor.name.clone(),
            connector_version: descriptor.version.clone(),
            connector_sha256: self.connector.digest().to_owned(),
            started,
            plans,
            verify: self.spec.verify,
            other_pipelines,
            failed: BTreeMap::new(),
            only_validates: false,
            commit_every: match self.spec.consistency {
                Consistency::Snapshot => None,
                Consistency::Resumable { commit_every } => Some(commit_every),
            },
        }
    }
}

/// Returns the error of a run in which every resource voided a load.
fn nothing_read(failed: &BTreeMap<String, SourceError>) -> Option<PipelineError> {
    let failed = failed.iter();
    let mut failed = failed.map(|(resource, error)| (resource.clone(), error.clone()));
    let (resource, error) = failed.next()?;
    Some(PipelineError::NothingRead {
        resource,
        error: Box::new(error),
        cause: CommonCause::Other,
        others: failed.collect(),
    })
}

/// A destination at the start of a run.
struct OpenDestination {
    destination: Box<dyn Destination>,
    /// Cursors of the pipeline, by resource.
    cursors: BTreeMap<String, Cursor>,
    /// Other pipelines that load a resource into the same dataset.
    other_pipelines: BTreeMap<String, BTreeSet<String>>,
    /// Tables whose columns keep their types.
    stored: Vec<StoredTable>,
}

/// Opens a destination, and reads the cursors of a pipeline. Blocks.
fn open_destination(
    factory: &dyn DestinationFactory,
    pipeline: &str,
    validates: bool,
    load: &LoadId,
    keeps_types: Option<&[String]>,
) -> Result<OpenDestination, DestinationError> {
    let mut destination = if validates {
        factory.open_uncommitted()?
    } else {
        factory.open()?
    };
    let cursors = destination.cursors(pipeline)?;
    let mut other_pipelines = destination.pipelines_with_cursors()?;
    for pipelines in other_pipelines.values_mut() {
        pipelines.remove(pipeline);
    }
    let stored = match keeps_types {
        Some(selected) => stored_tables(destination.as_mut(), load, selected)?,
        None => Vec::new(),
    };
    Ok(OpenDestination {
        destination,
        cursors,
        other_pipelines,
        stored,
    })
}

/// Runs work that may block on a thread of its own.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PipelineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| crashed(&error))
}

/// Returns the error for a panic in a thread of the host. It ends this load
/// only.
fn crashed(error: &tokio::task::JoinError) -> PipelineError {
    PipelineError::Crashed(error.to_string())
}
