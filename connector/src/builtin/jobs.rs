//! Schema migrations, from the host of the schema database: `/v1/jobs` and
//! `/v1/jobs/{job_id}`. Despite the resource names, they are not part of the
//! Platform API.

use serde::Deserialize;

use super::ReadContext;
use crate::config::missing_database;
use crate::database::failure;
use crate::database::server::Server;
use crate::error::{Category, Error, Result};
use crate::rows::value::Value;

#[derive(Deserialize)]
struct MigrationJobs {
    #[serde(default)]
    migrations: Vec<MigrationJob>,
}

#[derive(Deserialize)]
struct MigrationJob {
    #[serde(rename = "job_id")]
    id: i64,
    status: Option<String>,
    error: Option<String>,
    #[serde(default)]
    progress: Vec<MigrationProgress>,
}

#[derive(Deserialize)]
struct MigrationProgress {
    namespace: Option<String>,
    status: Option<String>,
    error: Option<String>,
}

/// Reads one row for each job.
pub(super) async fn list(context: &mut ReadContext<'_>) -> Result<()> {
    let server = schema_server(context)?;
    for job in jobs(&server, context).await? {
        context.push_row(&[
            Value::Integer(job.id),
            text(job.status),
            Value::Text(server.url().to_string()),
        ])?;
    }
    Ok(())
}

/// Reads one row for each job and database. A job that has not begun has one
/// row without a database.
pub(super) async fn details(context: &mut ReadContext<'_>) -> Result<()> {
    let server = schema_server(context)?;
    for job in jobs(&server, context).await? {
        context.output.count_request();
        let job: MigrationJob = get(&server, &format!("/v1/jobs/{}", job.id)).await?;
        let url = || Value::Text(server.url().to_string());
        let head = || {
            [
                Value::Integer(job.id),
                text(job.status.clone()),
                text(job.error.clone()),
            ]
        };
        if job.progress.is_empty() {
            let none = [Value::Null, Value::Null, Value::Null, url()];
            context.push_row(&[head().as_slice(), none.as_slice()].concat())?;
        }
        for progress in &job.progress {
            let tail = [&progress.namespace, &progress.status, &progress.error]
                .map(|value| text(value.clone()));
            context.push_row(&[head().as_slice(), tail.as_slice(), &[url()]].concat())?;
        }
    }
    Ok(())
}

async fn jobs(server: &Server, context: &mut ReadContext<'_>) -> Result<Vec<MigrationJob>> {
    context.output.count_request();
    let mut jobs: MigrationJobs = get(server, "/v1/jobs").await?;
    if let Some(limit) = context.options.row_limit {
        jobs.migrations
            .truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(jobs.migrations)
}

fn schema_server(context: &ReadContext<'_>) -> Result<Server> {
    let url = context.config.schema_database.clone();
    let url = url.ok_or_else(|| missing_database("platform_jobs"))?;
    let credential = context.server.credential().clone();
    Ok(Server::new(url, credential, context.config.platform.retry))
}

async fn get<T: for<'a> Deserialize<'a>>(server: &Server, path: &str) -> Result<T> {
    let (status, body) = server.get(path).await?;
    let url = server.url();
    match status {
        200 => serde_json::from_str(&body).map_err(|error| {
            Error::protocol(format!(
                "{url}{path}: the response does not describe jobs: {error}"
            ))
        }),
        400 if body.contains("Invalid namespace") => Err(Error::new(
            Category::NotFound,
            format!("{url} is not a schema database"),
        )
        .hint("set `schema_database_url` to the URL of the schema database")),
        _ => Err(failure::from_status(status, None, &body, &url.to_string()).into()),
    }
}

fn text(value: Option<String>) -> Value {
    value.map_or(Value::Null, Value::Text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_responses_of_sqld_are_parsed() {
        let jobs: MigrationJobs = serde_json::from_str(
            r#"{"schema_version":4,"migrations":[{"job_id":3,"status":"RunSuccess"},{"job_id":2,"status":null}]}"#,
        )
        .unwrap();
        assert_eq!(jobs.migrations.len(), 2);
        let job: MigrationJob = serde_json::from_str(
            r#"{"job_id":2,"status":"RunFailure","error":"task 4","progress":[{"namespace":"child1","status":"RunFailure","error":"aborted"}]}"#,
        )
        .unwrap();
        assert_eq!(job.progress[0].namespace.as_deref(), Some("child1"));
    }
}
