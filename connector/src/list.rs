//! List of the resources that can be read. Must not read rows.

use arrow_schema::{DataType, Field, Schema};

use crate::builtin::Builtin;
use crate::config::Config;
use crate::database::discovery;
use crate::database::server::Server;
use crate::database::statement;
use crate::database::table::{Key, RelationKind, Table, TableColumn};
use crate::error::{Error, Result};
use crate::hrana::request::Request;
use crate::platform;
use crate::platform::endpoint::Endpoint;
use crate::platform::endpoints::ENDPOINTS;
use crate::read::followed::can_be_followed;
use crate::read::queries;
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::logical_type::LogicalType;
use crate::rows::value::Value;
use crate::selection::Mode;

/// Maximum statements of one request. More would only delay its response.
const STATEMENTS_PER_REQUEST: usize = 200;

/// Kind of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResourceKind {
    /// Table, including virtual tables.
    Table,
    /// View.
    View,
    /// Endpoint of a server or of the Platform API.
    Endpoint,
    /// Feed of changes.
    Feed,
    /// Query of the config.
    Query,
}

/// Resource that can be read.
#[derive(Debug)]
pub struct Resource {
    /// Name of the resource.
    pub name: String,
    /// Kind of the resource.
    pub kind: ResourceKind,
    /// Description for people.
    pub description: Option<String>,
    /// Columns of the rows.
    pub schema: Schema,
    /// Columns of the primary key.
    pub primary_key: Vec<String>,
    /// Suggested cursor columns of an incremental read.
    pub cursor_columns: Vec<String>,
    /// Modes in which the resource can be read.
    pub modes: Vec<Mode>,
    /// Name of the parent resource. Selecting the parent selects this one too.
    pub parent: Option<String>,
    /// True if a read without selections reads the resource.
    pub by_default: bool,
    /// Estimated number of rows.
    pub estimated_rows: Option<u64>,
}

/// Lists the resources of the database and of the Platform API. The latter are
/// the same for every account, so the API is not requested.
pub async fn list(server: Option<&Server>, config: &Config) -> Result<Vec<Resource>> {
    let mut resources = match server {
        Some(server) => server_resources(server, config).await?,
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

async fn server_resources(server: &Server, config: &Config) -> Result<Vec<Resource>> {
    let mut stream = server.stream(server.dialect().await?);
    let catalog = discovery::catalog(&mut stream).await.map_err(Error::from);
    let queries = queries::describe(&mut stream, &config.queries).await;
    let queries = queries.map_err(Error::from);
    stream.close().await;
    let (catalog, queries) = (catalog?, queries?);
    let estimates = estimates(server, &catalog.tables).await;
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
            parent: Some(queries::QUERIES.to_owned()),
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
    let columns: Vec<_> = table.columns.iter().map(TableColumn::spec).collect();
    let (kind, description) = match table.kind {
        RelationKind::Table => (ResourceKind::Table, None),
        RelationKind::Virtual => (ResourceKind::Table, Some("A virtual table")),
        RelationKind::View => (ResourceKind::View, None),
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
        by_default: table.kind == RelationKind::Table,
        estimated_rows,
    }
}

/// Returns columns that may identify new rows: a key that grows, and columns
/// whose name or declared type suggests the time of a change.
fn cursor_columns(table: &Table) -> Vec<String> {
    let Some(key) = table.key() else {
        return Vec::new();
    };
    let is_time = |column: &&TableColumn| {
        let name = column.name.to_ascii_lowercase();
        let declared = column.declared_type.to_ascii_uppercase();
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
        name: queries::QUERIES.to_owned(),
        kind: ResourceKind::Endpoint,
        description: Some(
            "All queries of the config (`queries`), each of which is a resource".to_owned(),
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
        primary_key: info
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

/// Describes a resource of the Platform API. It is read by default only if no
/// database is configured.
fn endpoint_resource(endpoint: &Endpoint, is_alone: bool) -> Resource {
    let columns: Vec<_> = endpoint
        .default_columns()
        .map(|column| column.spec())
        .collect();
    let mut modes = vec![Mode::Full];
    modes.extend(endpoint.incremental.map(|_| Mode::Incremental));
    Resource {
        name: endpoint.name.to_owned(),
        kind: ResourceKind::Endpoint,
        description: Some(endpoint.full_description()),
        schema: schema(&columns),
        primary_key: endpoint.key.iter().map(|name| (*name).to_owned()).collect(),
        cursor_columns: platform::cursor_column(endpoint)
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
        if column.holds_json() {
            return Storage::Logical(LogicalType::Json).field(&column.name);
        }
        if column.storage.is_undecided() {
            // The values decide about the type.
            return Field::new(&column.name, DataType::Null, true);
        }
        column.storage.field(&column.name)
    };
    Schema::new(columns.iter().map(field).collect::<Vec<_>>())
}

/// Estimates the rows of each table by its largest row id, which is close if
/// few rows were deleted and row ids are not random. The server reads one row for each table. `None`
/// where the estimate fails.
async fn estimates(server: &Server, tables: &[Table]) -> Vec<Option<u64>> {
    let mut estimates = vec![None; tables.len()];
    let statement = |table: &Table| {
        let row_id = table.row_number()?;
        Some(statement::select_max_row_id(&table.name, &row_id))
    };
    let statements: Vec<_> = tables
        .iter()
        .enumerate()
        .filter_map(|(index, table)| Some((index, statement(table)?)))
        .collect();
    for chunk in statements.chunks(STATEMENTS_PER_REQUEST) {
        let requests: Vec<_> = chunk
            .iter()
            .map(|(_, statement)| Request::execute(statement.clone()))
            .collect();
        let Ok((_, rows)) = server.run(&requests).await else {
            return estimates;
        };
        for ((index, _), rows) in chunk.iter().zip(&rows.0) {
            let largest = rows.first().and_then(|row| row.first());
            estimates[*index] = match largest {
                Some(Value::Integer(largest)) => u64::try_from(*largest).ok(),
                Some(Value::Null) => Some(0),
                _ => None,
            };
        }
    }
    estimates
}
