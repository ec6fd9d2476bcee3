//! Recording of a run's requests, and the smallest set of allow rules that
//! would have allowed them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;

use http::Method;
use url::Url;

use super::rule::path;
use crate::model::AllowRule;

/// Bytes of requests that are kept. A connector that invents paths must not fill
/// the host's memory with them.
const MAX_BYTES: usize = 4 << 20;

/// Recorder of the requests of a run.
#[derive(Debug, Default)]
pub struct PolicyRecorder(Mutex<Requests>);

#[derive(Debug, Default)]
struct Requests {
    by_request: BTreeMap<RecordedRequest, Permissions>,
    bytes: usize,
    incomplete: bool,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RecordedRequest {
    origin: String,
    method: String,
    path: String,
}

/// Permissions that requests needed in addition to the rule.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Permissions {
    pub(super) secrets: BTreeSet<String>,
    pub(super) headers: BTreeSet<String>,
    pub(super) private: bool,
}

impl PolicyRecorder {
    /// Records a request.
    pub(super) fn add(&self, method: &Method, url: &Url, needed: Permissions) {
        let Ok(mut requests) = self.0.lock() else {
            return;
        };
        let request = RecordedRequest {
            origin: url.origin().ascii_serialization(),
            method: method.to_string(),
            path: path::exact(url.path()).into_owned(),
        };
        let size = request.origin.len() + request.method.len() + request.path.len();
        if !requests.by_request.contains_key(&request) {
            if requests.bytes + size > MAX_BYTES {
                requests.incomplete = true;
                return;
            }
            requests.bytes += size;
        }
        let permissions = requests.by_request.entry(request).or_default();
        permissions.secrets.extend(needed.secrets);
        permissions.headers.extend(needed.headers);
        permissions.private |= needed.private;
    }

    /// Returns rules for the recorded requests and no others, or `None` if there
    /// were too many different paths.
    #[must_use]
    pub fn rules(&self) -> Option<Vec<AllowRule>> {
        let requests = self.0.lock().ok()?;
        if requests.incomplete {
            return None;
        }
        // A rule allows every method on every one of its paths, so methods are
        // joined only if their paths are equal.
        let mut paths: BTreeMap<(&str, &Permissions, &str), BTreeSet<&str>> = BTreeMap::new();
        for (request, needed) in &requests.by_request {
            let group = (request.origin.as_str(), needed, request.method.as_str());
            paths.entry(group).or_default().insert(&request.path);
        }
        let mut methods: BTreeMap<(&str, &Permissions, BTreeSet<&str>), Vec<&str>> =
            BTreeMap::new();
        for ((origin, needed, method), paths) in paths {
            methods
                .entry((origin, needed, paths))
                .or_default()
                .push(method);
        }
        let own = |texts: &mut dyn Iterator<Item = &str>| texts.map(str::to_owned).collect();
        let rule = |((origin, needed, paths), methods): (
            (&str, &Permissions, BTreeSet<&str>),
            Vec<&str>,
        )| {
            AllowRule {
                origin: origin.to_owned(),
                methods: own(&mut methods.into_iter()),
                paths: own(&mut paths.into_iter()),
                secrets: own(&mut needed.secrets.iter().map(String::as_str)),
                headers: own(&mut needed.headers.iter().map(String::as_str)),
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
    fn the_rules_allow_the_recorded_requests_and_no_others() {
        let record = PolicyRecorder::default();
        let add = |method: Method, url: &str, secret: Option<&str>, private| {
            let needed = Permissions {
                secrets: secret.into_iter().map(str::to_owned).collect(),
                headers: BTreeSet::new(),
                private,
            };
            record.add(&method, &Url::parse(url).unwrap(), needed);
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
            let url = Url::parse(&url).unwrap();
            record.add(&Method::GET, &url, Permissions::default());
        }
        assert!(record.rules().is_none());
    }
}
