//! Allow-rules: what a connector may reach, as the operator wrote it, and
//! whether a request is covered. Pure; it resolves and sends nothing.

use std::collections::BTreeSet;
use std::fmt;

use http::Method;
use url::{Host, Url};

/// One allow-rule.
#[derive(Clone, Debug)]
pub struct Rule {
    origin: Origin,
    methods: Vec<Method>,
    paths: Vec<PathPattern>,
    secrets: BTreeSet<String>,
    private: bool,
}

/// Scheme, host and port. The host may be `*.` and a domain, for one label.
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
    AnyLabelOf(String),
}

/// A path, in which `*` stands for any characters.
#[derive(Clone, Debug, PartialEq, Eq)]
struct PathPattern(String);

/// Why a rule of the file is not one.
#[derive(Debug, thiserror::Error)]
pub enum RuleError {
    /// The origin is not scheme, host and port.
    #[error("`{origin}` is not an origin: {reason}")]
    Origin {
        /// As written.
        origin: String,
        /// What is wrong.
        reason: String,
    },
    /// A method is not a token, or CONNECT: what passes through a tunnel
    /// could not be judged.
    #[error("`{0}` is not an HTTP method that a rule can grant")]
    Method(String),
    /// A path does not begin with `/` or `*`.
    #[error("`{0}` is not a path: it begins with neither `/` nor `*`")]
    Path(String),
}

/// The rules of one connector instance.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

/// What the rules allow for one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowance<'a> {
    /// Secrets that may go there.
    pub secrets: BTreeSet<&'a str>,
    /// Whether the host may have a private address.
    pub private: bool,
}

/// The first thing about a request that no rule covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncovered {
    /// No rule names the origin.
    Origin,
    /// Rules name the origin, but not the method.
    Method,
    /// Rules name the origin and the method, but not the path.
    Path,
    /// The path is written in a way that servers read differently.
    AmbiguousPath,
}

impl Rule {
    /// A rule, from the texts of the pipeline file. No methods means GET, no
    /// paths any path.
    pub fn new(
        origin: &str,
        methods: &[String],
        paths: &[String],
        secrets: &[String],
        private: bool,
    ) -> Result<Self, RuleError> {
        let methods = if methods.is_empty() {
            vec![Method::GET]
        } else {
            let parse = |text: &String| {
                Method::from_bytes(text.as_bytes())
                    .ok()
                    .filter(|method| method != Method::CONNECT)
                    .ok_or_else(|| RuleError::Method(text.clone()))
            };
            methods.iter().map(parse).collect::<Result<_, _>>()?
        };
        let paths = paths
            .iter()
            .map(|path| match path.as_bytes().first() {
                Some(b'/' | b'*') => Ok(PathPattern(path.clone())),
                _ => Err(RuleError::Path(path.clone())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            origin: Origin::parse(origin)?,
            methods,
            paths,
            secrets: secrets.iter().cloned().collect(),
            private,
        })
    }

    /// The origin that the rule names.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The secrets that may go there.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// Whether the origin may have a private address.
    #[must_use]
    pub fn private(&self) -> bool {
        self.private
    }

    fn allows_path(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

impl Rules {
    /// All the rules of one instance.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// The rules one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Judges a request. `url` is the one that will be sent, byte for byte.
    pub fn allow(&self, method: &Method, url: &Url) -> Result<Allowance<'_>, Uncovered> {
        let mut origins = self
            .0
            .iter()
            .filter(|rule| rule.origin.matches(url))
            .peekable();
        if origins.peek().is_none() {
            return Err(Uncovered::Origin);
        }
        let mut methods = origins
            .filter(|rule| rule.methods.contains(method))
            .peekable();
        if methods.peek().is_none() {
            return Err(Uncovered::Method);
        }
        let ambiguous = is_ambiguous(url.path());
        let mut allowance = None;
        let mut narrowed = false;
        for rule in methods {
            if ambiguous && !rule.paths.is_empty() {
                narrowed = true;
                continue;
            }
            if rule.allows_path(url.path()) {
                let all = allowance.get_or_insert(Allowance {
                    secrets: BTreeSet::new(),
                    private: false,
                });
                all.secrets.extend(rule.secrets());
                all.private |= rule.private;
            }
        }
        allowance.ok_or(if narrowed {
            Uncovered::AmbiguousPath
        } else {
            Uncovered::Path
        })
    }
}

impl Origin {
    /// Parses `scheme://host[:port]`.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let refuse = |reason: &str| RuleError::Origin {
            origin: text.to_owned(),
            reason: reason.to_owned(),
        };
        let (wildcard, plain) = match text.split_once("://*.") {
            Some((scheme, domain)) => (true, format!("{scheme}://{domain}")),
            None => (false, text.to_owned()),
        };
        let url = Url::parse(&plain).map_err(|error| refuse(&error.to_string()))?;
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(refuse("it goes on after the port; put paths into `paths`"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(refuse("it holds a user or a password"));
        }
        let (Some(scheme), Some(host), Some(port)) =
            (Scheme::of(&url), url.host(), url.port_or_known_default())
        else {
            return Err(refuse("the scheme is neither http nor https"));
        };
        let host = match (host.to_owned(), wildcard) {
            (Host::Domain(domain), _) if domain.ends_with('.') => {
                return Err(refuse("the host ends in a dot"));
            }
            (Host::Domain(domain), true) if !domain.contains('*') => {
                HostPattern::AnyLabelOf(domain)
            }
            (Host::Ipv4(_) | Host::Ipv6(_), true) => {
                return Err(refuse("an address takes no wildcard"));
            }
            (host, _) if host.to_string().contains('*') => {
                return Err(refuse(
                    "a wildcard stands for the first label only, as in https://*.turso.io",
                ));
            }
            (host, _) => HostPattern::Exact(host),
        };
        Ok(Self { scheme, host, port })
    }

    /// Whether a URL is of this origin.
    #[must_use]
    pub fn matches(&self, url: &Url) -> bool {
        Scheme::of(url) == Some(self.scheme)
            && url.port_or_known_default() == Some(self.port)
            && url.host().is_some_and(|host| self.host.matches(&host))
    }
}

impl Scheme {
    fn of(url: &Url) -> Option<Self> {
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
            (Self::AnyLabelOf(domain), Host::Domain(host)) => host
                .strip_suffix(domain.as_str())
                .and_then(|rest| rest.strip_suffix('.'))
                .is_some_and(|label| !label.is_empty() && !label.contains('.')),
            (Self::AnyLabelOf(_), _) => false,
        }
    }
}

impl PathPattern {
    fn matches(&self, path: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(part);
            }
            let Some(at) = rest.find(part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        true
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
            HostPattern::AnyLabelOf(domain) => write!(f, "{scheme}://*.{domain}")?,
        }
        if self.port == default {
            Ok(())
        } else {
            write!(f, ":{}", self.port)
        }
    }
}

/// Whether a server may read the path as another one than was judged: it
/// holds encoded separators, dots or control characters, another layer of
/// encoding, one that is invalid (old servers take overlong forms for dots),
/// empty segments, or dots with parameters, which some servers cut off.
fn is_ambiguous(path: &str) -> bool {
    if path.contains("//") || path.contains('\\') {
        return true;
    }
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let Some((&[high, low], after)) = rest.split_first_chunk() else {
            return true;
        };
        let digits = [high, low].map(|digit| char::from(digit).to_digit(16));
        let [Some(high), Some(low)] = digits else {
            return true;
        };
        let byte = u8::try_from(high << 4 | low).unwrap_or_default();
        if byte.is_ascii_control() || b"./\\%".contains(&byte) {
            return true;
        }
        decoded.push(byte);
        rest = after;
    }
    let Ok(decoded) = str::from_utf8(&decoded) else {
        return true;
    };
    decoded.split('/').any(|segment| {
        let name = segment.split_once(';').map_or("", |(name, _)| name);
        matches!(name, "." | "..")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(origin: &str, methods: &[&str], paths: &[&str]) -> Rules {
        let own = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        Rules::new(vec![
            Rule::new(origin, &own(methods), &own(paths), &own(&["token"]), false).unwrap(),
        ])
    }

    fn judge(rules: &Rules, method: &str, url: &str) -> Result<(), Uncovered> {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        rules.allow(&method, &Url::parse(url).unwrap()).map(|_| ())
    }

    #[test]
    fn only_the_named_origin_is_covered() {
        let rules = rules("https://db.turso.io", &[], &[]);
        for url in [
            "https://db.turso.io/",
            "https://DB.turso.io:443/x",
            "https://db.turso.io/a?b=c",
        ] {
            assert_eq!(judge(&rules, "GET", url), Ok(()), "{url}");
        }
        for url in [
            "http://db.turso.io/",
            "https://db.turso.io:8443/",
            "https://db.turso.io./",
            "https://turso.io/",
            "https://x.db.turso.io/",
            "https://db.turso.io.evil.com/",
        ] {
            assert_eq!(judge(&rules, "GET", url), Err(Uncovered::Origin), "{url}");
        }
        assert_eq!(
            judge(&rules, "POST", "https://db.turso.io/"),
            Err(Uncovered::Method)
        );
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_label() {
        let rules = rules("https://*.turso.io", &[], &[]);
        assert_eq!(judge(&rules, "GET", "https://a.turso.io/"), Ok(()));
        for url in [
            "https://turso.io/",
            "https://a.b.turso.io/",
            "https://.turso.io.evil/",
            "https://aturso.io/",
        ] {
            assert_eq!(judge(&rules, "GET", url), Err(Uncovered::Origin), "{url}");
        }
    }

    #[test]
    fn spellings_of_an_address_are_one_address() {
        let rules = rules("http://127.0.0.1:8080", &[], &[]);
        for url in [
            "http://127.0.0.1:8080/",
            "http://2130706433:8080/",
            "http://0x7f.1:8080/",
            "http://017700000001:8080/",
        ] {
            assert_eq!(judge(&rules, "GET", url), Ok(()), "{url}");
        }
        assert_eq!(
            judge(&rules, "GET", "http://[::ffff:127.0.0.1]:8080/"),
            Err(Uncovered::Origin)
        );
    }

    #[test]
    fn paths_are_judged_after_dot_segments_are_resolved() {
        let rules = rules("https://db.turso.io", &["POST"], &["/v2/*", "/v3/pipeline"]);
        assert_eq!(
            judge(&rules, "POST", "https://db.turso.io/v2/pipeline"),
            Ok(())
        );
        assert_eq!(
            judge(&rules, "POST", "https://db.turso.io/v3/pipeline?x"),
            Ok(())
        );
        for url in [
            "https://db.turso.io/v3/pipelines",
            "https://db.turso.io/dump",
            "https://db.turso.io/v2/../dump",
            "https://db.turso.io/v2/%2e%2e/dump",
            "https://db.turso.io/v2",
        ] {
            assert_eq!(judge(&rules, "POST", url), Err(Uncovered::Path), "{url}");
        }
        for url in [
            "https://db.turso.io/v2/..%2fdump",
            "https://db.turso.io/v2/%252e",
        ] {
            assert!(judge(&rules, "POST", url).is_err(), "{url}");
        }
    }

    #[test]
    fn a_path_is_ambiguous_when_servers_may_read_it_differently() {
        for path in [
            "/a%2fb",
            "/a%5Cb",
            "/%2e",
            "/%2E%2e",
            "/%25",
            "/%00",
            "/%0a",
            "/%7f",
            "/a//b",
            "/a\\b",
            "/%",
            "/%2",
            "/%zz",
            "/%u002e",
            "/%c0%ae",
            "/%e0%80%af",
            "/%ff",
            "/..;/x",
            "/.;x",
            "/..%3b/x",
        ] {
            assert!(is_ambiguous(path), "{path}");
        }
        for path in [
            "/",
            "/a;b",
            "/...;b",
            "/a.b",
            "/b%C3%BCcher",
            "/a%20b",
            "/a%3Bb",
            "/a%26b",
            "/~a",
        ] {
            assert!(!is_ambiguous(path), "{path}");
        }
    }

    #[test]
    fn no_rule_grants_a_tunnel() {
        let rule = |method: &str| Rule::new("https://x", &[method.to_owned()], &[], &[], false);
        assert!(rule("CONNECT").is_err());
        assert!(rule("G T").is_err());
        assert!(rule("PROPFIND").is_ok());
    }

    #[test]
    fn bad_origins_are_refused_with_the_reason() {
        for origin in [
            "db.turso.io",
            "ftp://x",
            "https://u:p@x",
            "https://x/v2",
            "https://*.*.x.io",
            "https://*.1.2.3.4",
            "https://x.",
            "https://a*.x.io",
            "https://",
        ] {
            assert!(Origin::parse(origin).is_err(), "{origin}");
        }
        assert_eq!(
            Origin::parse("https://*.Turso.io:443").unwrap().to_string(),
            "https://*.turso.io"
        );
        assert_eq!(
            Origin::parse("http://[::1]:80").unwrap().to_string(),
            "http://[::1]"
        );
    }
}
