//! Finds secret values in what a server sends, also across chunk borders.
//! Encoded forms (base64, percent-encoding) are not looked for.

use std::collections::BTreeMap;

use crate::model::Secret;

/// Shorter values would be found by chance.
const SHORTEST: usize = 8;

/// Looks through one response.
#[derive(Debug)]
pub(super) struct Guard {
    needles: Vec<(String, Secret)>,
    /// The end of what was looked through: one byte less than the longest
    /// value, so that a value across a border is found once it is complete.
    tail: Vec<u8>,
    longest: usize,
}

impl Guard {
    /// A guard against the secrets that went out with the request.
    #[must_use]
    pub(super) fn new(sent: BTreeMap<String, Secret>) -> Self {
        let needles: Vec<_> = sent
            .into_iter()
            .filter(|(_, value)| value.reveal().len() >= SHORTEST)
            .collect();
        let longest = needles
            .iter()
            .map(|(_, value)| value.reveal().len())
            .max()
            .unwrap_or(0);
        Self {
            needles,
            tail: Vec::new(),
            longest,
        }
    }

    /// The name of a secret whose value stands in the text.
    #[must_use]
    pub(super) fn find(&self, text: &[u8]) -> Option<&str> {
        self.needles
            .iter()
            .find(|(_, value)| memchr::memmem::find(text, value.reveal().as_bytes()).is_some())
            .map(|(name, _)| name.as_str())
    }

    /// The same for the next chunk of a body, together with those before.
    pub(super) fn next_chunk(&mut self, chunk: &[u8]) -> Option<&str> {
        if self.needles.is_empty() {
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

    fn guard() -> Guard {
        Guard::new(
            [("token".to_owned(), Secret::new("0123456789"))]
                .into_iter()
                .collect(),
        )
    }

    #[test]
    fn a_value_is_found_however_it_is_split() {
        let body = b"before 0123456789 after";
        for size in 1..=body.len() {
            let mut guard = guard();
            let found = body
                .chunks(size)
                .any(|chunk| guard.next_chunk(chunk).is_some());
            assert!(found, "in chunks of {size}");
        }
    }

    #[test]
    fn parts_and_short_values_are_no_finding() {
        let mut guard = guard();
        for chunk in ["012345678", " 9", "0123", "x456789"] {
            assert_eq!(guard.next_chunk(chunk.as_bytes()), None);
        }
        let mut short = Guard::new(
            [("pin".to_owned(), Secret::new("1234"))]
                .into_iter()
                .collect(),
        );
        assert_eq!(short.next_chunk(b"1234"), None);
    }
}
