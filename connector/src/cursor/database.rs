//! Identity of the database that a cursor belongs to. Must not hold a secret.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Category, Error};
use crate::url::Url;

/// Identity of a database. A server reports none in SQL, so it is what leads to
/// the database: the host, and the id that the Platform API reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseIdentity {
    /// Host, with the port and the path if the URL has them.
    pub host: String,
    /// Id of the Platform API, which no other database gets. `None` if the
    /// database was not found by this API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl DatabaseIdentity {
    /// Creates the identity of the database at a URL.
    #[must_use]
    pub fn new(url: &Url, id: Option<String>) -> Self {
        Self {
            host: url.location(),
            id,
        }
    }

    /// True if both are certain to lead to the same database. If both ids are
    /// known they decide, because a host may be given to another database.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(id), Some(other)) => id == other,
            _ => self.host == other.host,
        }
    }

    /// Returns the error of a resource whose cursor belongs to this database,
    /// while another one is read. `reason` says what shows that it is another.
    #[must_use]
    pub fn mismatch(&self, resource: &str, read: &Self, reason: &str) -> Error {
        let (saved, read) = if self.host == read.host {
            (self.to_string(), read.to_string())
        } else {
            (format!("`{}`", self.host), format!("`{}`", read.host))
        };
        Error::new(
            Category::Data,
            format!(
                "the cursor of `{resource}` belongs to the database {saved}, but {read} is read, and {reason}"
            ),
        )
        .hint(format!(
            "if it is another database, give the pipeline another `name` and `dataset`; \
             if the database has moved, {}",
            super::full_refresh(resource)
        ))
    }
}

impl fmt::Display for DatabaseIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.id {
            Some(id) => write!(f, "`{}` with the id `{id}`", self.host),
            None => write!(f, "`{}`", self.host),
        }
    }
}

/// Returns the database that a cursor belongs to, if it is another one than the
/// database that is read. `None` also for cursors that do not say it.
#[must_use]
pub fn moved_from(
    saved: Option<&DatabaseIdentity>,
    read: Option<&DatabaseIdentity>,
) -> Option<DatabaseIdentity> {
    let (saved, read) = saved.zip(read)?;
    (!saved.is_same(read)).then(|| saved.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(url: &str, id: Option<&str>) -> DatabaseIdentity {
        let url = Url::parse(url, "database_url").unwrap();
        DatabaseIdentity::new(&url, id.map(str::to_owned))
    }

    #[test]
    fn an_id_decides_before_a_host() {
        let a = "libsql://a-acme.turso.io";
        let b = "libsql://b-acme.turso.io";
        for (one, other, expected) in [
            ((a, None), (a, None), true),
            ((a, None), (b, None), false),
            ((a, Some("1")), (a, None), true),
            ((a, Some("1")), (b, Some("1")), true),
            ((a, Some("1")), (a, Some("2")), false),
        ] {
            let (one, other) = (at(one.0, one.1), at(other.0, other.1));
            assert_eq!(one.is_same(&other), expected, "{one:?} {other:?}");
            assert_eq!(moved_from(Some(&one), Some(&other)).is_none(), expected);
        }
        assert_eq!(moved_from(None, Some(&at(a, None))), None);
    }

    #[test]
    fn a_mismatch_names_what_differs() {
        let a = at("libsql://a.turso.io", Some("1"));
        let error = a.mismatch("t", &at("https://b.turso.io", Some("2")), "x");
        assert!(error.message.contains("`a.turso.io`, but `b.turso.io` is"));
        let error = a.mismatch("t", &at("https://a.turso.io", Some("2")), "x");
        assert!(error.message.contains("with the id `1`, but"), "{error}");
    }
}
