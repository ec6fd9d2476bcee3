//! Allow rules: the requests that an operator lets a connector send. Pure: it
//! resolves and sends nothing.
//!
//! Reading order: this file (rules and what they allow), [`origin`] (scheme,
//! host, port), [`path`], [`header`].

mod error;
pub(super) mod header;
mod origin;
pub(super) mod path;

use std::collections::BTreeSet;

use http::Method;
use http::header::HeaderName;
use url::Url;

pub use self::error::RuleError;
pub use self::origin::Origin;
use self::path::{PathPattern, is_ambiguous};
use crate::model::AllowRule;

/// An allow rule, parsed.
#[derive(Clone, Debug)]
pub struct Rule {
    origin: Origin,
    methods: Vec<Method>,
    paths: Vec<PathPattern>,
    secrets: BTreeSet<String>,
    headers: Vec<HeaderName>,
    private: bool,
}

/// The rules of one connector instance.
#[derive(Clone, Debug, Default)]
pub struct Rules(Vec<Rule>);

/// Permissions that the rules give one request.
#[derive(Debug, PartialEq, Eq)]
pub struct Allowance<'a> {
    /// Names of the secrets that the request may carry.
    pub secrets: BTreeSet<&'a str>,
    /// Names of the headers that the request may have in addition to the usual
    /// ones.
    pub headers: BTreeSet<&'a str>,
    /// True if the host may have a private address.
    pub private: bool,
}

/// The first part of a request that no rule covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Uncovered {
    /// No rule names the origin.
    Origin,
    /// Rules name the origin, but not the method.
    Method,
    /// Rules name the origin and the method, but not the path.
    Path,
    /// The path is written so that servers read it in different ways.
    AmbiguousPath,
}

impl Rule {
    /// Parses a rule.
    pub fn new(written: &AllowRule) -> Result<Self, RuleError> {
        let methods = if written.methods.is_empty() {
            vec![Method::GET]
        } else {
            let parse = |text: &String| {
                Method::from_bytes(text.as_bytes())
                    .ok()
                    .filter(|method| method != Method::CONNECT)
                    .ok_or_else(|| RuleError::Method(text.clone()))
            };
            written
                .methods
                .iter()
                .map(parse)
                .collect::<Result<_, _>>()?
        };
        let paths = written
            .paths
            .iter()
            .map(|path| match path.as_bytes().first() {
                Some(b'/' | b'*') => Ok(PathPattern(path.clone())),
                _ => Err(RuleError::Path(path.clone())),
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            origin: Origin::parse(&written.origin)?,
            methods,
            paths,
            secrets: written.secrets.iter().cloned().collect(),
            headers: written
                .headers
                .iter()
                .map(|name| header::grantable(name))
                .collect::<Result<_, _>>()?,
            private: written.private,
        })
    }

    /// Returns the origin of the rule.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the names of the secrets that may go there.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter().map(String::as_str)
    }

    /// Returns true if the origin may have a private address.
    #[must_use]
    pub fn private(&self) -> bool {
        self.private
    }

    fn allows_path(&self, path: &str) -> bool {
        self.paths.is_empty() || self.paths.iter().any(|pattern| pattern.matches(path))
    }
}

impl Rules {
    /// Parses the rules of one instance.
    pub fn new(written: &[AllowRule]) -> Result<Self, RuleError> {
        let rules = written.iter().map(Rule::new);
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// Returns the rules in their order.
    pub fn iter(&self) -> impl Iterator<Item = &Rule> {
        self.0.iter()
    }

    /// Decides if a request is allowed. `url` must be the one that will be sent,
    /// byte for byte.
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
                    headers: BTreeSet::new(),
                    private: false,
                });
                all.secrets.extend(rule.secrets());
                all.headers
                    .extend(rule.headers.iter().map(HeaderName::as_str));
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

#[cfg(test)]
mod tests;
