//! Tagged values, such as `{"type":"integer","value":"1"}`. The usual spelling
//! of servers has a fast path. Any other spelling is parsed by the rules of
//! JSON, to the same result.

use std::borrow::Cow;

use memchr::memchr;

use super::{DecodeError, Scanner};

/// A value of a row. Text without escapes and blobs are borrowed from the
/// response.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// SQL NULL.
    Null,
    /// A 64-bit integer.
    Integer(i64),
    /// A finite float.
    Real(f64),
    /// An infinite float of unknown sign: JSON has `null` for both.
    LostInfinity,
    /// Text.
    Text(Cow<'a, str>),
    /// Bytes, still in base64.
    Blob(&'a str),
}

impl<'a> Scanner<'a> {
    /// Reads a tagged value, such as `{"type":"integer","value":"1"}`.
    pub fn cell(&mut self) -> Result<Cell<'a>, DecodeError> {
        let start = self.at;
        if let Some(cell) = self.usual_cell()? {
            return Ok(cell);
        }
        self.at = start;
        self.any_cell()
    }

    /// Reads the spelling that every known server uses. Any deviation is left
    /// to [`any_cell`](Self::any_cell).
    #[inline]
    fn usual_cell(&mut self) -> Result<Option<Cell<'a>>, DecodeError> {
        /// Offset of the type's name.
        const TYPE: usize = br#"{"type":""#.len();
        let bytes = self.rest();
        let cell = match bytes.get(TYPE) {
            Some(b'i') if self.eat_pattern(br#"{"type":"integer","value":""#) => {
                let Some(integer) = self.digits() else {
                    return Ok(None);
                };
                if !self.eat_byte(b'"') {
                    return Ok(None);
                }
                Cell::Integer(integer)
            }
            Some(b't') if self.eat_pattern(br#"{"type":"text","value":""#) => {
                Cell::Text(self.string_rest()?)
            }
            Some(b'n') if self.eat_pattern(br#"{"type":"null"}"#) => return Ok(Some(Cell::Null)),
            Some(b'f') if self.eat_pattern(br#"{"type":"float","value":"#) => self.real()?,
            Some(b'b') if self.eat_pattern(br#"{"type":"blob","base64":""#) => {
                let start = self.at;
                let Some(length) = memchr(b'"', self.rest()) else {
                    return Ok(None);
                };
                self.at += length + 1;
                Cell::Blob(self.slice(start, start + length)?)
            }
            _ => return Ok(None),
        };
        Ok(self.eat_byte(b'}').then_some(cell))
    }

    /// Skips `pattern` if it is next, comparing eight bytes at a time. In
    /// WebAssembly, comparing slices is a call and a loop over bytes.
    #[inline]
    fn eat_pattern<const N: usize>(&mut self, pattern: &[u8; N]) -> bool {
        const { assert!(N >= 8) };
        let Some(head) = self.rest().first_chunk::<N>() else {
            return false;
        };
        let mut at = 0;
        while at + 8 <= N {
            if word(head, at) != word(pattern, at) {
                return false;
            }
            at += 8;
        }
        let found = word(head, N - 8) == word(pattern, N - 8);
        if found {
            self.at += N;
        }
        found
    }

    /// Reads decimal digits with an optional sign, unless they might overflow.
    #[inline]
    fn digits(&mut self) -> Option<i64> {
        /// Number of digits that never overflow. Checked multiplication of 64
        /// bits is slow in WebAssembly.
        const MAX_DIGITS: usize = 18;
        let bytes = self.rest();
        let sign = usize::from(bytes.first() == Some(&b'-'));
        let mut length = sign;
        let mut value: i64 = 0;
        while let Some(digit @ b'0'..=b'9') = bytes.get(length) {
            value = value.wrapping_mul(10).wrapping_add(i64::from(digit - b'0'));
            length += 1;
        }
        if length == sign || length - sign > MAX_DIGITS {
            return None;
        }
        self.at += length;
        Some(if sign == 1 { -value } else { value })
    }

    #[inline]
    fn real(&mut self) -> Result<Cell<'a>, DecodeError> {
        match self.literal()? {
            "null" => Ok(Cell::LostInfinity),
            number => number
                .parse()
                .map(Cell::Real)
                .map_err(|_| self.expected("a float")),
        }
    }

    /// Reads a tagged value in any spelling that JSON allows.
    fn any_cell(&mut self) -> Result<Cell<'a>, DecodeError> {
        let mut kind = None;
        let mut value = None;
        self.object(|scanner, key| {
            match key {
                "type" => kind = Some(scanner.string()?),
                "value" | "base64" => {
                    scanner.peek();
                    value = Some(scanner.clone());
                    scanner.skip()?;
                }
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        let mut value = match (kind.as_deref(), value) {
            (Some("null"), _) => return Ok(Cell::Null),
            (_, Some(value)) => value,
            _ => return Err(self.expected("a value with its type")),
        };
        match kind.as_deref() {
            Some("integer") => {
                let text = if value.peek() == Some(b'"') {
                    value.string()?
                } else {
                    value.literal()?.into()
                };
                text.parse()
                    .map(Cell::Integer)
                    .map_err(|_| value.expected("a 64-bit integer"))
            }
            Some("float") => value.real(),
            Some("text") => value.string().map(Cell::Text),
            Some("blob") => match value.string()? {
                Cow::Borrowed(base64) => Ok(Cell::Blob(base64)),
                Cow::Owned(_) => Err(value.expected("base64 without escapes")),
            },
            _ => Err(self.expected("a known type of value")),
        }
    }
}

/// Returns eight bytes from `at`.
#[inline]
fn word<const N: usize>(bytes: &[u8; N], at: usize) -> u64 {
    bytes[at..]
        .first_chunk()
        .map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> Result<Cell<'_>, DecodeError> {
        let mut scanner = Scanner::new(text);
        let cell = scanner.cell()?;
        scanner.end()?;
        Ok(cell)
    }

    #[test]
    fn every_storage_class_is_read() {
        assert_eq!(cell(r#"{"type":"null"}"#), Ok(Cell::Null));
        assert_eq!(
            cell(r#"{"type":"integer","value":"9223372036854775807"}"#),
            Ok(Cell::Integer(i64::MAX))
        );
        assert_eq!(
            cell(r#"{"type":"integer","value":"-9223372036854775808"}"#),
            Ok(Cell::Integer(i64::MIN))
        );
        assert_eq!(cell(r#"{"type":"float","value":1.0}"#), Ok(Cell::Real(1.0)));
        assert_eq!(
            cell(r#"{"type":"float","value":-1.7976931348623157e308}"#),
            Ok(Cell::Real(f64::MIN))
        );
        assert_eq!(
            cell(r#"{"type":"float","value":null}"#),
            Ok(Cell::LostInfinity)
        );
        assert_eq!(
            cell(r#"{"type":"text","value":"snö"}"#),
            Ok(Cell::Text("snö".into()))
        );
        assert_eq!(
            cell(r#"{"type":"text","value":""}"#),
            Ok(Cell::Text("".into()))
        );
        assert_eq!(
            cell(r#"{"type":"text","value":"a\"\\\u0000\ud83d\ude00"}"#),
            Ok(Cell::Text("a\"\\\0😀".into()))
        );
        assert_eq!(
            cell(r#"{"type":"blob","base64":"3q2+"}"#),
            Ok(Cell::Blob("3q2+"))
        );
        assert_eq!(cell(r#"{"type":"blob","base64":""}"#), Ok(Cell::Blob("")));
    }

    #[test]
    fn an_unusual_spelling_has_the_same_value() {
        assert_eq!(
            cell(r#" { "value" : "-1" , "type" : "integer" } "#),
            Ok(Cell::Integer(-1))
        );
        assert_eq!(
            cell(r#"{"type":"integer","value":7}"#),
            Ok(Cell::Integer(7))
        );
        assert_eq!(
            cell(r#"{"type":"text","value":"a","extra":[{}]}"#),
            Ok(Cell::Text("a".into()))
        );
        assert_eq!(cell(r#"{"type":"null","value":null}"#), Ok(Cell::Null));
        assert_eq!(cell(r#"{"type":"float","value":1}"#), Ok(Cell::Real(1.0)));
    }

    #[test]
    fn other_json_is_not_a_value() {
        for text in [
            "",
            "{",
            "null",
            r#"{"type":"integer","value":"9223372036854775808"}"#,
            r#"{"type":"integer","value":""}"#,
            r#"{"type":"integer","value":"-"}"#,
            r#"{"type":"text","value":"a"#,
            r#"{"type":"text","value":"\x"}"#,
            r#"{"type":"text"}"#,
            r#"{"type":"decimal","value":"1"}"#,
            r#"{"type":"float","value":--1}"#,
            r#"{"type":"text","value":"\"#,
        ] {
            assert!(cell(text).is_err(), "{text}");
        }
    }
}
