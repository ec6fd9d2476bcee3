//! Digests of rows, by which a later read recognizes rows that it knows. Cursors
//! hold them, so the algorithm is part of the format of cursors.

use super::datum::Datum;

/// Number of bytes of a text or blob that count. Of longer ones, only the length
/// counts too.
pub(crate) const DIGESTED_BYTES: usize = 64;

const START: u64 = 0xcbf2_9ce4_8422_2325;
const FACTOR: u64 = 0x0000_0100_0000_01b3;

/// Digest of the values of a row, in their order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowDigest(u64);

impl RowDigest {
    /// Creates the digest of no values.
    pub(crate) fn new() -> Self {
        Self(START)
    }

    /// Adds a value.
    pub(crate) fn add(&mut self, datum: &Datum<'_>) {
        match datum {
            Datum::Null => self.add_word(0),
            Datum::Integer(value) => self.add_words(1, value.cast_unsigned()),
            Datum::Real(value) => self.add_words(2, value.to_bits()),
            Datum::Text(text) => self.add_text(text.len() as u64, text.as_bytes()),
            Datum::TextBytes(bytes) => self.add_text(bytes.len() as u64, bytes),
            Datum::Blob(bytes) => self.add_blob(bytes.len() as u64, bytes),
        }
    }

    /// Adds a text of this length, of which the first bytes suffice.
    pub(crate) fn add_text(&mut self, length: u64, bytes: &[u8]) {
        self.add_words(3, length);
        self.add_bytes(bytes);
    }

    /// Adds a blob of this length, of which the first bytes suffice.
    pub(crate) fn add_blob(&mut self, length: u64, bytes: &[u8]) {
        self.add_words(4, length);
        self.add_bytes(bytes);
    }

    /// Returns the digest.
    pub(crate) fn finish(self) -> u64 {
        self.0
    }

    fn add_words(&mut self, class: u64, word: u64) {
        self.add_word(class);
        self.add_word(word);
    }

    fn add_bytes(&mut self, bytes: &[u8]) {
        let end = bytes.len().min(DIGESTED_BYTES);
        for chunk in bytes[..end].chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.add_word(u64::from_le_bytes(word));
        }
    }

    fn add_word(&mut self, word: u64) {
        let mixed = (self.0 ^ word).wrapping_mul(FACTOR);
        self.0 = mixed ^ (mixed >> 32);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn digest(row: &[Datum<'_>]) -> u64 {
        let mut digest = RowDigest::new();
        for datum in row {
            digest.add(datum);
        }
        digest.finish()
    }

    #[test]
    fn different_rows_have_different_digests() {
        let long = "x".repeat(100);
        let rows: [&[Datum<'_>]; 12] = [
            &[],
            &[Datum::Null],
            &[Datum::Integer(0)],
            &[Datum::Real(0.0)],
            &[Datum::Text("")],
            &[Datum::Blob(b"")],
            &[Datum::Text("a"), Datum::Text("b")],
            &[Datum::Text("ab"), Datum::Text("")],
            &[Datum::Text("b"), Datum::Text("a")],
            &[Datum::Text(&long)],
            &[Datum::Text(&long[..99])],
            &[Datum::Integer(1), Datum::Integer(2)],
        ];
        let digests: BTreeSet<_> = rows.iter().map(|row| digest(row)).collect();
        assert_eq!(digests.len(), rows.len());
        assert_eq!(
            digest(&[Datum::Text("ab")]),
            digest(&[Datum::TextBytes(b"ab")])
        );
    }

    #[test]
    fn the_digest_of_a_row_does_not_change() {
        let row = [
            Datum::Integer(-7),
            Datum::Real(0.5),
            Datum::Text("a text of more than eight bytes"),
            Datum::Blob(&[0xff, 0]),
            Datum::Null,
        ];
        assert_eq!(digest(&row), 0x3034_fcda_7ace_7693);
    }
}
