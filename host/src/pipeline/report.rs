//! What a load came to, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use crate::model::{LoadId, LoadStatus, ReadMode, SourceError};

/// The report of one load.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Identity of the load, the last one of the run.
    pub load_id: LoadId,
    /// How many loads the run was: more than one, if it was committed in
    /// parts.
    pub loads: u64,
    /// How it ended.
    pub status: LoadStatus,
    /// Where the rows are.
    pub destination: String,
    /// One for each resource.
    pub resources: Vec<ResourceReport>,
    /// HTTP requests.
    pub requests: u64,
    /// Bytes received.
    pub bytes_received: u64,
    /// Whether all rows are of one point in time.
    pub point_in_time: bool,
    /// How often the read started anew because its snapshot was lost.
    pub restarts: u32,
    /// How long it took.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// The part of one resource.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceReport {
    /// Its name.
    pub resource: String,
    /// The table that holds it.
    pub table: String,
    /// How much of it was read.
    pub mode: ReadMode,
    /// Rows that the connector sent.
    pub rows_read: u64,
    /// Rows that the destination stored.
    pub rows_written: u64,
    /// Rows that the destination deleted, marked as deleted, or ended.
    pub rows_deleted: u64,
    /// Records that could not be stored.
    pub rows_rejected: u64,
    /// Values that went to a sibling column because they did not fit.
    #[serde(rename = "misfits")]
    pub mismatches: u64,
    /// Bytes of its pages.
    pub bytes: u64,
    /// HTTP requests.
    pub requests: u64,
    /// Rows that the source bills for, where it says so.
    pub rows_billed: Option<u64>,
    /// From its first page to its last.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Why it could not be read.
    pub failure: Option<SourceError>,
    /// What the operator should know.
    pub notes: Vec<String>,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
