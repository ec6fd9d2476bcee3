//! Searches responses for secret values, also across chunk borders. Encoded
//! forms (base64, percent-encoding) are not searched for.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use memchr::memmem::Finder;

use crate::sandbox::secrets::GrantedSecrets;

/// Minimum length of a value; shorter ones would be found by chance.
const MIN_BYTES: usize = 8;

/// Values to search for in every response of one instance: all secrets it was
/// granted, because a server may return one that an earlier request carried.
#[derive(Clone)]
pub(super) struct Needles(Arc<[Needle]>);

struct Needle {
    name: String,
    value: Finder<'static>,
}

/// Search through one response.
#[derive(Debug)]
pub(super) struct Guard {
    needles: Needles,
    /// End of the searched bytes in which a value may begin. Held back until
    /// the next chunk decides, so that the guest gets no part of a value.
    held: Vec<u8>,
}

impl Needles {
    /// Creates the search values for the secrets of an instance.
    pub(super) fn new(secrets: &GrantedSecrets) -> Self {
        let needles = secrets
            .iter()
            .filter(|(_, value)| value.reveal().len() >= MIN_BYTES)
            .map(|(name, value)| Needle {
                name: name.to_owned(),
                value: Finder::new(value.reveal()).into_owned(),
            });
        Self(needles.collect())
    }

    fn find(&self, text: &[u8]) -> Option<&str> {
        self.0
            .iter()
            .find(|needle| needle.value.find(text).is_some())
            .map(|needle| needle.name.as_str())
    }

    /// Starts the search through the next response.
    pub(super) fn guard(&self) -> Guard {
        Guard {
            needles: self.clone(),
            held: Vec::new(),
        }
    }
}

impl Needle {
    /// Counts the bytes at the end of a text that begin the value.
    fn begun(&self, text: &[u8]) -> usize {
        let value = self.value.needle();
        let end = &text[text.len() - text.len().min(value.len() - 1)..];
        memchr::memchr_iter(value[0], end)
            .find(|&at| value.starts_with(&end[at..]))
            .map_or(0, |at| end.len() - at)
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
    /// Returns the name of a secret whose value is in the text.
    #[must_use]
    pub(super) fn find(&self, text: &[u8]) -> Option<&str> {
        self.needles.find(text)
    }

    /// Searches the next chunk of a body together with the held bytes. Returns
    /// the bytes that can be passed on, or the name of a secret.
    pub(super) fn next_chunk(&mut self, chunk: Bytes) -> Result<Bytes, &str> {
        let mut text = if self.held.is_empty() {
            chunk
        } else {
            self.held.extend_from_slice(&chunk);
            std::mem::take(&mut self.held).into()
        };
        if self.needles.find(&text).is_some() {
            return Err(self.needles.find(&text).unwrap_or_default());
        }
        let begun = self.needles.0.iter().map(|needle| needle.begun(&text));
        let free = text.len() - begun.max().unwrap_or(0);
        self.held = text.split_off(free).into();
        Ok(text)
    }

    /// Returns the held bytes at the end of the body.
    pub(super) fn rest(&mut self) -> Bytes {
        std::mem::take(&mut self.held).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Secret;

    fn guard(value: &str) -> Guard {
        let secrets = [("token".to_owned(), Secret::new(value))];
        Needles::new(&GrantedSecrets::new(secrets.into_iter().collect())).guard()
    }

    /// Passes a body in chunks through a guard. Returns the passed chunks, as an
    /// error if the value was found.
    fn through(value: &str, chunks: &[&[u8]]) -> Result<Vec<Vec<u8>>, Vec<Vec<u8>>> {
        let mut guard = guard(value);
        let mut passed = Vec::new();
        for chunk in chunks {
            match guard.next_chunk(Bytes::copy_from_slice(chunk)) {
                Ok(bytes) => passed.push(bytes.to_vec()),
                Err(_) => return Err(passed),
            }
        }
        passed.push(guard.rest().to_vec());
        Ok(passed)
    }

    #[test]
    fn a_value_is_found_however_it_is_split_and_no_byte_of_it_passes() {
        let body = b"before 0123456789 after";
        for size in 1..=body.len() {
            let chunks: Vec<_> = body.chunks(size).collect();
            let passed = through("0123456789", &chunks).unwrap_err().concat();
            assert!(b"before ".starts_with(&passed), "in chunks of {size}");
        }
    }

    #[test]
    fn a_body_without_the_value_passes_unchanged() {
        for value in ["0123456789", "00000002", "0101010102", "short"] {
            let body = b"01 0123456780123456 00000000000010101010 01012 short 012345678";
            for size in 1..=body.len() {
                let chunks: Vec<_> = body.chunks(size).collect();
                let passed = through(value, &chunks);
                assert_eq!(passed.unwrap().concat(), body, "{value} {size}");
            }
        }
    }

    #[test]
    fn a_chunk_whose_end_begins_no_value_passes_at_once() {
        let passed = through("0123456789", &[b"abc", b"x01", b"x", b"12"]).unwrap();
        assert_eq!(passed, [b"abc".as_slice(), b"x", b"01x", b"12", b""]);
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
