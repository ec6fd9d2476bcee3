//! One read over several resources, pulled event by event.
//!
//! Reading order: this file (phases, restarts, the end), [`plan`] (what is
//! read and how), [`increment`] and [`progress`] (reads that go on from the
//! last), [`survey`] (what they cost), [`unchanged`] (what is left out),
//! [`tables`] and [`table`] (tables in pages), [`followed`] and [`changes`]
//! (tables by the feed of changes), [`streamed`] (what has no key). Built-in
//! resources are in [`crate::builtin`], those of the Platform API in
//! [`crate::platform`], events and counts in [`crate::output`].
//!
//! All pages of a snapshot come from one transaction. When it is lost, all
//! that was sent is void and the read starts anew: a page of another moment
//! is never sent.

mod changes;
pub mod followed;
pub mod increment;
pub mod plan;
pub mod progress;
mod streamed;
mod survey;
mod table;
mod tables;
mod types;
mod unchanged;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::changes::Changes;
use self::plan::{Plan, Target};
use self::streamed::Streamed;
use self::tables::Tables;
use crate::builtin::dump::Dump;
use crate::builtin::{self, Builtin};
use crate::config::{Config, missing_database};
use crate::database::dialect::Dialect;
use crate::database::discovery;
use crate::database::server::Server;
use crate::database::stream::Stream;
use crate::describe::PLATFORM_TOKEN;
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::http::Credential;
use crate::log;
use crate::output::{Event, Output};
use crate::platform;
use crate::platform::reading::Reading;
use crate::retry::Backoff;
use crate::selection::{ReadOptions, Selection};

/// How often a read starts anew because its snapshot was lost.
const MAX_RESTARTS: u32 = 7;

/// A read.
#[derive(Debug)]
pub struct Read {
    server: Option<Server>,
    config: Config,
    options: ReadOptions,
    requested: Vec<Selection>,
    /// Those of the Platform API, which are read last: nothing that happens to
    /// a transaction makes them begin anew.
    platform: VecDeque<Selection>,
    phase: Phase,
    output: Output,
    knowledge: Knowledge,
    /// Counts the restarts, and waits before each.
    backoff: Backoff,
}

/// What a failed attempt has taught the next one.
#[derive(Clone, Debug, Default)]
pub struct Knowledge {
    /// Resources with text that is not UTF-8.
    typed: BTreeSet<String>,
    /// Set when there are several of them: then all may be.
    all_typed: bool,
    /// Resources that the token may not read.
    excluded: BTreeMap<String, Error>,
    /// Whether the read has gone on in another snapshot.
    resumed: bool,
    /// Where the log of the server was before the first.
    commit: Option<String>,
}

#[derive(Debug)]
enum Phase {
    Begin,
    Builtins {
        left: VecDeque<Builtin>,
        /// The one that comes in pages.
        current: Option<Box<Dump>>,
        then_database: bool,
    },
    Tables(Box<Tables>, Rest),
    Changes(Box<Changes>, Vec<Target>),
    Streamed(Box<Streamed>),
    Platform(Box<Reading>),
    Finished,
}

/// What is read after the tables.
#[derive(Debug, Default)]
struct Rest {
    /// By the feed of changes.
    followed: VecDeque<Target>,
    /// What cannot be read in pages.
    streamed: Vec<Target>,
}

impl Knowledge {
    fn is_typed(&self, resource: &str) -> bool {
        self.all_typed || self.typed.contains(resource)
    }
}

impl Read {
    /// A read that has not begun.
    #[must_use]
    pub fn new(
        server: Option<Server>,
        config: Config,
        requested: Vec<Selection>,
        options: ReadOptions,
    ) -> Self {
        Self {
            server,
            config,
            options,
            requested,
            platform: VecDeque::new(),
            phase: Phase::Begin,
            output: Output::default(),
            knowledge: Knowledge::default(),
            backoff: Backoff::with_attempts(MAX_RESTARTS + 1),
        }
    }

    /// The same, with what another read of the database has learned.
    #[must_use]
    pub fn knowing(mut self, knowledge: Knowledge) -> Self {
        self.knowledge = knowledge;
        self
    }

    /// What it has learned.
    #[must_use]
    pub fn knowledge(&self) -> Knowledge {
        self.knowledge.clone()
    }

    /// The next event; none after the last.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.output.pop() {
                return Ok(Some(event));
            }
            if matches!(self.phase, Phase::Finished) {
                return Ok(None);
            }
            if let Err(failure) = self.step() {
                let recovered = self.recover(failure);
                if recovered.is_err() {
                    self.close();
                }
                recovered?;
            }
        }
    }

    /// Ends the read, and whatever the server holds for it.
    pub fn close(&mut self) {
        match std::mem::replace(&mut self.phase, Phase::Finished) {
            Phase::Tables(mut tables, _) => tables.close(),
            Phase::Changes(mut changes, _) => changes.close(),
            Phase::Streamed(mut streamed) => streamed.close(),
            Phase::Begin | Phase::Builtins { .. } | Phase::Platform(_) | Phase::Finished => {}
        }
    }

    fn step(&mut self) -> Result<(), Failure> {
        match &mut self.phase {
            Phase::Begin => {
                self.platform = platform::selected(&self.requested, &self.config, &self.options)?;
                let left = plan::builtins(&self.requested, &self.config);
                let elsewhere = left.len() + self.platform.len();
                let then_database = elsewhere < self.requested.len()
                    || (self.requested.is_empty() && self.server.is_some());
                if self.server.is_none() {
                    self.judge_without_database()?;
                }
                self.phase = Phase::Builtins {
                    left,
                    current: None,
                    then_database,
                };
            }
            Phase::Builtins {
                left,
                current,
                then_database,
            } => {
                if let Some(dump) = current {
                    match dump.step(&self.options, &mut self.output) {
                        Ok(true) => return Ok(()),
                        Ok(false) => dump.end(&mut self.output)?,
                        Err(error) => builtin::record_failure(error, &mut self.output)?,
                    }
                    *current = None;
                } else if let Some(builtin) = left.pop_front() {
                    let name = builtin.info().name;
                    let server = self.server.as_ref();
                    *current = builtin.read(
                        server.ok_or_else(|| missing_database(name))?,
                        &self.config,
                        &self.options,
                        &mut self.output,
                    )?;
                } else if *then_database {
                    self.phase = self.begin()?;
                } else {
                    self.output.point_in_time &= self.platform.is_empty();
                    self.then_platform();
                }
            }
            Phase::Tables(tables, _) => {
                if !tables.step(&mut self.output)?
                    && let Phase::Tables(tables, rest) =
                        std::mem::replace(&mut self.phase, Phase::Begin)
                {
                    let changes = Changes::new(*tables, rest.followed, &self.options);
                    self.phase = Phase::Changes(Box::new(changes), rest.streamed);
                }
            }
            Phase::Changes(changes, _) => {
                if !changes.step(&mut self.output)?
                    && let Phase::Changes(changes, rest) =
                        std::mem::replace(&mut self.phase, Phase::Begin)
                {
                    self.phase = Phase::Streamed(Box::new(Streamed::new(changes.tables, rest)));
                }
            }
            Phase::Streamed(streamed) => {
                if !streamed.step(&self.options, &mut self.output)? {
                    streamed.close();
                    self.then_platform();
                }
            }
            Phase::Platform(reading) => {
                if !reading.step(&self.options, &mut self.output)? {
                    self.finish();
                }
            }
            Phase::Finished => {}
        }
        Ok(())
    }

    /// Opens the stream, begins the transaction, and looks at the catalogue
    /// inside of it: that read is also what fixes the snapshot.
    fn begin(&mut self) -> Result<Phase, Failure> {
        let server = self.server.as_ref();
        let server = server.ok_or_else(|| missing_database("all that there is"))?;
        let dialect = server.dialect().map_err(Failure::Final)?;
        let snapshot = dialect != Dialect::Minimal;
        let mut stream = server.stream(dialect);
        let begun = self.begin_on(&mut stream, snapshot);
        if begun.is_err() {
            stream.close();
        }
        let mut plan = begun?;
        self.output.point_in_time = snapshot && !self.knowledge.resumed;
        let followed = plan.take_followed();
        let (tables, streamed) = plan.split();
        Ok(Phase::Tables(
            Box::new(Tables::new(stream, snapshot, tables, &self.options)),
            Rest { followed, streamed },
        ))
    }

    fn begin_on(&mut self, stream: &mut Stream, snapshot: bool) -> Result<Plan, Failure> {
        // Before the transaction, so that all that is committed until then is
        // in it. A read that goes on in another has seen what the first saw.
        if self.config.skip_unchanged && !self.knowledge.resumed {
            self.knowledge.commit = unchanged::commit(stream)?;
        }
        let commit = self.knowledge.commit.clone();
        let requested = match &commit {
            Some(commit) => {
                unchanged::leave_out(&self.requested, commit, &self.config, &mut self.output)
            }
            None => self.requested.clone(),
        };
        if requested.is_empty() && !self.requested.is_empty() {
            self.output.requests += stream.take_requests();
            return Ok(Plan::default());
        }
        if snapshot {
            discovery::begin(stream)?;
        }
        let catalog = discovery::catalog(stream)?;
        let mut requested = requested;
        if self.options.lenient {
            let there = requested.into_iter().filter_map(|selection| {
                Some(Selection {
                    resource: plan::name_in(&selection.resource, &catalog, &self.config)?,
                    ..selection
                })
            });
            requested = there.collect();
            if requested.is_empty() && !self.requested.is_empty() {
                self.output.requests += stream.take_requests();
                return Ok(Plan::default());
            }
        }
        let described = plan::describe(stream, &self.config.queries)?;
        self.output.requests += stream.take_requests();
        let lenient = self.options.lenient;
        let mut plan = Plan::resolve(
            &catalog,
            described,
            &requested,
            &self.config,
            lenient,
            |name| self.knowledge.is_typed(name),
        )?;
        if let Some(commit) = &commit {
            plan.see(&requested, commit);
        }
        followed::survey(stream, &mut plan)?;
        survey::survey(stream, &mut plan, self.options.resumable)?;
        self.output.requests += stream.take_requests();
        let excluded = self.knowledge.excluded.iter();
        let excluded = excluded
            .filter(|(resource, _)| plan.has(resource))
            .map(|(resource, error)| (resource.clone(), error.clone()));
        let failed: Vec<_> = excluded.collect();
        for (resource, error) in failed.into_iter().chain(plan.take_failed()) {
            self.output.begin(&resource);
            self.output.record_failure(&resource, error);
        }
        Ok(plan.without(&self.knowledge.excluded))
    }

    /// Refuses what only a database has, and a read of nothing.
    fn judge_without_database(&self) -> Result<()> {
        let is_elsewhere = |name: &str| platform::named_in(name, &self.config).is_some();
        let mut requested = self.requested.iter();
        if let Some(other) = requested.find(|selection| !is_elsewhere(&selection.resource)) {
            return Err(missing_database(&other.resource));
        }
        if self.requested.is_empty() && !Credential::from_secret(PLATFORM_TOKEN).is_present() {
            return Err(Error::config(
                "there is nothing to read: `database_url` is not set, and there is no `platform_token`",
                "add `database_url` to [connector.config], or `platform_token` to [connector.secrets]",
            ));
        }
        Ok(())
    }

    /// Goes on with what is read last.
    fn then_platform(&mut self) {
        if self.platform.is_empty() {
            self.finish();
        } else {
            let selected = std::mem::take(&mut self.platform);
            self.phase = Phase::Platform(Box::new(Reading::new(&self.config, selected)));
        }
    }

    fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.output.done();
    }

    /// Starts anew, if that can help.
    fn recover(&mut self, failure: Failure) -> Result<()> {
        let reading = self.output.current_resource().map(str::to_owned);
        let reason = match failure {
            Failure::NotUtf8 => {
                let Some(resource) = reading else {
                    return Err(Failure::NotUtf8.into());
                };
                if self.knowledge.is_typed(&resource) {
                    return Err(Error::from(Failure::NotUtf8)
                        .hint(format!("leave `{resource}` out of the pipeline")));
                }
                self.knowledge.all_typed |= !self.knowledge.typed.is_empty();
                let reason = format!(
                    "`{resource}` holds text that is not UTF-8, which is now read as bytes"
                );
                self.knowledge.typed.insert(resource);
                reason
            }
            Failure::StreamLost(reason) => {
                let reason = format!("the server lost the transaction ({reason})");
                self.another_attempt(
                    Error::new(Category::Unavailable, reason.clone()).retryable(),
                )?;
                reason
            }
            Failure::Other(error) if error.category == Category::Permission => match reading {
                // One table that the token may not read does not take the
                // others with it; when it is the only one, the host says so.
                Some(resource) if !self.knowledge.excluded.contains_key(&resource) => {
                    let reason = format!("`{resource}` may not be read");
                    self.knowledge.excluded.insert(resource, error);
                    reason
                }
                _ => return Err(error),
            },
            Failure::Other(error) if error.retryable => {
                let reason = error.message.clone();
                self.another_attempt(error)?;
                reason
            }
            failure @ (Failure::Other(_) | Failure::Final(_) | Failure::NoSuchEndpoint(_)) => {
                return Err(failure.into());
            }
        };
        if self.options.resumable {
            return self.resume(&reason);
        }
        self.close();
        self.phase = Phase::Begin;
        log::warn(&format!("{reason}; the read starts anew"));
        self.output.restart(reason);
        Ok(())
    }

    /// Goes on from the last page, in another snapshot. What was read without
    /// a position has to be read anew, by another run.
    fn resume(&mut self, reason: &str) -> Result<()> {
        let lost = |resource: &str| {
            Error::new(
                Category::Unavailable,
                format!("{resource} cannot go on from where it was: {reason}"),
            )
            .hint("run again; what was committed stays")
            .retryable()
        };
        // All that there is has no selections that could be taken away.
        if self.requested.is_empty() {
            return Err(lost("a read of everything"));
        }
        if let Some(stranded) = self.output.unfinished_earlier() {
            return Err(lost(&format!("`{stranded}`")));
        }
        if let Some(begun) = self.output.unfinished_current().map(str::to_owned) {
            let reading = match &self.phase {
                Phase::Tables(tables, _) => tables.reading(),
                Phase::Changes(changes, _) => changes.reading(),
                _ => None,
            };
            let cursor =
                reading.and_then(|(resource, cursor)| cursor.filter(|_| resource == begun));
            let mut selections = self.requested.iter_mut();
            let selection =
                selections.find(|selection| selection.resource.eq_ignore_ascii_case(&begun));
            match (cursor, selection) {
                (Some(cursor), Some(selection)) => selection.cursor = Some(cursor),
                // It had not gone on since the last time.
                (None, Some(selection))
                    if matches!(self.phase, Phase::Begin) && selection.cursor.is_some() => {}
                _ => return Err(lost(&format!("`{begun}`"))),
            }
        }
        let ended = self.output.ended();
        self.requested
            .retain(|selection| !ended.contains(&selection.resource));
        self.close();
        self.knowledge.resumed = true;
        log::warn(&format!("{reason}; the read goes on from its last page"));
        self.phase = if self.requested.is_empty() {
            self.output.done();
            Phase::Finished
        } else {
            Phase::Begin
        };
        Ok(())
    }

    /// Waits before another attempt, if there may be one.
    fn another_attempt(&mut self, error: Error) -> Result<()> {
        self.backoff.wait(error).map_err(|error| {
            error.hint(
                "the server did not hold a transaction, or did not answer, for as long as the read \
                 took; read fewer or smaller resources at once, or run again later",
            )
        })
    }
}
