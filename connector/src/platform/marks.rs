//! How far a resource has been read: for each organization, up to which time,
//! and what was seen of that time. What the next read goes on from.

use crate::cursor::{self, Cursor, Watermark, Watermarks};
use crate::error::{Error, Result};
use crate::moment::Moment;

/// The most records of one time that are kept in mind. Merging sends the rest
/// of them again.
const MOST: usize = 10_000;
/// So many digits of a hash tell the records of one time apart.
const DIGITS: usize = 16;

/// Judges the records of one organization by the last read's watermark.
#[derive(Debug)]
pub(super) struct Since {
    old: Option<(Moment, Vec<String>)>,
    lag: f64,
    newest: Option<(Moment, Watermark)>,
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Age {
    /// The last read has not had it.
    New,
    /// The last read has had it.
    Seen,
    /// It is older than where the last read ended.
    Older,
}

impl Watermark {
    /// Returns the time, or `None` if it is not valid.
    pub(super) fn moment(&self) -> Option<Moment> {
        Moment::parse(&self.until)
    }
}

impl Since {
    pub(super) fn new(old: Option<&Watermark>, lag: f64) -> Self {
        let old = old.and_then(|watermark| Some((watermark.moment()?, watermark.clone())));
        Self {
            newest: old.clone(),
            old: old.map(|(moment, watermark)| (moment, watermark.seen)),
            lag,
        }
    }

    /// Judges a record, and takes note of it.
    pub(super) fn judge(&mut self, time: Option<&str>, hash: &str) -> Age {
        let hash = hash.get(..DIGITS).unwrap_or(hash);
        let moment = time.and_then(|time| Some((Moment::parse(time)?, time)));
        // Nothing says that it was read.
        let Some((moment, time)) = moment else {
            return Age::New;
        };
        let age = match &self.old {
            Some((old, seen)) if moment == *old && seen.iter().any(|other| other == hash) => {
                Age::Seen
            }
            Some((old, _)) if moment < old.earlier(self.lag) => Age::Older,
            _ => Age::New,
        };
        match &mut self.newest {
            Some((newest, _)) if *newest > moment => {}
            Some((newest, watermark)) if *newest == moment => {
                if watermark.seen.len() < MOST && !watermark.seen.iter().any(|other| other == hash)
                {
                    watermark.seen.push(hash.to_owned());
                }
            }
            newest => {
                let watermark = Watermark {
                    until: time.to_owned(),
                    seen: vec![hash.to_owned()],
                };
                *newest = Some((moment, watermark));
            }
        }
        age
    }

    /// Where the next read goes on.
    pub(super) fn watermark(self) -> Option<Watermark> {
        self.newest.map(|(_, watermark)| watermark)
    }
}

/// Returns the watermarks of a cursor; empty without a cursor.
pub(super) fn watermarks(cursor: Option<&Cursor>, resource: &str) -> Result<Watermarks> {
    let Some(cursor) = cursor else {
        return Ok(Watermarks::new());
    };
    let watermarks = cursor.watermarks.clone().filter(|watermarks| {
        watermarks
            .values()
            .all(|watermark| watermark.moment().is_some())
    });
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
    fn a_read_goes_on_where_the_last_one_ended() {
        let mut first = Since::new(None, 0.0);
        for (time, hash) in [
            ("2024-01-02T00:00:00Z", "b"),
            ("2024-01-02T00:00:00Z", "a"),
            ("2024-01-01T00:00:00Z", "x"),
        ] {
            assert_eq!(first.judge(Some(time), hash), Age::New);
        }
        let watermark = first.watermark().unwrap();
        assert_eq!(watermark.until, "2024-01-02T00:00:00Z");
        assert_eq!(watermark.seen, ["b", "a"]);

        let mut second = Since::new(Some(&watermark), 0.0);
        for (time, hash, age) in [
            (Some("2024-01-03T00:00:00Z"), "d", Age::New),
            // Of the same time, and come since.
            (Some("2024-01-02T01:00:00+01:00"), "c", Age::New),
            (Some("2024-01-02T00:00:00Z"), "a", Age::Seen),
            (Some("2024-01-01T23:59:59.999999999Z"), "x", Age::Older),
            (None, "y", Age::New),
            (Some("soon"), "z", Age::New),
        ] {
            assert_eq!(second.judge(time, hash), age, "{time:?}");
        }
        assert_eq!(second.watermark().unwrap().seen, ["d"]);
        // Nothing new: the watermark stays as it was.
        assert_eq!(
            Since::new(Some(&watermark), 0.0).watermark(),
            Some(watermark)
        );
    }

    #[test]
    fn a_lag_reads_again_what_may_have_come_late() {
        let watermark = Watermark {
            until: "2024-01-02T00:00:00Z".to_owned(),
            seen: Vec::new(),
        };
        let mut since = Since::new(Some(&watermark), 3_600.0);
        assert_eq!(since.judge(Some("2024-01-01T23:30:00Z"), "a"), Age::New);
        assert_eq!(since.judge(Some("2024-01-01T22:30:00Z"), "b"), Age::Older);
    }
}
