//! Implements the contract of `wit/connector.wit`: converts what arrives and
//! what is returned. Must not decide what is read.

use std::cell::RefCell;
use std::sync::Arc;

use crate::arrow;
use crate::bindings::connector::source::types::{Cursor as WitCursor, ResourceKind as WitKind};
use crate::bindings::exports::connector::source::source as wit;
use crate::check;
use crate::config::{Config, SCHEMA};
use crate::cursor::{self, Cursor};
use crate::database::checksum;
use crate::database::server::Server;
use crate::deadline::Deadline;
use crate::delays;
use crate::describe::{DATABASE_TOKEN, NAME, ORIGINS, SECRETS, VERSION};
use crate::error::{Category, Error, Result};
use crate::executor::block_on;
use crate::finding::{Finding, Severity};
use crate::fleet::{self, Fleet};
use crate::http::Credential;
use crate::list;
use crate::list::ResourceKind;
use crate::output::{Event, Figures, PageKind, ResourceStats, page_error};
use crate::pace;
use crate::pull::{EventSource, Pull};
use crate::read::Read;
use crate::rows::column_types::{ColumnTypes, TypeSubject};
use crate::rows::siblings::Sibling;
use crate::rows::value::Value;
use crate::selection::{Lag, Mode, ReadOptions, Selection, TypeOverride, Verification};

/// Component that the host instantiates.
#[derive(Debug)]
pub struct Component;

/// Read whose events the host pulls.
#[derive(Debug)]
pub struct Reader(RefCell<Pull>);

impl wit::Guest for Component {
    type Reader = Reader;

    fn describe() -> wit::Descriptor {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        wit::Descriptor {
            name: NAME.to_owned(),
            version: VERSION.to_owned(),
            config_schema: SCHEMA.to_owned(),
            secrets: SECRETS
                .iter()
                .map(|secret| wit::SecretRequest {
                    name: secret.name.to_owned(),
                    purpose: secret.purpose.to_owned(),
                    required: false,
                })
                .collect(),
            origins: ORIGINS
                .iter()
                .map(|origin| wit::OriginRequest {
                    origin: origin.origin.to_owned(),
                    methods: texts(origin.methods),
                    paths: texts(origin.paths),
                    secrets: texts(origin.secrets),
                    purpose: origin.purpose.to_owned(),
                })
                .collect(),
        }
    }

    fn check(config: String) -> Result<Vec<wit::Finding>, wit::Error> {
        let (server, config) = open(&config)?;
        let findings = match &config.databases {
            Some(databases) => block_on(fleet::overview::check(&config, databases))?,
            None => block_on(check::check(server.as_ref(), &config))?,
        };
        Ok(findings.into_iter().map(wit::Finding::from).collect())
    }

    fn list_resources(config: String) -> Result<Vec<wit::Resource>, wit::Error> {
        let (server, config) = open(&config)?;
        let resources = match &config.databases {
            Some(databases) => block_on(fleet::overview::list(&config, databases))?,
            None => block_on(list::list(server.as_ref(), &config))?,
        };
        Ok(resources.into_iter().map(wit::Resource::from).collect())
    }

    fn read(
        config: String,
        selections: Vec<wit::Selection>,
        options: wit::ReadOptions,
    ) -> Result<wit::Reader, wit::Error> {
        delays::keep_reports();
        let (server, config) = open(&config)?;
        let mut requested: Vec<Selection> = Vec::with_capacity(selections.len());
        for selected in selections {
            let selected = selection(selected);
            // A resource that is selected twice is read once: its rows go to
            // one table.
            if requested
                .iter()
                .all(|other| other.resource != selected.resource)
            {
                requested.push(selected);
            }
        }
        let page_rows = options
            .page_rows
            .map_or(config.page_rows, |rows| rows.clamp(1, config.page_rows));
        let mut types = column_types(options.types, options.stored)?;
        let verify = Verification::from(options.verify);
        let mut verified = requested.iter().map(|selection| selection.verify);
        if verify == Verification::Checksum || verified.any(|v| v == Verification::Checksum) {
            types.set_plain();
        }
        let options = ReadOptions {
            page_rows: u64::from(page_rows),
            page_bytes: options.page_bytes,
            row_limit: options.row_limit,
            resumable: options.consistency == wit::Consistency::Resumable,
            lenient: false,
            progress: true,
            deadline: Deadline::after(config.time_budget),
            verify,
            added_column: None,
            types: Arc::new(types),
        };
        let source = match config.databases.clone() {
            Some(databases) => {
                let fleet = Fleet::new(config, databases, requested, &options);
                EventSource::Many(Box::new(fleet))
            }
            None => EventSource::One(Box::new(Read::new(server, config, requested, options))),
        };
        Ok(wit::Reader::new(Reader(RefCell::new(Pull::new(source)))))
    }
}

impl wit::GuestReader for Reader {
    fn next(&self) -> Result<Option<wit::Event>, wit::Error> {
        let next = block_on(self.0.borrow_mut().next_event())?;
        Ok(next.map(event).transpose()?)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        block_on(self.0.borrow_mut().close());
    }
}

/// Parses a config. Returns the database's server, if the config names one.
fn open(config: &str) -> Result<(Option<Server>, Config)> {
    let config = Config::parse(config)?;
    pace::limit_delay(config.platform.retry.budget);
    let server = config.database.clone();
    let server = server.map(|url| {
        let credential = Credential::from_secret(DATABASE_TOKEN);
        Server::new(url, credential, config.platform.retry)
    });
    Ok((server, config))
}

/// Converts a selection. One that cannot be parsed fails its resource only.
fn selection(selection: wit::Selection) -> Selection {
    let resource = selection.resource.clone();
    parse_selection(selection).unwrap_or_else(|error| Selection {
        resource,
        invalid: Some(error),
        ..Selection::default()
    })
}

fn parse_selection(selection: wit::Selection) -> Result<Selection> {
    let name = &selection.resource;
    let lag = selection.lag.as_deref().map(|lag| {
        Lag::parse(lag).ok_or_else(|| {
            Error::config(
                format!("`lag` of `{name}` is `{lag}`, which is neither a number from 0 on nor a time"),
                "set `lag` to a number in the unit of the cursor column, or to a time in seconds, such as 600s",
            )
        })
    });
    let lag = lag.transpose()?;
    let cursor = selection
        .cursor
        .map(|cursor| Cursor::decode(cursor.version, &cursor.value, name));
    Ok(Selection {
        mode: selection.mode.into(),
        is_first: cursor.is_none(),
        cursor: cursor.transpose()?,
        database: None,
        start: selection.start.map(cursor_value),
        end: selection.end.map(cursor_value),
        lag,
        columns: selection.columns,
        types: types(selection.types)?,
        masked: selection.masked,
        nested: selection.nested,
        filter: selection.filter,
        primary_key: selection.primary_key,
        cursor_column: selection.cursor_field,
        max_rows_billed: selection.max_rows_billed,
        idempotent: selection.idempotent,
        keys: selection.keys,
        verify: selection.verify.into(),
        invalid: None,
        resource: selection.resource,
    })
}

fn cursor_value(value: wit::CursorValue) -> Value {
    match value {
        wit::CursorValue::Integer(value) => Value::Integer(value),
        wit::CursorValue::Real(value) => Value::Real(value),
        wit::CursorValue::Text(value) => Value::Text(value),
    }
}

fn types(types: Vec<wit::TypeOverride>) -> Result<Vec<TypeOverride>> {
    types
        .into_iter()
        .map(|requested| TypeOverride::parse(requested.column, &requested.type_name))
        .collect()
}

/// Converts the types for all resources.
fn column_types(rules: Vec<wit::TypeRule>, stored: Vec<wit::StoredTable>) -> Result<ColumnTypes> {
    let rule = |rule: wit::TypeRule| {
        let subject = match rule.subject {
            wit::TypeSubject::Column(pattern) => TypeSubject::Column(pattern),
            wit::TypeSubject::Declared(pattern) => TypeSubject::Declared(pattern),
        };
        (subject, rule.type_name)
    };
    let mut types = ColumnTypes::new(rules.into_iter().map(rule).collect())?;
    for table in stored {
        for column in table.columns {
            types.add_stored(&table.resource, &column.column, &column.type_name);
        }
    }
    Ok(types)
}

impl From<Error> for wit::Error {
    fn from(error: Error) -> Self {
        let hint = error
            .hint
            .unwrap_or_else(|| error.category.default_hint().to_owned());
        Self {
            category: match error.category {
                Category::Config => wit::Category::Config,
                Category::Authentication => wit::Category::Authentication,
                Category::Permission => wit::Category::Permission,
                Category::NotFound => wit::Category::NotFound,
                Category::RateLimited => wit::Category::RateLimited,
                Category::Unavailable => wit::Category::Unavailable,
                Category::Protocol => wit::Category::Protocol,
                Category::Data => wit::Category::Data,
                Category::Denied => wit::Category::Denied,
                Category::Internal => wit::Category::Internal,
            },
            message: error.message,
            hint: Some(hint),
            retryable: error.retryable,
            retry_after: error.retry_after,
        }
    }
}

impl From<Finding> for wit::Finding {
    fn from(finding: Finding) -> Self {
        Self {
            subject: finding.subject,
            severity: match finding.severity {
                Severity::Info => wit::Severity::Info,
                Severity::Warning => wit::Severity::Warning,
                Severity::Error => wit::Severity::Error,
            },
            message: finding.message,
            hint: finding.hint,
        }
    }
}

impl From<list::Resource> for wit::Resource {
    fn from(resource: list::Resource) -> Self {
        Self {
            name: resource.name,
            kind: match resource.kind {
                ResourceKind::Table => WitKind::Table,
                ResourceKind::View => WitKind::View,
                ResourceKind::Endpoint => WitKind::Endpoint,
                ResourceKind::Feed => WitKind::Feed,
                ResourceKind::Query => WitKind::Query,
            },
            description: resource.description,
            schema: arrow::schema(&resource.schema),
            primary_key: resource.primary_key,
            cursor_fields: resource.cursor_columns,
            modes: resource.modes.into_iter().map(wit::Mode::from).collect(),
            parent: resource.parent,
            by_default: resource.by_default,
            estimated_rows: resource.estimated_rows,
        }
    }
}

fn event(event: Event) -> Result<wit::Event> {
    Ok(match event {
        Event::Schema {
            resource,
            kind,
            columns,
        } => {
            let sibling = |sibling: Sibling| wit::Sibling {
                name: sibling.name,
                column: sibling.column,
            };
            wit::Event::Schema(wit::SchemaEvent {
                resource,
                kind: kind.into(),
                schema: arrow::schema(&columns.schema),
                primary_key: columns.primary_key,
                siblings: columns.siblings.into_iter().map(sibling).collect(),
            })
        }
        Event::Page {
            resource,
            kind,
            batch,
            cursor,
        } => wit::Event::Page(wit::Page {
            resource,
            kind: kind.into(),
            rows: batch.num_rows() as u64,
            batch: arrow::batch(&batch).map_err(|error| page_error(&error.to_string()))?,
            cursor: cursor.map(wit_cursor),
        }),
        Event::Rejected {
            resource,
            record,
            reason,
        } => wit::Event::Rejected(wit::Rejected {
            resource,
            record,
            reason,
        }),
        Event::Progress {
            resource,
            rows,
            estimated_rows,
            waiting,
        } => wit::Event::Progress(wit::Progress {
            resource,
            rows,
            estimated_rows,
            waiting,
        }),
        Event::Restarted(reason) => wit::Event::Restarted(reason),
        Event::Done(summary) => wit::Event::Done(wit::Summary {
            resources: summary
                .resources
                .into_iter()
                .map(wit::ResourceSummary::from)
                .collect(),
            requests: summary.requests,
            point_in_time: summary.point_in_time,
        }),
    })
}

fn wit_cursor(value: Vec<u8>) -> WitCursor {
    WitCursor {
        version: cursor::VERSION,
        value,
    }
}

impl From<wit::Mode> for Mode {
    fn from(mode: wit::Mode) -> Self {
        match mode {
            wit::Mode::Full => Self::Full,
            wit::Mode::Incremental => Self::Incremental,
            wit::Mode::Changes => Self::Changes,
        }
    }
}

impl From<Mode> for wit::Mode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Full => Self::Full,
            Mode::Incremental => Self::Incremental,
            Mode::Changes => Self::Changes,
        }
    }
}

impl From<wit::Verification> for Verification {
    fn from(verification: wit::Verification) -> Self {
        match verification {
            wit::Verification::Off => Self::Off,
            wit::Verification::Count => Self::Count,
            wit::Verification::Checksum => Self::Checksum,
        }
    }
}

impl From<PageKind> for wit::PageKind {
    fn from(kind: PageKind) -> Self {
        match kind {
            PageKind::Rows => Self::Rows,
            PageKind::Changes => Self::Changes,
            PageKind::Keys => Self::Keys,
        }
    }
}

impl From<Figures> for wit::Figures {
    fn from(figures: Figures) -> Self {
        Self {
            rows: figures.rows,
            checksum: figures.checksum.map(|value| wit::Checksum {
                version: checksum::VERSION,
                value,
            }),
        }
    }
}

impl From<ResourceStats> for wit::ResourceSummary {
    fn from(stats: ResourceStats) -> Self {
        Self {
            resource: stats.resource,
            rows: stats.rows,
            rejected: stats.rejected,
            misfits: stats.mismatches,
            rows_billed: stats.rows_billed,
            requests: stats.requests,
            failure: stats.failure.map(wit::Error::from),
            unread: stats.unread.map(|unread| wit::Unread {
                column: unread.column,
                values: unread.values,
                failure: unread.failure.map(wit::Error::from),
                failures: unread
                    .failures
                    .into_iter()
                    .map(|(value, failure)| wit::PartFailure {
                        value,
                        failure: failure.into(),
                    })
                    .collect(),
            }),
            cursor: stats.cursor.map(wit_cursor),
            figures: stats.figures.map(wit::Figures::from),
            notes: stats.notes,
        }
    }
}
