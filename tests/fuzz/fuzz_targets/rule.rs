//! Allow rules, compared with a naive implementation of them.
//!
//! Lines of the input: a URL, a method, and two rules of two lines each, an
//! origin and its paths.

#![no_main]

use std::collections::BTreeSet;

use connector_host::model::AllowRule;
use connector_host::network::Uncovered;
use connector_host::testing::{Origin, Rule, Rules};
use http::Method;
use libfuzzer_sys::fuzz_target;
use url::{Host, Url};

/// Rule as written in the file.
struct Written<'a> {
    origin: String,
    paths: Vec<&'a str>,
    secret: &'static str,
}

impl Written<'_> {
    /// Returns true if the origin, as formatted by the parser, is that of a URL.
    fn is_origin_of(&self, url: &Url) -> bool {
        let Some((scheme, authority)) = self.origin.split_once("://") else {
            return false;
        };
        let after_address = authority.rfind(']').map_or(0, |at| at + 1);
        let (host, port) = match authority[after_address..].split_once(':') {
            Some((host, port)) => (
                format!("{}{host}", &authority[..after_address]),
                port.parse().ok(),
            ),
            None => (authority.to_owned(), None),
        };
        let default = if scheme == "http" { 80 } else { 443 };
        let same_host = match (host.starts_with("*."), url.host()) {
            (true, Some(Host::Domain(name))) => {
                let expected: Vec<_> = host.split('.').collect();
                let labels: Vec<_> = name.split('.').collect();
                let is_label =
                    |(a, b): (&&str, &&str)| if *a == "*" { !b.is_empty() } else { a == b };
                expected.len() == labels.len() && expected.iter().zip(&labels).all(is_label)
            }
            (true, _) => false,
            (false, _) => url.host_str() == Some(host.as_str()),
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
                .any(|pattern| matches(&tokens(pattern, true), &tokens(path, false)))
    }
}

/// Token of a path or a pattern.
#[derive(Clone, Copy, PartialEq)]
enum Token {
    Byte(u8),
    /// Any bytes, in a pattern.
    Any,
}

/// Returns the bytes of a text. An encoded star is a star, and a star of a
/// pattern is any bytes.
fn tokens(text: &str, is_pattern: bool) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        tokens.push(match byte {
            b'%' if after.starts_with(b"2A") || after.starts_with(b"2a") => {
                rest = &after[2..];
                Token::Byte(b'*')
            }
            b'*' if is_pattern => Token::Any,
            byte => Token::Byte(byte),
        });
    }
    tokens
}

/// Returns true if a path matches a pattern, by dynamic programming over their
/// prefixes.
fn matches(pattern: &[Token], path: &[Token]) -> bool {
    let mut row = vec![false; path.len() + 1];
    row[0] = true;
    for &expected in pattern {
        let mut next = vec![false; path.len() + 1];
        for at in 0..=path.len() {
            next[at] = if expected == Token::Any {
                row[at] || at > 0 && next[at - 1]
            } else {
                at > 0 && row[at - 1] && path[at - 1] == expected
            };
        }
        row = next;
    }
    row[path.len()]
}

/// Returns true if decoding the path once changes its segments, leaves another
/// layer of encoding, or gives invalid text.
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
    let wide = ['\u{ff0f}', '\u{ff3c}', '\u{fe68}'];
    let dots = decoded.replace(['\u{2024}', '\u{fe52}', '\u{ff0e}'], ".");
    let dots = dots.replace('\u{2025}', "..");
    let is_cut_off = |segment: &str| {
        let name = segment.split(';').next().unwrap_or_default();
        matches!(name.trim(), "." | "..")
    };
    path.contains("//")
        || decoded.contains('\\')
        || decoded.contains(wide)
        || dots.split('/').any(is_cut_off)
}

fn is_hex(code: &str) -> bool {
    code.bytes().all(|digit| digit.is_ascii_hexdigit())
}

fn expected(
    written: &[Written<'_>],
    method: &Method,
    url: &Url,
) -> Result<BTreeSet<&'static str>, Uncovered> {
    let of_origin: Vec<_> = written
        .iter()
        .filter(|rule| rule.is_origin_of(url))
        .collect();
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
        let spec = AllowRule {
            origin: origin.to_owned(),
            paths: paths.iter().map(ToString::to_string).collect(),
            secrets: vec![secret.to_owned()],
            ..AllowRule::default()
        };
        let Ok(rule) = Rule::new(&spec) else {
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
        rules.push(spec);
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
    assert!(rules.is_ok(), "each rule is valid alone");
    let Ok(rules) = rules else {
        return;
    };
    let decision = rules.allow(&method, &url);
    assert!(decision.as_ref().is_ok_and(|allowance| !allowance.private) || decision.is_err());
    let decision = decision.map(|allowance| allowance.secrets);
    assert_eq!(
        decision,
        expected(&written, &method, &url),
        "{method} {url}"
    );
});
