//! Looks at everything that a read would need, and says how to fix what is
//! missing.

use crate::config::Config;
use crate::database::discovery;
use crate::database::server::{Dialect, Server};
use crate::database::stream::Stream;
use crate::database::table::Kind;
use crate::error::{Error, Result};
use crate::finding::{Finding, Severity};
use crate::platform;
use crate::read::plan;

/// Checks a config against what it reads. What no read could get past is an
/// error.
pub fn check(server: Option<&Server>, config: &Config) -> Result<Vec<Finding>> {
    let mut findings = match server {
        Some(server) => check_database(server, config)?,
        None => Vec::new(),
    };
    findings.extend(platform::check::check(config)?);
    Ok(findings)
}

/// The same of a database alone.
pub fn check_database(server: &Server, config: &Config) -> Result<Vec<Finding>> {
    let finding = |subject: &str, severity, message: String| Finding {
        subject: subject.to_owned(),
        severity,
        message,
        hint: None,
    };
    let dialect = server.dialect()?;
    let mut findings = vec![finding("server", Severity::Info, speaks(server, dialect))];
    if !server.credential().is_present() {
        let remote = server.url().is_https();
        let severity = if remote {
            Severity::Warning
        } else {
            Severity::Info
        };
        let hint = "add to [connector.secrets]: database_token = { env = \"TURSO_AUTH_TOKEN\" }";
        findings.push(Finding {
            hint: remote.then(|| hint.to_owned()),
            ..finding(
                "database_token",
                severity,
                "requests go out without a token".to_owned(),
            )
        });
    }
    if dialect == Dialect::Minimal {
        findings.push(Finding {
            hint: Some("nobody should write while it is read".to_owned()),
            ..finding(
                "consistency",
                Severity::Warning,
                "this server cannot hold a transaction: pages are not all of one point in time"
                    .to_owned(),
            )
        });
    }
    let mut stream = Stream::new(server, dialect);
    let catalog = discovery::catalog(&mut stream).map_err(Error::from);
    let queries = plan::describe(&mut stream, &config.queries).map_err(Error::from);
    stream.close();
    let catalog = catalog?;
    let count = |kind| {
        catalog
            .tables
            .iter()
            .filter(|table| table.kind == kind)
            .count()
    };
    let there_is = format!(
        "{} tables, {} views, {} virtual tables",
        count(Kind::Table),
        count(Kind::View),
        count(Kind::Virtual)
    );
    findings.push(finding("catalogue", Severity::Info, there_is));
    for query in queries? {
        let subject = format!("query {}", query.query.name);
        findings.push(match query.columns {
            Ok(columns) => finding(
                &subject,
                Severity::Info,
                format!("{} columns", columns.len()),
            ),
            Err(error) => Finding {
                hint: error.hint,
                ..finding(&subject, Severity::Error, error.message)
            },
        });
    }
    Ok(findings)
}

fn speaks(server: &Server, dialect: Dialect) -> String {
    let url = server.url();
    match dialect {
        Dialect::V3 => format!("{url} speaks Hrana 3"),
        Dialect::V2 => format!("{url} speaks Hrana 2 only: a lost transaction may go unnoticed"),
        Dialect::Minimal => format!("{url} is a sync server of tursodb"),
    }
}
