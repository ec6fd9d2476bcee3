//! One load: its id, the modes that it can use, and its records.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::cursor::Cursor;

/// The id of a load: seconds since 1970 with microseconds, in the format of dlt.
/// Ids sort by time, also as text. Every stored row has the id of its load.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(transparent)]
pub struct LoadId(String);

impl LoadId {
    /// Creates the id of a load that starts at `time`.
    #[must_use]
    pub fn from_time(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        // A clock that was never set says 1970, with fewer digits.
        Self(format!(
            "{:010}.{:06}",
            since.as_secs(),
            since.subsec_micros()
        ))
    }

    /// Returns the start of the load in microseconds since 1970.
    #[must_use]
    pub fn micros(&self) -> i64 {
        let digits: String = self.0.chars().filter(|digit| *digit != '.').collect();
        digits.parse().unwrap_or(i64::MAX)
    }

    /// Returns the id as text.
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

/// The part of a resource that a load reads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ReadMode {
    /// All rows.
    #[default]
    Full,
    /// Rows that are new or changed since the last load.
    Incremental,
    /// Changes in a feed since the last load.
    Changes,
}

/// The extent to which rows are verified against figures of the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Verification {
    /// Rows are not verified.
    #[default]
    Off,
    /// The number of rows is compared.
    Count,
    /// The number of rows and a checksum of their values are compared.
    Checksum,
}

/// The treatment of the rows that the table already has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WriteDisposition {
    /// The new rows replace all rows of the table.
    #[default]
    Replace,
    /// The new rows are added.
    Append,
    /// The new rows replace those with the same key.
    Merge,
    /// All versions of a row are kept. A new version ends the validity of the
    /// previous one.
    Scd2,
}

/// The treatment of rows that were deleted in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum DeletionMode {
    /// The rows are kept.
    #[default]
    Ignore,
    /// The rows are kept with the time at which they were missing.
    Soft,
    /// The rows are deleted.
    Hard,
}

/// The treatment of columns that the table does not have yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SchemaPolicy {
    /// The columns are added.
    #[default]
    Evolve,
    /// The resource fails, and its table stays as it was.
    Freeze,
    /// Rows with a value in such a column are rejected.
    DiscardRow,
    /// The values of the columns are dropped.
    DiscardValue,
}

/// The outcome of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LoadStatus {
    /// Every resource was loaded.
    Loaded,
    /// Some resources could not be read. The others were loaded.
    Partial,
    /// The load is a part of a run that continues.
    Ongoing,
}

impl LoadStatus {
    /// Returns the stored text.
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
    /// Returns the stored text.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Incremental => "incremental",
            Self::Changes => "changes",
        }
    }
}

/// A row of `_loads`.
#[derive(Clone, Debug)]
pub struct LoadRecord {
    /// Id of the load.
    pub load_id: LoadId,
    /// Name of the pipeline, under which its state is kept.
    pub pipeline: String,
    /// Name of the connector in its descriptor.
    pub connector_name: String,
    /// Version of the connector in its descriptor.
    pub connector_version: String,
    /// SHA-256 of the component, in lower-case hex.
    pub connector_sha256: String,
    /// Start of the load.
    pub started: SystemTime,
    /// Time after the last row was read.
    pub finished: SystemTime,
    /// Outcome of the load.
    pub status: LoadStatus,
    /// Records of the resources that were loaded.
    pub resources: Vec<ResourceRecord>,
}

/// A row of `_load_resources`.
#[derive(Clone, Debug, serde::Serialize)]
pub struct ResourceRecord {
    /// Name of the resource.
    pub resource: String,
    /// Mode of the read.
    pub mode: ReadMode,
    /// Number of rows that the connector sent.
    pub rows_read: u64,
    /// Number of rows that the destination stored.
    pub rows_written: u64,
    /// Number of rows that were deleted or marked as deleted, or whose version
    /// ended.
    pub rows_deleted: u64,
    /// Number of records that could not be stored.
    pub rows_rejected: u64,
    /// Number of rows that the source bills, if it reports that.
    pub rows_billed: Option<u64>,
    /// Cursor from which the read resumed.
    #[serde(skip)]
    pub cursor_before: Option<Cursor>,
    /// Cursor from which the next read resumes.
    #[serde(skip)]
    pub cursor_after: Option<Cursor>,
}

/// A row of `_rejected`: a record that could not be stored.
#[derive(Clone, Debug)]
pub struct Rejected {
    /// Name of the resource.
    pub resource: String,
    /// Record as JSON, as far as it can be represented.
    pub record: String,
    /// Reason for the rejection.
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time() {
        let seconds = [0, 915_148_800, 1_000_000_000, 1_700_000_000];
        let times = seconds.map(|seconds| UNIX_EPOCH + Duration::from_secs(seconds));
        let ids = times.map(LoadId::from_time);
        assert!(ids.is_sorted(), "{ids:?}");
        assert_eq!(ids[1].micros(), 915_148_800_000_000);
    }
}
