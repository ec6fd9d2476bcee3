//! The connector's config: one JSON object, described by
//! `config.schema.json`, which the host checks it against first.

use serde::Deserialize;

use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::url::Url;

/// JSON Schema of the config.
pub const SCHEMA: &str = include_str!("config.schema.json");

/// Rows of a page, if the config does not say.
const DEFAULT_PAGE_ROWS: u32 = 10_000;
/// Requests of the Platform API at once, if the config does not say, and the
/// most.
const DEFAULT_CONCURRENCY: usize = 4;
const MAX_CONCURRENCY: usize = 16;
/// Where the Platform API is, and the host that knows the closest region.
const DEFAULT_PLATFORM_URL: &str = "https://api.turso.tech";
const DEFAULT_REGION_URL: &str = "https://region.turso.io";

/// The config.
#[derive(Clone, Debug)]
pub struct Config {
    /// The database, if one is read.
    pub database: Option<Url>,
    /// Which databases of the organization are read in its place.
    pub databases: Option<Databases>,
    /// The database that holds the schema of others, and their jobs.
    pub schema_database: Option<Url>,
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
    /// What is read of the Platform API.
    pub platform: Platform,
}

/// Databases of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases {
    /// The organization.
    pub organization: String,
    /// Their names, in which `*` stands for any characters and `?` for one.
    pub names: Vec<String>,
    /// The group that they are in; any, if none.
    pub group: Option<String>,
}

/// Where the Platform API is, and what is read of it.
#[derive(Clone, Debug)]
pub struct Platform {
    /// The API.
    pub url: Url,
    /// The host that knows the closest region.
    pub region_url: Url,
    /// The slug of the organization; all that the token sees, if none.
    pub organization: Option<String>,
    /// Requests at once.
    pub concurrency: usize,
    /// The first day of usage, in days since 1970; that of the month, if none.
    pub usage_from: Option<i64>,
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
    #[serde(default, rename = "cursor")]
    pub cursor_column: Option<String>,
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
    database_url: Option<String>,
    databases: Option<Vec<String>>,
    group: Option<String>,
    schema_database_url: Option<String>,
    page_rows: Option<u32>,
    #[serde(default)]
    queries: Vec<Query>,
    listen: Option<Listen>,
    #[serde(default)]
    dump_preserve_row_ids: bool,
    #[serde(default)]
    skip_unchanged: bool,
    organization: Option<String>,
    platform_url: Option<String>,
    region_url: Option<String>,
    concurrency: Option<usize>,
    usage_from: Option<String>,
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
        let url = |text: &Option<String>, setting| {
            let text = text.as_deref();
            text.map(|text| Url::parse(text, setting)).transpose()
        };
        let database = url(&raw.database_url, "database_url")?;
        let schema_database = url(&raw.schema_database_url, "schema_database_url")?;
        let schema_database = schema_database.or_else(|| database.clone());
        let platform = Platform::from_raw(&raw)?;
        let databases = Databases::from_raw(&raw)?;
        if let (None, None, Some(query)) = (&database, &databases, raw.queries.first()) {
            return Err(missing_database(&query.name));
        }
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
            databases,
            schema_database,
            page_rows: raw.page_rows.unwrap_or(DEFAULT_PAGE_ROWS).max(1),
            queries: raw.queries,
            listen: raw.listen,
            preserve_row_ids: raw.dump_preserve_row_ids,
            skip_unchanged: raw.skip_unchanged,
            platform,
        })
    }
}

impl Databases {
    fn from_raw(raw: &Raw) -> Result<Option<Self>> {
        let Some(names) = &raw.databases else {
            return match raw.group {
                Some(_) => Err(Error::config(
                    "`group` says which of the `databases` are read, and those are not set",
                    "add `databases = [\"*\"]`",
                )),
                None => Ok(None),
            };
        };
        if raw.database_url.is_some() {
            return Err(Error::config(
                "`database_url` and `databases` are both set",
                "name one database by its URL, or many of an organization by their names",
            ));
        }
        let Some(organization) = &raw.organization else {
            return Err(Error::config(
                "`databases` are those of an organization, and `organization` is not set",
                "add its slug: organization = \"acme\"",
            ));
        };
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(Error::config(
                "`databases` names none",
                "name some, or all with `databases = [\"*\"]`",
            ));
        }
        Ok(Some(Self {
            organization: organization.clone(),
            names: names.clone(),
            group: raw.group.clone(),
        }))
    }
}

impl Platform {
    fn from_raw(raw: &Raw) -> Result<Self> {
        let url = |text: &Option<String>, setting, usual: &str| {
            Url::parse(text.as_deref().unwrap_or(usual), setting)
        };
        let organization = raw.organization.clone();
        if organization
            .as_deref()
            .is_some_and(|slug| matches!(slug.trim(), "" | "." | ".."))
        {
            return Err(Error::config(
                "`organization` is no slug",
                "it is the part of the dashboard's address that names the organization, such as `acme`",
            ));
        }
        let day = |text: &String| {
            let moment = Moment::parse(text);
            moment.map(Moment::day).ok_or_else(|| {
                Error::config(
                    format!("`usage_from` is `{text}`, which is no day"),
                    "it looks like 2026-01-31",
                )
            })
        };
        let concurrency = raw.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
            return Err(Error::config(
                format!("`concurrency` is {concurrency}"),
                format!("it is a number from 1 to {MAX_CONCURRENCY}"),
            ));
        }
        Ok(Self {
            url: url(&raw.platform_url, "platform_url", DEFAULT_PLATFORM_URL)?,
            region_url: url(&raw.region_url, "region_url", DEFAULT_REGION_URL)?,
            organization,
            concurrency,
            usage_from: raw.usage_from.as_ref().map(day).transpose()?,
        })
    }
}

/// That a resource is one of a database, and there is none.
#[must_use]
pub fn missing_database(resource: &str) -> Error {
    Error::config(
        format!("`{resource}` is read from a database, and `database_url` is not set"),
        "add to [connector.config]: database_url = \"libsql://name-organization.turso.io\", or `databases`; \
         what needs no database is called platform_..., see `connector-host list`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_filled_in() {
        let config = Config::parse(r#"{"database_url": "libsql://db.turso.io"}"#).unwrap();
        assert_eq!(config.page_rows, DEFAULT_PAGE_ROWS);
        assert_eq!(config.schema_database, config.database);
        let config = Config::parse("{}").unwrap();
        assert_eq!(config.database, None);
        assert_eq!(config.platform.url.to_string(), DEFAULT_PLATFORM_URL);
        assert_eq!(config.platform.concurrency, DEFAULT_CONCURRENCY);
    }

    #[test]
    fn mistakes_are_named() {
        for (json, part) in [
            (r#"{"database_url": 1}"#, "string"),
            (
                r#"{"queries": [{"name":"q","sql":""}]}"#,
                "`database_url` is not set",
            ),
            (r#"{"concurrency": 0}"#, "`concurrency` is 0"),
            (r#"{"concurrency": 17}"#, "`concurrency` is 17"),
            (r#"{"usage_from": "soon"}"#, "no day"),
            (r#"{"organization": ".."}"#, "no slug"),
            (r#"{"databases": ["*"]}"#, "`organization` is not set"),
            (r#"{"databases": [], "organization": "a"}"#, "names none"),
            (r#"{"group": "g"}"#, "those are not set"),
            (
                r#"{"databases": ["*"], "database_url": "libsql://a"}"#,
                "both set",
            ),
            (
                r#"{"platform_url": "https://a?authToken=x"}"#,
                "`platform_url` holds a token",
            ),
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
                "concurrency",
                "database_url",
                "databases",
                "dump_preserve_row_ids",
                "group",
                "listen",
                "organization",
                "page_rows",
                "platform_url",
                "queries",
                "region_url",
                "schema_database_url",
                "skip_unchanged",
                "usage_from"
            ]
        );
    }
}
