//! The connector's config: one JSON object, described by
//! `config.schema.json`, which the host checks it against first.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::url::Url;

/// JSON Schema of the config.
pub const SCHEMA: &str = include_str!("config.schema.json");

/// Rows of a page, if the config does not say.
const PAGE_ROWS: u32 = 10_000;

/// The config.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database.
    pub database: Url,
    /// The database that holds the schema of others, and their jobs.
    pub schema_database: Url,
    /// The most rows of a page.
    pub page_rows: u32,
    /// Queries of the user's.
    pub queries: Vec<Query>,
    /// What `db_listen` listens to.
    pub listen: Option<Listen>,
    /// What `db_dump` asks for.
    pub preserve_row_ids: bool,
    /// Whether nothing is read of a database in which nothing was written.
    pub skip_unchanged: bool,
}

/// A query of the user's: a resource of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Name of the resource.
    pub name: String,
    /// One statement that only reads.
    pub sql: String,
    /// Its key, if it has one.
    #[serde(default)]
    pub primary_key: Vec<String>,
    /// The column by which it could be read in part.
    #[serde(default)]
    pub cursor: Option<String>,
}

/// What `db_listen` listens to, and for how long.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// The table.
    pub table: String,
    /// `insert`, `update`, `delete`; empty means all.
    #[serde(default)]
    pub actions: Vec<String>,
    /// For how long.
    #[serde(default = "ten")]
    pub seconds: u64,
    /// The most changes to wait for.
    #[serde(default = "thousand")]
    pub max_events: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    database_url: String,
    schema_database_url: Option<String>,
    page_rows: Option<u32>,
    #[serde(default)]
    queries: Vec<Query>,
    listen: Option<Listen>,
    #[serde(default)]
    dump_preserve_row_ids: bool,
    #[serde(default)]
    skip_unchanged: bool,
}

fn ten() -> u64 {
    10
}

fn thousand() -> u64 {
    1000
}

impl Config {
    /// Reads a config.
    pub fn parse(json: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_str(json).map_err(|error| {
            Error::config(
                format!("the connector's config is wrong: {error}"),
                "see [connector.config] in the README",
            )
        })?;
        let database = Url::parse(&raw.database_url, "database_url")?;
        let schema_database = match &raw.schema_database_url {
            Some(url) => Url::parse(url, "schema_database_url")?,
            None => database.clone(),
        };
        for (index, query) in raw.queries.iter().enumerate() {
            if query.name.is_empty()
                || raw.queries[..index]
                    .iter()
                    .any(|other| other.name == query.name)
            {
                return Err(Error::config(
                    format!(
                        "the name `{}` of a query is empty or not its own",
                        query.name
                    ),
                    "give every entry of `queries` another name",
                ));
            }
        }
        Ok(Self {
            database,
            schema_database,
            page_rows: raw.page_rows.unwrap_or(PAGE_ROWS).max(1),
            queries: raw.queries,
            listen: raw.listen,
            preserve_row_ids: raw.dump_preserve_row_ids,
            skip_unchanged: raw.skip_unchanged,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in() {
        let config = Config::parse(r#"{"database_url": "libsql://db.turso.io"}"#).unwrap();
        assert_eq!(config.page_rows, PAGE_ROWS);
        assert_eq!(config.schema_database, config.database);
    }

    #[test]
    fn mistakes_are_named() {
        for (json, part) in [
            ("{}", "database_url"),
            (r#"{"database_url": "libsql://a", "databse": 1}"#, "databse"),
            (
                r#"{"database_url": "libsql://a", "queries": [{"name": "q"}]}"#,
                "sql",
            ),
            (
                r#"{"database_url": "libsql://a", "queries": [{"name":"q","sql":""},{"name":"q","sql":""}]}"#,
                "`q`",
            ),
        ] {
            let error = Config::parse(json).unwrap_err();
            assert!(error.message.contains(part), "{json}: {error}");
        }
    }

    #[test]
    fn the_schema_names_every_setting() {
        let schema: serde_json::Value = serde_json::from_str(SCHEMA).unwrap();
        let properties: Vec<_> = schema["properties"]
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect();
        assert_eq!(
            properties,
            [
                "database_url",
                "dump_preserve_row_ids",
                "listen",
                "page_rows",
                "queries",
                "schema_database_url",
                "skip_unchanged"
            ]
        );
    }
}
