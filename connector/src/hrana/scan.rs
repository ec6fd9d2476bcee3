//! A pull parser for JSON text that builds only the requested values. Only
//! [`cell`] knows the tagged values of Hrana.

mod cell;

use std::borrow::Cow;

use memchr::memchr2;

pub use self::cell::Cell;
use super::DecodeError;

/// Maximum nesting depth of skipped values.
const MAX_DEPTH: usize = 64;

/// A position in JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// Creates a scanner at the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// Creates a scanner at byte `at` of `text`.
    #[must_use]
    pub fn starting_at(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Returns the error that something else was expected here.
    #[must_use]
    pub fn expected(&self, expected: &'static str) -> DecodeError {
        DecodeError::Malformed {
            at: self.at,
            expected,
        }
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn skip_space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// Returns the next byte that is not space.
    pub fn peek(&mut self) -> Option<u8> {
        self.skip_space();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips `byte` if it is next, after any space.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        self.eat_byte(byte) || {
            self.skip_space();
            self.eat_byte(byte)
        }
    }

    /// Skips `byte` if it is next, without space.
    #[inline]
    fn eat_byte(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Skips `byte`, which must be next.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), DecodeError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// Checks that only space follows.
    pub fn end(&mut self) -> Result<(), DecodeError> {
        if self.peek().is_none() {
            Ok(())
        } else {
            Err(self.expected("the end"))
        }
    }

    /// Calls `entry` for each member of an object, at its value.
    pub fn object(
        &mut self,
        mut entry: impl FnMut(&mut Self, &str) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'{', "an object")?;
        if self.eat(b'}') {
            return Ok(());
        }
        loop {
            let key = self.string()?;
            self.expect(b':', "`:`")?;
            entry(self, &key)?;
            if !self.eat(b',') {
                return self.expect(b'}', "`,` or `}`");
            }
        }
    }

    /// Calls `element` for each element of an array.
    pub fn array(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        self.expect(b'[', "an array")?;
        if self.eat(b']') {
            return Ok(());
        }
        loop {
            element(self)?;
            if !self.eat(b',') {
                return self.expect(b']', "`,` or `]`");
            }
        }
    }

    /// Reads a string, borrowed unless it has an escape.
    pub fn string(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        self.expect(b'"', "a string")?;
        self.string_rest()
    }

    /// Reads a string whose opening quote has been read.
    fn string_rest(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        let start = self.at;
        match memchr2(b'"', b'\\', self.rest()) {
            Some(length) if self.rest()[length] == b'"' => {
                self.at += length + 1;
                self.slice(start, start + length).map(Cow::Borrowed)
            }
            Some(_) => self.escaped_string(start).map(Cow::Owned),
            None => Err(self.expected("the end of a string")),
        }
    }

    /// Reads a string with escapes: finds the closing quote, then calls
    /// `serde_json`.
    fn escaped_string(&mut self, start: usize) -> Result<String, DecodeError> {
        loop {
            match memchr2(b'"', b'\\', self.rest()) {
                Some(length) if self.rest()[length] == b'"' => {
                    self.at += length + 1;
                    let quoted = self.slice(start - 1, self.at)?;
                    return serde_json::from_str(quoted).map_err(|_| DecodeError::Malformed {
                        at: start,
                        expected: "a JSON string",
                    });
                }
                Some(length) => self.at += length + 2,
                None => return Err(self.expected("the end of a string")),
            }
        }
    }

    fn slice(&self, start: usize, end: usize) -> Result<&'a str, DecodeError> {
        self.text.get(start..end).ok_or(DecodeError::NotUtf8)
    }

    /// Reads the text of a number, `true`, `false` or `null`.
    #[inline]
    pub fn literal(&mut self) -> Result<&'a str, DecodeError> {
        self.skip_space();
        let start = self.at;
        let is_end = |byte: &u8| {
            matches!(
                byte,
                b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b':' | b'[' | b'{'
            )
        };
        let length = self.rest().iter().position(is_end);
        self.at += length.unwrap_or(self.rest().len());
        if self.at == start {
            Err(self.expected("a value"))
        } else {
            self.slice(start, self.at)
        }
    }

    /// Reads a string or `null`.
    pub fn optional_string(&mut self) -> Result<Option<String>, DecodeError> {
        if self.peek() == Some(b'"') {
            return self.string().map(|text| Some(text.into_owned()));
        }
        match self.literal()? {
            "null" => Ok(None),
            _ => Err(self.expected("a string or null")),
        }
    }

    /// Reads a count or `null`.
    pub fn optional_count(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.literal()? {
            "null" => Ok(None),
            digits => digits
                .parse()
                .map(Some)
                .map_err(|_| self.expected("a count")),
        }
    }

    /// Reads `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.literal()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Skips a value of any type.
    pub fn skip(&mut self) -> Result<(), DecodeError> {
        self.skip_at(0)
    }

    fn skip_at(&mut self, depth: usize) -> Result<(), DecodeError> {
        if depth > MAX_DEPTH {
            return Err(self.expected("less nesting"));
        }
        match self.peek() {
            Some(b'"') => self.string().map(drop),
            Some(b'{') => self.object(|scanner, _| scanner.skip_at(depth + 1)),
            Some(b'[') => self.array(|scanner| scanner.skip_at(depth + 1)),
            _ => self.literal().map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deep_nesting_is_refused() {
        let text = "[".repeat(100_000);
        assert!(Scanner::new(&text).skip().is_err());
    }
}
