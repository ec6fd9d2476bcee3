//! Conversion between the types of the WIT and those of the model. Everything
//! from a guest is checked against the limits here; nothing is interpreted.

use std::collections::{BTreeMap, BTreeSet};

use arrow_schema::SchemaRef;

use super::bindings::connector::source::types;
use super::bindings::exports::connector::source::source as wit;
use super::error::SandboxError;
use super::ipc;
use super::text::{bounded, name};
use crate::model::{
    Cursor, CursorValue, Descriptor, ErrorCategory, Event, Figures, Finding, OriginRequest,
    PageKind, Progress, ReadMode, ReadOptions, Rejected, Resource, ResourceKind, ResourceSummary,
    SecretRequest, Selection, Severity, Sibling, SourceError, SourceSchema, StoredTable, Summary,
    TypeRule, TypeSubject, UnreadPart, Verification,
};
use crate::model::{Limit, Limits};

/// Number of methods, paths or secrets of one origin, and of all origins and
/// secrets. The host compares each of them with each.
const MAX_REQUESTED: usize = 64;

/// Number of read modes.
const MAX_MODES: usize = 3;

/// Version of the checksums that the host computes.
const CHECKSUM_VERSION: u32 = 1;

/// Number of notes about one resource that are kept.
const MAX_NOTES: usize = 16;

pub(super) fn cursor(
    cursor: Option<types::Cursor>,
    limits: &Limits,
) -> Result<Option<Cursor>, SandboxError> {
    match cursor {
        Some(cursor) if cursor.value.len() as u64 > limits.text => {
            Err(SandboxError::Limit(Limit::Text))
        }
        Some(types::Cursor { version, value }) => Ok(Some(Cursor { version, value })),
        None => Ok(None),
    }
}

pub(super) fn source_error(error: &types::Error) -> SourceError {
    SourceError {
        category: category(error.category),
        message: bounded(&error.message),
        remedy: error.hint.as_deref().map(|hint| bounded(hint).into()),
        retryable: error.retryable,
        retry_after: error.retry_after,
    }
}

pub(super) fn descriptor(d: wit::Descriptor, limits: &Limits) -> Result<Descriptor, SandboxError> {
    if d.config_schema.len() as u64 > limits.text
        || d.secrets.len() + d.origins.len() > MAX_REQUESTED
    {
        return Err(SandboxError::Limit(Limit::Text));
    }
    let long = |o: &wit::OriginRequest| {
        [&o.methods, &o.paths, &o.secrets]
            .iter()
            .any(|texts| texts.len() > MAX_REQUESTED)
    };
    if d.origins.iter().any(long) {
        return Err(SandboxError::Contract(format!(
            "an origin has more than {MAX_REQUESTED} methods, paths or secrets"
        )));
    }
    let texts = |texts: Vec<String>| texts.iter().map(|text| bounded(text)).collect();
    let secret = |s: wit::SecretRequest| SecretRequest {
        name: bounded(&s.name),
        purpose: bounded(&s.purpose),
        required: s.required,
    };
    let origin = |o: wit::OriginRequest| OriginRequest {
        origin: bounded(&o.origin),
        methods: texts(o.methods),
        paths: texts(o.paths),
        secrets: texts(o.secrets),
        purpose: bounded(&o.purpose),
    };
    Ok(Descriptor {
        name: bounded(&d.name),
        version: bounded(&d.version),
        config_schema: d.config_schema,
        secrets: d.secrets.into_iter().map(secret).collect(),
        origins: d.origins.into_iter().map(origin).collect(),
    })
}

pub(super) fn findings(
    findings: Vec<types::Finding>,
    limits: &Limits,
) -> Result<Vec<Finding>, SandboxError> {
    if findings.len() as u64 > limits.resources {
        return Err(SandboxError::Limit(Limit::Resources));
    }
    let finding = |f: types::Finding| Finding {
        subject: bounded(&f.subject),
        severity: match f.severity {
            types::Severity::Info => Severity::Info,
            types::Severity::Warning => Severity::Warning,
            types::Severity::Error => Severity::Error,
        },
        message: bounded(&f.message),
        remedy: f.hint.as_deref().map(|hint| bounded(hint).into()),
    };
    Ok(findings.into_iter().map(finding).collect())
}

pub(super) fn resources(
    resources: Vec<types::Resource>,
    limits: &Limits,
) -> Result<Vec<Resource>, SandboxError> {
    if resources.len() as u64 > limits.resources {
        return Err(SandboxError::Limit(Limit::Resources));
    }
    resources
        .into_iter()
        .map(|resource| self::resource(resource, limits))
        .collect()
}

fn resource(r: types::Resource, limits: &Limits) -> Result<Resource, SandboxError> {
    if (r.primary_key.len() + r.cursor_fields.len()) as u64 > 2 * limits.columns {
        return Err(SandboxError::Limit(Limit::Columns));
    }
    let names = |names: Vec<String>| {
        names
            .into_iter()
            .map(|text| name(text, limits))
            .collect::<Result<Vec<_>, _>>()
    };
    let mode = |mode| match mode {
        types::Mode::Full => ReadMode::Full,
        types::Mode::Incremental => ReadMode::Incremental,
        types::Mode::Changes => ReadMode::Changes,
    };
    Ok(Resource {
        name: name(r.name, limits)?,
        kind: match r.kind {
            types::ResourceKind::Table => ResourceKind::Table,
            types::ResourceKind::View => ResourceKind::View,
            types::ResourceKind::Endpoint => ResourceKind::Endpoint,
            types::ResourceKind::Feed => ResourceKind::Feed,
            types::ResourceKind::Query => ResourceKind::Query,
        },
        description: r.description.as_deref().map(bounded),
        schema: ipc::limited_schema(&r.schema, limits)?,
        primary_key: names(r.primary_key)?,
        cursor_columns: names(r.cursor_fields)?,
        modes: r.modes.into_iter().take(MAX_MODES).map(mode).collect(),
        parent: r.parent.map(|parent| name(parent, limits)).transpose()?,
        by_default: r.by_default,
        estimated_rows: r.estimated_rows,
    })
}

pub(super) fn selection(s: &Selection) -> wit::Selection {
    wit::Selection {
        resource: s.resource.clone(),
        mode: match s.mode {
            ReadMode::Full => types::Mode::Full,
            ReadMode::Incremental => types::Mode::Incremental,
            ReadMode::Changes => types::Mode::Changes,
        },
        cursor: s.cursor.as_ref().map(|c| types::Cursor {
            version: c.version,
            value: c.value.clone(),
        }),
        cursor_field: s.cursor_column.clone(),
        lag: s.lag.clone(),
        start: s.start.as_ref().map(cursor_value),
        end: s.end.as_ref().map(cursor_value),
        columns: s.columns.clone(),
        filter: s.filter.clone(),
        primary_key: s.primary_key.clone(),
        types: s
            .types
            .iter()
            .map(|(column, type_name)| wit::TypeOverride {
                column: column.clone(),
                type_name: type_name.clone(),
            })
            .collect(),
        masked: s.masked.clone(),
        nested: s.nested,
        max_rows_billed: s.max_rows_billed,
        idempotent: s.idempotent,
        keys: s.keys,
        verify: verification(s.verify),
    }
}

fn cursor_value(value: &CursorValue) -> wit::CursorValue {
    match value {
        CursorValue::Integer(value) => wit::CursorValue::Integer(*value),
        CursorValue::Real(value) => wit::CursorValue::Real(*value),
        CursorValue::Text(value) => wit::CursorValue::Text(value.clone()),
    }
}

pub(super) fn read_options(o: &ReadOptions) -> wit::ReadOptions {
    wit::ReadOptions {
        page_rows: o.page_rows,
        page_bytes: o.page_bytes,
        row_limit: o.row_limit,
        consistency: if o.resumable {
            wit::Consistency::Resumable
        } else {
            wit::Consistency::Snapshot
        },
        verify: verification(o.verify),
        types: o.types.iter().map(type_rule).collect(),
        stored: o.stored.iter().map(stored_table).collect(),
    }
}

fn verification(verification: Verification) -> wit::Verification {
    match verification {
        Verification::Off => wit::Verification::Off,
        Verification::Count => wit::Verification::Count,
        Verification::Checksum => wit::Verification::Checksum,
    }
}

fn type_rule(rule: &TypeRule) -> wit::TypeRule {
    wit::TypeRule {
        subject: match &rule.subject {
            TypeSubject::Column(pattern) => wit::TypeSubject::Column(pattern.clone()),
            TypeSubject::Declared(pattern) => wit::TypeSubject::Declared(pattern.clone()),
        },
        type_name: rule.type_name.clone(),
    }
}

fn stored_table(table: &StoredTable) -> wit::StoredTable {
    let column = |(column, type_name): &(String, String)| wit::TypeOverride {
        column: column.clone(),
        type_name: type_name.clone(),
    };
    wit::StoredTable {
        resource: table.resource.clone(),
        columns: table.columns.iter().map(column).collect(),
    }
}

pub(super) fn page_kind(kind: wit::PageKind) -> PageKind {
    match kind {
        wit::PageKind::Rows => PageKind::Rows,
        wit::PageKind::Changes => PageKind::Changes,
        wit::PageKind::Keys => PageKind::Keys,
    }
}

/// Converts the columns of a resource, its key and its sibling columns.
pub(super) fn source_schema(
    columns: SchemaRef,
    primary_key: Vec<String>,
    siblings: Vec<wit::Sibling>,
) -> Result<SourceSchema, SandboxError> {
    let names: BTreeSet<&str> = columns
        .fields()
        .iter()
        .map(|field| field.name().as_str())
        .collect();
    let set = |pick: fn(&wit::Sibling) -> &str| siblings.iter().map(pick).collect::<BTreeSet<_>>();
    let (own, bases) = (set(|sibling| &sibling.name), set(|sibling| &sibling.column));
    let key: BTreeSet<&str> = primary_key.iter().map(String::as_str).collect();
    let known = own.is_subset(&names) && bases.is_subset(&names) && key.is_subset(&names);
    let disjoint = own.is_disjoint(&bases) && own.is_disjoint(&key);
    let unique = own.len() == siblings.len() && key.len() == primary_key.len();
    if !(known && disjoint && unique) {
        return Err(SandboxError::Contract(
            "the key or the siblings of a schema are not distinct columns of it".to_owned(),
        ));
    }
    let sibling = |sibling: wit::Sibling| Sibling::new(sibling.name, sibling.column);
    Ok(SourceSchema {
        primary_key,
        siblings: siblings.into_iter().map(sibling).collect(),
        columns,
    })
}

/// Converts an event without Arrow data.
pub(super) fn event(event: wit::Event, limits: &Limits) -> Result<Event, SandboxError> {
    Ok(match event {
        wit::Event::Schema(_) | wit::Event::Page(_) => {
            return Err(SandboxError::Contract(
                "the connector sent a schema or a page where only other events are allowed"
                    .to_owned(),
            ));
        }
        wit::Event::Rejected(r) => {
            if r.record.len() as u64 > limits.text {
                return Err(SandboxError::Limit(Limit::Text));
            }
            Event::Rejected(Rejected {
                resource: name(r.resource, limits)?,
                record: r.record,
                reason: bounded(&r.reason),
            })
        }
        wit::Event::Progress(p) => Event::Progress(Progress {
            resource: p.resource.map(|r| name(r, limits)).transpose()?,
            rows: p.rows,
            estimated_rows: p.estimated_rows,
            waiting: p.waiting.as_deref().map(bounded),
        }),
        wit::Event::Restarted(reason) => Event::Restarted(bounded(&reason)),
        wit::Event::Done(summary) => Event::Done(self::summary(summary, limits)?),
    })
}

fn summary(s: wit::Summary, limits: &Limits) -> Result<Summary, SandboxError> {
    if s.resources.len() as u64 > limits.resources {
        return Err(SandboxError::Limit(Limit::Resources));
    }
    let resource = |r: wit::ResourceSummary| {
        Ok(ResourceSummary {
            resource: name(r.resource, limits)?,
            rows: r.rows,
            rejected: r.rejected,
            mismatches: r.misfits,
            rows_billed: r.rows_billed,
            requests: r.requests,
            failure: r.failure.as_ref().map(source_error),
            part_failures: r.unread.as_ref().map(part_failures).unwrap_or_default(),
            unread: r
                .unread
                .map(|unread| self::unread(unread, limits))
                .transpose()?,
            cursor: cursor(r.cursor, limits)?,
            figures: r.figures.map(figures),
            notes: r
                .notes
                .iter()
                .take(MAX_NOTES)
                .map(|note| bounded(note))
                .collect(),
        })
    };
    Ok(Summary {
        resources: s
            .resources
            .into_iter()
            .map(resource)
            .collect::<Result<_, SandboxError>>()?,
        requests: s.requests,
        point_in_time: s.point_in_time,
    })
}

/// Converts figures, without a checksum of another version.
fn figures(figures: wit::Figures) -> Figures {
    let checksum = figures.checksum;
    let checksum = checksum.filter(|checksum| checksum.version == CHECKSUM_VERSION);
    Figures {
        rows: figures.rows,
        checksum: checksum.map(|checksum| checksum.value),
    }
}

/// Converts the failures of the values of an unread part. Those of other values
/// are ignored.
fn part_failures(unread: &wit::Unread) -> Vec<(String, SourceError)> {
    let mut failures = BTreeMap::new();
    for part in &unread.failures {
        failures.entry(part.value.as_str()).or_insert(&part.failure);
    }
    let values = unread.values.iter().filter_map(|value| {
        let own = failures.get(value.as_str()).copied();
        let shared = unread.failure.as_ref().filter(|_| failures.is_empty());
        Some((value.clone(), source_error(own.or(shared)?)))
    });
    values.collect()
}

/// Converts the unread part of a resource, whose values become parts of a
/// statement.
fn unread(unread: wit::Unread, limits: &Limits) -> Result<UnreadPart, SandboxError> {
    let bytes = |texts: &[String]| texts.iter().map(|text| text.len() as u64).sum::<u64>();
    if unread.values.len() as u64 > limits.resources || bytes(&unread.values) > limits.text {
        return Err(SandboxError::Limit(Limit::Text));
    }
    Ok(UnreadPart {
        column: name(unread.column, limits)?,
        values: unread.values,
        failure: unread.failure.as_ref().map(source_error),
    })
}

fn category(category: types::Category) -> ErrorCategory {
    match category {
        types::Category::Config => ErrorCategory::Config,
        types::Category::Authentication => ErrorCategory::Authentication,
        types::Category::Permission => ErrorCategory::Permission,
        types::Category::NotFound => ErrorCategory::NotFound,
        types::Category::RateLimited => ErrorCategory::RateLimited,
        types::Category::Unavailable => ErrorCategory::Unavailable,
        types::Category::Protocol => ErrorCategory::Protocol,
        types::Category::Data => ErrorCategory::Data,
        types::Category::Denied => ErrorCategory::Denied,
        types::Category::Internal => ErrorCategory::Internal,
    }
}
