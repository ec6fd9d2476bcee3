//! Text and bytes of values.

use std::borrow::Cow;

use serde::de::IgnoredAny;

use super::jsonb;
use crate::rows::datum::Datum;

/// Casts text, and numbers to the shortest digits that parse as the same
/// number.
pub(super) fn text<'a>(datum: &Datum<'a>) -> Option<Cow<'a, str>> {
    match *datum {
        Datum::Text(text) => Some(text.into()),
        Datum::Integer(value) => Some(value.to_string().into()),
        Datum::Real(value) if value.is_finite() => Some(format!("{value:?}").into()),
        _ => None,
    }
}

/// Casts values that can be cast to text, and blobs that hold JSON as text or in
/// the binary form of SQLite.
pub(super) fn json<'a>(datum: &Datum<'a>) -> Option<Cow<'a, str>> {
    let Datum::Blob(bytes) = *datum else {
        return text(datum);
    };
    let is_json = |text: &&str| serde_json::from_str::<IgnoredAny>(text).is_ok();
    match std::str::from_utf8(bytes).ok().filter(is_json) {
        Some(text) => Some(text.into()),
        None => jsonb::to_json(bytes).map(Cow::Owned),
    }
}

/// Casts bytes and the bytes of text.
pub(super) fn blob<'a>(datum: &Datum<'a>) -> Option<&'a [u8]> {
    match *datum {
        Datum::Blob(bytes) | Datum::TextBytes(bytes) => Some(bytes),
        Datum::Text(text) => Some(text.as_bytes()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finite_numbers_become_text_and_text_becomes_bytes() {
        assert_eq!(text(&Datum::Real(1.0)).as_deref(), Some("1.0"));
        assert_eq!(
            text(&Datum::Integer(i64::MIN)).as_deref(),
            Some("-9223372036854775808")
        );
        assert_eq!(text(&Datum::Real(f64::INFINITY)), None);
        assert_eq!(text(&Datum::Blob(b"x")), None);
        assert_eq!(blob(&Datum::Text("x")), Some(&b"x"[..]));
        assert_eq!(blob(&Datum::TextBytes(b"\xFF")), Some(&b"\xFF"[..]));
        assert_eq!(blob(&Datum::Integer(1)), None);
        assert_eq!(json(&Datum::Text("x")).as_deref(), Some("x"));
        assert_eq!(
            json(&Datum::Blob(b"{\"a\": 1}")).as_deref(),
            Some("{\"a\": 1}")
        );
        assert_eq!(json(&Datum::Blob(b"\x1B\x00")).as_deref(), Some("[null]"));
        assert_eq!(json(&Datum::Blob(b"\xFF")), None);
    }
}
