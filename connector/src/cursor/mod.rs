//! Cursors: saved positions at which the next incremental read resumes. The host
//! stores them as JSON, which a person can read and, with care, write. Nothing
//! here reads rows.
//!
//! [`position`] holds the parts of a cursor, [`value`] the column values in it,
//! [`database`] the identity of the database that it belongs to.

pub mod database;
pub mod position;
pub mod value;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::database::DatabaseIdentity;
pub use self::position::{
    CommitPosition, FeedPosition, KnownRows, LastRow, LastRows, RowPosition, Watermark, Watermarks,
};
pub use self::value::{StoredValue, key_values, stored_key};
use crate::error::{Error, Result};

/// Version of the JSON format.
pub const VERSION: u32 = 1;

/// Saved position of a resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cursor {
    /// Cursor column; `None` if rows are read in the order of their key.
    #[serde(default, rename = "by", skip_serializing_if = "Option::is_none")]
    pub cursor_column: Option<String>,
    /// Key columns, which order rows with equal values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<String>,
    /// Condition on the rows.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
    /// Position in each storage class of the cursor column, in the order
    /// numbers, text, blobs. Without a cursor column, the last row.
    pub last: Vec<RowPosition>,
    /// Rows at the positions that were read, which a read that appends must not
    /// send again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub known: Vec<KnownRows>,
    /// Last rows that were read.
    #[serde(default, rename = "tail", skip_serializing_if = "Option::is_none")]
    pub last_rows: Option<LastRows>,
    /// Columns that identify the known and the last rows, if they are not the key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<String>,
    /// Database that was read. Cursors of earlier releases do not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<DatabaseIdentity>,
    /// Key of the last row without a value in the cursor column.
    #[serde(default, rename = "nulls", skip_serializing_if = "Option::is_none")]
    pub last_null: Option<Vec<StoredValue>>,
    /// Commit up to which everything was read, if the server counts commits.
    #[serde(default, rename = "seen", skip_serializing_if = "Option::is_none")]
    pub commit: Option<CommitPosition>,
    /// Position in the change feed.
    #[serde(default, rename = "change", skip_serializing_if = "Option::is_none")]
    pub feed: Option<FeedPosition>,
    /// Watermarks of a Platform API resource.
    #[serde(default, rename = "platform", skip_serializing_if = "Option::is_none")]
    pub watermarks: Option<Watermarks>,
    /// Cursors of the same table in many databases, by database name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<String, Self>,
}

impl Cursor {
    /// Creates the cursor of a table that was read in full at a commit.
    #[must_use]
    pub fn for_commit(commit: CommitPosition) -> Self {
        Self {
            commit: Some(commit),
            ..Self::default()
        }
    }

    /// Creates the cursor of a table in many databases.
    #[must_use]
    pub fn for_databases(databases: BTreeMap<String, Self>) -> Self {
        Self {
            databases,
            ..Self::default()
        }
    }

    /// Creates the cursor of a Platform API resource.
    #[must_use]
    pub fn for_platform(cursor_column: &str, watermarks: Watermarks) -> Self {
        Self {
            cursor_column: Some(cursor_column.to_owned()),
            watermarks: Some(watermarks),
            ..Self::default()
        }
    }

    /// Parses the bytes that the host stored.
    ///
    /// # Errors
    /// A config error if the version or the content is not valid.
    pub fn decode(version: u32, bytes: &[u8], resource: &str) -> Result<Self> {
        let refused = |reason: String| {
            Error::config(
                format!("the cursor of `{resource}` {reason}"),
                full_refresh(resource),
            )
        };
        if version != VERSION {
            return Err(refused(format!(
                "has format {version}; this version of the connector supports format {VERSION}"
            )));
        }
        let cursor: Self =
            serde_json::from_slice(bytes).map_err(|error| refused(unparsable(&error)))?;
        if cursor.has_valid_values() {
            Ok(cursor)
        } else {
            Err(refused("holds a value that is not valid".to_owned()))
        }
    }

    /// Serializes the cursor for the host.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        // Strings and integers always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// True if a read can resume at the cursor; a cursor may also only name
    /// the commit that was read.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        !self.key.is_empty()
    }

    fn has_valid_values(&self) -> bool {
        let rows = self.last.iter();
        let known = self.known.iter();
        let mut values = rows
            .flat_map(|row| row.value.iter().chain(&row.key).chain(&row.from))
            .chain(
                self.last_rows
                    .iter()
                    .flat_map(|rows| rows.rows.iter().flat_map(|row| &row.key)),
            )
            .chain(
                self.feed
                    .iter()
                    .flat_map(|feed| feed.last_changes.iter().flat_map(|row| &row.key)),
            )
            .chain(known.flat_map(|rows| rows.keys.iter().flatten().chain([&rows.value])))
            .chain(self.last_null.iter().flatten());
        values.all(|stored| stored.value().is_some())
            && self.databases.values().all(Self::has_valid_values)
    }
}

/// Returns why the bytes of a cursor are refused, without names of this crate.
fn unparsable(error: &serde_json::Error) -> String {
    let problem = if error.is_data() {
        "does not have the form of a cursor"
    } else {
        "is not JSON"
    };
    let column = error.column();
    format!("cannot be parsed: it {problem} (character {column})")
}

/// Returns the error for a cursor of a single database when many are read, or
/// the reverse.
#[must_use]
pub fn database_mismatch(resource: &str) -> Error {
    Error::config(
        format!(
            "the cursor of `{resource}` belongs to other databases: `database_url` and `databases` need separate pipelines"
        ),
        format!(
            "give the pipeline another `name` and `dataset`, or {}",
            full_refresh(resource)
        ),
    )
}

/// Returns the hint to reload a resource from the beginning.
#[must_use]
pub fn full_refresh(resource: &str) -> String {
    format!("run a full refresh of `{resource}`")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn assert_json(cursor: &Cursor, json: &str) {
        assert_eq!(String::from_utf8(cursor.encode()).unwrap(), json);
        assert_eq!(
            Cursor::decode(VERSION, json.as_bytes(), "t").as_ref(),
            Ok(cursor)
        );
    }

    #[test]
    fn an_invalid_cursor_is_refused() {
        for (version, json) in [
            (2, r#"{"last":[]}"#),
            (1, ""),
            (1, "5"),
            (1, "nonsense"),
            (1, "[]"),
            (1, r#"{"last":{"value":1}}"#),
            (1, r#"{"last":[],"change":"x"}"#),
            (1, r#"{"last":[],"more":1}"#),
            (1, r#"{"last":[{"value":{"real":"NaN"}}]}"#),
            (1, r#"{"last":[{"value":{"blob":"f"}}]}"#),
            (1, r#"{"last":[],"nulls":[{"text_bytes":"zz"}]}"#),
        ] {
            let error = Cursor::decode(version, json.as_bytes(), "t").unwrap_err();
            assert!(error.message.starts_with("the cursor of `t` "), "{error}");
            assert!(!error.message.contains("struct"), "{error}");
        }
    }

    #[test]
    fn a_cursor_by_key_keeps_its_json() {
        let cursor = Cursor {
            key: vec!["id".into()],
            last: vec![RowPosition {
                key: vec![StoredValue::Integer(7)],
                ..RowPosition::default()
            }],
            ..Cursor::default()
        };
        assert_json(
            &cursor,
            r#"{"key":["id"],"last":[{"key":[{"integer":7}]}]}"#,
        );
    }

    #[test]
    fn a_cursor_by_column_keeps_its_json() {
        let cursor = Cursor {
            cursor_column: Some("at".into()),
            key: vec!["id".into()],
            last: vec![RowPosition {
                value: Some(StoredValue::Text("2024".into())),
                key: vec![StoredValue::Integer(7)],
                ..RowPosition::default()
            }],
            ..Cursor::default()
        };
        assert_json(
            &cursor,
            r#"{"by":"at","key":["id"],"last":[{"value":{"text":"2024"},"key":[{"integer":7}]}]}"#,
        );
        let row = |value: StoredValue, key: i64| RowPosition {
            value: Some(value),
            key: vec![StoredValue::Integer(key)],
            ..RowPosition::default()
        };
        let mixed = Cursor {
            filter: Some("a > 1".into()),
            last: vec![
                row(StoredValue::Real("1.5".into()), 1),
                row(StoredValue::Text("x".into()), 2),
                row(StoredValue::Blob("00ff".into()), 3),
            ],
            last_null: Some(vec![StoredValue::Integer(9)]),
            commit: Some(CommitPosition {
                replication_index: "41".into(),
                columns: vec!["id".into(), "at: timestamp".into()],
                filter: Some("a > 1".into()),
            }),
            ..cursor
        };
        assert_json(
            &mixed,
            concat!(
                r#"{"by":"at","key":["id"],"where":"a > 1","last":["#,
                r#"{"value":{"real":"1.5"},"key":[{"integer":1}]},"#,
                r#"{"value":{"text":"x"},"key":[{"integer":2}]},"#,
                r#"{"value":{"blob":"00ff"},"key":[{"integer":3}]}],"#,
                r#""nulls":[{"integer":9}],"#,
                r#""seen":{"commit":"41","columns":["id","at: timestamp"],"where":"a > 1"}}"#,
            ),
        );
    }

    #[test]
    fn a_cursor_with_known_rows_keeps_its_json() {
        let cursor = Cursor {
            cursor_column: Some("at".into()),
            key: vec!["rowid".into()],
            last: vec![RowPosition {
                value: Some(StoredValue::Integer(200)),
                from: Some(StoredValue::Integer(190)),
                ..RowPosition::default()
            }],
            known: vec![
                KnownRows {
                    value: StoredValue::Integer(195),
                    runs: vec![(1, 3), (5, 5)],
                    keys: Vec::new(),
                },
                KnownRows {
                    value: StoredValue::Integer(200),
                    runs: Vec::new(),
                    keys: vec![vec![StoredValue::Text("a".into())]],
                },
            ],
            last_rows: Some(LastRows {
                columns: vec!["code".into(), "at".into()],
                rows: vec![LastRow {
                    key: vec![StoredValue::Text("a".into())],
                    digest: "00ff".into(),
                }],
            }),
            identity: vec!["code".into()],
            database: Some(DatabaseIdentity {
                host: "a.turso.io".into(),
                id: None,
            }),
            ..Cursor::default()
        };
        assert_json(
            &cursor,
            concat!(
                r#"{"by":"at","key":["rowid"],"last":[{"value":{"integer":200},"from":{"integer":190}}],"#,
                r#""known":[{"value":{"integer":195},"runs":[[1,3],[5,5]]},"#,
                r#"{"value":{"integer":200},"keys":[[{"text":"a"}]]}],"#,
                r#""tail":{"columns":["code","at"],"rows":[{"key":[{"text":"a"}],"digest":"00ff"}]},"#,
                r#""identity":["code"],"database":{"host":"a.turso.io"}}"#,
            ),
        );
    }

    #[test]
    fn a_cursor_of_a_commit_keeps_its_json() {
        let cursor = Cursor::for_commit(CommitPosition {
            replication_index: "41".into(),
            columns: Vec::new(),
            filter: None,
        });
        assert_json(&cursor, r#"{"last":[],"seen":{"commit":"41"}}"#);
        assert!(!cursor.is_resumable());
    }

    #[test]
    fn a_cursor_in_the_feed_of_changes_keeps_its_json() {
        let cursor = Cursor {
            cursor_column: Some("turso_cdc".into()),
            key: vec!["id".into()],
            feed: Some(FeedPosition {
                number: 47,
                time: 1_795_491_177,
                schema_entry: 5,
                columns: vec!["id".into(), "a".into()],
                last_changes: vec![LastRow {
                    key: vec![StoredValue::Integer(47)],
                    digest: "0a".into(),
                }],
            }),
            ..Cursor::default()
        };
        assert_json(
            &cursor,
            r#"{"by":"turso_cdc","key":["id"],"last":[],"change":{"id":47,"time":1795491177,"entry":5,"columns":["id","a"],"tail":[{"key":[{"integer":47}],"digest":"0a"}]}}"#,
        );
    }

    #[test]
    fn a_cursor_of_the_platform_api_keeps_its_json() {
        let watermark = Watermark {
            until: "2026-11-23T00:00:00Z".into(),
            seen: vec!["0123456789abcdef".into()],
            ..Watermark::default()
        };
        assert_json(
            &Cursor::for_platform("created_at", [("acme".into(), watermark)].into()),
            r#"{"by":"created_at","last":[],"platform":{"acme":{"until":"2026-11-23T00:00:00Z","seen":["0123456789abcdef"]}}}"#,
        );
    }

    #[test]
    fn a_cursor_of_many_databases_keeps_its_json() {
        let commit = CommitPosition {
            replication_index: "41".into(),
            columns: Vec::new(),
            filter: None,
        };
        let cursor = Cursor {
            database: Some(DatabaseIdentity {
                host: "a.turso.io".into(),
                id: Some("7".into()),
            }),
            ..Cursor::for_commit(commit)
        };
        assert_json(
            &Cursor::for_databases([("a".to_owned(), cursor)].into()),
            concat!(
                r#"{"last":[],"databases":{"a":{"last":[],"database":{"host":"a.turso.io","id":"7"},"#,
                r#""seen":{"commit":"41"}}}}"#
            ),
        );
    }
}
