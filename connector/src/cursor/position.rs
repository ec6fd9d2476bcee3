//! Positions that a cursor consists of: in the rows of a table, in the feed of
//! changes, and in the times of Platform API records. Plain data; nothing here
//! compares or advances them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::value::StoredValue;

/// Position in the order of a cursor column, or of a key.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowPosition {
    /// Value of the cursor column; `None` if the key is the cursor column.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<StoredValue>,
    /// Key of the last row. With a value, only positions of earlier releases
    /// have it: rows with the value were read up to this key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub key: Vec<StoredValue>,
    /// Smaller value from which on all rows that were read are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<StoredValue>,
}

/// Rows with the same value in the cursor column that were read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownRows {
    /// Value of the cursor column.
    pub value: StoredValue,
    /// First and last key of each run of integer keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<(i64, i64)>,
    /// Other keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Vec<StoredValue>>,
}

/// Last rows that were read, by which the next read recognizes the table.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRows {
    /// Columns whose values are digested.
    pub columns: Vec<String>,
    /// Rows in ascending order.
    pub rows: Vec<LastRow>,
}

/// Row that was read last.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LastRow {
    /// Key of the row.
    pub key: Vec<StoredValue>,
    /// Digest of its values, in hexadecimal digits.
    pub digest: String,
}

/// Position in the change feed, and the table as it was there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedPosition {
    /// Number of the last change that was read.
    #[serde(rename = "id")]
    pub number: i64,
    /// Time of that change, in seconds since 1970.
    pub time: i64,
    /// Row id of the table in the schema table.
    #[serde(rename = "entry")]
    pub schema_entry: i64,
    /// Names of the table's columns.
    pub columns: Vec<String>,
    /// Last changes up to that one, by which a later read recognizes the feed.
    #[serde(default, rename = "tail", skip_serializing_if = "Vec::is_empty")]
    pub last_changes: Vec<LastRow>,
}

/// Time up to which the records of one organization were read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watermark {
    /// Newest time of a record; for daily usage, the end of the last day.
    pub until: String,
    /// Digests of the records with exactly that time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// Earlier times of databases whose last read failed, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub behind: BTreeMap<String, String>,
}

/// Watermarks by organization.
pub type Watermarks = BTreeMap<String, Watermark>;

/// Commit at which a table was last read, and the selection it was read with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommitPosition {
    /// Replication index of the server.
    #[serde(rename = "commit")]
    pub replication_index: String,
    /// Selected columns and type overrides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<String>,
    /// Condition on the rows.
    #[serde(default, rename = "where", skip_serializing_if = "Option::is_none")]
    pub filter: Option<String>,
}
