//! One read over several resources, pulled event by event.
//!
//! Reading order: this file (phases, restarts, the end), [`plan`] (what is
//! read and how), [`tables`] (tables in pages), [`streamed`] (what has no
//! key), [`output`] (events and counts). Built-in resources are in
//! [`crate::builtin`].
//!
//! All pages of a snapshot come from one transaction. When it is lost, all
//! that was sent is void and the read starts anew: a page of another moment
//! is never sent.

pub mod output;
pub mod plan;
mod streamed;
mod tables;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::output::{Event, Output};
use self::plan::{Options, Plan, Selection, Target};
use self::streamed::Streamed;
use self::tables::Tables;
use crate::builtin::Builtin;
use crate::config::Config;
use crate::database::catalog::{self, Catalog};
use crate::database::failure::{self, Failure};
use crate::database::server::{Dialect, Server};
use crate::database::stream::Stream;
use crate::error::{Category, Error, Result};
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, Rows};
use crate::log;
use crate::retry::Backoff;

/// How often a read starts anew because its snapshot was lost.
const MAX_RESTARTS: u32 = 3;

/// A read.
#[derive(Debug)]
pub struct Read {
    server: Server,
    config: Config,
    options: Options,
    asked: Vec<Selection>,
    phase: Phase,
    output: Output,
    knowledge: Knowledge,
    restarts: u32,
    backoff: Backoff,
}

/// What a failed attempt has taught the next one.
#[derive(Debug, Default)]
struct Knowledge {
    /// Resources with text that is not UTF-8.
    typed: BTreeSet<String>,
    /// Set when there are several of them: then all may be.
    all_typed: bool,
    /// Resources that the token may not read.
    excluded: BTreeMap<String, Error>,
}

#[derive(Debug)]
enum Phase {
    Begin,
    Builtins {
        left: VecDeque<Builtin>,
        then_database: bool,
    },
    /// Then what cannot be read in pages.
    Tables(Box<Tables>, Vec<Target>),
    Streamed(Box<Streamed>),
    Finished,
}

impl Knowledge {
    fn is_typed(&self, resource: &str) -> bool {
        self.all_typed || self.typed.contains(resource)
    }
}

impl Read {
    /// A read that has not begun.
    #[must_use]
    pub fn new(server: Server, config: Config, asked: Vec<Selection>, options: Options) -> Self {
        Self {
            server,
            config,
            options,
            asked,
            phase: Phase::Begin,
            output: Output::default(),
            knowledge: Knowledge::default(),
            restarts: 0,
            backoff: Backoff::new(),
        }
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
            Phase::Tables(mut tables, _) => tables.stream.close(),
            Phase::Streamed(mut streamed) => streamed.close(),
            Phase::Begin | Phase::Builtins { .. } | Phase::Finished => {}
        }
    }

    fn step(&mut self) -> Result<(), Failure> {
        match &mut self.phase {
            Phase::Begin => {
                let left = plan::builtins(&self.asked, &self.config);
                let then_database = left.len() < self.asked.len() || self.asked.is_empty();
                self.phase = Phase::Builtins {
                    left,
                    then_database,
                };
            }
            Phase::Builtins {
                left,
                then_database,
            } => match left.pop_front() {
                Some(builtin) => {
                    builtin.read(&self.server, &self.config, &self.options, &mut self.output)?
                }
                None if *then_database => self.phase = self.begin()?,
                None => self.finish(),
            },
            Phase::Tables(tables, _) => {
                if !tables.step(&mut self.output)?
                    && let Phase::Tables(tables, rest) =
                        std::mem::replace(&mut self.phase, Phase::Begin)
                {
                    self.phase = Phase::Streamed(Box::new(Streamed::new(*tables, rest)));
                }
            }
            Phase::Streamed(streamed) => {
                if !streamed.step(&self.options, &mut self.output)? {
                    streamed.close();
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
        let dialect = self.server.dialect()?;
        let snapshot = dialect != Dialect::Minimal && !self.options.resumable;
        let mut stream = Stream::new(&self.server, dialect);
        let catalog = read_catalog(&mut stream, snapshot, &mut self.output)?;
        let described = plan::describe(&mut stream, &self.config.queries)?;
        let plan = Plan::resolve(&catalog, described, &self.asked, &self.config, |name| {
            self.knowledge.is_typed(name)
        })?;
        for (resource, error) in &self.knowledge.excluded {
            if plan.has(resource) {
                self.output.begin(resource);
                self.output.fail(resource, error.clone());
            }
        }
        let plan = plan.without(&self.knowledge.excluded);
        self.output.point_in_time = snapshot;
        let (tables, rest) = plan.split();
        Ok(Phase::Tables(
            Box::new(Tables::new(stream, snapshot, tables, &self.options)),
            rest,
        ))
    }

    fn finish(&mut self) {
        self.phase = Phase::Finished;
        self.output.done();
    }

    /// Starts anew, if that can help.
    fn recover(&mut self, failure: Failure) -> Result<()> {
        let reading = self.output.reading().map(str::to_owned);
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
                self.count_restart(Error::new(Category::Unavailable, reason.clone()).retryable())?;
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
                self.count_restart(error)?;
                reason
            }
            failure @ (Failure::Other(_) | Failure::NoSuchEndpoint(_)) => {
                return Err(failure.into());
            }
        };
        self.close();
        self.phase = Phase::Begin;
        log::warn(&format!("{reason}; the read starts anew"));
        self.output.restart(reason);
        Ok(())
    }

    fn count_restart(&mut self, error: Error) -> Result<()> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(error.hint(
                "the database did not hold a transaction for as long as the read took; \
                 read fewer or smaller resources at once",
            ));
        }
        self.backoff.wait(error)
    }
}

/// Reads the catalogue, inside a transaction if there is to be one.
pub(crate) fn read_catalog(
    stream: &mut Stream,
    snapshot: bool,
    output: &mut Output,
) -> Result<Catalog, Failure> {
    if snapshot {
        let (response, _) = stream.ask(&[Request::execute(Statement::new("BEGIN"))])?;
        output.requests += 1;
        if let Some(Outcome::Failed(error)) = response.outcomes.first() {
            return Err(failure::of_sql(error, "BEGIN"));
        }
    }
    let statements = catalog::statements().map(Request::execute);
    let (response, Rows(rows)) = stream.ask(&statements)?;
    output.requests += 1;
    let [schema, relations, columns, view_columns] = response.outcomes.as_slice() else {
        return Err(Error::protocol("the catalogue has other answers than questions").into());
    };
    for outcome in [schema, relations] {
        if let Outcome::Failed(error) = outcome {
            return Err(failure::of_sql(error, "the catalogue"));
        }
    }
    let mut catalog = Catalog::of(&rows[0], &rows[1]);
    for (index, outcome) in [(2, columns), (3, view_columns)] {
        match outcome {
            Outcome::Failed(error) => log::debug(&format!(
                "columns are asked for one by one: {}",
                error.message
            )),
            _ => catalog.add_columns(&rows[index]),
        }
    }
    one_by_one(stream, &mut catalog, output)?;
    Ok(catalog)
}

/// The columns that the statements for all relations did not give.
fn one_by_one(
    stream: &mut Stream,
    catalog: &mut Catalog,
    output: &mut Output,
) -> Result<(), Failure> {
    /// More would only make one answer long.
    const AT_ONCE: usize = 100;
    let missing: Vec<String> = catalog.without_columns().map(str::to_owned).collect();
    for names in missing.chunks(AT_ONCE) {
        let requests: Vec<_> = names
            .iter()
            .map(|name| Request::execute(catalog::columns_of(name)))
            .collect();
        let (response, Rows(rows)) = stream.ask(&requests)?;
        output.requests += 1;
        for ((name, outcome), rows) in names.iter().zip(&response.outcomes).zip(&rows) {
            match outcome {
                Outcome::Failed(error) => {
                    log::warn(&format!("`{name}` cannot be read: {}", error.message))
                }
                _ => catalog.add_columns(rows),
            }
        }
    }
    catalog.tables.retain(|table| !table.columns.is_empty());
    Ok(())
}
