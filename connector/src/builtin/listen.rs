//! `/beta/listen`: counts of committed changes as server-sent events, for the
//! time that the config states. The events contain no rows and no earlier
//! changes: they show activity, and are not a source of data.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::ReadContext;
use crate::clock;
use crate::config::{Config, Listen};
use crate::database::failure;
use crate::error::{Category, Error, Result};
use crate::hrana::cursor::Lines;
use crate::http::{self, Method};
use crate::log;
use crate::moment;
use crate::rows::value::Value;

pub(super) async fn read(context: &mut ReadContext<'_>) -> Result<()> {
    let server = context.server;
    let listen = settings(context.config)?;
    context.output.count_request();
    let begun = clock::Instant::now();
    let duration = Duration::from_secs(listen.seconds);
    let mut response = http::send(
        Method::Get,
        server.url(),
        &path(listen),
        server.credential(),
        None,
    )
    .await?
    .wait()
    .await?;
    if response.status != 200 {
        let (status, url) = (response.status, server.url().to_string());
        return Err(failure::from_status(status, None, &response.text().await?, &url).into());
    }
    let max_rows = context
        .options
        .row_limit
        .unwrap_or(u64::MAX)
        .min(listen.max_events);
    let mut lines = Lines::default();
    let mut rows = 0;
    let mut is_error = false;
    while let Some(left) = duration.checked_sub(begun.elapsed()) {
        let Some(chunk) = response.chunk_within(left).await? else {
            break;
        };
        lines.push(&chunk);
        while let Some(line) = lines.next_line() {
            let line = line
                .map_err(|error| failure::from_decode_error(&error, &server.url().to_string()))?;
            if let Some(event) = line.strip_prefix("event:") {
                is_error = event.trim() == "error";
            } else if let Some(data) = line.strip_prefix("data:") {
                if is_error {
                    log::warn(&format!("`{}`: {}", listen.table, data.trim()));
                    continue;
                }
                for (action, count) in counts(data)? {
                    context.push_row(&[
                        Value::Text(moment::timestamp(clock::unix_micros())),
                        Value::Text(listen.table.clone()),
                        Value::Text(action),
                        Value::Integer(count),
                    ])?;
                    rows += 1;
                    if rows >= max_rows {
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}

/// Returns the settings of the resource.
pub(super) fn settings(config: &Config) -> Result<&Listen> {
    config.listen.as_ref().ok_or_else(|| {
        Error::config(
            "`db_listen` is requested, but `listen` is not set",
            "set `listen` to the name of a table and a duration: \
             { table = \"orders\", seconds = 10 }",
        )
    })
}

/// Parses the counts of an event, such as `{"insert":2,"update":1}`.
fn counts(data: &str) -> Result<BTreeMap<String, i64>> {
    serde_json::from_str(data.trim()).map_err(|error| {
        Error::new(
            Category::Protocol,
            format!("an event of `db_listen` has no counts of actions: {error}"),
        )
    })
}

fn path(listen: &Listen) -> String {
    let mut path = format!("/beta/listen?table={}", percent_encoded(&listen.table));
    for action in &listen.actions {
        path.push_str("&action=");
        path.push_str(&percent_encoded(action));
    }
    path
}

fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to memory does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_name_is_encoded_in_the_path() {
        let listen = Listen {
            table: "a b&ü".into(),
            actions: vec!["insert".into(), "delete".into()],
            seconds: 1,
            max_events: 1,
        };
        assert_eq!(
            path(&listen),
            "/beta/listen?table=a%20b%26%C3%BC&action=insert&action=delete"
        );
    }

    #[test]
    fn an_event_counts_changes_by_action() {
        assert_eq!(counts(" {\"insert\":1,\"update\":2}").unwrap().len(), 2);
        assert!(counts("some changes were lost").is_err());
    }
}
