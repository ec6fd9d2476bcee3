//! Resources that every database server has, beside the tables in it. Read
//! only on request.
//!
//! Reading order: this file (which there are), then one file for each kind.

pub mod dump;
mod jobs;
mod listen;
mod probe;

use self::dump::Dump;
use crate::config::Config;
use crate::database::server::Server;
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::hrana::columns::{ColumnSpec, Storage};
use crate::hrana::decoder::Decoder;
use crate::output::Output;
use crate::selection::ReadOptions;

/// A built-in resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `/version`.
    Version,
    /// `/health`.
    Health,
    /// `/dump`.
    Dump,
    /// `/beta/listen`.
    Listen,
    /// `/v1/jobs`.
    Jobs,
    /// `/v1/jobs/{job_id}`.
    Job,
}

/// What a list says about one.
#[derive(Debug)]
pub struct BuiltinInfo {
    /// Its name.
    pub name: &'static str,
    /// A sentence.
    pub description: &'static str,
    /// Its columns.
    pub columns: Vec<ColumnSpec>,
    /// Its key.
    pub primary_key: &'static [&'static str],
    /// The resource that it is fanned out from.
    pub parent: Option<&'static str>,
    /// Whether it is a feed of changes.
    pub is_feed: bool,
}

impl Builtin {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Version,
        Self::Health,
        Self::Dump,
        Self::Listen,
        Self::Jobs,
        Self::Job,
    ];

    /// The one of this name, unless a query of the config has taken it.
    #[must_use]
    pub fn named(name: &str, config: &Config) -> Option<Self> {
        if config.queries.iter().any(|query| query.name == name) {
            return None;
        }
        Self::ALL
            .into_iter()
            .find(|builtin| builtin.info().name == name)
    }

    /// What a list says about it.
    #[must_use]
    pub fn info(self) -> BuiltinInfo {
        let info =
            |name, description, columns: &[(&str, Storage)], primary_key, parent| BuiltinInfo {
                name,
                description,
                columns: columns
                    .iter()
                    .map(|(name, storage)| ColumnSpec {
                        name: (*name).to_owned(),
                        storage: *storage,
                        holds_json: false,
                    })
                    .collect(),
                primary_key,
                parent,
                is_feed: self == Self::Listen,
            };
        match self {
            Self::Version => info(
                "db_version",
                "What the server says it is",
                &[
                    ("url", Storage::Text),
                    ("version", Storage::Text),
                    ("server", Storage::Text),
                    ("status", Storage::Integer),
                    ("latency_ms", Storage::Real),
                    ("checked_at", Storage::Text),
                ],
                &["url"],
                None,
            ),
            Self::Health => info(
                "db_health",
                "Whether the server says it is well",
                &[
                    ("url", Storage::Text),
                    ("healthy", Storage::Integer),
                    ("text", Storage::Text),
                    ("status", Storage::Integer),
                    ("latency_ms", Storage::Real),
                    ("checked_at", Storage::Text),
                ],
                &["url"],
                None,
            ),
            Self::Dump => info(
                "db_dump",
                "The database as SQL statements, as the server writes them: infinities, \
                 NULs and some names come out wrong, so the tables themselves are the better source",
                &[("ordinal", Storage::Integer), ("statement", Storage::Text)],
                &["ordinal"],
                None,
            ),
            Self::Listen => info(
                "db_listen",
                "Counts of changes that were committed to a table while listening (see `listen` in the config)",
                &[
                    ("received_at", Storage::Text),
                    ("table", Storage::Text),
                    ("action", Storage::Text),
                    ("count", Storage::Integer),
                ],
                &[],
                None,
            ),
            Self::Jobs => info(
                "platform_jobs",
                "Schema migrations of a schema database",
                &[
                    ("job_id", Storage::Integer),
                    ("status", Storage::Text),
                    ("database_url", Storage::Text),
                ],
                &["database_url", "job_id"],
                None,
            ),
            Self::Job => info(
                "platform_job",
                "How far each schema migration is in each database",
                &[
                    ("job_id", Storage::Integer),
                    ("job_status", Storage::Text),
                    ("job_error", Storage::Text),
                    ("namespace", Storage::Text),
                    ("status", Storage::Text),
                    ("error", Storage::Text),
                    ("database_url", Storage::Text),
                ],
                &["database_url", "job_id", "namespace"],
                Some("platform_jobs"),
            ),
        }
    }

    /// Reads it, or begins to: a dump comes in pages.
    pub fn read(
        self,
        server: &Server,
        config: &Config,
        options: &ReadOptions,
        output: &mut Output,
    ) -> Result<Option<Box<Dump>>, Failure> {
        let info = self.info();
        output.begin(info.name);
        let mut context = ReadContext {
            server,
            config,
            options,
            rows: Decoder::new(&info.columns),
            output,
        };
        let result = match self {
            Self::Version => probe::version(&mut context),
            Self::Health => probe::health(&mut context),
            Self::Dump => match Dump::begin(context) {
                Ok(dump) => return Ok(Some(Box::new(dump))),
                Err(error) => return record_failure(error, output).map(|()| None),
            },
            Self::Listen => listen::read(&mut context),
            Self::Jobs => jobs::list(&mut context),
            Self::Job => jobs::details(&mut context),
        };
        match result {
            Ok(()) => context.output.end(&mut context.rows)?,
            Err(error) => record_failure(error, context.output)?,
        }
        Ok(None)
    }
}

/// A built-in resource that is being read: what it is read from, and where
/// its rows and counts go.
struct ReadContext<'a> {
    server: &'a Server,
    config: &'a Config,
    options: &'a ReadOptions,
    rows: Decoder,
    output: &'a mut Output,
}

/// A built-in resource that this server does not have, or not now, or that
/// the token may not read, leaves the others alone. A request that the host
/// denied does not: what it may do is for the operator to settle.
pub fn record_failure(error: Error, output: &mut Output) -> Result<(), Failure> {
    if error.category == Category::Denied {
        return Err(Failure::Final(error));
    }
    if let Some(resource) = output.current_resource().map(str::to_owned) {
        output.record_failure(&resource, error);
    }
    Ok(())
}
