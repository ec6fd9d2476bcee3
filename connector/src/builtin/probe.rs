//! `/version` and `/health`, one row each. sqld answers them without a token.

use super::ReadContext;
use crate::clock::{self, Instant};
use crate::database::dialect::Dialect;
use crate::database::server::Server;
use crate::error::Result;
use crate::moment;
use crate::output::Output;
use crate::rows::value::Value;

/// Reads the version of the server.
pub(super) async fn version(context: &mut ReadContext<'_>) -> Result<()> {
    let server = context.server;
    let probe = Probe::send(server, "/version", context.output).await?;
    let version = (probe.status == 200)
        .then(|| probe.body.trim().to_owned())
        .filter(|text| !text.is_empty());
    let kind = kind(version.as_deref(), server).await;
    context.push_row(&[
        Value::Text(server.url().to_string()),
        version.clone().map_or(Value::Null, Value::Text),
        kind.map_or(Value::Null, Value::from),
        Value::Integer(i64::from(probe.status)),
        Value::Real(probe.millis),
        Value::Text(moment::timestamp(clock::unix_micros())),
    ])
}

/// Reads the health of the server.
pub(super) async fn health(context: &mut ReadContext<'_>) -> Result<()> {
    let server = context.server;
    let probe = Probe::send(server, "/health", context.output).await?;
    context.push_row(&[
        Value::Text(server.url().to_string()),
        Value::Integer(i64::from(probe.status == 200)),
        Value::Text(probe.body.trim().to_owned()),
        Value::Integer(i64::from(probe.status)),
        Value::Real(probe.millis),
        Value::Text(moment::timestamp(clock::unix_micros())),
    ])
}

/// Returns the kind of the server, if it can be recognized.
async fn kind(version: Option<&str>, server: &Server) -> Option<&'static str> {
    match (version, server.dialect().await) {
        (Some(version), _) if version.starts_with("sqld") => Some("sqld"),
        (_, Ok(Dialect::Minimal)) => Some("tursodb"),
        _ if server.url().authority().ends_with(".turso.io") => Some("turso"),
        _ => None,
    }
}

/// Response of a probe, and its latency.
struct Probe {
    status: u16,
    body: String,
    millis: f64,
}

impl Probe {
    async fn send(server: &Server, path: &str, output: &mut Output) -> Result<Self> {
        let begun = Instant::now();
        output.count_request();
        let (status, body) = server.probe(path).await?;
        Ok(Self {
            status,
            body,
            millis: begun.elapsed().as_secs_f64() * 1e3,
        })
    }
}
