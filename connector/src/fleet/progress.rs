//! Progress of a read of many databases: the rows that were sent, and those that
//! are expected while every database is known. Must not read rows.

use std::collections::BTreeMap;

use super::Fleet;
use super::member::Member;
use super::totals::ResourceTotals;
use crate::output::{Event, PageKind, progress_interval};

/// Rows of the resources of one database, so far and in total.
#[derive(Debug, Default)]
pub(super) struct MemberRows {
    /// Resource that is being read.
    current: Option<String>,
    /// Number of rows of each resource so far.
    rows: BTreeMap<String, u64>,
    /// Estimated number of all rows of each resource; of one that was read, the
    /// number itself.
    totals: BTreeMap<String, u64>,
}

/// Rows of one resource that were sent, and reported.
#[derive(Debug, Default)]
pub(super) struct SentRows {
    rows: u64,
    reported: u64,
    /// True if an estimate was reported.
    has_estimate: bool,
}

impl MemberRows {
    /// Observes an event of the database. Its resources follow each other, so
    /// another resource shows that the one before was read.
    pub(super) fn observe(&mut self, event: &Event) {
        match event {
            Event::Schema { resource, .. } => self.begin(resource),
            Event::Page {
                resource,
                kind,
                batch,
                ..
            } => {
                self.begin(resource);
                if *kind != PageKind::Keys {
                    let rows = self.rows.entry(resource.clone()).or_insert(0);
                    *rows += batch.num_rows() as u64;
                }
            }
            Event::Progress {
                resource: Some(resource),
                estimated_rows: Some(rows),
                ..
            } => {
                self.begin(resource);
                self.totals.insert(resource.clone(), *rows);
            }
            Event::Restarted(_) => *self = Self::default(),
            Event::Done(_) => self.end_current(),
            Event::Progress { .. } | Event::Rejected { .. } => {}
        }
    }

    /// Returns the number of all rows of a resource, if it can be estimated.
    pub(super) fn total(&self, resource: &str) -> Option<u64> {
        let mut totals = self.totals.iter();
        let found = totals.find(|(name, _)| name.eq_ignore_ascii_case(resource));
        found.map(|(_, rows)| *rows)
    }

    fn begin(&mut self, resource: &str) {
        if self.current.as_deref() != Some(resource) {
            self.end_current();
            self.current = Some(resource.to_owned());
        }
    }

    fn end_current(&mut self) {
        if let Some(ended) = self.current.take() {
            let rows = self.rows.get(&ended).copied().unwrap_or(0);
            self.totals.insert(ended, rows);
        }
    }
}

impl SentRows {
    /// Counts rows that were sent.
    pub(super) fn add(&mut self, rows: u64) {
        self.rows += rows;
    }

    /// Returns the number of rows to report with an estimate: when it becomes
    /// known, and then rarely.
    fn report(&mut self, estimate: Option<u64>) -> Option<u64> {
        let is_first = estimate.is_some_and(|rows| rows > self.rows) && !self.has_estimate;
        let unreported = self.rows - self.reported;
        if !is_first && unreported < progress_interval(estimate.unwrap_or(0)) {
            return None;
        }
        self.has_estimate |= estimate.is_some();
        self.reported = self.rows;
        Some(self.rows)
    }
}

impl Fleet {
    /// Reports the progress of a resource, if it is time for that. `member` is
    /// the database whose turn it is.
    pub(super) fn report_progress(&mut self, resource: &str, member: &Member) {
        if !self.options.progress {
            return;
        }
        let name = self.resource_name(resource);
        let estimated_rows = self.expected_rows(&name, member);
        if let Some(rows) = self.totals(&name).sent.report(estimated_rows) {
            self.output.push_back(Event::Progress {
                resource: Some(name),
                rows,
                estimated_rows,
                waiting: None,
            });
        }
    }

    /// Reports that a database waits before its read continues.
    pub(super) fn report_waiting(&mut self, database: &str, reason: &str) {
        self.output.push_back(Event::Progress {
            resource: None,
            rows: self.rows,
            estimated_rows: None,
            waiting: Some(format!("the database `{database}`: {reason}")),
        });
    }

    /// Returns the sum of the rows of all databases. It is unknown while the
    /// rows of one of them are, such as those of a database whose read has not
    /// begun.
    fn expected_rows(&self, resource: &str, member: &Member) -> Option<u64> {
        if !self.queued.is_empty() {
            return None;
        }
        let ended = self.totals.get(resource).map_or(0, ResourceTotals::rows);
        let of_member = member.rows.borrow().total(resource)?;
        let read = self.read.values();
        let read = read.map(|(member, _)| member.rows.borrow().total(resource));
        let read: u64 = read.sum::<Option<u64>>()?;
        let rows = ended + read + of_member + self.turns.expected_rows(resource)?;
        let limit = self.options.row_limit;
        Some(limit.map_or(rows, |limit| limit.min(rows)))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Int64Array, RecordBatch};
    use arrow_schema::SchemaRef;

    use super::*;
    use crate::output::{Columns, Summary};

    fn page(resource: &str, kind: PageKind, rows: u32) -> Event {
        let ids: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(i64::from)));
        Event::Page {
            resource: resource.to_owned(),
            kind,
            batch: RecordBatch::try_from_iter([("id", ids)]).unwrap(),
            cursor: None,
        }
    }

    fn estimate(resource: &str, rows: u64) -> Event {
        Event::Progress {
            resource: Some(resource.to_owned()),
            rows: 0,
            estimated_rows: Some(rows),
            waiting: None,
        }
    }

    #[test]
    fn a_resource_is_known_by_its_estimate_and_once_another_follows() {
        let mut rows = MemberRows::default();
        rows.observe(&page("a", PageKind::Rows, 3));
        assert_eq!(rows.total("a"), None);
        rows.observe(&estimate("a", 9));
        assert_eq!(rows.total("A"), Some(9));
        rows.observe(&page("a", PageKind::Rows, 4));
        rows.observe(&page("a", PageKind::Keys, 7));
        rows.observe(&Event::Schema {
            resource: "b".to_owned(),
            kind: PageKind::Rows,
            columns: Columns {
                schema: SchemaRef::new(arrow_schema::Schema::empty()),
                primary_key: Vec::new(),
                siblings: Vec::new(),
            },
        });
        assert_eq!((rows.total("a"), rows.total("b")), (Some(7), None));
        rows.observe(&Event::Done(Summary::default()));
        assert_eq!(rows.total("b"), Some(0));
        rows.observe(&Event::Restarted("lost".to_owned()));
        assert_eq!(rows.total("a"), None);
    }

    #[test]
    fn progress_is_reported_when_the_estimate_is_known_and_then_rarely() {
        let mut sent = SentRows::default();
        sent.add(10_000);
        assert_eq!(sent.report(None), None);
        assert_eq!(sent.report(Some(500_000)), Some(10_000));
        assert_eq!(sent.report(Some(500_000)), None);
        sent.add(99_999);
        assert_eq!(sent.report(Some(500_000)), None);
        sent.add(1);
        assert_eq!(sent.report(Some(500_000)), Some(110_000));
    }

    #[test]
    fn rows_without_an_estimate_are_reported_rarely() {
        let mut sent = SentRows::default();
        for _ in 0..5 {
            sent.add(40_000);
            let expected = (sent.rows == 120_000).then_some(120_000);
            assert_eq!(sent.report(None), expected);
        }
    }
}
