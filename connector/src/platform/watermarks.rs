//! Classification of records by the watermark of the last read. A watermark is
//! the newest time that was read of an organization, with hashes of the records
//! of that time.

use std::collections::BTreeMap;

use crate::cursor::{self, Cursor, Watermark, Watermarks};
use crate::error::{Error, Result};
use crate::moment::Moment;

/// Maximum number of hashes in a watermark. Further records of the same time
/// are sent again by the next read, and merged.
const MAX_HASHES: usize = 10_000;
/// Number of digits of a hash in a watermark.
const HASH_DIGITS: usize = 16;

/// Classifies the records of one organization by its last watermark, and
/// determines the next one.
#[derive(Debug)]
pub(super) struct WatermarkFilter {
    last: Option<(Moment, Vec<String>)>,
    lag: f64,
    newest: Option<(Moment, Watermark)>,
}

/// Age of a record relative to the last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RecordAge {
    /// The last read did not send the record.
    New,
    /// The last read sent the record.
    Sent,
    /// The record is older than the watermark.
    Old,
}

impl Watermark {
    /// Returns the time, or `None` if it is not valid.
    pub(super) fn moment(&self) -> Option<Moment> {
        Moment::parse(&self.until)
    }

    /// Returns the position of a database, or `None` if it is not valid.
    pub(super) fn position(&self, database: &str) -> Option<Moment> {
        Moment::parse(self.behind.get(database).unwrap_or(&self.until))
    }

    fn is_valid(&self) -> bool {
        let mut times = self.behind.values().chain([&self.until]);
        times.all(|time| Moment::parse(time).is_some())
    }
}

impl WatermarkFilter {
    pub(super) fn new(last: Option<&Watermark>, lag: f64) -> Self {
        let last = last.and_then(|watermark| Some((watermark.moment()?, watermark.clone())));
        Self {
            newest: last.clone(),
            last: last.map(|(moment, watermark)| (moment, watermark.seen)),
            lag,
        }
    }

    /// Classifies a record, and includes it in the next watermark.
    pub(super) fn classify(&mut self, time: Option<&str>, hash: &str) -> RecordAge {
        let hash = hash.get(..HASH_DIGITS).unwrap_or(hash);
        let moment = time.and_then(|time| Some((Moment::parse(time)?, time)));
        let Some((moment, time)) = moment else {
            return RecordAge::New;
        };
        let age = match &self.last {
            Some((last, seen)) if moment == *last && seen.iter().any(|other| other == hash) => {
                RecordAge::Sent
            }
            Some((last, _)) if moment < last.earlier(self.lag) => RecordAge::Old,
            _ => RecordAge::New,
        };
        match &mut self.newest {
            Some((newest, _)) if *newest > moment => {}
            Some((newest, watermark)) if *newest == moment => {
                if watermark.seen.len() < MAX_HASHES
                    && !watermark.seen.iter().any(|other| other == hash)
                {
                    watermark.seen.push(hash.to_owned());
                }
            }
            newest => {
                let watermark = Watermark {
                    until: time.to_owned(),
                    seen: vec![hash.to_owned()],
                    behind: BTreeMap::new(),
                };
                *newest = Some((moment, watermark));
            }
        }
        age
    }

    /// Returns the watermark of this read.
    pub(super) fn watermark(self) -> Option<Watermark> {
        self.newest.map(|(_, watermark)| watermark)
    }
}

/// Returns the watermarks of a cursor; empty without a cursor.
pub(super) fn watermarks(cursor: Option<&Cursor>, resource: &str) -> Result<Watermarks> {
    let Some(cursor) = cursor else {
        return Ok(Watermarks::new());
    };
    let watermarks = cursor
        .watermarks
        .clone()
        .filter(|watermarks| watermarks.values().all(Watermark::is_valid));
    watermarks.ok_or_else(|| {
        Error::config(
            format!("the cursor of `{resource}` has no valid times"),
            cursor::full_refresh(resource),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_continues_at_the_last_watermark() {
        let mut first = WatermarkFilter::new(None, 0.0);
        for (time, hash) in [
            ("2024-01-02T00:00:00Z", "b"),
            ("2024-01-02T00:00:00Z", "a"),
            ("2024-01-01T00:00:00Z", "x"),
        ] {
            assert_eq!(first.classify(Some(time), hash), RecordAge::New);
        }
        let watermark = first.watermark().unwrap();
        assert_eq!(watermark.until, "2024-01-02T00:00:00Z");
        assert_eq!(watermark.seen, ["b", "a"]);

        let mut second = WatermarkFilter::new(Some(&watermark), 0.0);
        for (time, hash, age) in [
            (Some("2024-01-03T00:00:00Z"), "d", RecordAge::New),
            // Another record of the same time.
            (Some("2024-01-02T01:00:00+01:00"), "c", RecordAge::New),
            (Some("2024-01-02T00:00:00Z"), "a", RecordAge::Sent),
            (Some("2024-01-01T23:59:59.999999999Z"), "x", RecordAge::Old),
            (None, "y", RecordAge::New),
            (Some("soon"), "z", RecordAge::New),
        ] {
            assert_eq!(second.classify(time, hash), age, "{time:?}");
        }
        assert_eq!(second.watermark().unwrap().seen, ["d"]);
        // Without new records, the watermark stays.
        assert_eq!(
            WatermarkFilter::new(Some(&watermark), 0.0).watermark(),
            Some(watermark)
        );
    }

    #[test]
    fn a_lag_repeats_records_that_may_have_been_late() {
        let watermark = Watermark {
            until: "2024-01-02T00:00:00Z".to_owned(),
            ..Watermark::default()
        };
        let mut filter = WatermarkFilter::new(Some(&watermark), 3_600.0);
        assert_eq!(
            filter.classify(Some("2024-01-01T23:30:00Z"), "a"),
            RecordAge::New
        );
        assert_eq!(
            filter.classify(Some("2024-01-01T22:30:00Z"), "b"),
            RecordAge::Old
        );
    }
}
