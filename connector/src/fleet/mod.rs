//! Many databases of an organization, read like a single one: the same
//! resources of each database, several databases at a time, each in its own
//! snapshot. Every row has the name of its database.
//!
//! Reading order: this file (the databases in progress, and the handling of
//! failed ones), [`databases`] (their selection), [`member`] (the read of one
//! database), [`flush`] and [`union`] (rows with the columns of all databases),
//! [`totals`] (statistics), [`progress`], [`overview`] (list and check). Must not
//! know how a database is read.

mod databases;
mod flush;
mod member;
pub mod overview;
mod progress;
mod totals;
mod union;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::databases::SelectedDatabase;
use self::member::{Member, MemberStep};
use self::totals::ResourceTotals;
use crate::config::{Config, Databases};
use crate::cursor::{self, Cursor};
use crate::database::server::Server;
use crate::describe::DATABASE_TOKEN;
use crate::error::{Category, Error, Result};
use crate::http::Credential;
use crate::log;
use crate::output::{Event, Output, PageKind, ResourceStats, Summary};
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
    /// Databases whose read is in progress, in the order of their turns.
    active: VecDeque<Member>,
    totals: BTreeMap<String, ResourceTotals>,
    /// Databases that could not be read, with the errors.
    failed: BTreeMap<String, Error>,
    /// States of databases from before the last restart.
    restart_states: BTreeMap<String, RestartState>,
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
            active: VecDeque::new(),
            totals: BTreeMap::new(),
            failed: BTreeMap::new(),
            restart_states: BTreeMap::new(),
            rows: 0,
            requests: 0,
            output: VecDeque::new(),
            backoff: Backoff::with_attempts(MAX_RESTARTS + 1),
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
        self.close_members().await;
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

    /// Reads the next event of one database. While it waits for a response, the
    /// requests of the others are under way.
    async fn step(&mut self) -> Result<()> {
        while self.active.len() < self.config.platform.concurrency
            && let Some(next) = self.queued.pop_front()
        {
            self.start_reading(next)?;
        }
        let Some(mut member) = self.active.pop_front() else {
            return self.end();
        };
        match member.step().await {
            Ok(MemberStep::Continue) => self.active.push_back(member),
            Ok(MemberStep::Progress(resource)) => {
                self.report_progress(&resource, &member);
                self.active.push_back(member);
            }
            Ok(MemberStep::Waiting(reason)) => {
                self.report_waiting(&member.name, &reason);
                self.active.push_back(member);
            }
            Ok(MemberStep::BufferFull) => {
                if let Some((_, error)) = self.key_conflicts(&member).into_iter().next() {
                    member.close().await;
                    return self.continue_without(&member, error).await;
                }
                member.is_sent = true;
                self.flush(&mut member, &BTreeSet::new())?;
                self.active.push_back(member);
            }
            Ok(MemberStep::Restarted(reason)) => {
                let error = Error::new(
                    Category::Unavailable,
                    format!(
                        "the read of the database `{}` was interrupted: {reason}",
                        member.name
                    ),
                );
                self.restart_states
                    .insert(member.name.clone(), member.restart_state());
                member.close().await;
                match self.backoff.wait(error.retryable()).await {
                    Ok(()) => self.restart(&reason).await,
                    Err(error) => return self.continue_without(&member, error).await,
                }
            }
            Ok(MemberStep::Done(summary)) => return self.conclude(member, summary).await,
            Err(error) => {
                member.close().await;
                return self.continue_without(&member, error).await;
            }
        }
        if self
            .options
            .row_limit
            .is_some_and(|limit| self.rows >= limit)
        {
            self.queued.clear();
            self.close_members().await;
        }
        Ok(())
    }

    fn start_reading(&mut self, next: SelectedDatabase) -> Result<()> {
        let url = match next.url {
            Ok(url) => url,
            Err(error) => return self.record_failure(&next.name, error),
        };
        let config = self.config.for_database(url.clone(), next.id);
        let requested = self.requested.iter().map(|selection| {
            let cursor = selection.cursor.as_ref();
            let cursor = cursor.and_then(|known| known.databases.get(&next.name).cloned());
            Selection {
                is_first: cursor.is_none(),
                cursor,
                ..selection.clone()
            }
        });
        let server = Server::new(url, Credential::from_secret(DATABASE_TOKEN));
        let read = Read::new(
            Some(server),
            config,
            requested.collect(),
            self.options.clone(),
        );
        let state = self.restart_states.get(&next.name).cloned();
        let read = read.with_restart_state(state.unwrap_or_default());
        self.active.push_back(Member::new(next.name, read));
        Ok(())
    }

    /// Adds the summary of a database to the totals.
    async fn conclude(&mut self, mut member: Member, summary: Summary) -> Result<()> {
        self.requests += summary.requests;
        let mut resources = summary.resources;
        for (resource, error) in self.key_conflicts(&member) {
            let mut resources = resources.iter_mut();
            if let Some(stats) = resources.find(|stats| stats.resource == resource) {
                stats.failure.get_or_insert(error);
            }
        }
        let failed = resources.iter().filter(|stats| stats.failure.is_some());
        let failed: Vec<_> = failed.cloned().collect();
        let mut half_sent = failed.iter().filter(|_| member.is_sent);
        if let Some(stats) = half_sent.find(|stats| stats.rows > 0)
            && let Some(error) = stats.failure.clone()
        {
            return self.continue_without(&member, error).await;
        }
        let failed = failed.into_iter().map(|stats| stats.resource).collect();
        self.flush(&mut member, &failed)?;
        for stats in resources {
            let opened = member.has_opened(&stats.resource);
            let name = self.resource_name(&stats.resource);
            self.totals(&name).add(&member.name, stats, opened);
        }
        Ok(())
    }

    /// Returns the merged resources of a database whose primary key differs from
    /// that of earlier databases: merging would confuse their rows.
    fn key_conflicts(&self, member: &Member) -> Vec<(String, Error)> {
        let conflicts = |(resource, key): &(&str, &[String])| {
            let name = self.resource_name(resource);
            let mut requested = self.requested.iter();
            let is_merged =
                requested.any(|selection| selection.idempotent && selection.resource == name);
            let totals = self.totals.get(&name);
            let union = totals.and_then(|totals| totals.unions.get(&PageKind::Rows));
            is_merged && union.is_some_and(|union| !union.has_key(key))
        };
        let error = |(resource, _): (&str, &[String])| {
            let error = Error::new(
                Category::Data,
                format!(
                    "the primary key of `{resource}` in the database `{}` differs from earlier databases",
                    member.name
                ),
            );
            let hint = "exclude the database from `databases`, or set `primary_key`";
            (resource.to_owned(), error.hint(hint))
        };
        member.keys().filter(conflicts).map(error).collect()
    }

    /// Returns the name of a resource for all databases: as requested, or else in
    /// the letter case of the first database.
    fn resource_name(&self, resource: &str) -> String {
        let requested = self.requested.iter().map(|selection| &selection.resource);
        let mut names = requested.chain(self.totals.keys());
        let known = names.find(|name| name.eq_ignore_ascii_case(resource));
        known.map_or_else(|| resource.to_owned(), Clone::clone)
    }

    fn totals(&mut self, resource: &str) -> &mut ResourceTotals {
        self.totals
            .entry(resource.to_owned())
            .or_insert_with(|| ResourceTotals::new(resource))
    }

    /// Records that a database cannot be read. A request that the host denied
    /// ends the read, because the operator has to decide about it.
    fn record_failure(&mut self, database: &str, error: Error) -> Result<()> {
        if error.category == Category::Denied {
            return Err(error);
        }
        log::warn(&format!(
            "the database `{database}` cannot be read: {error}"
        ));
        self.failed.insert(database.to_owned(), error);
        Ok(())
    }

    /// Continues without a database. Restarts if some of its rows were sent.
    async fn continue_without(&mut self, member: &Member, error: Error) -> Result<()> {
        self.record_failure(&member.name, error)?;
        if member.is_sent {
            self.restart(&format!("the database `{}` failed", member.name))
                .await;
        }
        Ok(())
    }

    async fn close_members(&mut self) {
        for mut member in std::mem::take(&mut self.active) {
            member.close().await;
        }
    }

    async fn restart(&mut self, reason: &str) {
        self.close_members().await;
        self.totals.clear();
        self.output.clear();
        self.rows = 0;
        let is_left = |database: &&SelectedDatabase| !self.failed.contains_key(&database.name);
        self.queued = self.selected.iter().filter(is_left).cloned().collect();
        log::warn(&format!("{reason}; the read restarts"));
        self.output.push_back(Event::Restarted(reason.to_owned()));
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
