//! Config of the connector: one JSON object, which the host validates against
//! `config.schema.json` first. Must not send requests.

mod budget;

use std::time::Duration;

use serde::Deserialize;

use self::budget::{budget, positive_budget};
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::retry::RetryPolicy;
use crate::url::Url;

/// JSON Schema of the config.
pub const SCHEMA: &str = include_str!("config.schema.json");

/// Default of `page_rows`.
const DEFAULT_PAGE_ROWS: u32 = 10_000;
/// Default of `concurrency`.
const DEFAULT_CONCURRENCY: usize = 4;
/// Maximum of `concurrency`, as in `config.schema.json`.
const MAX_CONCURRENCY: usize = 16;
/// Default of `platform_url`.
const DEFAULT_PLATFORM_URL: &str = "https://api.turso.tech";
/// Default of `region_url`.
const DEFAULT_REGION_URL: &str = "https://region.turso.io";

/// Validated config.
#[derive(Clone, Debug)]
pub struct Config {
    /// URL of the database, if a single one is read.
    pub database: Option<Url>,
    /// Id of the database, if the Platform API has reported it.
    pub database_id: Option<String>,
    /// Databases of an organization that are read instead of a single one.
    pub databases: Option<Databases>,
    /// URL of the schema database, whose migration jobs are read.
    pub schema_database: Option<Url>,
    /// Maximum rows of a page.
    pub page_rows: u32,
    /// Queries of the user.
    pub queries: Vec<Query>,
    /// Subscription of `db_listen`.
    pub listen: Option<Listen>,
    /// True if `db_dump` includes row ids.
    pub preserve_row_ids: bool,
    /// True if tables are skipped while the database has no new commit.
    pub skip_unchanged: bool,
    /// Maximum time of a read; what is not complete by then fails.
    pub time_budget: Option<Duration>,
    /// Settings of the Platform API.
    pub platform: Platform,
}

/// Choice of databases of an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Databases {
    /// Slug of the organization.
    pub organization: String,
    /// Patterns of database names: `*` matches any characters, `?` matches
    /// one.
    pub names: Vec<String>,
    /// Group of the databases; `None` for all groups.
    pub group: Option<String>,
}

/// Settings of the Platform API.
#[derive(Clone, Debug)]
pub struct Platform {
    /// URL of the API.
    pub url: Url,
    /// URL of the service that reports the closest region.
    pub region_url: Url,
    /// Slug of the organization; `None` for all that the token can read.
    pub organization: Option<String>,
    /// Maximum requests, or databases, at the same time.
    pub concurrency: usize,
    /// First day of usage, in days since 1970; `None` for the first day of the
    /// current month.
    pub usage_from: Option<i64>,
    /// Patience with servers, those of databases included.
    pub retry: RetryPolicy,
}

/// Query of the user, which is a resource.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// Name of the resource.
    pub name: String,
    /// Single statement that only reads.
    pub sql: String,
    /// Primary key of the result, if it has one.
    #[serde(default)]
    pub primary_key: Vec<String>,
    /// Suggested cursor column of the result.
    #[serde(default, rename = "cursor")]
    pub cursor_column: Option<String>,
}

/// Subscription of `db_listen`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listen {
    /// Name of the table.
    pub table: String,
    /// Actions to report: `insert`, `update`, `delete`. Empty means all.
    #[serde(default)]
    pub actions: Vec<String>,
    /// Duration in seconds.
    #[serde(default = "default_listen_seconds")]
    pub seconds: u64,
    /// Maximum events, after which the subscription ends early.
    #[serde(default = "default_max_events")]
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
    retry_budget: Option<String>,
    time_budget: Option<String>,
}

fn default_listen_seconds() -> u64 {
    10
}

fn default_max_events() -> u64 {
    1000
}

impl Config {
    /// Parses and validates a config.
    pub fn parse(json: &str) -> Result<Self> {
        let raw: Raw = serde_json::from_str(json).map_err(|error| {
            Error::config(
                format!("the connector's config is not valid: {error}"),
                "compare the settings with the connector's config schema",
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
        let time_budget = positive_budget("time_budget", raw.time_budget.as_ref())?;
        if let (None, None, Some(query)) = (&database, &databases, raw.queries.first()) {
            return Err(missing_database(&query.name));
        }
        for (index, query) in raw.queries.iter().enumerate() {
            if query.name.is_empty()
                || raw.queries[..index]
                    .iter()
                    .any(|other| other.name.eq_ignore_ascii_case(&query.name))
            {
                return Err(Error::config(
                    format!(
                        "the query name `{}` is empty or used more than once",
                        query.name
                    ),
                    "give every entry of `queries` a different `name`; upper and lower case are the same",
                ));
            }
        }
        Ok(Self {
            database,
            database_id: None,
            databases,
            schema_database,
            page_rows: raw.page_rows.unwrap_or(DEFAULT_PAGE_ROWS).max(1),
            queries: raw.queries,
            listen: raw.listen,
            preserve_row_ids: raw.dump_preserve_row_ids,
            skip_unchanged: raw.skip_unchanged,
            time_budget,
            platform,
        })
    }

    /// Returns the config of a read of one database among many.
    #[must_use]
    pub fn for_database(&self, url: Url, id: Option<String>) -> Self {
        Self {
            database: Some(url.clone()),
            database_id: id,
            databases: None,
            schema_database: Some(url),
            ..self.clone()
        }
    }
}

impl Databases {
    fn from_raw(raw: &Raw) -> Result<Option<Self>> {
        let Some(names) = &raw.databases else {
            return match raw.group {
                Some(_) => Err(Error::config(
                    "`group` is set, but `databases` is not",
                    "set `databases` to [\"*\"] to read all databases of the group",
                )),
                None => Ok(None),
            };
        };
        if raw.database_url.is_some() {
            return Err(Error::config(
                "`database_url` and `databases` are both set",
                "set `database_url` to read one database, or `databases` to read several",
            ));
        }
        let Some(organization) = &raw.organization else {
            return Err(Error::config(
                "`databases` is set, but `organization` is not",
                "set `organization` to the slug of the organization, such as \"acme\"",
            ));
        };
        if names.is_empty() || names.iter().any(String::is_empty) {
            return Err(Error::config(
                "`databases` is empty or contains an empty name",
                "set `databases` to names of databases, or to [\"*\"] for all",
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
        let url = |text: &Option<String>, setting, default: &str| {
            Url::parse(text.as_deref().unwrap_or(default), setting)
        };
        let organization = raw.organization.clone();
        if organization
            .as_deref()
            .is_some_and(|slug| matches!(slug.trim(), "" | "." | ".."))
        {
            return Err(Error::config(
                "`organization` is not a slug",
                "copy the slug from the address of the organization's dashboard, such as \"acme\"",
            ));
        }
        let day = |text: &String| {
            let moment = Moment::parse(text);
            moment.map(Moment::day).ok_or_else(|| {
                Error::config(
                    format!("`usage_from` is `{text}`, which is not a day"),
                    "set `usage_from` to a day such as \"2026-01-31\"",
                )
            })
        };
        let concurrency = raw.concurrency.unwrap_or(DEFAULT_CONCURRENCY);
        if !(1..=MAX_CONCURRENCY).contains(&concurrency) {
            return Err(Error::config(
                format!("`concurrency` is {concurrency}, which is out of range"),
                format!("set `concurrency` to a number from 1 to {MAX_CONCURRENCY}"),
            ));
        }
        Ok(Self {
            url: url(&raw.platform_url, "platform_url", DEFAULT_PLATFORM_URL)?,
            region_url: url(&raw.region_url, "region_url", DEFAULT_REGION_URL)?,
            organization,
            concurrency,
            usage_from: raw.usage_from.as_ref().map(day).transpose()?,
            retry: RetryPolicy {
                budget: budget("retry_budget", raw.retry_budget.as_ref())?
                    .unwrap_or(RetryPolicy::default().budget),
                probes: false,
            },
        })
    }
}

/// Creates the error of a database resource that is requested without a
/// database.
#[must_use]
pub fn missing_database(resource: &str) -> Error {
    Error::config(
        format!("`{resource}` is read from a database, but `database_url` is not set"),
        "set `database_url`, such as \"libsql://name-organization.turso.io\", or `databases`; \
         only resources named platform_* need no database",
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
            (r#"{"usage_from": "soon"}"#, "not a day"),
            (r#"{"retry_budget": "5"}"#, "`retry_budget` is `5`"),
            (r#"{"time_budget": "25h"}"#, "`time_budget` is `25h`"),
            (r#"{"time_budget": "0s"}"#, "`time_budget` is `0s`"),
            (r#"{"time_budget": "0h"}"#, "`time_budget` is `0h`"),
            (r#"{"organization": ".."}"#, "not a slug"),
            (r#"{"databases": ["*"]}"#, "`organization` is not"),
            (r#"{"databases": [], "organization": "a"}"#, "is empty"),
            (r#"{"group": "g"}"#, "`databases` is not"),
            (
                r#"{"databases": ["*"], "database_url": "libsql://a"}"#,
                "both set",
            ),
            (
                r#"{"platform_url": "https://a?authToken=x"}"#,
                "`platform_url` contains a token",
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
            (
                r#"{"database_url": "libsql://a", "queries": [{"name":"Rev","sql":""},{"name":"rev","sql":""}]}"#,
                "`rev`",
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
                "retry_budget",
                "schema_database_url",
                "skip_unchanged",
                "time_budget",
                "usage_from"
            ]
        );
    }
}
