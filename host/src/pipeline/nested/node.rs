//! JSON as it is written: digits stay digits, keys their order. What is not
//! JSON to every reader is not JSON here: RFC 8259, numbers that a float can
//! hold, no half surrogates, a bounded depth.

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Node {
    Null,
    Boolean(bool),
    Integer(i64),
    /// An integer that no column of integers holds: its digits.
    Digits(String),
    Real(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

/// From here on a float may stand for an integer of which it lost digits.
const INTEGERS_END: f64 = 9_223_372_036_854_775_808.0;

impl Node {
    /// The value that a text is, if it is JSON.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let node: Self = serde_json::from_str(text).ok()?;
        if node.may_have_lost_digits() {
            return Self::parse_slowly(serde_json::from_str(text).ok()?);
        }
        Some(node)
    }

    /// Whether no column and no table comes of it.
    pub(super) fn is_nothing(&self) -> bool {
        match self {
            Self::Null => true,
            Self::List(items) => items.is_empty(),
            Self::Object(members) => members.is_empty(),
            _ => false,
        }
    }

    fn may_have_lost_digits(&self) -> bool {
        match self {
            Self::Real(value) => value.abs() >= INTEGERS_END,
            Self::List(items) => items.iter().any(Self::may_have_lost_digits),
            Self::Object(members) => members.iter().any(|(_, node)| node.may_have_lost_digits()),
            _ => false,
        }
    }

    /// The same, with every number looked at as it is written.
    fn parse_slowly(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        Some(match text.as_bytes().first()? {
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(text).ok()?;
                let items = items.into_iter().map(Self::parse_slowly);
                Self::List(items.collect::<Option<_>>()?)
            }
            b'{' => {
                let members: Members = serde_json::from_str(text).ok()?;
                let members = first_of_each(members.0).into_iter();
                let members = members.map(|(key, raw)| Some((key, Self::parse_slowly(raw)?)));
                Self::Object(members.collect::<Option<_>>()?)
            }
            b'-' | b'0'..=b'9' if !text.contains(['.', 'e', 'E']) => match text.parse() {
                Ok(value) => Self::Integer(value),
                Err(_) => Self::Digits(text.to_owned()),
            },
            _ => serde_json::from_str(text).ok()?,
        })
    }

    /// The value as JSON.
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
                let members = members.map(|(key, node)| quoted(key) + ":" + &node.to_json());
                format!("{{{}}}", members.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// Members without those whose key was there before.
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

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

/// Takes whatever comes.
struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Boolean(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Integer(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        let small = i64::try_from(value).map(Node::Integer);
        Ok(small.unwrap_or_else(|_| Node::Digits(value.to_string())))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Real(value))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut items: S) -> Result<Node, S::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<M: MapAccess<'de>>(self, mut members: M) -> Result<Node, M::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Node::Object(first_of_each(object)))
    }
}

/// The members of an object, as they are written.
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
        let digits = |digits: &str| Node::Digits(digits.to_owned());
        assert_eq!(
            Node::parse(list).unwrap(),
            Node::List(vec![
                Node::Integer(i64::MAX),
                digits("9223372036854775808"),
                digits("-9223372036854775809"),
                digits("123456789012345678901234567890"),
                Node::Real(1e300),
                Node::Real(0.5),
            ])
        );
        let object = r#"{"b":[123456789012345678901234567890],"a":{"x":null,"y":"\u00e4"}}"#;
        let node = Node::parse(object).unwrap();
        assert_eq!(node.to_json(), object.replace("\\u00e4", "ä"));
    }

    #[test]
    fn what_some_readers_refuse_is_no_json() {
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
            assert_eq!(Node::parse(text), None, "{text}");
        }
        assert_eq!(Node::parse(" null\n"), Some(Node::Null));
    }
}
