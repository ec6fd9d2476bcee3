//! Values and rows, as both ends are compared: SQLite's five storage classes,
//! with every bit that they hold.

use std::fmt;

/// One value.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// `NULL`
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A real number, by its bits: `-0.0` is not `0.0`.
    Real(u64),
    /// Text, which need not be UTF-8.
    Text(Vec<u8>),
    /// Bytes.
    Blob(Vec<u8>),
}

impl Value {
    /// A real number.
    #[must_use]
    pub fn real(number: f64) -> Self {
        Self::Real(number.to_bits())
    }

    /// A text.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::Text(text.as_bytes().to_vec())
    }

    /// The text, if it is one.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(bytes) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }

    /// The integer, if it is one.
    #[must_use]
    pub fn as_integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }
}

/// Shows enough to find the value again, and not five megabytes.
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

/// Rows with the names of their columns.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Names.
    pub columns: Vec<String>,
    /// Values, in the order of the columns.
    pub rows: Vec<Vec<Value>>,
    /// Names of columns in which whole numbers are real ones.
    pub numeric: Vec<String>,
}

impl Rows {
    /// The only value of the only row.
    #[must_use]
    pub fn single(&self) -> Option<&Value> {
        match self.rows.as_slice() {
            [row] if row.len() == 1 => row.first(),
            _ => None,
        }
    }

    /// The values of one column.
    #[must_use]
    pub fn column(&self, name: &str) -> Vec<&Value> {
        let Some(index) = self.columns.iter().position(|column| column == name) else {
            return Vec::new();
        };
        self.rows.iter().filter_map(|row| row.get(index)).collect()
    }
}
