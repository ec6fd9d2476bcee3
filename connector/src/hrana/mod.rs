//! Hrana over HTTP, the wire protocol of libSQL servers: what is asked and
//! how answers are decoded. Plain bytes in and out; knows no network, no SQL
//! and no component model, so that tests and fuzzers run it natively.
//!
//! An answer of ten thousand rows is three megabytes of JSON, so it is never
//! made into a tree: [`scan`] walks it, [`response`] knows the envelope, and
//! rows go straight into the Arrow builders of [`decoder`]. What holds a few
//! rows only becomes [`value`]s.
//!
//! Sources: `HRANA_3_SPEC.md` and `HTTP_V2_SPEC.md` of libsql, and
//! `PROTOCOL.md` of turso.

pub mod columns;
pub mod cursor;
pub mod decoder;
pub mod page;
pub mod request;
pub mod response;
pub mod scan;
pub mod value;
pub mod wanted;

use std::fmt;

/// Why an answer could not be decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// It is not what the protocol allows.
    Malformed {
        /// Where, in bytes.
        at: usize,
        /// What was expected there.
        expected: &'static str,
    },
    /// It holds an infinity, whose sign JSON lost.
    LostInfinity,
    /// It is not text at all.
    NotUtf8,
    /// A batch came out wrong; a defect of this crate.
    Batch(String),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed { at, expected } => write!(f, "{expected} was expected at byte {at}"),
            Self::LostInfinity => f.write_str("the sign of an infinite value was lost"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::Batch(reason) => write!(f, "the rows do not make a batch: {reason}"),
        }
    }
}

impl std::error::Error for DecodeError {}
