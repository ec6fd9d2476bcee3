//! What can be read.

use arrow_schema::{DataType, Field, Schema};

use crate::builtin::Builtin;
use crate::config::Config;
use crate::database::discovery;
use crate::database::server::Server;
use crate::database::statement;
use crate::database::stream::Stream;
use crate::database::table::{Column, Key, Kind, Table};
use crate::error::{Error, Result};
use crate::hrana::columns::{ColumnSpec, Storage};
use crate::hrana::request::Request;
use crate::hrana::wanted::Wanted;
use crate::platform;
use crate::platform::endpoint::Endpoint;
use crate::platform::endpoints::ENDPOINTS;
use crate::read::followed::can_be_followed;
use crate::read::plan;
use crate::selection::Mode;

/// Statements in one request; more would only make one answer long.
const STATEMENTS_PER_REQUEST: usize = 200;

/// What a resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// A table, also a virtual one.
    Table,
    /// A view.
    View,
    /// An endpoint of the server.
    Endpoint,
    /// A feed of changes.
    Feed,
    /// A query of the config.
    Query,
}

/// Something that can be read.
#[derive(Debug)]
pub struct Resource {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: ResourceKind,
    /// A sentence about it.
    pub description: Option<String>,
    /// Its columns.
    pub schema: Schema,
    /// Columns of its key.
    pub primary_key: Vec<String>,
    /// Columns that an incremental read could go by.
    pub cursor_columns: Vec<String>,
    /// How it can be read.
    pub modes: Vec<Mode>,
    /// The resource that it is fanned out from.
    pub parent: Option<String>,
    /// Whether it is read when nothing is selected.
    pub by_default: bool,
    /// About how many rows it has.
    pub estimated_rows: Option<u64>,
}

/// Tables, views, queries, what every server has, and the Platform API. That
/// is the same everywhere, and not asked.
pub fn list(server: Option<&Server>, config: &Config) -> Result<Vec<Resource>> {
    let mut resources = match server {
        Some(server) => server_resources(server, config)?,
        None => Vec::new(),
    };
    for endpoint in ENDPOINTS {
        let is_taken = |resource: &Resource| resource.name.eq_ignore_ascii_case(endpoint.name);
        if !resources.iter().any(is_taken) {
            resources.push(endpoint_resource(endpoint, config.database.is_none()));
        }
    }
    Ok(resources)
}

fn server_resources(server: &Server, config: &Config) -> Result<Vec<Resource>> {
    let mut stream = Stream::new(server, server.dialect()?);
    let catalog = discovery::catalog(&mut stream).map_err(Error::from);
    let queries = plan::describe(&mut stream, &config.queries).map_err(Error::from);
    stream.close();
    let (catalog, queries) = (catalog?, queries?);
    let estimates = estimates(server, &catalog.tables);
    let mut resources: Vec<_> = catalog
        .tables
        .iter()
        .zip(estimates)
        .map(|(table, rows)| table_resource(table, catalog.has_changes, rows))
        .collect();
    for query in queries {
        let (columns, description) = match query.columns {
            Ok(columns) => (columns, "A query of the config".to_owned()),
            Err(error) => (Vec::new(), format!("Cannot be run: {error}")),
        };
        resources.push(Resource {
            kind: ResourceKind::Query,
            description: Some(description),
            schema: schema(&columns),
            primary_key: query.query.primary_key,
            cursor_columns: query.query.cursor_column.into_iter().collect(),
            modes: vec![Mode::Full],
            parent: Some(plan::QUERIES.to_owned()),
            by_default: true,
            estimated_rows: None,
            name: query.query.name,
        });
    }
    resources.push(all_queries());
    for builtin in Builtin::ALL {
        let info = builtin.info();
        if resources.iter().all(|resource| resource.name != info.name) {
            resources.push(builtin_resource(builtin));
        }
    }
    Ok(resources)
}

fn table_resource(table: &Table, has_changes: bool, estimated_rows: Option<u64>) -> Resource {
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(crate::database::table::Column::spec)
        .collect();
    let (kind, description) = match table.kind {
        Kind::Table => (ResourceKind::Table, None),
        Kind::Virtual => (ResourceKind::Table, Some("A virtual table")),
        Kind::View => (ResourceKind::View, None),
    };
    let mut modes = vec![Mode::Full];
    modes.extend(table.key().map(|_| Mode::Incremental));
    modes.extend((has_changes && can_be_followed(table)).then_some(Mode::Changes));
    Resource {
        name: table.name.clone(),
        kind,
        description: description.map(str::to_owned),
        schema: schema(&columns),
        primary_key: table.primary_key(),
        cursor_columns: cursor_columns(table),
        modes,
        parent: None,
        by_default: table.kind == Kind::Table,
        estimated_rows,
    }
}

/// Columns that may tell what is new: a key that grows, and what is called or
/// declared like the time of a change.
fn cursor_columns(table: &Table) -> Vec<String> {
    let Some(key) = table.key() else {
        return Vec::new();
    };
    let is_time = |column: &&Column| {
        let name = column.name.to_ascii_lowercase();
        let declared = column.declared.to_ascii_uppercase();
        name.ends_with("_at")
            || ["updated", "modified", "changed"]
                .iter()
                .any(|word| name.contains(word))
            || ["DATE", "TIME"].iter().any(|word| declared.contains(word))
    };
    let times = table.columns.iter().filter(is_time);
    let times = times.map(|column| column.name.clone());
    match key {
        Key::Alias(key) => times.chain([key]).collect(),
        _ => times.collect(),
    }
}

fn all_queries() -> Resource {
    Resource {
        name: plan::QUERIES.to_owned(),
        kind: ResourceKind::Endpoint,
        description: Some(
            "All queries of the config (`queries`), each a resource of its own".to_owned(),
        ),
        schema: Schema::empty(),
        primary_key: Vec::new(),
        cursor_columns: Vec::new(),
        modes: vec![Mode::Full],
        parent: None,
        by_default: false,
        estimated_rows: None,
    }
}

fn builtin_resource(builtin: Builtin) -> Resource {
    let info = builtin.info();
    Resource {
        name: info.name.to_owned(),
        kind: if info.is_feed {
            ResourceKind::Feed
        } else {
            ResourceKind::Endpoint
        },
        description: Some(info.description.to_owned()),
        schema: schema(&info.columns),
        primary_key: about
            .primary_key
            .iter()
            .map(|column| (*column).to_owned())
            .collect(),
        cursor_columns: Vec::new(),
        modes: vec![Mode::Full],
        parent: info.parent.map(str::to_owned),
        by_default: false,
        estimated_rows: None,
    }
}

/// A resource of the Platform API. It is read by default only where there is
/// nothing else to read.
fn endpoint_resource(endpoint: &Endpoint, is_alone: bool) -> Resource {
    let columns: Vec<_> = endpoint
        .usual_columns()
        .map(|column| column.spec())
        .collect();
    let mut modes = vec![Mode::Full];
    modes.extend(endpoint.increment.map(|_| Mode::Incremental));
    Resource {
        name: endpoint.name.to_owned(),
        kind: ResourceKind::Endpoint,
        description: Some(endpoint.sentences()),
        schema: schema(&columns),
        primary_key: endpoint.key.iter().map(|name| (*name).to_owned()).collect(),
        cursor_columns: platform::cursor(endpoint)
            .into_iter()
            .map(str::to_owned)
            .collect(),
        modes,
        parent: endpoint.scope.parent().map(str::to_owned),
        by_default: endpoint.by_default && is_alone,
        estimated_rows: None,
    }
}

fn schema(columns: &[ColumnSpec]) -> Schema {
    let field = |column: &ColumnSpec| {
        if column.holds_json {
            return Storage::Wanted(Wanted::Json).field(&column.name);
        }
        match column.storage {
            // The first value decides.
            Storage::ByValue => Field::new(&column.name, DataType::Null, true),
            storage => storage.field(&column.name),
        }
    };
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

/// The largest row id of each table, which is close to its rows when few
/// were deleted, and costs one row each. None where that fails.
fn estimates(server: &Server, tables: &[Table]) -> Vec<Option<u64>> {
    let mut estimates = vec![None; tables.len()];
    let statement = |table: &Table| {
        let row_id = table.key()?.row_id()?;
        Some(statement::largest(&table.name, &row_id))
    };
    let asked: Vec<_> = tables
        .iter()
        .enumerate()
        .filter_map(|(index, table)| Some((index, statement(table)?)))
        .collect();
    for some in asked.chunks(STATEMENTS_PER_REQUEST) {
        let requests: Vec<_> = some
            .iter()
            .map(|(_, statement)| Request::execute(statement.clone()))
            .collect();
        let Ok((_, rows)) = server.ask(&requests) else {
            return estimates;
        };
        for ((index, _), rows) in some.iter().zip(&rows.0) {
            let largest = rows.first().and_then(|row| row.first());
            estimates[*index] = match largest {
                Some(crate::hrana::value::Value::Integer(largest)) => u64::try_from(*largest).ok(),
                Some(crate::hrana::value::Value::Null) => Some(0),
                _ => None,
            };
        }
    }
    estimates
}
