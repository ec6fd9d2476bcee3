//! Part of a resource that is being received: its records until they are known
//! to be complete, so that a part that fails leaves nothing behind. Must not
//! decide whether a record is a row.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use super::client::Client;
use super::partitions::Partition;
use super::watermarks::WatermarkFilter;
use crate::error::Result;
use crate::rows::value::Value;

/// Part of a resource that is being received.
#[derive(Debug)]
pub(super) struct Part {
    /// Number of the part in the order of the rows.
    pub(super) number: usize,
    pub(super) partition: Partition,
    /// Records that were received and not sent.
    pub(super) records: Vec<PartRecord>,
    /// Bytes of these records.
    pub(super) bytes: usize,
    /// Number of these records that are of complete lists.
    complete: usize,
    /// End of the last day that was read.
    pub(super) read_until: Option<i64>,
    /// True if records of an incomplete list were sent.
    pub(super) is_sent: bool,
    /// Filter of records that the last read sent, for the current list.
    pub(super) filter: Option<WatermarkFilter>,
    /// Hashes of the records of the current list that may be listed again.
    pub(super) seen: BTreeSet<u128>,
}

/// Record of a part.
#[derive(Debug)]
pub(super) enum PartRecord {
    /// Row.
    Row(Vec<Value>),
    /// JSON of a record that cannot be a row, and the reason.
    Rejected(String, String),
}

/// Response to a request of a part.
#[derive(Debug)]
pub(super) struct PartResponse {
    pub(super) part: Part,
    /// Requested path.
    pub(super) path: String,
    /// Number of requests, including those that failed.
    pub(super) requests: u64,
    pub(super) body: Result<String>,
}

/// Request of a part that is under way.
pub(super) type PartRequest = Pin<Box<dyn Future<Output = PartResponse>>>;

impl Part {
    /// Creates a part of which nothing was received.
    pub(super) fn new(number: usize, partition: Partition) -> Self {
        Self {
            number,
            partition,
            records: Vec::new(),
            bytes: 0,
            complete: 0,
            read_until: None,
            is_sent: false,
            filter: None,
            seen: BTreeSet::new(),
        }
    }

    /// Requests a path.
    pub(super) fn request(self, client: &Rc<Client>, is_region: bool, path: String) -> PartRequest {
        let client = Rc::clone(client);
        Box::pin(async move {
            let (requests, body) = client.fetch(is_region, &path).await;
            PartResponse {
                part: self,
                path,
                requests,
                body,
            }
        })
    }

    /// Appends a record.
    pub(super) fn push(&mut self, record: PartRecord, bytes: usize) {
        self.records.push(record);
        self.bytes += bytes;
    }

    /// Number of rows that were received and not sent.
    pub(super) fn rows(&self) -> u64 {
        let rows = self.records.iter();
        rows.filter(|record| matches!(record, PartRecord::Row(_)))
            .count() as u64
    }

    /// Removes the records.
    pub(super) fn take_records(&mut self) -> Vec<PartRecord> {
        self.bytes = 0;
        self.complete = 0;
        std::mem::take(&mut self.records)
    }

    /// Ends the current list, which is complete. `today` has not ended, and its
    /// usage is not final.
    pub(super) fn end_list(&mut self, today: i64) {
        self.seen.clear();
        self.is_sent = false;
        self.complete = self.records.len();
        let end = self.partition.window_end;
        self.read_until = end.filter(|end| *end <= today).or(self.read_until);
    }

    /// Drops the current list, which is incomplete.
    pub(super) fn drop_list(&mut self) {
        self.records.truncate(self.complete);
        self.filter = None;
    }
}
