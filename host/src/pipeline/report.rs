//! The result of a load, for people and for programs.

use std::time::Duration;

use serde::Serialize;

use super::row_mapper::{Change, SiblingValues};
use super::verification::Verified;
use crate::model::{LoadId, LoadStatus, ReadMode, SourceError};

/// The result of one run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Name of the pipeline.
    pub pipeline: String,
    /// Id of the last load of the run.
    pub load_id: LoadId,
    /// Number of loads of the run: more than one if it was committed in parts.
    pub loads: u64,
    /// Outcome of the run.
    pub status: LoadStatus,
    /// Location of the rows.
    pub destination: String,
    /// Result of each resource and child table.
    pub resources: Vec<ResourceReport>,
    /// Number of HTTP requests.
    pub requests: u64,
    /// Number of bytes received.
    pub bytes_received: u64,
    /// True if all rows belong to one point in time.
    pub point_in_time: bool,
    /// Number of restarts of the read because its snapshot was lost.
    pub restarts: u32,
    /// Duration of the run.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
}

/// The result of one resource or child table.
#[derive(Clone, Debug, Serialize)]
pub struct ResourceReport {
    /// Name of the resource or child table.
    pub resource: String,
    /// Name of the table in the destination.
    pub table: String,
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
    /// Number of values of another type than their column, which went to a
    /// sibling column.
    #[serde(rename = "misfits")]
    pub mismatches: u64,
    /// Sibling columns that received values in this run.
    pub siblings: Vec<SiblingValues>,
    /// Columns whose values have another type than before the run.
    pub type_changes: Vec<Change>,
    /// Number of bytes of the pages.
    pub bytes: u64,
    /// Number of HTTP requests.
    pub requests: u64,
    /// Number of rows that the source bills, if it reports that.
    pub rows_billed: Option<u64>,
    /// Figures of the source that agree with the rows. `None` if the rows were not
    /// verified.
    pub verified: Option<Verified>,
    /// Time from the first page to the last.
    #[serde(rename = "seconds", serialize_with = "seconds")]
    pub elapsed: Duration,
    /// Reason why the resource could not be read.
    pub failure: Option<SourceError>,
    /// Parts of the resource that could not be read. Their stored rows are kept.
    pub failed_parts: Vec<FailedPart>,
    /// Remarks for the operator.
    pub notes: Vec<String>,
}

/// A part of a resource that could not be read.
#[derive(Clone, Debug, Serialize)]
pub struct FailedPart {
    /// Name of the resource.
    pub resource: String,
    /// Column whose text identifies the rows of the part.
    pub column: String,
    /// Text of the column in the part, such as the name of a database.
    pub part: String,
    /// Reason.
    pub error: SourceError,
}

fn seconds<S: serde::Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1e6).round() / 1e6)
}
