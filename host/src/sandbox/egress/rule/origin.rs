//! Origins: scheme, host and port of an allow rule, and the URLs that match.

use std::fmt;

use url::{Host, Url};

use super::error::RuleError;

/// Scheme, host and port. Each `*.` before a domain stands for exactly one label.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scheme {
    Http,
    Https,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    Exact(Host),
    Pattern { labels: usize, domain: String },
}

impl Origin {
    /// Parses `scheme://host[:port]`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let refuse = |reason: &str| RuleError::Origin {
            origin: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (labels, plain) = match text.split_once("://") {
            Some((scheme, host)) => {
                let domain = host.trim_start_matches("*.");
                let labels = (host.len() - domain.len()) / "*.".len();
                (labels, format!("{scheme}://{domain}"))
            }
            None => (0, text.to_owned()),
        };
        let url = Url::parse(&plain).map_err(|error| refuse(&error.to_string()))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse(
                "it continues after the port; put paths into `paths`",
            ));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it contains a user name or a password"));
        }
        let (Some(scheme), Some(host), Some(port)) = (
            Scheme::from_url(&url),
            url.host(),
            url.port_or_known_default(),
        ) else {
            return Err(refuse("the scheme is neither http nor https"));
        };
        let host = match (host.to_owned(), labels) {
            (Host::Domain(domain), _) if domain.ends_with('.') => {
                return Err(refuse("the host ends in a dot"));
            }
            (Host::Domain(domain), 1..) if !domain.contains('*') => {
                HostPattern::Pattern { labels, domain }
            }
            (Host::Ipv4(_) | Host::Ipv6(_), 1..) => {
                return Err(refuse("an address cannot have a wildcard"));
            }
            (host, _) if host.to_string().contains('*') => {
                return Err(refuse(
                    "wildcards stand for whole labels before a domain, as in https://*.example.com",
                ));
            }
            (host, _) => HostPattern::Exact(host),
        };
        Ok(Self { scheme, host, port })
    }

    /// Returns true if a URL has this origin.
    #[must_use]
    pub fn matches(&self, url: &Url) -> bool {
        Scheme::from_url(url) == Some(self.scheme)
            && url.port_or_known_default() == Some(self.port)
            && url.host().is_some_and(|host| self.host.matches(&host))
    }
}

impl Scheme {
    fn from_url(url: &Url) -> Option<Self> {
        match url.scheme() {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }
}

impl HostPattern {
    fn matches(&self, host: &Host<&str>) -> bool {
        match (self, host) {
            (Self::Exact(own), host) => own == host,
            (Self::Pattern { labels, domain }, Host::Domain(host)) => host
                .strip_suffix(domain.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|rest| {
                    rest.split('.').count() == *labels
                        && rest.split('.').all(|label| !label.is_empty())
                }),
            (Self::Pattern { .. }, _) => false,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, default) = match self.scheme {
            Scheme::Http => ("http", 80),
            Scheme::Https => ("https", 443),
        };
        match &self.host {
            HostPattern::Exact(host) => write!(f, "{scheme}://{host}")?,
            HostPattern::Pattern { labels, domain } => {
                write!(f, "{scheme}://{}{domain}", "*.".repeat(*labels))?;
            }
        }
        if self.port == default {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}
