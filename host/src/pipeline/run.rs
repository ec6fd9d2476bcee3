//! One load, from the first request to the commit.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc;
use tracing::Instrument;

use super::Pipeline;
use super::error::PipelineError;
use super::observer::Observer;
use super::plan::ResourcePlan;
use super::report::Report;
use super::requested::RequestedResources;
use super::writer::{self, LoadHead, Written};
use crate::destination::{self, DestinationError};
use crate::model::{Consistency, Descriptor, LoadId, ReadMode, ReadOptions, Selection};
use crate::sandbox::egress::PolicyRecorder;
use crate::sandbox::pages::RawEvent;
use crate::sandbox::{Grants, Instance, SandboxError};

/// Pages that wait between the connector and the destination. More would
/// only hold memory: the slower side sets the pace.
const WAITING_PAGES: usize = 2;
/// How long an interrupted load waits for the connector to come to a point
/// where it can be told to close what it holds at the source.
const GRACE: Duration = Duration::from_secs(2);

/// What a run is asked to do beside what the pipeline says.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Load only these resources.
    pub only: Vec<String>,
    /// Start from the beginning, whatever the cursors say, and replace what is
    /// there, whatever the pipeline says.
    pub full_refresh: bool,
    /// Where to write down what the connector needed.
    pub record: Option<Arc<PolicyRecorder>>,
}

impl Pipeline {
    /// Loads once. When `cancel` completes, the load ends without a trace.
    pub async fn run(
        &self,
        options: &RunOptions,
        observer: Arc<dyn Observer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Report, PipelineError> {
        let load_id = LoadId::from_time(SystemTime::now());
        let span = tracing::info_span!("load", load_id = %load_id, pipeline = self.spec.name);
        self.load(load_id, options, observer, cancel)
            .instrument(span)
            .await
    }

    async fn load(
        &self,
        load_id: LoadId,
        options: &RunOptions,
        observer: Arc<dyn Observer>,
        cancel: impl Future<Output = ()>,
    ) -> Result<Report, PipelineError> {
        let started = (SystemTime::now(), Instant::now());
        // The destination first: nothing is asked of the source for a load
        // that could not be stored.
        let settings = self.destination_settings();
        let name = self.spec.name.clone();
        let opening = move || {
            let mut destination = destination::open(settings)?;
            let cursors = destination.cursors(&name)?;
            Ok::<_, DestinationError>((destination, cursors))
        };
        let (mut destination, cursors) = blocking(opening).await??;
        let location = destination.location();

        let ready = async {
            let grants = Grants {
                record: options.record.clone(),
                ..self.grants()
            };
            let mut instance = self.connector.instantiate(grants).await?;
            let descriptor = self.described(&mut instance).await?;
            Ok::<_, PipelineError>((instance, descriptor))
        };
        let (mut instance, descriptor) = match ready.await {
            Ok(ready) => ready,
            Err(error) => {
                // To close it may block.
                blocking(move || drop(destination)).await?;
                return Err(error);
            }
        };
        let plans = self.plans.iter().map(|(name, plan)| {
            let plan = plan.at(cursors.get(name), options.full_refresh);
            (name.clone(), plan)
        });
        let plans: BTreeMap<_, _> = plans.collect();
        let selections = self.selections(&options.only, &plans);
        let head = self.head(load_id.clone(), started.0, &descriptor, plans);

        let (sender, events) = mpsc::channel(WAITING_PAGES);
        let limits = self.spec.limits.clone();
        let span = tracing::Span::current();
        let writing = tokio::task::spawn_blocking(move || {
            let _entered = span.enter();
            let written = writer::write(
                destination.as_mut(),
                &head,
                &limits,
                events,
                observer.as_ref(),
            );
            // Closing a database may write to it, so it belongs to the load.
            drop(destination);
            written
        });
        let reading = self.feed(&mut instance, &selections, sender, cancel).await;
        let written = writing.await.map_err(|error| crashed(&error))?;
        // A reader that ended because the writer failed has nothing to say.
        // And a load that was committed is one, whatever came after `done`.
        let written: Written = match (reading, written) {
            (_, Ok(Some(written))) => written,
            (_, Err(error)) | (Err(error), Ok(None)) => return Err(error),
            (Ok(()), Ok(None)) => {
                return Err(
                    SandboxError::Contract("the read ended without `done`".to_owned()).into(),
                );
            }
        };
        tracing::info!(status = written.status.as_str(), "committed");
        Ok(Report {
            pipeline: self.spec.name.clone(),
            load_id: written.load_id,
            loads: written.loads,
            status: written.status,
            destination: location,
            resources: written.resources,
            requests: instance.egress_stats().requests(),
            bytes_received: instance.egress_stats().bytes(),
            point_in_time: written.point_in_time,
            restarts: written.restarts,
            elapsed: started.1.elapsed(),
        })
    }

    /// Pulls events out of the connector until it is done, the writer is
    /// gone, or `cancel` completes.
    async fn feed(
        &self,
        instance: &mut Instance,
        selections: &[Selection],
        sender: mpsc::Sender<RawEvent>,
        cancel: impl Future<Output = ()>,
    ) -> Result<(), PipelineError> {
        let options = ReadOptions {
            resumable: self.spec.consistency != Consistency::Snapshot,
            time_limit: u64::try_from(self.spec.limits.time.as_millis()).ok(),
            ..ReadOptions::default()
        };
        let mut cancel = std::pin::pin!(cancel);
        let opening = instance.read(&self.config, selections, &options);
        let reader = tokio::select! {
            reader = opening => reader?,
            () = &mut cancel => return Err(PipelineError::Cancelled),
        };
        let mut asked = RequestedResources::of(selections);
        let result = loop {
            let event = {
                let mut next = std::pin::pin!(instance.next(reader));
                tokio::select! {
                    event = &mut next => event,
                    () = &mut cancel => {
                        let _ = tokio::time::timeout(GRACE, next).await;
                        break Err(PipelineError::Cancelled);
                    }
                }
            };
            match event {
                Ok(Some(event)) => {
                    if let Some(resource) = event.opens()
                        && let Err(error) = asked.judge(resource, instance, &self.config).await
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
        if let Ok(Err(error)) = tokio::time::timeout(GRACE, instance.close(reader)).await {
            tracing::debug!(%error, "the connector could not close its read");
        }
        result
    }

    /// What to ask the connector for; nothing means its defaults.
    fn selections(
        &self,
        only: &[String],
        plans: &BTreeMap<String, ResourcePlan>,
    ) -> Vec<Selection> {
        let named = |name: &String| {
            plans.get(name).map_or_else(
                || Selection {
                    resource: name.clone(),
                    ..Selection::default()
                },
                ResourcePlan::selection,
            )
        };
        let mut selections: Vec<_> = if only.is_empty() {
            let described = self.spec.resources.iter();
            described.map(|spec| named(&spec.name)).collect()
        } else {
            only.iter().map(named).collect()
        };
        // What is committed as it comes comes first: nothing can be committed
        // while a table is half replaced.
        if self.spec.consistency != Consistency::Snapshot {
            selections.sort_by_key(|selection| selection.mode == ReadMode::Full);
        }
        selections
    }

    fn head(
        &self,
        load_id: LoadId,
        started: SystemTime,
        descriptor: &Descriptor,
        plans: BTreeMap<String, ResourcePlan>,
    ) -> LoadHead {
        LoadHead {
            load_id,
            pipeline: self.spec.name.clone(),
            connector_name: descriptor.name.clone(),
            connector_version: descriptor.version.clone(),
            connector_sha256: self.connector.digest().to_owned(),
            started,
            plans,
            commit_every: match self.spec.consistency {
                Consistency::Snapshot => None,
                Consistency::Resumable { commit_every } => Some(commit_every),
            },
        }
    }
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, PipelineError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| crashed(&error))
}

/// A panic in a thread of the host. It loses this load and nothing else.
fn crashed(error: &tokio::task::JoinError) -> PipelineError {
    PipelineError::Crashed(error.to_string())
}
