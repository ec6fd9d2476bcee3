//! Resources that every database server has, in addition to its tables. Read
//! only on request. Must not touch tables.
//!
//! Reading order: this file (the list), then one file for each kind.

pub mod dump;
mod jobs;
mod listen;
mod probe;

use self::dump::Dump;
use crate::config::Config;
use crate::database::server::Server;
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::output::Output;
use crate::rows::batch::BatchBuilder;
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::page_limit::PageLimit;
use crate::rows::value::Value;
use crate::selection::ReadOptions;

/// Maximum bytes of a page, even if the host permits more.
const PAGE_BYTES: u64 = 4_000_000;

/// Built-in resource.
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

/// Static description of a built-in resource.
#[derive(Debug)]
pub struct BuiltinInfo {
    /// Name of the resource.
    pub name: &'static str,
    /// Description for people.
    pub description: &'static str,
    /// Columns of the rows.
    pub columns: Vec<ColumnSpec>,
    /// Columns of the primary key.
    pub primary_key: &'static [&'static str],
    /// Name of the parent resource. Selecting the parent selects this one too.
    pub parent: Option<&'static str>,
    /// True if the resource is a change feed.
    pub is_feed: bool,
}

impl Builtin {
    /// All built-in resources.
    pub const ALL: [Self; 6] = [
        Self::Version,
        Self::Health,
        Self::Dump,
        Self::Listen,
        Self::Jobs,
        Self::Job,
    ];

    /// Returns the resource of a name, unless a query of the config has the name.
    #[must_use]
    pub fn find(name: &str, config: &Config) -> Option<Self> {
        if config.queries.iter().any(|query| query.name == name) {
            return None;
        }
        Self::ALL
            .into_iter()
            .find(|builtin| builtin.info().name == name)
    }

    /// Returns the description of the resource.
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
                        declared: String::new(),
                    })
                    .collect(),
                primary_key,
                parent,
                is_feed: self == Self::Listen,
            };
        match self {
            Self::Version => info(
                "db_version",
                "Version that the server reports",
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
                "Health that the server reports",
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
                "Database as SQL statements, as the server writes them: infinities, \
                 NULs and some names are wrong, so the tables are the better source",
                &[("ordinal", Storage::Integer), ("statement", Storage::Text)],
                &["ordinal"],
                None,
            ),
            Self::Listen => info(
                "db_listen",
                "Counts of changes that are committed to a table during the read (set `listen`)",
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
                "Progress of each schema migration in each database",
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

    /// Reads the resource. A dump is only begun, and returned, because it
    /// arrives in pages.
    pub async fn read(
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
            page_limit: options.page_limit(PAGE_BYTES),
            rows: BatchBuilder::new(&info.columns),
            output,
        };
        if options.row_limit == Some(0) {
            let checked = match self {
                Self::Listen => listen::settings(config).map(drop),
                _ => Ok(()),
            };
            match checked {
                Ok(()) => context.output.end(&mut context.rows)?,
                Err(error) => record_failure(error, context.output)?,
            }
            return Ok(None);
        }
        let result = match self {
            Self::Version => probe::version(&mut context).await,
            Self::Health => probe::health(&mut context).await,
            Self::Dump => match Dump::begin(context).await {
                Ok(dump) => return Ok(Some(Box::new(dump))),
                Err(error) => return record_failure(error, output).map(|()| None),
            },
            Self::Listen => listen::read(&mut context).await,
            Self::Jobs => jobs::list(&mut context).await,
            Self::Job => jobs::details(&mut context).await,
        };
        match result {
            Ok(()) => context.output.end(&mut context.rows)?,
            Err(error) => record_failure(error, context.output)?,
        }
        Ok(None)
    }
}

/// Read of a built-in resource: its source, and the target of its rows.
struct ReadContext<'a> {
    server: &'a Server,
    config: &'a Config,
    options: &'a ReadOptions,
    page_limit: PageLimit,
    rows: BatchBuilder,
    output: &'a mut Output,
}

impl ReadContext<'_> {
    /// Appends a row, and sends the page before it if the row does not fit.
    fn push_row(&mut self, row: &[Value]) -> Result<()> {
        if !self.page_limit.has_room(&self.rows, row) {
            self.output.page(&mut self.rows)?;
        }
        self.rows.push_row(row);
        Ok(())
    }
}

/// Records the failure of the current resource, and lets the read continue
/// with the others. A request that the host denied ends the read, because the
/// operator has to decide about it.
pub fn record_failure(error: Error, output: &mut Output) -> Result<(), Failure> {
    if error.category == Category::Denied {
        return Err(Failure::Final(error));
    }
    if let Some(resource) = output.current_resource().map(str::to_owned) {
        output.record_failure(&resource, error);
    }
    Ok(())
}
