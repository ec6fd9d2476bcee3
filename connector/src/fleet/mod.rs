//! Many databases of an organization, read like a single one: the same
//! resources of each database, several databases at a time, each in its own
//! snapshot. Every row has the name of its database.
//!
//! Reading order: this file (the databases in progress), [`databases`] (their
//! selection), [`turns`] (several reads at once), [`member`] and [`buffer`] (the
//! read of one database), [`failures`], [`conclusion`], [`flush`] and [`union`]
//! (rows with the columns of all databases), [`totals`] (statistics), [`progress`],
//! [`overview`] (list and check). Must not know how a database is read.

mod buffer;
mod conclusion;
mod databases;
mod failures;
mod flush;
mod member;
pub mod overview;
mod progress;
mod totals;
mod turns;
mod union;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use self::buffer::TotalBytes;
use self::databases::SelectedDatabase;
use self::member::{Member, MemberStep};
use self::totals::ResourceTotals;
use self::turns::Turns;
use crate::config::{Config, Databases};
use crate::cursor::{self, Cursor};
use crate::error::{Category, Error, Result};
use crate::output::{Event, Output, ResourceStats, Summary};
use crate::platform;
use crate::read::{Read, RestartState};
use crate::retry::Backoff;
use crate::selection::{Mode, ReadOptions, Selection};

/// Maximum restarts after the failure of a database of which rows were sent.
const MAX_RESTARTS: u32 = 7;

/// Read of many databases.
#[derive(Debug)]
pub struct Fleet {
    config: Config,
    databases: Databases,
    options: ReadOptions,
    /// Resources that are read of each database.
    requested: Vec<Selection>,
    /// Resources that cannot be read, with the errors.
    invalid: Vec<(String, Error)>,
    /// Resources of the Platform API, which are read afterwards.
    platform: Vec<Selection>,
    phase: FleetPhase,
    selected: Vec<SelectedDatabase>,
    /// Databases whose read has not begun.
    queued: VecDeque<SelectedDatabase>,
    /// Databases whose read is in progress.
    turns: Turns,
    /// Databases that were read before an earlier one, with their summaries.
    read: BTreeMap<String, (Member, Summary)>,
    /// Bytes of the buffered rows of all databases.
    buffered: TotalBytes,
    totals: BTreeMap<String, ResourceTotals>,
    /// Databases that could not be read, with the errors.
    failed: BTreeMap<String, Error>,
    /// States of databases from before the last restart.
    restart_states: BTreeMap<String, RestartState>,
    /// Delays before databases are read again.
    delays: BTreeMap<String, Duration>,
    /// Number of rows that were sent.
    rows: u64,
    requests: u64,
    output: VecDeque<Event>,
    backoff: Backoff,
}

#[derive(Debug)]
enum FleetPhase {
    Begin,
    Databases,
    Platform(Box<Read>, Vec<ResourceStats>),
    Finished,
}

impl Fleet {
    /// Creates a read. A selection that is invalid, or not supported with many
    /// databases, fails its resource only.
    #[must_use]
    pub fn new(
        config: Config,
        databases: Databases,
        requested: Vec<Selection>,
        options: &ReadOptions,
    ) -> Self {
        let is_of_platform =
            |selection: &Selection| platform::find_in(&selection.resource, &config).is_some();
        let (platform, mut requested): (Vec<_>, Vec<_>) =
            requested.into_iter().partition(is_of_platform);
        let mut invalid = Vec::new();
        requested.retain(|selection| match validate(selection) {
            Ok(()) => true,
            Err(error) => {
                invalid.push((selection.resource.clone(), error));
                false
            }
        });
        let options = ReadOptions {
            lenient: true,
            // The rows of a database are buffered until its read is complete.
            resumable: false,
            ..options.clone()
        };
        let has_other_resources = !(platform.is_empty() && invalid.is_empty());
        let backoff = config
            .platform
            .retry
            .backoff_with_attempts(MAX_RESTARTS + 1);
        Self {
            phase: if requested.is_empty() && has_other_resources {
                FleetPhase::Databases
            } else {
                FleetPhase::Begin
            },
            config,
            databases,
            options,
            requested,
            invalid,
            platform,
            selected: Vec::new(),
            queued: VecDeque::new(),
            turns: Turns::default(),
            read: BTreeMap::new(),
            buffered: TotalBytes::default(),
            totals: BTreeMap::new(),
            failed: BTreeMap::new(),
            restart_states: BTreeMap::new(),
            delays: BTreeMap::new(),
            rows: 0,
            requests: 0,
            output: VecDeque::new(),
            backoff,
        }
    }

    /// Returns the next event. `None` after the last one.
    pub async fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.output.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.phase {
                FleetPhase::Begin => self.begin().await?,
                FleetPhase::Databases => {
                    if let Err(error) = self.step().await {
                        self.close().await;
                        return Err(error);
                    }
                }
                FleetPhase::Platform(read, resources) => match read.next_event().await? {
                    Some(Event::Done(mut summary)) => {
                        summary.resources.splice(0..0, std::mem::take(resources));
                        summary.requests += self.requests;
                        self.finish(summary);
                    }
                    Some(event) => return Ok(Some(event)),
                    None => self.phase = FleetPhase::Finished,
                },
                FleetPhase::Finished => return Ok(None),
            }
        }
    }

    /// Ends the read, and closes all streams.
    pub async fn close(&mut self) {
        self.turns.close().await;
        if let FleetPhase::Platform(read, _) = &mut self.phase {
            read.close().await;
        }
        self.phase = FleetPhase::Finished;
    }

    async fn begin(&mut self) -> Result<()> {
        let mut output = Output::default();
        let selected = databases::select(&self.config, &self.databases, &mut output).await;
        self.requests += output.requests;
        self.selected = selected?;
        self.queued = self.selected.iter().cloned().collect();
        self.phase = FleetPhase::Databases;
        Ok(())
    }

    /// Takes the next event of one database.
    async fn step(&mut self) -> Result<()> {
        let Some((mut member, step)) = self.next_turn().await? else {
            return self.end();
        };
        match step {
            Ok(MemberStep::Continue) => self.turns.push(member),
            Ok(MemberStep::Progress(resource)) => {
                self.report_progress(&resource, &member);
                self.turns.push(member);
            }
            Ok(MemberStep::Waiting(reason)) => {
                self.report_waiting(&member.name, &reason);
                self.turns.push(member);
            }
            Ok(MemberStep::Buffered) if !self.is_full(&member) => self.turns.push(member),
            Ok(MemberStep::Buffered) => {
                if let Some((_, error)) = self.key_conflicts(&member).into_iter().next() {
                    member.close().await;
                    self.continue_without(&member, error).await?;
                } else {
                    member.is_sent = true;
                    self.flush(&mut member, &BTreeSet::new())?;
                    self.turns.push(member);
                }
            }
            Ok(MemberStep::Restarted(reason)) => self.record_interruption(&member, &reason).await?,
            Ok(MemberStep::Done(summary)) => {
                self.read.insert(member.name.clone(), (member, summary));
            }
            Err(error) => self.continue_without(&member, error).await?,
        }
        self.conclude_read().await?;
        if self.has_enough() {
            self.queued.clear();
            self.read.clear();
            self.turns.close().await;
        }
        Ok(())
    }

    /// True if no further database has to be read. A read of no rows ends once
    /// every resource was found in one of the databases.
    fn has_enough(&self) -> bool {
        match self.options.row_limit {
            Some(0) => {
                let mut requested = self.requested.iter();
                !self.totals.is_empty()
                    && requested.all(|selection| self.totals.contains_key(&selection.resource))
            }
            Some(limit) => self.rows >= limit,
            None => false,
        }
    }

    /// Sends the last columns, and continues with the Platform API or ends.
    fn end(&mut self) -> Result<()> {
        let names: Vec<_> = self.totals.keys().cloned().collect();
        for name in &names {
            self.announce_empty(name);
        }
        let mut totals = std::mem::take(&mut self.totals);
        let databases = self.selected.len();
        let mut resources = Vec::new();
        for selection in &self.requested {
            let name = &selection.resource;
            resources.push(match totals.remove(name) {
                Some(totals) => totals.end(&self.failed, databases, Some(selection)),
                None if self.failed.is_empty() => absent(name),
                None => ResourceTotals::new(name).end(&self.failed, databases, Some(selection)),
            });
        }
        let rest = totals.into_values();
        resources.extend(rest.map(|rest| rest.end(&self.failed, databases, None)));
        for (name, error) in std::mem::take(&mut self.invalid) {
            resources.push(failed_resource(&name, error));
        }
        if self.requested.is_empty()
            && resources.is_empty()
            && let Some(error) = self.failed.values().next()
        {
            return Err(error.clone());
        }
        if self.platform.is_empty() {
            self.finish(Summary {
                resources,
                requests: self.requests,
                point_in_time: self.selected.len() < 2,
            });
            return Ok(());
        }
        let config = Config {
            databases: None,
            ..self.config.clone()
        };
        let requested = std::mem::take(&mut self.platform);
        let options = ReadOptions {
            lenient: false,
            ..self.options.clone()
        };
        let read = Read::new(None, config, requested, options);
        self.phase = FleetPhase::Platform(Box::new(read), resources);
        Ok(())
    }

    fn finish(&mut self, summary: Summary) {
        self.output.push_back(Event::Done(summary));
        self.phase = FleetPhase::Finished;
    }
}

/// Returns the statistics of a resource that no database has.
fn absent(resource: &str) -> ResourceStats {
    let error = Error::new(
        Category::NotFound,
        format!("no database has a table, view or query `{resource}`"),
    );
    let hint = "list the resources to see those of the first database";
    failed_resource(resource, error.hint(hint))
}

/// Returns the statistics of a resource that no database is asked for.
fn failed_resource(resource: &str, error: Error) -> ResourceStats {
    ResourceStats {
        resource: resource.to_owned(),
        failure: Some(error),
        ..ResourceStats::default()
    }
}

/// Checks that a selection is valid, and supported with many databases.
fn validate(selection: &Selection) -> Result<()> {
    let name = &selection.resource;
    if let Some(error) = &selection.invalid {
        return Err(error.clone());
    }
    if selection.mode == Mode::Changes {
        return Err(Error::config(
            format!(
                "`{name}` is requested in the mode `changes`, which is not supported with `databases`"
            ),
            "set `mode` to `incremental`, or read each database with `database_url`",
        ));
    }
    let cursor = selection.cursor.as_ref();
    if cursor.is_some_and(Cursor::is_resumable) {
        return Err(cursor::database_mismatch(name));
    }
    Ok(())
}
