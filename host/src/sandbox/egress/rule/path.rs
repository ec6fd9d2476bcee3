//! Paths of an allow rule, and paths that are too ambiguous for any rule.

use std::borrow::Cow;

/// Pattern for one path, in which `*` stands for itself.
pub(in super::super) fn exact(path: &str) -> Cow<'_, str> {
    if path.contains('*') {
        return path.replace('*', "%2A").into();
    }
    path.into()
}

/// A path in which `*` stands for any characters, and `%2A` for `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct PathPattern(pub(super) String);

impl PathPattern {
    pub(super) fn matches(&self, path: &str) -> bool {
        let path = with_stars(path);
        let mut parts = self.0.split('*').map(with_stars);
        let first = parts.next().unwrap_or_default();
        let Some(mut rest) = path.strip_prefix(&*first) else {
            return false;
        };
        let mut parts = parts.peekable();
        if parts.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return rest.ends_with(&*part);
            }
            let Some(at) = rest.find(&*part) else {
                return false;
            };
            rest = &rest[at + part.len()..];
        }
        true
    }
}

/// Returns a text with `*` for `%2A`, which is the same character of a path.
fn with_stars(text: &str) -> Cow<'_, str> {
    if text.contains("%2") {
        return text.replace("%2A", "*").replace("%2a", "*").into();
    }
    text.into()
}

/// Returns true if a server may read the path as a different one. Such a path
/// holds encoded separators, dots or control characters, a second layer of
/// encoding or an invalid one (old servers decode overlong forms as dots), empty
/// segments, or dots with parameters or spaces, which some servers cut off. Some
/// servers also read full-width forms of dots and separators.
pub(super) fn is_ambiguous(path: &str) -> bool {
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
    if decoded.contains(is_wide_separator) {
        return true;
    }
    decoded.split('/').any(|segment| {
        let name = segment.split_once(';').map_or(segment, |(name, _)| name);
        let name: String = name.trim().chars().map(as_dots).collect();
        matches!(name.as_str(), "." | "..")
    })
}

/// True for characters that compatibility forms of Unicode turn into separators.
fn is_wide_separator(char: char) -> bool {
    matches!(char, '\u{ff0f}' | '\u{ff3c}' | '\u{fe68}')
}

/// Returns the dots that compatibility forms of Unicode make of a character.
fn as_dots(char: char) -> &'static str {
    match char {
        '.' | '\u{2024}' | '\u{fe52}' | '\u{ff0e}' => ".",
        '\u{2025}' => "..",
        _ => "other",
    }
}
