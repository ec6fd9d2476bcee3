//! Finds secret values in what a server sends, also across chunk borders.
//! Encoded forms (base64, percent-encoding) are not looked for.

use std::fmt;
use std::sync::Arc;

use memchr::memmem::Finder;

use crate::sandbox::secrets::GrantedSecrets;

/// Shorter values would be found by chance.
const SHORTEST: usize = 8;

/// What is looked for in every response of one instance: each secret that it
/// was granted, since a server may send one back that came with an earlier
/// request.
#[derive(Clone)]
pub(super) struct Needles(Arc<[Needle]>);

struct Needle {
    name: String,
    value: Finder<'static>,
}

/// Looks through one response.
#[derive(Debug)]
pub(super) struct Guard {
    needles: Needles,
    /// The end of what was looked through: one byte less than the longest
    /// value, so that a value across a border is found once it is complete.
    tail: Vec<u8>,
    longest: usize,
}

impl Needles {
    /// The values of these secrets.
    pub(super) fn of(secrets: &GrantedSecrets) -> Self {
        let needles = secrets
            .iter()
            .filter(|(_, value)| value.reveal().len() >= SHORTEST)
            .map(|(name, value)| Needle {
                name: name.to_owned(),
                value: Finder::new(value.reveal()).into_owned(),
            });
        Self(needles.collect())
    }

    /// A guard for the next response.
    pub(super) fn guard(&self) -> Guard {
        let lengths = self.0.iter().map(|needle| needle.value.needle().len());
        Guard {
            needles: self.clone(),
            tail: Vec::new(),
            longest: lengths.max().unwrap_or(0),
        }
    }
}

impl fmt::Debug for Needles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|needle| &needle.name))
            .finish()
    }
}

impl Guard {
    /// The name of a secret whose value stands in the text.
    #[must_use]
    pub(super) fn find(&self, text: &[u8]) -> Option<&str> {
        self.needles
            .0
            .iter()
            .find(|needle| needle.value.find(text).is_some())
            .map(|needle| needle.name.as_str())
    }

    /// The same for the next chunk of a body, together with those before.
    pub(super) fn next_chunk(&mut self, chunk: &[u8]) -> Option<&str> {
        if self.needles.0.is_empty() {
            return None;
        }
        let keep = self.longest - 1;
        let border = self.tail.len();
        self.tail.extend_from_slice(&chunk[..chunk.len().min(keep)]);
        let hit = border > 0 && self.find(&self.tail).is_some() || self.find(chunk).is_some();
        if hit {
            let tail = std::mem::take(&mut self.tail);
            return self.find(&tail).or_else(|| self.find(chunk));
        }
        if chunk.len() >= keep {
            self.tail.clear();
            self.tail.extend_from_slice(&chunk[chunk.len() - keep..]);
        } else {
            let excess = self.tail.len().saturating_sub(keep);
            self.tail.drain(..excess);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn guard(value: &str) -> Guard {
        let secrets = [("token".to_owned(), Secret::new(value))];
        Needles::of(&GrantedSecrets::new(secrets.into_iter().collect())).guard()
    }

    #[test]
    fn a_value_is_found_however_it_is_split() {
        let body = b"before 0123456789 after";
        for size in 1..=body.len() {
            let mut guard = guard("0123456789");
            let found = body
                .chunks(size)
                .any(|chunk| guard.next_chunk(chunk).is_some());
            assert!(found, "in chunks of {size}");
        }
    }

    #[test]
    fn parts_and_short_values_are_no_finding() {
        let mut long = guard("0123456789");
        for chunk in ["012345678", " 9", "0123", "x456789"] {
            assert_eq!(long.next_chunk(chunk.as_bytes()), None);
        }
        assert_eq!(guard("1234").next_chunk(b"1234"), None);
    }

    #[test]
    fn debug_shows_names_and_no_values() {
        let shown = format!("{:?}", guard("0123456789"));
        assert!(
            shown.contains("token") && !shown.contains("0123"),
            "{shown}"
        );
    }
}
