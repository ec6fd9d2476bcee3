//! What a run needed: the least set of allow-rules that would have been
//! enough for the requests that were allowed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use http::Method;
use url::Url;

use crate::model::AllowRule;

/// Bytes of paths that are kept. A connector that makes up paths without end
/// must not fill the host's memory with them.
const KEPT: usize = 4 << 20;

/// Records the requests of a run.
#[derive(Debug, Default)]
pub struct PolicyRecorder(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    uses: BTreeMap<Request, Needed>,
    bytes: usize,
    incomplete: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    origin: String,
    method: String,
    path: String,
}

/// What such requests needed beside being allowed.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Needed {
    secrets: BTreeSet<String>,
    private: bool,
}

impl PolicyRecorder {
    /// Writes down a request.
    pub(super) fn add(&self, method: &Method, url: &Url, secret: Option<&str>, private: bool) {
        let Ok(mut kept) = self.0.lock() else { return };
        let request = Request {
            origin: url.origin().ascii_serialization(),
            method: method.to_string(),
            path: url.path().to_owned(),
        };
        let size = request.origin.len() + request.method.len() + request.path.len();
        if !kept.uses.contains_key(&request) {
            if kept.bytes + size > KEPT {
                kept.incomplete = true;
                return;
            }
            kept.bytes += size;
        }
        let needed = kept.uses.entry(request).or_default();
        needed.secrets.extend(secret.map(str::to_owned));
        needed.private |= private;
    }

    /// The rules: none for more than what was used. `None` if there were too
    /// many different paths to say.
    #[must_use]
    pub fn rules(&self) -> Option<Vec<AllowRule>> {
        let kept = self.0.lock().ok().filter(|kept| !kept.incomplete)?;
        // First the paths of each method, then the methods of equal paths: a
        // rule allows every method on every path of it.
        let mut paths: BTreeMap<(&str, &Needed, &str), BTreeSet<&str>> = BTreeMap::new();
        for (request, needed) in &kept.uses {
            let group = (request.origin.as_str(), needed, request.method.as_str());
            paths.entry(group).or_default().insert(&request.path);
        }
        let mut methods: BTreeMap<(&str, &Needed, BTreeSet<&str>), Vec<&str>> = BTreeMap::new();
        for ((origin, needed, method), paths) in paths {
            methods
                .entry((origin, needed, paths))
                .or_default()
                .push(method);
        }
        let own = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::to_owned).collect();
        let rule =
            |((origin, needed, paths), methods): ((&str, &Needed, BTreeSet<&str>), Vec<&str>)| {
                AllowRule {
                    origin: origin.to_owned(),
                    methods: own(&mut methods.into_iter()),
                    paths: own(&mut paths.into_iter()),
                    secrets: own(&mut needed.secrets.iter().map(String::as_str)),
                    private: needed.private,
                }
            };
        Some(methods.into_iter().map(rule).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_the_least_that_would_do() {
        let record = PolicyRecorder::default();
        let add = |method: Method, url: &str, secret, private| {
            record.add(&method, &Url::parse(url).unwrap(), secret, private);
        };
        add(Method::GET, "https://a.io/health", None, false);
        add(Method::POST, "https://a.io/v2?x=1", Some("token"), false);
        add(Method::POST, "https://a.io/v3", Some("token"), false);
        add(Method::GET, "https://a.io/v3", Some("token"), false);
        add(Method::GET, "https://a.io/v2", Some("token"), false);
        add(Method::GET, "http://10.0.0.1:80/v2", None, true);
        let shown: Vec<_> = record
            .rules()
            .unwrap()
            .iter()
            .map(|rule| {
                format!(
                    "{} {} {} [{}] {}",
                    rule.origin,
                    rule.methods.join(","),
                    rule.paths.join(","),
                    rule.secrets.join(","),
                    rule.private
                )
            })
            .collect();
        assert_eq!(
            shown,
            [
                "http://10.0.0.1 GET /v2 [] true",
                "https://a.io GET /health [] false",
                "https://a.io GET,POST /v2,/v3 [token] false",
            ]
        );
    }

    #[test]
    fn a_flood_of_paths_is_not_kept() {
        let record = PolicyRecorder::default();
        for number in 0..100 {
            let url = format!("https://a.io/{number}{}", "x".repeat(64 << 10));
            record.add(&Method::GET, &Url::parse(&url).unwrap(), None, false);
        }
        assert!(record.rules().is_none());
    }
}
