//! Allow-rules against a naive reading of them: what they let pass is what
//! they name, and nothing else.
//!
//! Lines of the input: a URL, a method, and two rules of two lines each, an
//! origin and its paths.

#![no_main]

use std::collections::BTreeSet;

use connector_host::model::AllowRule;
use connector_host::sandbox::egress::rule::{Origin, Rule, Rules, Uncovered};
use http::Method;
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

/// A rule as the file has it.
struct Written<'a> {
    origin: String,
    paths: Vec<&'a str>,
    secret: &'static str,
}

impl Written<'_> {
    /// Whether the origin, in the words that the parser repeats it in, is
    /// that of a URL.
    fn is_of(&self, url: &Url) -> bool {
        let Some((scheme, place)) = self.origin.split_once("://") else {
            return false;
        };
        let after_address = place.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match place[after_address..].split_once(':') {
            Some((host, port)) => (
                format!("{}{host}", &place[..after_address]),
                port.parse().ok(),
            ),
            None => (place.to_owned(), None),
        };
        let default = if scheme == "http" { 80 } else { 443 };
        let same_host = match (host.strip_prefix("*."), url.host()) {
            (Some(domain), Some(Host::Domain(name))) => name
                .split_once('.')
                .is_some_and(|(label, rest)| !label.is_empty() && rest == domain),
            (Some(_), _) => false,
            (None, _) => url.host_str() == Some(host.as_str()),
        };
        url.scheme() == scheme
            && url.port().unwrap_or(default) == port.unwrap_or(default)
            && same_host
    }

    fn allows_path(&self, path: &str) -> bool {
        self.paths.is_empty()
            || self
                .paths
                .iter()
                .any(|pattern| matches(pattern.as_bytes(), path.as_bytes()))
    }
}

/// Whether a path is of a pattern: the textbook's table of which prefixes of
/// the one match which of the other.
fn matches(pattern: &[u8], path: &[u8]) -> bool {
    let mut row = vec![false; path.len() + 1];
    row[0] = true;
    for &wanted in pattern {
        let mut next = vec![false; path.len() + 1];
        for at in 0..=path.len() {
            next[at] = if wanted == b'*' {
                row[at] || at > 0 && next[at - 1]
            } else {
                at > 0 && row[at - 1] && path[at - 1] == wanted
            };
        }
        row = next;
    }
    row[path.len()]
}

/// Whether decoding the path once gives a path of other segments, another
/// layer of encoding, or no text.
fn is_ambiguous(path: &str) -> bool {
    let mut decoded = Vec::new();
    for (at, piece) in path.split('%').enumerate() {
        let code = piece.get(..2).filter(|code| at > 0 && is_hex(code));
        match code.map(|code| u8::from_str_radix(code, 16)) {
            Some(Ok(byte)) if !(byte < 0x20 || byte == 0x7f || b"%./\\".contains(&byte)) => {
                decoded.push(byte);
                decoded.extend_from_slice(&piece.as_bytes()[2..]);
            }
            _ if at > 0 => return true,
            _ => decoded.extend_from_slice(piece.as_bytes()),
        }
    }
    let Ok(decoded) = String::from_utf8(decoded) else {
        return true;
    };
    let cut_off = |segment: &str| segment.starts_with(".;") || segment.starts_with("..;");
    path.contains("//") || decoded.contains('\\') || decoded.split('/').any(cut_off)
}

fn is_hex(code: &str) -> bool {
    code.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn expected(
    written: &[Written<'_>],
    method: &Method,
    url: &Url,
) -> Result<BTreeSet<&'static str>, Uncovered> {
    let of_origin: Vec<_> = written.iter().filter(|rule| rule.is_of(url)).collect();
    if of_origin.is_empty() {
        return Err(Uncovered::Origin);
    }
    if method != Method::GET {
        return Err(Uncovered::Method);
    }
    let ambiguous = is_ambiguous(url.path());
    let unclear = |rule: &&&Written<'_>| ambiguous && !rule.paths.is_empty();
    let allowing: BTreeSet<_> = of_origin
        .iter()
        .filter(|rule| !unclear(rule) && rule.allows_path(url.path()))
        .map(|rule| rule.secret)
        .collect();
    if !allowing.is_empty() {
        Ok(allowing)
    } else if of_origin.iter().any(|rule| unclear(&rule)) {
        Err(Uncovered::AmbiguousPath)
    } else {
        Err(Uncovered::Path)
    }
}

fuzz_target!(|text: &str| {
    let mut lines = text.split('\n');
    let (Some(url), Some(method)) = (lines.next(), lines.next()) else {
        return;
    };
    let (mut rules, mut written) = (Vec::new(), Vec::new());
    for secret in ["one", "two"] {
        let origin = lines.next().unwrap_or_default();
        let paths: Vec<&str> = lines
            .next()
            .unwrap_or_default()
            .split_whitespace()
            .collect();
        let asked = AllowRule {
            origin: origin.to_owned(),
            paths: paths.iter().map(ToString::to_string).collect(),
            secrets: vec![secret.to_owned()],
            ..AllowRule::default()
        };
        let Ok(rule) = Rule::new(&asked) else {
            continue;
        };
        let shown = rule.origin().to_string();
        assert_eq!(
            Origin::parse(&shown).ok().as_ref(),
            Some(rule.origin()),
            "{origin}"
        );
        assert!(
            paths.iter().all(|path| path.starts_with(['/', '*'])),
            "{paths:?}"
        );
        rules.push(asked);
        written.push(Written {
            origin: shown,
            paths,
            secret,
        });
    }
    let (Ok(url), Ok(method)) = (Url::parse(url), Method::from_bytes(method.as_bytes())) else {
        return;
    };
    let rules = Rules::new(&rules);
    assert!(rules.is_ok(), "each of them was understood alone");
    let Ok(rules) = rules else {
        return;
    };
    let judged = rules.allow(&method, &url);
    assert!(judged.as_ref().is_ok_and(|allowance| !allowance.private) || judged.is_err());
    let judged = judged.map(|allowance| allowance.secrets);
    assert_eq!(judged, expected(&written, &method, &url), "{method} {url}");
});
