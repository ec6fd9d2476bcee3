//! Digests of keys and contents, by which rows are compared: 128 bits of a
//! SHA-256. Memory does not grow with the length of texts, and no one can
//! choose values whose digests collide. Digests are never stored, so their
//! input may change.

use sha2::{Digest as _, Sha256};

use super::row::Value;

/// A digest of some values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Digest([u8; 16]);

/// Computes the digest of values. Nulls are left out, so that a column that a
/// file lacks counts as null in its rows.
#[derive(Default)]
pub(super) struct Digester(Sha256);

impl Digester {
    /// Adds the value of a column, given by its index in the table.
    pub(super) fn add(&mut self, column: usize, value: &Value) {
        self.0.update((column as u64).to_le_bytes());
        match value {
            Value::Integer(number) => self.fixed(b'i', &number.to_le_bytes()),
            Value::Float(number) => self.fixed(b'f', &canonical(*number).to_le_bytes()),
            Value::Boolean(truth) => self.fixed(b'b', &[u8::from(*truth)]),
            Value::Text(text) => self.sized(b't', text.as_bytes()),
            Value::Blob(bytes) => self.sized(b'x', bytes),
        }
    }

    /// Returns the digest of all values.
    pub(super) fn finish(self) -> Digest {
        let mut half = [0; 16];
        half.copy_from_slice(&self.0.finalize()[..16]);
        Digest(half)
    }

    fn fixed(&mut self, tag: u8, bytes: &[u8]) {
        self.0.update([tag]);
        self.0.update(bytes);
    }

    /// Adds the length too, so that the end of the bytes is unambiguous.
    fn sized(&mut self, tag: u8, bytes: &[u8]) {
        self.fixed(tag, &(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

/// Returns one bit pattern for numbers that a database considers equal: both
/// zeros, and all NaNs.
fn canonical(number: f64) -> u64 {
    if number == 0.0 {
        0.0_f64.to_bits()
    } else if number.is_nan() {
        f64::NAN.to_bits()
    } else {
        number.to_bits()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(values: &[(usize, Value)]) -> Digest {
        let mut digester = Digester::default();
        for (column, value) in values {
            digester.add(*column, value);
        }
        digester.finish()
    }

    #[test]
    fn values_do_not_run_into_each_other() {
        let text = |text: &'static str| Value::Text(text.into());
        assert_ne!(
            digest(&[(0, text("ab")), (1, text("c"))]),
            digest(&[(0, text("a")), (1, text("bc"))])
        );
        assert_ne!(digest(&[(0, text("a"))]), digest(&[(1, text("a"))]));
        assert_ne!(digest(&[(0, text(""))]), digest(&[]));
        assert_ne!(
            digest(&[(0, text("a"))]),
            digest(&[(0, Value::Blob(b"a".as_slice().into()))])
        );
    }

    #[test]
    fn the_two_zeros_are_equal() {
        let float = |number| digest(&[(0, Value::Float(number))]);
        assert_eq!(float(0.0), float(-0.0));
        assert_ne!(float(0.0), float(f64::INFINITY));
    }
}
