//! Values and rows for comparing both ends: SQLite's five storage classes, bit
//! by bit.

use std::fmt;

/// Value of one of SQLite's storage classes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// `NULL`
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// Bits of a real number: `-0.0` differs from `0.0`.
    Real(u64),
    /// Text, not necessarily UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// Creates a real number.
    #[must_use]
    pub fn real(number: f64) -> Self {
        Self::Real(number.to_bits())
    }

    /// Creates a text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// Returns the text, if the value is text in UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// Returns the integer, if the value is an integer.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Long values are abbreviated.
impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = |f: &mut fmt::Formatter<'_>, kind: &str, bytes: &[u8]| {
            let head = bytes[..bytes.len().min(40)].escape_ascii();
            let more = if bytes.len() > 40 {
                format!("... {} bytes", bytes.len())
            } else {
                String::new()
            };
            write!(f, "{kind}'{head}{more}'")
        };
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Integer(number) => write!(f, "{number}"),
            Self::Real(bits) => write!(f, "{:?}", f64::from_bits(*bits)),
            Self::Text(text) => bytes(f, "", text),
            Self::Blob(blob) => bytes(f, "x", blob),
        }
    }
}

/// Rows with column names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Values of each row, in the order of the columns.
    pub rows: Vec<Vec<Value>>,
    /// Names of columns whose whole numbers count as real numbers.
    pub numeric: Vec<String>,
}

impl Rows {
    /// Returns the only value of the only row.
    #[must_use]
    pub fn single(&self) -> Option<&Value> {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => row.first(),
            _ => None,
        }
    }

    /// Returns the values of one column.
    #[must_use]
    pub fn column(&self, name: &str) -> Vec<&Value> {
        let Some(index) = self.columns.iter().position(|column| column == name) else {
            return Vec::new();
        };
        self.rows.iter().filter_map(|row| row.get(index)).collect()
    }
}
