//! Where an incremental read goes on: the cursor that the host keeps. JSON, so
//! that a person can read it and, with care, write it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::hrana::value::Value;
use crate::platform::marks::Marks;

/// Format of a position.
pub const VERSION: u32 = 1;

/// How far the rows of a resource have been read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// The column that it goes by; the key itself, if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Columns of the key that tells rows of the same place apart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// The condition on the rows.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// The last row of each class of values that the column holds, in their
    /// order: numbers, text, bytes. Without a column, the last row of all.
    pub last: Vec<Place>,
    /// The key of the last row that has no value in the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nulls: Option<Vec<Stored>>,
    /// The commit up to which all has been read, if the server counts them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// How far the feed of changes has been read, if it goes by that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<Change>,
    /// How far a resource of the Platform API has been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Marks>,
    /// How far each of many databases has been read, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<String, Self>,
}

/// A commit, and what was read of a table then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Where the log of the server was.
    pub commit: String,
    /// The columns that were chosen, and their types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// The condition on the rows.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}

/// A place in the feed of changes, and the table as it was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The number of the last change that was read.
    pub id: i64,
    /// When it was made, in seconds.
    pub time: i64,
    /// The entry of the table in the schema.
    pub entry: i64,
    /// The columns of the table.
    pub columns: Vec<String>,
}

/// The place of a row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// Its value of the column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Stored>,
    /// Its key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<Stored>,
}

/// A value, with every bit of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stored {
    /// An integer.
    Integer(i64),
    /// A float, as text: JSON has no infinities.
    Real(String),
    /// Text.
    Text(String),
    /// Text that is not UTF-8, in hexadecimal digits.
    TextBytes(String),
    /// Bytes, likewise.
    Blob(String),
    /// NULL.
    Null,
}

impl Position {
    /// Reads what the host kept.
    pub fn decode(version: u32, bytes: &[u8], resource: &str) -> Result<Self> {
        let refused = |reason: String| {
            Error::config(
                format!("the cursor of `{resource}` {reason}"),
                format!(
                    "begin anew: `connector-host run --full-refresh --resource {resource}`, or `state reset`"
                ),
            )
        };
        if version != VERSION {
            return Err(refused(format!(
                "has the format {version}; this version of the connector knows {VERSION}"
            )));
        }
        let position: Self = serde_json::from_slice(bytes)
            .map_err(|error| refused(format!("cannot be read: {error}")))?;
        if position.is_readable() {
            Ok(position)
        } else {
            Err(refused("holds a value that is none".to_owned()))
        }
    }

    fn is_readable(&self) -> bool {
        let places = self.last.iter().map(|place| (&place.value, &place.key));
        let mut stored = places
            .flat_map(|(value, key)| value.iter().chain(key))
            .chain(self.nulls.iter().flatten());
        stored.all(|stored| stored.value().is_some())
            && self.databases.values().all(Self::is_readable)
    }

    /// The position of a table that was read in full.
    #[must_use]
    pub fn of_all(seen: Seen) -> Self {
        Self {
            seen: Some(seen),
            ..Self::default()
        }
    }

    /// The position of a table in many databases.
    #[must_use]
    pub fn of_databases(databases: BTreeMap<String, Self>) -> Self {
        Self {
            databases,
            ..Self::default()
        }
    }

    /// The position of a resource of the Platform API, by a column of times.
    #[must_use]
    pub fn of_platform(by: &str, marks: Marks) -> Self {
        Self {
            by: Some(by.to_owned()),
            platform: Some(marks),
            ..Self::default()
        }
    }

    /// Whether it says where to go on, and not only what was seen.
    #[must_use]
    pub fn leads_on(&self) -> bool {
        !self.key.is_empty()
    }

    /// As the host keeps it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Of texts and numbers only, which JSON can hold.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Stored {
    /// A value as it is kept.
    #[must_use]
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Integer(value) => Self::Integer(*value),
            Value::Real(value) => Self::Real(value.to_string()),
            Value::Text(text) => Self::Text(text.clone()),
            Value::TextBytes(bytes) => Self::TextBytes(hex(bytes)),
            Value::Blob(bytes) => Self::Blob(hex(bytes)),
        }
    }

    /// The value; none if it was tampered with.
    #[must_use]
    pub fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Integer(value) => Value::Integer(*value),
            Self::Real(text) => Value::Real(text.parse().ok().filter(|real: &f64| !real.is_nan())?),
            Self::Text(text) => Value::Text(text.clone()),
            Self::TextBytes(text) => Value::TextBytes(bytes(text)?),
            Self::Blob(text) => Value::Blob(bytes(text)?),
        })
    }
}

/// That a position is of one database, and many are read, or the reverse.
#[must_use]
pub fn of_other_databases(resource: &str) -> Error {
    Error::config(
        format!(
            "the cursor of `{resource}` is not of the databases that are read: `database_url` and `databases` are different pipelines"
        ),
        format!(
            "give the pipeline another `name` and `dataset`, or begin anew with \
             `connector-host run --full-refresh --resource {resource}`"
        ),
    )
}

/// Values of a key.
#[must_use]
pub fn values(stored: &[Stored]) -> Vec<Value> {
    stored.iter().filter_map(Stored::value).collect()
}

/// A key as it is kept.
#[must_use]
pub fn stored(values: &[Value]) -> Vec<Stored> {
    values.iter().map(Stored::of).collect()
}

fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        // A string takes everything.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digit = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (hex.len().is_multiple_of(2)).then_some(())?;
    (0..hex.len()).step_by(2).map(digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::marks::Mark;

    #[test]
    fn every_value_comes_back() {
        for value in [
            Value::Null,
            Value::Integer(i64::MIN),
            Value::Real(f64::NEG_INFINITY),
            Value::Real(0.1 + 0.2),
            Value::Real(-0.0),
            Value::from("ä\0\""),
            Value::TextBytes(vec![0xff, 0]),
            Value::Blob(Vec::new()),
        ] {
            let json = serde_json::to_string(&Stored::of(&value)).unwrap();
            let read: Stored = serde_json::from_str(&json).unwrap();
            assert_eq!(read.value(), Some(value), "{json}");
        }
    }

    #[test]
    fn what_was_tampered_with_is_refused() {
        for (version, json) in [
            (2, r#"{"last":[]}"#),
            (1, "[]"),
            (1, r#"{"last":[],"more":1}"#),
            (1, r#"{"last":[{"value":{"real":"NaN"}}]}"#),
            (1, r#"{"last":[{"value":{"blob":"f"}}]}"#),
            (1, r#"{"last":[],"nulls":[{"text_bytes":"zz"}]}"#),
        ] {
            let error = Position::decode(version, json.as_bytes(), "t").unwrap_err();
            assert!(error.message.starts_with("the cursor of `t` "), "{error}");
        }
    }

    #[test]
    fn a_place_in_the_feed_is_readable() {
        let position = Position {
            by: Some("turso_cdc".into()),
            key: vec!["id".into()],
            filter: None,
            last: Vec::new(),
            nulls: None,
            seen: None,
            change: Some(Change {
                id: 47,
                time: 1_795_491_177,
                entry: 5,
                columns: vec!["id".into(), "a".into()],
            }),
            platform: None,
            databases: BTreeMap::new(),
        };
        let json = position.encode();
        assert_eq!(
            String::from_utf8(json.clone()).unwrap(),
            r#"{"by":"turso_cdc","key":["id"],"last":[],"change":{"id":47,"time":1795491177,"entry":5,"columns":["id","a"]}}"#
        );
        assert_eq!(Position::decode(1, &json, "t"), Ok(position));
    }

    #[test]
    fn a_place_in_the_platform_is_readable() {
        let mark = Mark {
            until: "2026-11-23T00:00:00Z".into(),
            seen: vec!["0123456789abcdef".into()],
        };
        let position = Position::of_platform("created_at", [("acme".into(), mark)].into());
        let json = position.encode();
        assert_eq!(
            String::from_utf8(json.clone()).unwrap(),
            r#"{"by":"created_at","last":[],"platform":{"acme":{"until":"2026-11-23T00:00:00Z","seen":["0123456789abcdef"]}}}"#
        );
        assert_eq!(Position::decode(1, &json, "t"), Ok(position));
    }

    #[test]
    fn a_position_is_readable() {
        let position = Position {
            by: Some("at".into()),
            key: vec!["id".into()],
            filter: None,
            last: vec![Place {
                value: Some(Stored::Text("2024".into())),
                key: vec![Stored::Integer(7)],
            }],
            nulls: None,
            seen: None,
            change: None,
            platform: None,
            databases: BTreeMap::new(),
        };
        let json = position.encode();
        assert_eq!(
            String::from_utf8(json.clone()).unwrap(),
            r#"{"by":"at","key":["id"],"last":[{"value":{"text":"2024"},"key":[{"integer":7}]}]}"#
        );
        assert_eq!(Position::decode(1, &json, "t"), Ok(position));
    }
}
