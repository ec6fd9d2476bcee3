//! Hrana over HTTP, the wire protocol of libSQL servers: requests, and the
//! decoding of responses. Plain bytes in and out. Knows no network, no SQL and
//! no component model, so that tests and fuzzers run it natively.
//!
//! A response of ten thousand rows is three megabytes of JSON, so it never
//! becomes a tree: [`scan`] walks the text, [`response`] knows the envelope,
//! and [`decoder`] puts each value directly into an Arrow builder. Only small
//! results become owned values.
//!
//! Sources: the specifications of Hrana 3 and of Hrana 2 over HTTP in the
//! libsql repository, and the description of the sync protocol in that of turso.

pub mod cursor;
pub mod decoder;
pub mod page;
pub mod request;
pub mod response;
pub mod scan;
mod text_encoding;
mod value;

use std::fmt;

/// The reason why a response could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// Bytes that the protocol does not allow.
    Malformed {
        /// Offset of the bytes.
        at: usize,
        /// Description of the bytes that the protocol allows there.
        expected: &'static str,
    },
    /// An infinity whose sign JSON has lost.
    LostInfinity,
    /// A body that is not UTF-8.
    NotUtf8,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { at, expected } => write!(f, "expected {expected} at byte {at}"),
            Self::LostInfinity => f.write_str("the sign of an infinite value was lost"),
            Self::NotUtf8 => f.write_str("the body is not UTF-8"),
        }
    }
}

impl std::error::Error for DecodeError {}
