//! Searches responses for secret values, also across chunk borders. Encoded
//! forms (base64, percent-encoding) are not searched for.

use std::collections::BTreeSet;
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
    /// Ends of values whose beginnings are in the headers. `held` holds the beginning
    /// of the body while it may still be one of them.
    begun_in_headers: Vec<Rest>,
}

/// End of a value whose beginning was received.
#[derive(Clone, Copy, Debug)]
struct Rest {
    /// Index of the needle.
    needle: usize,
    /// Offset in the value at which the end starts.
    at: usize,
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

    /// Starts the search through the next response, with the names and values of
    /// its headers. They may hold parts of a value in any order.
    ///
    /// # Errors
    /// The name of a secret whose value the headers hold.
    pub(super) fn guard(&self, headers: &[&[u8]]) -> Result<Guard, &str> {
        let mut begun_in_headers = Vec::new();
        for (index, needle) in self.0.iter().enumerate() {
            let Some(ends) = needle.ends(headers) else {
                return Err(&needle.name);
            };
            let rests = ends.into_iter().map(|at| Rest { needle: index, at });
            begun_in_headers.extend(rests);
        }
        Ok(Guard {
            needles: self.clone(),
            held: Vec::new(),
            begun_in_headers,
        })
    }
}

impl Needle {
    /// Returns the positions in the value at which parts that some texts hold can
    /// end. `None` if the texts hold the whole value, in one or in parts.
    fn ends(&self, texts: &[&[u8]]) -> Option<BTreeSet<usize>> {
        let value = self.value.needle();
        let mut ends = BTreeSet::new();
        for text in texts {
            if self.value.find(text).is_some() {
                return None;
            }
            let longest = text.len().min(value.len() - 1);
            ends.extend((1..=longest).filter(|&end| text.ends_with(&value[..end])));
        }
        // Texts that continue a part.
        let mut new: Vec<_> = ends.iter().copied().collect();
        while let Some(at) = new.pop() {
            let rest = &value[at..];
            for text in texts.iter().filter(|text| !text.is_empty()) {
                if text.starts_with(rest) {
                    return None;
                }
                let end = at + text.len();
                if rest.starts_with(text) && ends.insert(end) {
                    new.push(end);
                }
            }
        }
        Some(ends)
    }

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
        let needles = &self.needles.0;
        let rest = |rest: &Rest| &needles[rest.needle].value.needle()[rest.at..];
        let mut rests = self.begun_in_headers.iter();
        if let Some(found) = rests.find(|begun| text.starts_with(rest(begun))) {
            return Err(&needles[found.needle].name);
        }
        self.begun_in_headers
            .retain(|begun| rest(begun).starts_with(&text));
        if !self.begun_in_headers.is_empty() {
            self.held = text.into();
            return Ok(Bytes::new());
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

    fn needles(value: &str) -> Needles {
        let secrets = [("token".to_owned(), Secret::new(value))];
        Needles::new(&GrantedSecrets::new(secrets.into_iter().collect()))
    }

    fn guard(value: &str) -> Guard {
        needles(value).guard(&[]).unwrap()
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
    fn a_value_in_parts_of_the_headers_is_found() {
        let needles = needles("0123456789");
        for headers in [
            &["x0123456789"][..],
            &["x01234", "56789x"],
            &["56789", "01234"],
            &["789", "a", "x0", "123", "456"],
            &["0123", "4567", "89"],
            &["0", "12345678", "9"],
        ] {
            let headers: Vec<_> = headers.iter().map(|text| text.as_bytes()).collect();
            assert_eq!(needles.guard(&headers).err(), Some("token"), "{headers:?}");
        }
        for headers in [
            &["", "x", "012345678"][..],
            &["123456789"],
            &["01234", "6789"],
            &["x01234x", "56789"],
            &["01", "23", "45", "67", "8", "x"],
        ] {
            let headers: Vec<_> = headers.iter().map(|text| text.as_bytes()).collect();
            assert!(needles.guard(&headers).is_ok(), "{headers:?}");
        }
    }

    #[test]
    fn a_value_that_the_headers_begin_and_the_body_ends_is_found() {
        for split in 1..10 {
            let (begin, end) = "0123456789".split_at(split);
            for size in 1..=end.len() {
                let mut guard = needles("0123456789").guard(&[begin.as_bytes()]).unwrap();
                let mut chunks = end.as_bytes().chunks(size).peekable();
                while let Some(chunk) = chunks.next() {
                    let passed = guard.next_chunk(Bytes::copy_from_slice(chunk));
                    if chunks.peek().is_some() {
                        assert_eq!(passed, Ok(Bytes::new()), "{begin} {size}");
                    } else {
                        assert_eq!(passed, Err("token"), "{begin} {size}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_body_that_only_resembles_the_end_of_a_value_passes() {
        for chunks in [
            &["567", "8x"][..],
            &["5678"],
            &["x56789"],
            &["5", "6", "x", "789"],
        ] {
            let mut guard = needles("0123456789").guard(&[b"x01234"]).unwrap();
            let mut passed = Vec::new();
            for chunk in chunks {
                passed.extend(
                    guard
                        .next_chunk(Bytes::from_static(chunk.as_bytes()))
                        .unwrap(),
                );
            }
            passed.extend(guard.rest());
            assert_eq!(passed, chunks.concat().as_bytes());
        }
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
