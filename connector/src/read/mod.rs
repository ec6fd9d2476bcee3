//! One read over several resources, pulled event by event.
//!
//! A read passes through these stages, in this order:
//!
//! 1. built-in resources ([`builtins`]),
//! 2. the start of the database read ([`database`]): the snapshot begins
//!    ([`snapshot`]), unchanged tables are skipped ([`unchanged`]), selections
//!    are resolved against the catalogue ([`requested`], [`queries`], [`plan`],
//!    [`target`], [`column_types`]), and the server is queried for what the plan
//!    depends on ([`query_plans`], [`feed_preflight`], [`preflight`],
//!    [`continuity`], [`statements`]),
//! 3. tables in pages ([`tables`], [`table`], [`page_size`],
//!    [`page_response`]), in passes ([`pass`]), which for an incremental read
//!    follow from its cursor ([`increment`]),
//! 4. the change feed ([`followed`], [`feed`]),
//! 5. views and queries ([`batch`]),
//! 6. figures of the server about the rows, if they are requested ([`figures`]),
//! 7. resources of the Platform API ([`crate::platform`]).
//!
//! A failure restarts or resumes the read ([`restart`]), and a deadline ends it
//! ([`unread`]). All pages of a snapshot are from one transaction. If it is lost,
//! everything that was sent is void and the read restarts; a page of another
//! snapshot is only sent if the host permits it.

mod batch;
mod builtins;
mod column_types;
mod continuity;
mod database;
mod feed;
mod feed_preflight;
mod figures;
pub mod followed;
pub mod increment;
mod page_response;
mod page_size;
pub mod pass;
pub mod plan;
mod preflight;
pub mod queries;
mod query_plans;
mod requested;
pub mod restart;
mod snapshot;
mod statements;
mod table;
mod tables;
pub mod target;
mod unchanged;
mod unread;

use std::collections::VecDeque;
use std::time::Duration;

use self::batch::BatchReader;
use self::builtins::BuiltinReader;
use self::feed::FeedReader;
use self::figures::{FigureReader, FigureRequest};
pub use self::restart::RestartState;
use self::tables::TableReader;
use self::target::Target;
use crate::config::Config;
use crate::cursor::DatabaseIdentity;
use crate::database::server::Server;
use crate::describe::PLATFORM_TOKEN;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::http::Credential;
use crate::output::{Event, Output};
use crate::platform;
use crate::platform::reader::PlatformReader;
use crate::retry::{self, Backoff};
use crate::selection::{ReadOptions, Selection};

/// Read over several resources.
#[derive(Debug)]
pub struct Read {
    server: Option<Server>,
    config: Config,
    options: ReadOptions,
    requested: Vec<Selection>,
    /// Resources of the Platform API, which are read last, so that the loss of
    /// a transaction does not restart them.
    platform: VecDeque<Selection>,
    /// Figures that the server is asked for after the rows are read.
    figures: VecDeque<FigureRequest>,
    stage: Stage,
    output: Output,
    restart: RestartState,
    backoff: Backoff,
    /// Delay before the next step. It starts when the host has pulled all
    /// events, so that the host knows about it.
    delay: Option<Duration>,
}

/// Stage of a read.
#[derive(Debug)]
enum Stage {
    Start,
    Builtins(BuiltinReader),
    Tables(Box<TableReader>, LaterTargets),
    Changes(Box<FeedReader>, Vec<Target>),
    Batch(Box<BatchReader>),
    Figures(Box<FigureReader>),
    Platform(Box<PlatformReader>),
    Finished,
}

/// Targets that are read after the tables.
#[derive(Debug, Default)]
struct LaterTargets {
    /// Tables whose changes are read from the feed.
    followed: VecDeque<Target>,
    /// Resources that one statement reads.
    whole: Vec<Target>,
}

impl Read {
    /// Creates a read. Nothing is requested before the first event is pulled.
    #[must_use]
    pub fn new(
        server: Option<Server>,
        config: Config,
        mut requested: Vec<Selection>,
        options: ReadOptions,
    ) -> Self {
        let database = config.database.as_ref();
        let database = database.map(|url| DatabaseIdentity::new(url, config.database_id.clone()));
        for selection in &mut requested {
            selection.database.clone_from(&database);
        }
        let retry = config.platform.retry;
        let backoff = retry.backoff_with_attempts(restart::MAX_RESTARTS + 1);
        Self {
            server,
            config,
            options,
            requested,
            platform: VecDeque::new(),
            figures: VecDeque::new(),
            stage: Stage::Start,
            output: Output::default(),
            restart: RestartState::default(),
            backoff,
            delay: None,
        }
    }

    /// Sets the state of an earlier read of the same database.
    #[must_use]
    pub fn with_restart_state(mut self, state: RestartState) -> Self {
        self.restart = state;
        self
    }

    /// Sets a delay before the read begins.
    #[must_use]
    pub fn with_delay(mut self, delay: Option<Duration>) -> Self {
        self.delay = delay;
        self
    }

    /// Returns the state for a later read of the same database.
    #[must_use]
    pub fn restart_state(&self) -> RestartState {
        self.restart.clone()
    }

    /// Returns the next event, or `None` after the last.
    ///
    /// # Errors
    /// The error that ended the read.
    pub async fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.output.pop() {
                return Ok(Some(event));
            }
            if matches!(self.stage, Stage::Finished) {
                return Ok(None);
            }
            let deadline = self.options.deadline;
            if let Some(delay) = self.delay.take() {
                deadline.limit(retry::pause(delay)).await;
            }
            let step = deadline.limit(self.step()).await;
            if step.is_none() {
                self.end_at_deadline().await?;
            }
            if let Some(Err(failure)) = step {
                let recovered = self.recover(failure).await;
                if recovered.is_err() {
                    self.close().await;
                }
                recovered?;
            }
        }
    }

    /// Ends the read, and closes its stream.
    pub async fn close(&mut self) {
        match std::mem::replace(&mut self.stage, Stage::Finished) {
            Stage::Tables(mut tables, _) => tables.close().await,
            Stage::Changes(mut changes, _) => changes.close().await,
            Stage::Batch(mut batch) => batch.close().await,
            Stage::Figures(mut figures) => figures.close().await,
            Stage::Start | Stage::Builtins(_) | Stage::Platform(_) | Stage::Finished => {}
        }
    }

    /// Continues the current stage, or enters the next one.
    async fn step(&mut self) -> Result<(), Failure> {
        let Self {
            options, output, ..
        } = self;
        let has_more = match &mut self.stage {
            Stage::Builtins(builtins) => {
                let server = self.server.as_ref();
                builtins.step(server, &self.config, options, output).await?
            }
            Stage::Tables(tables, _) => tables.step(output).await?,
            Stage::Changes(changes, _) => changes.step(output).await?,
            Stage::Batch(batch) => batch.step(options, output).await?,
            Stage::Figures(figures) => figures.step(output).await?,
            Stage::Platform(platform) => platform.step(options, output).await?,
            Stage::Start | Stage::Finished => false,
        };
        if !has_more {
            self.stage = self.next_stage().await?;
        }
        if matches!(self.stage, Stage::Finished) {
            self.output.done();
        }
        Ok(())
    }

    /// Returns the stage that follows the current one. If it fails, the read is
    /// back at the start.
    async fn next_stage(&mut self) -> Result<Stage, Failure> {
        match std::mem::replace(&mut self.stage, Stage::Start) {
            Stage::Start => Ok(Stage::Builtins(self.start()?)),
            Stage::Builtins(_) if self.reads_database() => self.start_database().await,
            Stage::Builtins(_) => {
                self.output.point_in_time &= self.platform.is_empty();
                Ok(self.start_platform())
            }
            Stage::Tables(tables, later) => {
                let snapshot = tables.into_snapshot();
                let changes = FeedReader::new(snapshot, later.followed, &self.options);
                Ok(Stage::Changes(Box::new(changes), later.whole))
            }
            Stage::Changes(changes, whole) => {
                let batch = BatchReader::new(changes.into_snapshot(), whole);
                Ok(Stage::Batch(Box::new(batch)))
            }
            Stage::Batch(batch) => {
                let requests = std::mem::take(&mut self.figures);
                let figures = FigureReader::new(batch.into_snapshot(), requests);
                Ok(Stage::Figures(Box::new(figures)))
            }
            Stage::Figures(mut figures) => {
                figures.close().await;
                Ok(self.start_platform())
            }
            Stage::Platform(_) | Stage::Finished => Ok(Stage::Finished),
        }
    }

    /// Sorts the selections by the part of the source that they belong to. Those
    /// that cannot be read fail, and the others are read.
    fn start(&mut self) -> Result<BuiltinReader> {
        if self.server.is_none() {
            self.check_without_database()?;
        }
        let has_database = self.server.is_some();
        for selection in &mut self.requested {
            let valid = requested::validate(selection, has_database, &self.config, &self.options);
            if let Err(error) = valid {
                self.output.fail(&selection.resource, error.clone());
                selection.invalid = Some(error);
            }
        }
        self.platform = platform::selected(&self.requested, &self.config);
        let builtins = requested::builtins(&self.requested, &self.config);
        Ok(BuiltinReader::new(builtins))
    }

    /// True if a selection, or the absence of selections, includes tables or
    /// queries of the database.
    fn reads_database(&self) -> bool {
        if self.requested.is_empty() {
            return self.server.is_some();
        }
        let is_of_database = |selection: &Selection| {
            let is_outside = requested::is_outside_database(&selection.resource, &self.config);
            selection.invalid.is_none() && !is_outside
        };
        self.requested.iter().any(is_of_database)
    }

    fn start_platform(&mut self) -> Stage {
        if self.platform.is_empty() {
            return Stage::Finished;
        }
        let selected = std::mem::take(&mut self.platform);
        Stage::Platform(Box::new(PlatformReader::new(&self.config, selected)))
    }

    /// Checks that there is something to read without a database.
    fn check_without_database(&self) -> Result<()> {
        if self.requested.is_empty() && !Credential::from_secret(PLATFORM_TOKEN).is_present() {
            return Err(Error::config(
                "there is nothing to read, because both `database_url` and `platform_token` are missing",
                "set `database_url`, or provide the secret `platform_token`",
            ));
        }
        Ok(())
    }
}
