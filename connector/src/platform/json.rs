//! JSON without loss: numbers keep all digits, and texts keep their bytes.
//! Knows no endpoint.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// Maximum nesting depth of written values. Deeper values become null, and are
/// counted.
pub(super) const MAX_DEPTH: usize = 64;

/// Members of an object, in order.
#[derive(Debug)]
pub(super) struct Object<'a>(pub(super) Vec<(String, &'a RawValue)>);

/// Type of a JSON value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum JsonType {
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
    /// Parses an object.
    #[must_use]
    pub(super) fn parse(value: &'a RawValue) -> Option<Self> {
        serde_json::from_str(value.get()).ok()
    }

    /// Returns the value of a member, or of the last one with the name.
    #[must_use]
    pub(super) fn get(&self, name: &str) -> Option<&'a RawValue> {
        let mut members = self.0.iter().rev();
        members
            .find(|(member, _)| member == name)
            .map(|(_, value)| *value)
    }

    /// Lists the names of the members, for messages.
    #[must_use]
    pub(super) fn names(&self) -> String {
        const MAX_NAMES: usize = 10;
        let names = self.0.iter().map(|(name, _)| format!("`{name}`"));
        let names: Vec<_> = names.take(MAX_NAMES).collect();
        if names.is_empty() {
            return "nothing".to_owned();
        }
        names.join(", ")
    }
}

impl JsonType {
    /// Returns the type of a value, which its first byte determines.
    #[must_use]
    pub(super) fn from_value(value: &RawValue) -> Self {
        match value.get().as_bytes().first() {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b't' | b'f') => Self::Boolean,
            Some(b'n') | None => Self::Null,
            Some(_) => Self::Number,
        }
    }

    /// Returns the name with an article, for messages.
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

/// Parses an array.
#[must_use]
pub(super) fn elements(value: &RawValue) -> Option<Vec<&RawValue>> {
    serde_json::from_str(value.get()).ok()
}

/// Parses a text. A lone surrogate is invalid.
#[must_use]
pub(super) fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Parses a 64-bit integer.
#[must_use]
pub(super) fn integer(value: &RawValue) -> Option<i64> {
    value.get().parse().ok()
}

/// Writes JSON values without excluded members.
#[derive(Debug)]
pub(super) struct JsonWriter<F> {
    /// Returns true for the name of an excluded member.
    excludes: F,
    is_sorted: bool,
    /// Number of values that were nested too deeply.
    pub(super) too_deep: u64,
}

impl<F: FnMut(&str) -> bool> JsonWriter<F> {
    /// Creates a writer that keeps the order of members.
    pub(super) fn new(excludes: F) -> Self {
        Self {
            excludes,
            is_sorted: false,
            too_deep: 0,
        }
    }

    /// Creates a writer that sorts members by name, so that equal values are equal
    /// texts.
    pub(super) fn sorted(excludes: F) -> Self {
        Self {
            excludes,
            is_sorted: true,
            too_deep: 0,
        }
    }

    /// Writes a value.
    pub(super) fn write(&mut self, value: &RawValue) -> String {
        let mut out = String::with_capacity(value.get().len());
        self.append(value, 0, &mut out);
        out
    }

    /// Appends a member to an object that has its opening brace.
    pub(super) fn append_member(&mut self, name: &str, value: &RawValue, out: &mut String) {
        if !(self.excludes)(name) {
            append_name(name, out);
            self.append(value, 1, out);
        }
    }

    fn append(&mut self, value: &RawValue, depth: usize, out: &mut String) {
        if depth > MAX_DEPTH {
            out.push_str("null");
            self.too_deep += 1;
            return;
        }
        match JsonType::from_value(value) {
            JsonType::Object => {
                let mut members = Object::parse(value)
                    .map(|object| object.0)
                    .unwrap_or_default();
                if self.is_sorted {
                    members.sort_by(|(one, _), (other, _)| one.cmp(other));
                }
                out.push('{');
                for (name, value) in members {
                    if !(self.excludes)(&name) {
                        append_name(&name, out);
                        self.append(value, depth + 1, out);
                    }
                }
                out.push('}');
            }
            JsonType::Array => {
                out.push('[');
                for (at, element) in elements(value).unwrap_or_default().into_iter().enumerate() {
                    if at > 0 {
                        out.push(',');
                    }
                    self.append(element, depth + 1, out);
                }
                out.push(']');
            }
            _ => out.push_str(value.get()),
        }
    }
}

/// Appends the name of a member, after a comma unless it is the first.
pub(super) fn append_name(name: &str, out: &mut String) {
    if !out.ends_with('{') {
        out.push(',');
    }
    append_text(name, out);
    out.push(':');
}

/// Appends a text.
pub(super) fn append_text(text: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(json: &str) -> Box<RawValue> {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn values_are_written_without_loss() {
        let value = raw(
            r#" {"b": [1, 18446744073709551616, 1.10, -0, 1e400, "\u00e4\ud800"], "a" : {} , "b": null} "#,
        );
        assert_eq!(
            JsonWriter::new(|_: &str| false).write(&value),
            r#"{"b":[1,18446744073709551616,1.10,-0,1e400,"\u00e4\ud800"],"a":{},"b":null}"#
        );
        assert_eq!(
            JsonWriter::sorted(|_: &str| false).write(&raw(r#"{"b":1,"a":{"d":2,"c":3}}"#)),
            r#"{"a":{"c":3,"d":2},"b":1}"#
        );
    }

    #[test]
    fn members_are_excluded_at_any_depth_and_in_any_spelling() {
        let value = raw(r#"{"x":[{"\u0074oken":"1","y":1}],"token":{"z":1}}"#);
        let mut names = Vec::new();
        let mut writer = JsonWriter::new(|name: &str| {
            let found = name == "token";
            names.extend(found.then(|| name.to_owned()));
            found
        });
        assert_eq!(writer.write(&value), r#"{"x":[{"y":1}]}"#);
        assert_eq!(names.len(), 2);
    }

    #[test]
    fn nesting_is_bounded() {
        let deep = format!("{}1{}", "[".repeat(100), "]".repeat(100));
        let mut writer = JsonWriter::new(|_: &str| false);
        let written = writer.write(&raw(&deep));
        assert!(written.contains("null"), "{written}");
        assert_eq!(writer.too_deep, 1);
    }
}
