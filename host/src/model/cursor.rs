//! The saved position of an incremental read, which is opaque to the host, and the
//! values of a cursor column that limit one.

/// A saved position in a resource, in a format that only its connector knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Format version of `value`. A connector refuses a version that it does not
    /// know.
    pub version: u32,
    /// Encoded position.
    pub value: Vec<u8>,
}

/// A value of a cursor column, as an operator writes it. A time is a text.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum CursorValue {
    /// Integer.
    Integer(i64),
    /// Float.
    Real(f64),
    /// Text, or a time.
    Text(String),
}

impl CursorValue {
    /// True if this value is certain not to be less than another one.
    #[must_use]
    pub fn is_from(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Integer(one), Self::Integer(other)) => one >= other,
            (Self::Real(one), Self::Real(other)) => one >= other,
            (Self::Text(one), Self::Text(other)) => one >= other,
            // Values of different types compare as the source defines it.
            _ => false,
        }
    }
}
