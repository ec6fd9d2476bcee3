//! Resources and findings of many databases, taken from the first one that
//! responds. Requests to all of them would take as long as reading them.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema};

use super::databases::{self, SelectedDatabase};
use super::union::DATABASE;
use crate::check;
use crate::config::{Config, Databases};
use crate::database::server::Server;
use crate::describe::DATABASE_TOKEN;
use crate::error::Result;
use crate::finding::{Finding, Severity};
use crate::http::Credential;
use crate::list::{self, Resource, ResourceKind};
use crate::output::Output;
use crate::platform;
use crate::retry::RetryPolicy;
use crate::selection::Mode;

/// Maximum databases that a finding names.
const MAX_NAMED_DATABASES: usize = 10;

/// Lists the resources of the first database that responds, and those of the
/// Platform API.
pub async fn list(config: &Config, databases: &Databases) -> Result<Vec<Resource>> {
    let selected = databases::select(config, databases, &mut Output::default()).await?;
    let mut last = None;
    for database in selected {
        let listed = match single(config, database) {
            Ok((server, config)) => list::list(Some(&server), &config).await,
            Err(error) => Err(error),
        };
        match listed {
            Ok(resources) => return Ok(resources.into_iter().map(fleet_resource).collect()),
            Err(error) => last = Some(error),
        }
    }
    match last {
        Some(error) => Err(error),
        None => Ok(Vec::new()),
    }
}

/// Checks the first database that responds, and reports which are selected.
pub async fn check(config: &Config, databases: &Databases) -> Result<Vec<Finding>> {
    let selected = databases::select(config, databases, &mut Output::default()).await?;
    let names: Vec<_> = selected
        .iter()
        .take(MAX_NAMED_DATABASES)
        .map(|database| database.name.as_str())
        .collect();
    let more = if selected.len() > MAX_NAMED_DATABASES {
        ", ..."
    } else {
        ""
    };
    let message = format!("{} selected: {}{more}", selected.len(), names.join(", "));
    let mut findings = vec![Finding::new("databases", Severity::Info, message)];
    let mut last = None;
    for database in selected {
        let checked = match single(config, database) {
            Ok((server, config)) => check::check_database(&server, &config).await,
            Err(error) => Err(error),
        };
        match checked {
            Ok(checked) => {
                findings.extend(checked);
                last = None;
                break;
            }
            Err(error) => last = Some(error),
        }
    }
    if let Some(error) = last {
        return Err(error);
    }
    findings.extend(platform::check::check(config).await?);
    Ok(findings)
}

/// Returns the server and the config of one database.
fn single(config: &Config, database: SelectedDatabase) -> Result<(Server, Config)> {
    let url = database.url?;
    let config = config.for_database(url.clone(), database.id);
    let retry = RetryPolicy {
        probes: true,
        ..config.platform.retry
    };
    let credential = Credential::from_secret(DATABASE_TOKEN);
    Ok((Server::new(url, credential, retry), config))
}

/// Converts a resource of one database to that of the fleet.
fn fleet_resource(resource: Resource) -> Resource {
    if platform::find(&resource.name).is_some() && resource.kind == ResourceKind::Endpoint {
        return resource;
    }
    let database = Arc::new(Field::new(DATABASE, DataType::Utf8, true));
    let fields = resource.schema.fields().iter().cloned();
    let fields: Vec<_> = std::iter::once(database).chain(fields).collect();
    let key = resource.primary_key;
    Resource {
        schema: Schema::new(fields),
        primary_key: if key.is_empty() {
            key
        } else {
            std::iter::once(DATABASE.to_owned()).chain(key).collect()
        },
        modes: resource
            .modes
            .into_iter()
            .filter(|mode| *mode != Mode::Changes)
            .collect(),
        ..resource
    }
}
