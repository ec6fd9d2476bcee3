//! Which databases of an organization are read, and where each of them is:
//! at the host that the Platform API says, never at one made of names.

use crate::config::{Config, Databases};
use crate::error::{Category, Error, Result};
use crate::output::Output;
use crate::platform::client::Client;
use crate::platform::{self, Entry};
use crate::url::Url;

/// A database that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SelectedDatabase {
    pub(super) name: String,
    /// Where it is, or why it cannot be reached.
    pub(super) url: Result<Url>,
}

/// Asks the Platform API for the databases, and takes those that are meant.
pub(super) fn select(
    config: &Config,
    databases: &Databases,
    output: &mut Output,
) -> Result<Vec<SelectedDatabase>> {
    let client = Client::new(&config.platform);
    if !client.has_token() {
        return Err(Error::config(
            "`databases` are looked up at the Platform API, and there is no `platform_token`",
            "add it to [connector.secrets]; one of the group that may only read is enough",
        ));
    }
    let entries = platform::databases(&client, &databases.organization, output)?;
    matching(&entries, databases, client.url().is_https())
}

fn matching(
    entries: &[Entry],
    databases: &Databases,
    is_https: bool,
) -> Result<Vec<SelectedDatabase>> {
    let is_meant = |entry: &&Entry| {
        let mut names = databases.names.iter();
        let group = databases.group.as_ref();
        names.any(|name| matches(name, &entry.name))
            && group.is_none_or(|group| entry.group.as_ref() == Some(group))
    };
    let mut chosen: Vec<_> = entries
        .iter()
        .filter(is_meant)
        .map(|entry| SelectedDatabase {
            name: entry.name.clone(),
            url: host(entry, is_https),
        })
        .collect();
    chosen.sort_by(|one, other| one.name.cmp(&other.name));
    chosen.dedup_by(|one, other| one.name == other.name);
    // One that is named without a pattern is expected to be there.
    let is_exact = |name: &&String| !name.contains(['*', '?']);
    let mut exact = databases.names.iter().filter(is_exact);
    if let Some(missing) = exact.find(|name| chosen.iter().all(|chosen| chosen.name != **name)) {
        return Err(not_found(&format!("no database `{missing}`"), databases));
    }
    if chosen.is_empty() {
        return Err(not_found("no database that `databases` names", databases));
    }
    Ok(chosen)
}

fn not_found(what: &str, databases: &Databases) -> Error {
    let group = databases.group.as_ref();
    let group = group.map_or_else(String::new, |group| format!(" in the group `{group}`"));
    Error::new(
        Category::NotFound,
        format!(
            "the organization `{}` has {what}{group}, as far as the token sees",
            databases.organization
        ),
    )
    .hint("look at `databases` and `group` in [connector.config]; `platform_databases` shows which there are")
}

/// Where a database is. Where the Platform API itself is asked without TLS,
/// which is for tests, databases are too.
fn host(entry: &Entry, is_https: bool) -> Result<Url> {
    let scheme = if is_https { "https" } else { "http" };
    let hostname = entry.hostname.as_ref().ok_or_else(|| {
        Error::protocol(format!(
            "the Platform API does not say where the database `{}` is",
            entry.name
        ))
    })?;
    Url::parse(&format!("{scheme}://{hostname}"), "Hostname").map_err(|error| {
        Error::protocol(format!(
            "the Platform API says that the database `{}` is at `{hostname}`: {}",
            entry.name, error.message
        ))
    })
}

/// Whether a name is one that a pattern stands for: `*` for any characters,
/// `?` for one.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut of) = (0, 0);
    // Where the last `*` was, and how far it reaches.
    let mut star: Option<(usize, usize)> = None;
    while of < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, of));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[of] => {
                at += 1;
                of += 1;
            }
            _ => match star {
                Some((back, reach)) => {
                    star = Some((back, reach + 1));
                    (at, of) = (back + 1, reach + 1);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_stands_for_names() {
        for (pattern, name, expected) in [
            ("*", "anything", true),
            ("*", "", true),
            ("shop", "shop", true),
            ("shop", "shops", false),
            ("shop-*", "shop-1", true),
            ("shop-*", "shop", false),
            ("*-eu", "a-eu-eu", true),
            ("*-eu", "a-eu-us", false),
            ("t?-*b", "t1-aab", true),
            ("t?-*b", "t-aab", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }

    fn entry(name: &str, hostname: Option<&str>, group: &str) -> Entry {
        Entry {
            id: None,
            name: name.to_owned(),
            hostname: hostname.map(str::to_owned),
            group: Some(group.to_owned()),
        }
    }

    #[test]
    fn databases_are_where_the_api_says() {
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
        for (names, said) in [
            (["d", "*"], "no database `d`"),
            (["x*", "y?"], "that `databases` names"),
        ] {
            let error = matching(&entries, &databases(&names), true).unwrap_err();
            assert!(error.message.contains(said), "{error}");
        }
    }
}
