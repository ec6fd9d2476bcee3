//! Checks of everything that a read needs, with a hint for each problem.
//! Must not read rows.

use crate::config::Config;
use crate::database::catalog::Catalog;
use crate::database::dialect::Dialect;
use crate::database::discovery;
use crate::database::server::Server;
use crate::database::table::RelationKind;
use crate::describe::DATABASE_TOKEN;
use crate::error::{Error, Result};
use crate::finding::{Finding, Severity};
use crate::platform;
use crate::read::queries;

/// Checks a config. Returns an error if no read could succeed.
pub async fn check(server: Option<&Server>, config: &Config) -> Result<Vec<Finding>> {
    let mut findings = match server {
        Some(server) => check_database(server, config).await?,
        None => Vec::new(),
    };
    findings.extend(platform::check::check(config).await?);
    Ok(findings)
}

/// Checks the database part of a config.
pub async fn check_database(server: &Server, config: &Config) -> Result<Vec<Finding>> {
    let dialect = server.dialect().await?;
    let mut findings = vec![Finding::new(
        "server",
        Severity::Info,
        protocol(server, dialect),
    )];
    if !server.credential().is_present() {
        let message = "requests are sent without a token";
        findings.push(if server.url().is_https() {
            Finding::new(DATABASE_TOKEN, Severity::Warning, message)
                .hint(format!("provide the secret `{DATABASE_TOKEN}`"))
        } else {
            Finding::new(DATABASE_TOKEN, Severity::Info, message)
        });
    }
    if dialect == Dialect::Minimal {
        let message = "this server does not keep a transaction open, so pages may be from different points in time";
        findings.push(
            Finding::new("consistency", Severity::Warning, message)
                .hint("stop writing to the database during a read"),
        );
        let message =
            "this server does not keep a transaction open, so that rows cannot be verified";
        findings
            .push(Finding::new("verify", Severity::Warning, message).hint("set `verify` to `off`"));
    }
    let mut stream = server.stream(dialect);
    let catalog = discovery::catalog(&mut stream).await.map_err(Error::from);
    let queries = queries::describe(&mut stream, &config.queries).await;
    let queries = queries.map_err(Error::from);
    stream.close().await;
    findings.push(Finding::new("catalogue", Severity::Info, counts(&catalog?)));
    for query in queries? {
        let subject = format!("query {}", query.query.name);
        findings.push(match query.columns {
            Ok(columns) => Finding::new(
                subject,
                Severity::Info,
                format!("columns: {}", columns.len()),
            ),
            Err(error) => Finding {
                hint: error.hint,
                ..Finding::new(subject, Severity::Error, error.message)
            },
        });
    }
    Ok(findings)
}

fn protocol(server: &Server, dialect: Dialect) -> String {
    let url = server.url();
    match dialect {
        Dialect::V3 => format!("{url} speaks Hrana 3"),
        Dialect::V2 => {
            format!("{url} speaks Hrana 2 only: the loss of a transaction may not be detected")
        }
        Dialect::Minimal => format!("{url} is a sync server of tursodb"),
    }
}

fn counts(catalog: &Catalog) -> String {
    let count = |kind| {
        let tables = catalog.tables.iter();
        tables.filter(|table| table.kind == kind).count()
    };
    format!(
        "tables: {}, views: {}, virtual tables: {}",
        count(RelationKind::Table),
        count(RelationKind::View),
        count(RelationKind::Virtual)
    )
}
