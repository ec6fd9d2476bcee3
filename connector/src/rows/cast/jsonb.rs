//! JSONB, the binary form in which SQLite stores JSON, as text.
//!
//! Source: "The SQLite JSONB Format". The result is that of SQLite's `json()`.

use std::fmt::Write as _;

/// Maximum depth of nested elements, which is that of the check of JSON text.
const MAX_DEPTH: usize = 128;

/// Returns the JSON text of a whole blob. `None` if it is not JSONB.
pub(super) fn to_json(bytes: &[u8]) -> Option<String> {
    let mut text = String::new();
    let (element, rest) = Element::split(bytes)?;
    element.write(&mut text, 0)?;
    rest.is_empty().then_some(text)
}

/// An element: the kind of its value, and the bytes of the value.
struct Element<'a> {
    kind: u8,
    payload: &'a [u8],
}

impl<'a> Element<'a> {
    /// Splits the first element from the bytes that follow.
    fn split(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (first, rest) = bytes.split_first()?;
        let length_bytes = match first >> 4 {
            12 => 1,
            13 => 2,
            14 => 4,
            15 => 8,
            _ => 0,
        };
        let (length, rest) = rest.split_at_checked(length_bytes)?;
        let size = if length_bytes == 0 {
            usize::from(first >> 4)
        } else {
            let length = length
                .iter()
                .fold(0_u64, |size, byte| size << 8 | u64::from(*byte));
            usize::try_from(length).ok()?
        };
        let (payload, rest) = rest.split_at_checked(size)?;
        let kind = first & 0x0f;
        Some((Self { kind, payload }, rest))
    }

    fn write(&self, text: &mut String, depth: usize) -> Option<()> {
        if depth >= MAX_DEPTH {
            return None;
        }
        let content = || std::str::from_utf8(self.payload).ok();
        match self.kind {
            0 if self.payload.is_empty() => text.push_str("null"),
            1 if self.payload.is_empty() => text.push_str("true"),
            2 if self.payload.is_empty() => text.push_str("false"),
            3 | 5 => text.push_str(number(content()?)?),
            4 => write_hexadecimal(content()?, text)?,
            6 => write_short_float(content()?, text)?,
            // Text that needs no escapes, or has those of JSON.
            7 | 8 => {
                let _ = write!(text, "\"{}\"", content()?);
            }
            9 => write_json5_text(content()?, text)?,
            10 => text.push_str(&serde_json::to_string(content()?).ok()?),
            11 => self.write_members(text, ('[', ']'), false, depth)?,
            12 => self.write_members(text, ('{', '}'), true, depth)?,
            _ => return None,
        }
        Some(())
    }

    /// Writes an array or, with keys, an object.
    fn write_members(
        &self,
        text: &mut String,
        brackets: (char, char),
        has_keys: bool,
        depth: usize,
    ) -> Option<()> {
        text.push(brackets.0);
        let mut rest = self.payload;
        while !rest.is_empty() {
            if rest.len() < self.payload.len() {
                text.push(',');
            }
            let (mut member, mut after) = Element::split(rest)?;
            if has_keys {
                if !(7..=10).contains(&member.kind) {
                    return None;
                }
                member.write(text, depth + 1)?;
                text.push(':');
                (member, after) = Element::split(after)?;
            }
            member.write(text, depth + 1)?;
            rest = after;
        }
        text.push(brackets.1);
        Some(())
    }
}

/// Returns a number of JSON.
fn number(text: &str) -> Option<&str> {
    serde_json::from_str::<serde_json::Number>(text).ok()?;
    Some(text)
}

/// Writes a hexadecimal integer of JSON5 in decimal digits.
fn write_hexadecimal(text: &str, out: &mut String) -> Option<()> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.strip_prefix("0x").or(digits.strip_prefix("0X"))?;
    let value = u64::from_str_radix(digits, 16).ok()?;
    let _ = write!(out, "{sign}{value}");
    Some(())
}

/// Writes a float of JSON5, which may lack digits before or after its point.
fn write_short_float(text: &str, out: &mut String) -> Option<()> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, rest) = digits.split_once('.')?;
    let zero = |part: &str| {
        if part.starts_with(|c: char| c.is_ascii_digit()) {
            ""
        } else {
            "0"
        }
    };
    let written = format!("{sign}{}{whole}.{}{rest}", zero(whole), zero(rest));
    out.push_str(number(&written)?);
    Some(())
}

/// Writes text with escapes of JSON5.
fn write_json5_text(text: &str, out: &mut String) -> Option<()> {
    out.push('"');
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => match characters.next()? {
                '\'' => out.push('\''),
                'v' => out.push_str("\\u000b"),
                '0' => out.push_str("\\u0000"),
                'x' => {
                    let _ = write!(out, "\\u00{}{}", characters.next()?, characters.next()?);
                }
                // The end of a line that continues.
                '\n' | '\u{2028}' | '\u{2029}' => {}
                '\r' => {
                    if let Some(rest) = characters.as_str().strip_prefix('\n') {
                        characters = rest.chars();
                    }
                }
                escaped => {
                    out.push('\\');
                    out.push(escaped);
                }
            },
            control if control.is_ascii_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(control));
            }
            other => out.push(other),
        }
    }
    out.push('"');
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_element_is_written() {
        for (bytes, expected) in [
            (&b"\x00"[..], "null"),
            (b"\x01", "true"),
            (b"\x02", "false"),
            (b"\x23-7", "-7"),
            (b"\x440x1F", "31"),
            (b"\x351.5", "1.5"),
            (b"\x26.5", "0.5"),
            (b"\x265.", "5.0"),
            (b"\x27ab", "\"ab\""),
            (b"\x28\\n", "\"\\n\""),
            (b"\x49\\x41", "\"\\u0041\""),
            (b"\x3Aa\"\n", "\"a\\\"\\n\""),
            (b"\x0B", "[]"),
            (b"\x0C", "{}"),
            (b"\x4B\x131\x132", "[1,2]"),
            (b"\x5C\x17a\x2B\x131", "{\"a\":[1]}"),
            // A length in a byte of its own, as sqlite3 writes it for objects.
            (b"\xCC\x04\x17a\x131", "{\"a\":1}"),
            (b"\xE7\x00\x00\x00\x01x", "\"x\""),
        ] {
            assert_eq!(to_json(bytes).as_deref(), Some(expected), "{bytes:?}");
        }
    }

    #[test]
    fn other_bytes_are_not_jsonb() {
        for bytes in [
            &b""[..],
            b"\x0D",
            b"\x10x",
            b"\x13",
            b"\x13x",
            b"\x131\x00",
            b"\xC7",
            b"\xF7\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx",
            b"\x17\xFF",
            b"\x4C\x131\x132",
            b"\x2C\x17a",
        ] {
            assert_eq!(to_json(bytes), None, "{bytes:?}");
        }
        let deep: Vec<u8> = (0..200_u64)
            .rev()
            .flat_map(|inner| {
                let mut head = vec![0xFB];
                head.extend((inner * 9).to_be_bytes());
                head
            })
            .collect();
        assert_eq!(to_json(&deep), None);
    }
}
