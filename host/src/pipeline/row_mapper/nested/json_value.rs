//! JSON values that keep the digits of numbers and the order of keys. Accepts
//! only what every reader accepts: RFC 8259, numbers in the range of a float,
//! no unpaired surrogates, a bounded depth.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum JsonValue {
    Null,
    Boolean(bool),
    Integer(i64),
    /// Digits of an integer outside of the range of `i64`.
    Digits(String),
    Real(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// Smallest float that can stand for an integer outside of the range of `i64`.
const MIN_LARGE_INTEGER: f64 = 9_223_372_036_854_775_808.0;

impl JsonValue {
    /// Parses a text. `None` if it is not valid JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: Self = serde_json::from_str(text).ok()?;
        if value.may_have_lost_digits() {
            return Self::parse_exactly(serde_json::from_str(text).ok()?);
        }
        Some(value)
    }

    /// True for null and for containers without values. They create no column
    /// and no table.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    fn may_have_lost_digits(&self) -> bool {
        match self {
            Self::Real(value) => value.abs() >= MIN_LARGE_INTEGER,
            Self::List(items) => items.iter().any(Self::may_have_lost_digits),
            Self::Object(members) => members
                .iter()
                .any(|(_, value)| value.may_have_lost_digits()),
            _ => false,
        }
    }

    /// Parses each number from its text, so that no digit is lost.
    fn parse_exactly(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let items = items.into_iter().map(Self::parse_exactly);
                Self::List(items.collect::<Option<_>>()?)
            }
            b'{' => {
                let members: Members = serde_json::from_str(text).ok()?;
                let members = first_of_each(members.0).into_iter();
                let members = members.map(|(key, raw)| Some((key, Self::parse_exactly(raw)?)));
                Self::Object(members.collect::<Option<_>>()?)
            }
            b'-' | b'0'..=b'9' if !text.contains(['.', 'e', 'E']) => match text.parse() {
                Ok(value) => Self::Integer(value),
                Err(_) => Self::Digits(text.to_owned()),
            },
            _ => serde_json::from_str(text).ok()?,
        })
    }

    /// Formats the value as JSON.
    pub(super) fn to_json(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::Digits(digits) => digits.clone(),
            Self::Real(value) => serde_json::Value::from(*value).to_string(),
            Self::Text(text) => quoted(text),
            Self::List(items) => {
                let items: Vec<_> = items.iter().map(Self::to_json).collect();
                format!("[{}]", items.join(","))
            }
            Self::Object(members) => {
                let members = members.iter();
                let members = members.map(|(key, value)| quoted(key) + ":" + &value.to_json());
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Removes members with the key of an earlier member.
fn first_of_each<V>(members: Vec<(String, V)>) -> Vec<(String, V)> {
    let mut keys: Vec<&str> = members.iter().map(|(key, _)| key.as_str()).collect();
    keys.sort_unstable();
    if keys.array_windows().all(|[one, next]| one != next) {
        return members;
    }
    let mut seen = HashSet::new();
    let members = members.into_iter();
    members
        .filter(|(key, _)| seen.insert(key.clone()))
        .collect()
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl<'de> Deserialize<'de> for JsonValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

/// Visitor of any value.
struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = JsonValue;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<JsonValue, E> {
        Ok(JsonValue::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<JsonValue, E> {
        Ok(JsonValue::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<JsonValue, E> {
        Ok(JsonValue::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<JsonValue, E> {
        let small = i64::try_from(value).map(JsonValue::Integer);
        Ok(small.unwrap_or_else(|_| JsonValue::Digits(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<JsonValue, E> {
        Ok(JsonValue::Real(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<JsonValue, E> {
        Ok(JsonValue::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<JsonValue, E> {
        Ok(JsonValue::Text(text))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<JsonValue, S::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(JsonValue::List(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<JsonValue, M::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(JsonValue::Object(first_of_each(object)))
    }
}

/// The members of an object, with the text of their values.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(InOrder).map(Members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_digits() {
        let list = "[9223372036854775807,9223372036854775808,-9223372036854775809,\
                    123456789012345678901234567890,1e300,0.5]";
        let digits = |digits: &str| JsonValue::Digits(digits.to_owned());
        assert_eq!(
            JsonValue::parse(list).unwrap(),
            JsonValue::List(vec![
                JsonValue::Integer(i64::MAX),
                digits("9223372036854775808"),
                digits("-9223372036854775809"),
                digits("123456789012345678901234567890"),
                JsonValue::Real(1e300),
                JsonValue::Real(0.5),
            ])
        );
        let object = r#"{"b":[123456789012345678901234567890],"a":{"x":null,"y":"\u00e4"}}"#;
        let value = JsonValue::parse(object).unwrap();
        assert_eq!(value.to_json(), object.replace("\\u00e4", "ä"));
    }

    /// Fast parsers read about one number in eight as a neighbouring float.
    #[test]
    fn floats_have_every_bit() {
        for number in 1..10_000_u32 {
            let value =
                f64::from(number) / 3.0 * 1e-7_f64.powi(i32::try_from(number % 40).unwrap() - 20);
            let read = JsonValue::parse(&format!("[{value:e},{value:?}]"));
            let expected = JsonValue::List(vec![JsonValue::Real(value); 2]);
            assert_eq!(read, Some(expected), "{value:e}");
        }
    }

    #[test]
    fn text_that_some_readers_refuse_is_not_json() {
        for text in [
            "",
            "{",
            "[1,]",
            "{'a':1}",
            "nan",
            "1e999",
            r#""\ud800""#,
            "\"a\nb\"",
            "1 2",
            &"[".repeat(200),
            &("[".repeat(200) + &"]".repeat(200)),
        ] {
            assert_eq!(JsonValue::parse(text), None, "{text}");
        }
        assert_eq!(JsonValue::parse(" null\n"), Some(JsonValue::Null));
    }
}
