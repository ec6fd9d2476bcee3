//! Finds secret values in what a server sends, also across chunk borders.
//! Encoded forms (base64, percent-encoding) are not looked for.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
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
    /// The end of what was looked through, as far as a value may begin there.
    /// It is held back until the next chunk says whether it does: the guest
    /// does not get the half of a value either.
    held: Vec<u8>,
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

    fn find(&self, text: &[u8]) -> Option<&str> {
        self.0
            .iter()
            .find(|needle| needle.value.find(text).is_some())
            .map(|needle| needle.name.as_str())
    }

    /// A guard for the next response.
    pub(super) fn guard(&self) -> Guard {
        Guard {
            needles: self.clone(),
            held: Vec::new(),
        }
    }
}

impl Needle {
    /// How many bytes at the end of a text are the beginning of the value.
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
    /// The name of a secret whose value stands in the text.
    #[must_use]
    pub(super) fn find(&self, text: &[u8]) -> Option<&str> {
        self.needles.find(text)
    }

    /// Looks through the next chunk of a body, together with those before.
    /// Gives what may be handed over, or the name of a secret.
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

    /// What was held back, when nothing more comes.
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
        Needles::of(&GrantedSecrets::new(secrets.into_iter().collect())).guard()
    }

    /// What a guard lets through of a body in these chunks, if it does.
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
    fn what_is_no_value_passes_whole() {
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
    fn a_chunk_that_ends_like_no_value_passes_at_once() {
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
