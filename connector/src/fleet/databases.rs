//! Selection of an organization's databases. The host of each is the one that
//! the Platform API reports: it is not built from names.

use crate::config::{Config, Databases};
use crate::error::{Category, Error, Result};
use crate::output::Output;
use crate::pattern::matches;
use crate::platform::client::Client;
use crate::platform::{self, ListEntry};
use crate::url::Url;

/// Selected database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SelectedDatabase {
    pub(super) name: String,
    /// Id that the Platform API reports.
    pub(super) id: Option<String>,
    /// URL, or the error of a host that is missing or not valid.
    pub(super) url: Result<Url>,
}

/// Lists the databases of the organization, and returns the selected ones.
pub(super) async fn select(
    config: &Config,
    databases: &Databases,
    output: &mut Output,
) -> Result<Vec<SelectedDatabase>> {
    let client = Client::new(&config.platform);
    if !client.has_token() {
        return Err(Error::config(
            "`databases` is read from the Platform API, but the secret `platform_token` is missing",
            "provide the secret `platform_token`; a read-only token of the group is sufficient",
        ));
    }
    let entries = platform::databases(&client, &databases.organization, output).await?;
    matching(&entries, databases, client.url().is_https())
}

/// Returns the entries that match the patterns and the group, ordered by name.
fn matching(
    entries: &[ListEntry],
    databases: &Databases,
    is_https: bool,
) -> Result<Vec<SelectedDatabase>> {
    let is_selected = |entry: &&ListEntry| {
        let mut names = databases.names.iter();
        let group = databases.group.as_ref();
        names.any(|name| matches(name, &entry.name))
            && group.is_none_or(|group| entry.group.as_ref() == Some(group))
    };
    let mut selected: Vec<_> = entries
        .iter()
        .filter(is_selected)
        .map(|entry| SelectedDatabase {
            name: entry.name.clone(),
            id: entry.id.clone(),
            url: host(entry, is_https),
        })
        .collect();
    selected.sort_by(|one, other| one.name.cmp(&other.name));
    selected.dedup_by(|one, other| one.name == other.name);
    // A name without a pattern must exist.
    let is_exact = |name: &&String| !name.contains(['*', '?']);
    let mut exact = databases.names.iter().filter(is_exact);
    if let Some(missing) =
        exact.find(|name| selected.iter().all(|database| database.name != **name))
    {
        return Err(not_found(&format!("no database `{missing}`"), databases));
    }
    if selected.is_empty() {
        return Err(not_found("no database that matches `databases`", databases));
    }
    Ok(selected)
}

fn not_found(what: &str, databases: &Databases) -> Error {
    let group = databases.group.as_ref();
    let group = group.map_or_else(String::new, |group| format!(" in the group `{group}`"));
    Error::new(
        Category::NotFound,
        format!(
            "the organization `{}` has {what}{group} that the token can read",
            databases.organization
        ),
    )
    .hint("check `databases` and `group`; the resource `platform_databases` lists all databases")
}

/// Returns the URL of a database. It is without TLS if that of the Platform API
/// is, as in tests.
fn host(entry: &ListEntry, is_https: bool) -> Result<Url> {
    let scheme = if is_https { "https" } else { "http" };
    let hostname = entry.hostname.as_ref().ok_or_else(|| {
        Error::protocol(format!(
            "the Platform API reports no host for the database `{}`",
            entry.name
        ))
    })?;
    Url::parse(&format!("{scheme}://{hostname}"), "Hostname").map_err(|error| {
        Error::protocol(format!(
            "the Platform API reports the host `{hostname}` for the database `{}`: {}",
            entry.name, error.message
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, hostname: Option<&str>, group: &str) -> ListEntry {
        ListEntry {
            id: None,
            name: name.to_owned(),
            hostname: hostname.map(str::to_owned),
            group: Some(group.to_owned()),
        }
    }

    #[test]
    fn the_api_reports_the_hosts_of_databases() {
        let entries = [
            entry("b", Some("b-acme.turso.io"), "default"),
            entry("a", Some("somewhere.example:8080"), "default"),
            entry("c", None, "default"),
            entry("other", Some("o"), "elsewhere"),
        ];
        let databases = |names: &[&str]| Databases {
            organization: "acme".to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            group: Some("default".to_owned()),
        };
        let chosen = matching(&entries, &databases(&["*"]), true).unwrap();
        let urls: Vec<_> = chosen
            .iter()
            .map(|chosen| chosen.url.as_ref().map(ToString::to_string).ok())
            .collect();
        let expected = ["https://somewhere.example:8080", "https://b-acme.turso.io"];
        assert_eq!(urls[..2], expected.map(|url| Some(url.to_owned())));
        assert!(chosen[2].url.is_err() && chosen.len() == 3);
        for (names, message) in [
            (["d", "*"], "no database `d`"),
            (["x*", "y?"], "that matches `databases`"),
        ] {
            let error = matching(&entries, &databases(&names), true).unwrap_err();
            assert!(error.message.contains(message), "{error}");
        }
    }
}
