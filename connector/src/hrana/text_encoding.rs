//! Encodings in which databases store text.

use std::borrow::Cow;

/// Encoding of the text of a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextEncoding {
    Utf8,
    Utf16Le,
    Utf16Be,
}

impl TextEncoding {
    /// Parses the storage class of text in the typed encoding. `None` for the
    /// other classes.
    pub(super) fn from_class(class: &str) -> Option<Self> {
        Some(match class {
            "text" => Self::Utf8,
            "text16le" => Self::Utf16Le,
            "text16be" => Self::Utf16Be,
            _ => return None,
        })
    }

    /// Decodes a text. `None` if the bytes are not valid.
    pub(super) fn decode(self, bytes: &[u8]) -> Option<Cow<'_, str>> {
        let unit = match self {
            Self::Utf8 => return std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Self::Utf16Le => u16::from_le_bytes,
            Self::Utf16Be => u16::from_be_bytes,
        };
        let (pairs, []) = bytes.as_chunks::<2>() else {
            return None;
        };
        let units: Vec<u16> = pairs.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16(&units).ok().map(Cow::Owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_decoded_in_its_encoding() {
        let text = "a\0ä\u{1f600}";
        let units: Vec<u16> = text.encode_utf16().collect();
        let le: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let be: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        for (class, bytes) in [
            ("text", text.as_bytes()),
            ("text16le", &le[..]),
            ("text16be", &be[..]),
        ] {
            let encoding = TextEncoding::from_class(class).unwrap();
            assert_eq!(encoding.decode(bytes).as_deref(), Some(text), "{class}");
        }
        assert_eq!(TextEncoding::from_class("blob"), None);
        assert_eq!(TextEncoding::Utf8.decode(&[0xff]), None);
        assert_eq!(TextEncoding::Utf16Le.decode(&[0x00, 0xd8]), None);
        assert_eq!(TextEncoding::Utf16Be.decode(&[0x00]), None);
    }
}
