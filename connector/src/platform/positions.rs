//! Positions of an incremental read: the watermark of each organization and, for
//! daily usage, the last day of each database. A database that failed keeps its
//! position, so that the next read asks for its days again. Must not send
//! requests.

use std::collections::BTreeMap;

use super::partitions::PartitionContext;
use super::watermarks::WatermarkFilter;
use crate::cursor::{Cursor, Watermark, Watermarks};
use crate::moment;

/// Positions of an incremental read that is in progress.
#[derive(Debug)]
pub(super) struct Positions {
    cursor_column: &'static str,
    lag: f64,
    /// Watermarks of the last read.
    last: Watermarks,
    /// Watermarks of this read.
    watermarks: Watermarks,
    /// First day that was not read, of each database of each organization.
    days: BTreeMap<String, BTreeMap<String, i64>>,
}

impl Positions {
    /// Creates the positions at which the last read ended.
    pub(super) fn new(cursor_column: &'static str, lag: f64, last: Watermarks) -> Self {
        Self {
            cursor_column,
            lag,
            watermarks: last.clone(),
            last,
            days: BTreeMap::new(),
        }
    }

    /// Returns the watermarks of the last read.
    pub(super) fn last(&self) -> &Watermarks {
        &self.last
    }

    /// Adds a database that is read day by day. If it was never read, its
    /// position is the first day.
    pub(super) fn add(&mut self, context: &PartitionContext, first_day: i64) {
        let name = context.name.clone().unwrap_or_default();
        let last = self.last.get(&context.organization);
        let saved = last.and_then(|watermark| watermark.position(&name));
        let day = saved.map_or(first_day, moment::Moment::day);
        let days = self.days.entry(context.organization.clone()).or_default();
        days.insert(name, day);
    }

    /// Raises the position of a database to the end of a day that was read.
    pub(super) fn end_day(&mut self, context: &PartitionContext, end: i64) {
        let days = self.days.get_mut(&context.organization);
        let name = context.name.as_deref().unwrap_or_default();
        if let Some(day) = days.and_then(|days| days.get_mut(name)) {
            *day = end.max(*day);
        }
    }

    /// Returns the filter of the records of an organization.
    pub(super) fn filter(&self, organization: &str) -> WatermarkFilter {
        WatermarkFilter::new(self.last.get(organization), self.lag)
    }

    /// Sets the watermark of an organization whose records were all received.
    pub(super) fn end_list(&mut self, organization: &str, filter: WatermarkFilter) {
        if let Some(watermark) = filter.watermark() {
            self.watermarks.insert(organization.to_owned(), watermark);
        }
    }

    /// Returns the cursor at the current positions.
    pub(super) fn cursor(&self) -> Vec<u8> {
        let mut watermarks = self.watermarks.clone();
        for (organization, days) in &self.days {
            let saved = watermarks.get(organization).and_then(Watermark::moment);
            let saved = saved.map(moment::Moment::day);
            let Some(newest) = days.values().copied().chain(saved).max() else {
                continue;
            };
            let behind = days.iter().filter(|(_, day)| **day < newest);
            let behind = behind.map(|(name, day)| (name.clone(), moment::start_of_day(*day)));
            let watermark = Watermark {
                until: moment::start_of_day(newest),
                seen: Vec::new(),
                behind: behind.collect(),
            };
            watermarks.insert(organization.clone(), watermark);
        }
        Cursor::for_platform(self.cursor_column, watermarks).encode()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cursor::VERSION;

    fn database(name: &str) -> PartitionContext {
        PartitionContext {
            organization: "acme".to_owned(),
            name: Some(name.to_owned()),
            ..PartitionContext::default()
        }
    }

    fn saved(positions: &Positions) -> Watermarks {
        let cursor = Cursor::decode(VERSION, &positions.cursor(), "usage").unwrap();
        cursor.watermarks.unwrap()
    }

    #[test]
    fn a_database_that_failed_stays_behind_and_catches_up() {
        let mut first = Positions::new("from", 0.0, Watermarks::new());
        for name in ["a", "b"] {
            first.add(&database(name), 10);
        }
        first.end_day(&database("a"), 11);
        first.end_day(&database("a"), 12);
        first.end_day(&database("b"), 11);
        let watermarks = saved(&first);
        let acme = &watermarks["acme"];
        assert_eq!(acme.until, moment::start_of_day(12));
        assert_eq!(acme.behind["b"], moment::start_of_day(11));
        assert_eq!(acme.behind.len(), 1);

        let mut second = Positions::new("from", 0.0, watermarks);
        for name in ["a", "b", "new"] {
            second.add(&database(name), 12);
        }
        second.end_day(&database("b"), 12);
        assert!(saved(&second)["acme"].behind.is_empty());
    }

    #[test]
    fn an_organization_that_was_not_read_keeps_its_position() {
        let last = Watermark {
            until: moment::start_of_day(7),
            ..Watermark::default()
        };
        let last = Watermarks::from([("other".to_owned(), last)]);
        let mut positions = Positions::new("from", 0.0, last.clone());
        positions.add(&database("a"), 3);
        let watermarks = saved(&positions);
        assert_eq!(watermarks["other"], last["other"]);
        assert_eq!(watermarks["acme"].until, moment::start_of_day(3));
    }
}
