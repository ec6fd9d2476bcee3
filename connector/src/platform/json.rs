//! JSON as it came: numbers keep all their digits and texts their bytes.
//! Makes nothing of it, and knows no endpoint.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// How deep values may be nested; nothing that is deeper is looked through.
const MAX_DEPTH: usize = 64;

/// Members of an object, in their order.
#[derive(Debug)]
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a RawValue)>);

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// Null.
    Null,
    /// True or false.
    Boolean,
    /// A number.
    Number,
    /// Text.
    Text,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

impl<'a> Object<'a> {
    /// The members of a value; none if it is no object.
    #[must_use]
    pub(super) fn of(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    /// The value of a member, of the last one if there are several.
    #[must_use]
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut members = self.0.iter().rev();
        members
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// The names of the members, for messages.
    #[must_use]
    pub(super) fn names(&self) -> String {
        const MOST: usize = 10;
        let names = self.0.iter().map(|(name, _)| format!("`{name}`"));
        let names: Vec<_> = names.take(MOST).collect();
        if names.is_empty() {
            return "nothing".to_owned();
        }
        names.join(", ")
    }
}

impl Shape {
    /// What a value is. Its first byte says so.
    #[must_use]
    pub(super) fn of(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number,
        }
    }

    /// What it is called.
    #[must_use]
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// The elements of an array; none if it is none.
#[must_use]
pub(super) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// The text of a value; none if it is no text, or has half a character.
#[must_use]
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// The integer of a value; none if it is none of 64 bits.
#[must_use]
pub(super) fn integer(value: &RawValue) -> Option<i64> {
    value.get().parse().ok()
}

/// Writes values without the members that are left out.
#[derive(Debug)]
pub(super) struct Writer<F> {
    /// Says of a name whether it is left out, and may take note of it.
    leave_out: F,
    /// Whether members come in the order of their names.
    sorted: bool,
}

impl<F: FnMut(&str) -> bool> Writer<F> {
    /// Members come in their own order.
    pub(super) fn new(leave_out: F) -> Self {
        Self {
            leave_out,
            sorted: false,
        }
    }

    /// Members come in the order of their names, so that the same value is
    /// always the same text.
    pub(super) fn sorted(leave_out: F) -> Self {
        Self {
            leave_out,
            sorted: true,
        }
    }

    /// The value as text.
    pub(super) fn written(&mut self, value: &RawValue) -> String {
        let mut out = String::with_capacity(value.get().len());
        self.value(value, 0, &mut out);
        out
    }

    /// Appends a member to an object whose opening brace is there.
    pub(super) fn member(&mut self, name: &str, value: &RawValue, out: &mut String) {
        if !(self.leave_out)(name) {
            key(name, out);
            self.value(value, 1, out);
        }
    }

    fn value(&mut self, value: &RawValue, depth: usize, out: &mut String) {
        if depth > MAX_DEPTH {
            out.push_str("null");
            return;
        }
        match Shape::of(value) {
            Shape::Object => {
                let mut members = Object::of(value).map(|object| object.0).unwrap_or_default();
                if self.sorted {
                    members.sort_by(|(one, _), (other, _)| one.cmp(other));
                }
                out.push('{');
                for (name, value) in members {
                    if !(self.leave_out)(&name) {
                        key(&name, out);
                        self.value(value, depth + 1, out);
                    }
                }
                out.push('}');
            }
            Shape::Array => {
                out.push('[');
                for (at, element) in elements(value).unwrap_or_default().into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.value(element, depth + 1, out);
                }
                out.push(']');
            }
            _ => out.push_str(value.get()),
        }
    }
}

/// A name, after a comma if it is not the first of its object.
pub(super) fn key(name: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    quoted(name, out);
    out.push(':');
}

/// A text as JSON.
pub(super) fn quoted(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_are_written_as_they_came() {
        let value = raw(
            r#" {"b": [1, 18446744073709551616, 1.10, -0, 1e400, "\u00e4\ud800"], "a" : {} , "b": null} "#,
        );
        assert_eq!(
            Writer::new(|_: &str| false).written(&value),
            r#"{"b":[1,18446744073709551616,1.10,-0,1e400,"\u00e4\ud800"],"a":{},"b":null}"#
        );
        assert_eq!(
            Writer::sorted(|_: &str| false).written(&raw(r#"{"b":1,"a":{"d":2,"c":3}}"#)),
            r#"{"a":{"c":3,"d":2},"b":1}"#
        );
    }

    #[test]
    fn what_is_left_out_is_left_out_at_any_depth_and_in_any_writing() {
        let value = raw(r#"{"x":[{"\u0074oken":"1","y":1}],"token":{"z":1}}"#);
        let mut names = Vec::new();
        let mut writer = Writer::new(|name: &str| {
            let found = name == "token";
            names.extend(found.then(|| name.to_owned()));
            found
        });
        assert_eq!(writer.written(&value), r#"{"x":[{"y":1}]}"#);
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn nesting_ends_somewhere() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let written = Writer::new(|_: &str| false).written(&raw(&deep));
        assert!(written.contains("null"), "{written}");
    }
}
