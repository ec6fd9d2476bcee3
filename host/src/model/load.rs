//! One load: its identity, and what is written down about it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::Cursor;

/// Names a load: seconds since 1970 with microseconds, as dlt writes them.
/// Sorts by time. Every stored row carries it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct LoadId(String);

impl LoadId {
    /// The identity of a load that starts at `time`.
    #[must_use]
    pub fn from_time(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        Self(format!("{}.{:06}", since.as_secs(), since.subsec_micros()))
    }

    /// The time that it names, in microseconds since 1970.
    #[must_use]
    pub fn micros(&self) -> i64 {
        let digits: String = self.0.chars().filter(|digit| *digit != '.').collect();
        digits.parse().unwrap_or(i64::MAX)
    }

    /// The identity as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LoadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How much of a resource a load reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReadMode {
    /// Everything there is.
    #[default]
    Full,
    /// What has come since the last load.
    Incremental,
    /// What a feed of changes has recorded since the last load.
    Changes,
}

/// What becomes of the rows that the destination already holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WriteDisposition {
    /// They give way to the new ones.
    #[default]
    Replace,
    /// They stay, and the new ones come after them.
    Append,
    /// Those whose key comes again give way to the new ones.
    Merge,
    /// They stay. Where a row has changed, its older version ends, and the
    /// new one begins.
    Scd2,
}

/// What becomes of rows that are no longer in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeletionMode {
    /// They stay.
    #[default]
    Ignore,
    /// They stay, and are marked with the time at which they were missed.
    Soft,
    /// They go.
    Hard,
}

/// What becomes of columns that the destination does not have yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SchemaPolicy {
    /// They are added.
    #[default]
    Evolve,
    /// The load is refused before anything is written.
    Freeze,
    /// Rows that have a value in one are rejected.
    DiscardRow,
    /// Their values are dropped.
    DiscardValue,
}

/// How a load ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadStatus {
    /// Every resource was loaded.
    Loaded,
    /// Some resources could not be read; the others were loaded.
    Partial,
    /// It is a part of a run that goes on.
    Ongoing,
}

impl LoadStatus {
    /// The word that the destination stores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Loaded => "loaded",
            Self::Partial => "partial",
            Self::Ongoing => "ongoing",
        }
    }
}

impl ReadMode {
    /// The word that the destination stores.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Changes => "changes",
        }
    }
}

/// The row of `_loads`.
#[derive(Clone, Debug)]
pub struct LoadRecord {
    /// Identity of the load.
    pub load_id: LoadId,
    /// Name of the pipeline, under which its state is kept.
    pub pipeline: String,
    /// Name of the connector, as it describes itself.
    pub connector_name: String,
    /// Its version.
    pub connector_version: String,
    /// SHA-256 of the component, in lower-case hex.
    pub connector_sha256: String,
    /// When the load began.
    pub started: SystemTime,
    /// When its last row had been read.
    pub finished: SystemTime,
    /// How it ended.
    pub status: LoadStatus,
    /// One for each resource that was loaded.
    pub resources: Vec<ResourceRecord>,
}

/// The row of `_load_resources`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ResourceRecord {
    /// Name of the resource.
    pub resource: String,
    /// How much of it was read.
    pub mode: ReadMode,
    /// Rows that the connector sent.
    pub rows_read: u64,
    /// Rows that the destination stored.
    pub rows_written: u64,
    /// Rows that it deleted, marked as deleted, or ended.
    pub rows_deleted: u64,
    /// Records that could not be stored.
    pub rows_rejected: u64,
    /// Rows that the source bills for, where it says so.
    pub rows_billed: Option<u64>,
    /// Where the read began.
    #[serde(skip)]
    pub cursor_before: Option<Cursor>,
    /// Where the next read goes on.
    #[serde(skip)]
    pub cursor_after: Option<Cursor>,
}

/// A row of `_rejected`: a record that could not be stored.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// The resource it belongs to.
    pub resource: String,
    /// The record as JSON, as far as it can be shown.
    pub record: String,
    /// Why it was rejected.
    pub reason: String,
}
