//! Walks JSON text without making anything of it that nobody asked for. What
//! a tagged value of Hrana is, only [`cell`] knows.

mod cell;

use std::borrow::Cow;

use memchr::memchr2;

pub use self::cell::Cell;
use super::DecodeError;

/// How deep ignored values may be nested before the answer is refused.
const MAX_DEPTH: usize = 64;

/// A place in JSON text.
#[derive(Clone, Debug)]
pub struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    /// At the beginning of `text`.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// At byte `at` of `text`.
    #[must_use]
    pub fn starting_at(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// The error that something was expected here.
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

    fn space(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.text.as_bytes().get(self.at) {
            self.at += 1;
        }
    }

    /// The next byte that is not space.
    pub fn peek(&mut self) -> Option<u8> {
        self.space();
        self.text.as_bytes().get(self.at).copied()
    }

    /// Goes past `byte` if it is next.
    #[inline]
    pub fn eat(&mut self, byte: u8) -> bool {
        self.eat_byte(byte) || {
            self.space();
            self.eat_byte(byte)
        }
    }

    /// Goes past `byte` if exactly that is next.
    #[inline]
    fn eat_byte(&mut self, byte: u8) -> bool {
        let found = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(found);
        found
    }

    /// Goes past `byte`, which must be next.
    #[inline]
    pub fn expect(&mut self, byte: u8, expected: &'static str) -> Result<(), DecodeError> {
        if self.eat(byte) {
            Ok(())
        } else {
            Err(self.expected(expected))
        }
    }

    /// Nothing but space may follow.
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

    /// A string; borrowed unless it holds an escape.
    pub fn string(&mut self) -> Result<Cow<'a, str>, DecodeError> {
        self.expect(b'"', "a string")?;
        self.string_rest()
    }

    /// A string whose opening quote is behind.
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

    /// The slow path: finds the closing quote, then lets `serde_json` do the
    /// escapes.
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

    /// A number, `true`, `false` or `null`, as it is written.
    #[inline]
    pub fn literal(&mut self) -> Result<&'a str, DecodeError> {
        self.space();
        let start = self.at;
        let ends = |byte: &u8| {
            matches!(
                byte,
                b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t' | b'"' | b':' | b'[' | b'{'
            )
        };
        let length = self.rest().iter().position(ends);
        self.at += length.unwrap_or(self.rest().len());
        if self.at == start {
            Err(self.expected("a value"))
        } else {
            self.slice(start, self.at)
        }
    }

    /// A string or `null`.
    pub fn optional_string(&mut self) -> Result<Option<String>, DecodeError> {
        if self.peek() == Some(b'"') {
            return self.string().map(|text| Some(text.into_owned()));
        }
        match self.literal()? {
            "null" => Ok(None),
            _ => Err(self.expected("a string or null")),
        }
    }

    /// A count; none for `null`.
    pub fn optional_count(&mut self) -> Result<Option<u64>, DecodeError> {
        match self.literal()? {
            "null" => Ok(None),
            digits => digits
                .parse()
                .map(Some)
                .map_err(|_| self.expected("a count")),
        }
    }

    /// `true` or `false`.
    pub fn boolean(&mut self) -> Result<bool, DecodeError> {
        match self.literal()? {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// Goes past a value of any kind.
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
