//! URLs of servers, with the schemes that Turso's tools use. Must not know
//! what a server does.

use std::fmt;

use crate::error::{Error, Result};

/// URL of a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    https: bool,
    authority: String,
    /// Prefix of every path: empty, or `/dev/name`.
    prefix: String,
}

impl Url {
    /// Parses a URL that begins with `libsql://`, `turso://`, `https://` or
    /// `wss://`, or with `http://` or `ws://` for servers without TLS.
    /// `setting` is its name in errors.
    pub fn parse(text: &str, setting: &str) -> Result<Self> {
        let wrong =
            |reason: &str, hint: &str| Err(Error::config(format!("`{setting}` {reason}"), hint));
        let example = "use a URL such as \"libsql://name-organization.turso.io\" or \"http://127.0.0.1:8080\"";
        let Some((scheme, rest)) = text.trim().split_once("://") else {
            return wrong("is not a URL", example);
        };
        let https = match scheme.to_ascii_lowercase().as_str() {
            "libsql" | "turso" | "https" | "wss" => true,
            "http" | "ws" => false,
            _ => return wrong("has a scheme that is not supported", example),
        };
        let (rest, query) = rest
            .split_once(['?', '#'])
            .map_or((rest, None), |(rest, query)| (rest, Some(query)));
        if query.is_some_and(|query| query.to_ascii_lowercase().contains("authtoken")) {
            return wrong(
                "contains a token, which a connector must not receive",
                "remove `?authToken=` from the URL, and provide the token as a secret",
            );
        }
        if query.is_some_and(|query| !query.is_empty() && query != "tls=1") {
            return wrong(
                "has a query, which is not supported",
                "remove everything from `?` on",
            );
        }
        let (authority, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if authority.contains('@') {
            return wrong(
                "contains a user name or password",
                "remove everything before `@`, and provide the token as a secret",
            );
        }
        if authority.is_empty() || authority.contains(|c: char| c.is_whitespace() || c == '\\') {
            return wrong("has no valid host", example);
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() {
            String::new()
        } else {
            format!("/{prefix}")
        };
        Ok(Self {
            https,
            authority: authority.to_ascii_lowercase(),
            prefix,
        })
    }

    /// True if the server speaks TLS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Returns host and port.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns host, port and prefix in one spelling: without the port and the
    /// final dot that mean the same.
    #[must_use]
    pub fn location(&self) -> String {
        let default_port = if self.https { ":443" } else { ":80" };
        let authority = self.authority.strip_suffix(default_port);
        let authority = authority.unwrap_or(&self.authority);
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, format!(":{port}")),
            _ => (authority, String::new()),
        };
        let host = host.strip_suffix('.').unwrap_or(host);
        format!("{host}{port}{}", self.prefix)
    }

    /// Returns scheme, host and port.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme(), self.authority)
    }

    /// Returns the prefix of every path.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> std::result::Result<String, String> {
        Url::parse(text, "database_url")
            .map(|url| url.to_string())
            .map_err(|error| error.message)
    }

    #[test]
    fn the_schemes_of_tursos_tools_are_supported() {
        for (text, url) in [
            ("libsql://DB-acme.turso.io", "https://db-acme.turso.io"),
            (
                "libsql://db-acme.turso.io?tls=1",
                "https://db-acme.turso.io",
            ),
            (
                "wss://db-acme.aws-us-east-1.turso.io/",
                "https://db-acme.aws-us-east-1.turso.io",
            ),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("ws://[::1]:8080//", "http://[::1]:8080"),
            (
                "http://localhost:8080/dev/parent/",
                "http://localhost:8080/dev/parent",
            ),
        ] {
            assert_eq!(parse(text).as_deref(), Ok(url), "{text}");
        }
    }

    #[test]
    fn a_location_has_one_spelling() {
        for (text, location) in [
            ("libsql://DB-acme.turso.io", "db-acme.turso.io"),
            ("https://db-acme.turso.io.:443/", "db-acme.turso.io"),
            ("wss://db-acme.turso.io:8443", "db-acme.turso.io:8443"),
            ("http://127.0.0.1:80", "127.0.0.1"),
            ("http://127.0.0.1:443", "127.0.0.1:443"),
            ("ws://[::1]", "[::1]"),
            ("ws://[::1]:8080", "[::1]:8080"),
            ("http://localhost:8080/dev/a/", "localhost:8080/dev/a"),
        ] {
            let url = Url::parse(text, "database_url").unwrap();
            assert_eq!(url.location(), location, "{text}");
        }
    }

    #[test]
    fn a_url_with_a_credential_is_refused() {
        for text in [
            "libsql://db.turso.io?authToken=x",
            "https://user:hunter2@db.turso.io",
        ] {
            let error = Url::parse(text, "database_url").unwrap_err();
            assert!(error.hint.unwrap().contains("as a secret"), "{text}");
            assert!(!error.message.contains("hunter2"));
        }
    }

    #[test]
    fn a_text_that_is_not_a_url_is_refused() {
        for text in [
            "",
            "db.turso.io",
            "file:///x",
            "https://",
            "https:///x",
            "https://a b",
            "https://a?x=1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
