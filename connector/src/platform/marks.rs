//! How far a resource has been read: for each organization, up to which time,
//! and what was seen of that time. What the next read goes on from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::read::position::Position;

/// The most records of one time that are kept in mind. Merging sends the rest
/// of them again.
const MOST: usize = 10_000;
/// So many digits of a hash tell the records of one time apart.
const DIGITS: usize = 16;

/// How far one organization has been read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The newest time of a record; of days, the end of the last one.
    pub until: String,
    /// The records of that time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
}

/// All organizations.
pub type Marks = BTreeMap<String, Mark>;

/// Judges the records of one organization by the last read's mark.
#[derive(Debug)]
pub(super) struct Since {
    old: Option<(Moment, Vec<String>)>,
    lag: f64,
    newest: Option<(Moment, Mark)>,
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

impl Mark {
    /// When it is.
    pub(super) fn moment(&self) -> Option<Moment> {
        Moment::parse(&self.until)
    }
}

impl Since {
    pub(super) fn new(old: Option<&Mark>, lag: f64) -> Self {
        let old = old.and_then(|mark| Some((mark.moment()?, mark.clone())));
        Self {
            newest: old.clone(),
            old: old.map(|(moment, mark)| (moment, mark.seen)),
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
            Some((newest, mark)) if *newest == moment => {
                if mark.seen.len() < MOST && !mark.seen.iter().any(|other| other == hash) {
                    mark.seen.push(hash.to_owned());
                }
            }
            newest => {
                let mark = Mark {
                    until: time.to_owned(),
                    seen: vec![hash.to_owned()],
                };
                *newest = Some((moment, mark));
            }
        }
        age
    }

    /// Where the next read goes on.
    pub(super) fn mark(self) -> Option<Mark> {
        self.newest.map(|(_, mark)| mark)
    }
}

/// The marks of a position; none if there is none.
pub(super) fn of(position: Option<&Position>, resource: &str) -> Result<Marks> {
    let Some(position) = position else {
        return Ok(Marks::new());
    };
    let marks = position.platform.clone();
    let marks = marks.filter(|marks| marks.values().all(|mark| mark.moment().is_some()));
    marks.ok_or_else(|| {
        Error::config(
            format!("the cursor of `{resource}` does not say up to which times it was read"),
            format!(
                "begin anew: `connector-host run --full-refresh --resource {resource}`, or `state reset`"
            ),
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
        let mark = first.mark().unwrap();
        assert_eq!(mark.until, "2024-01-02T00:00:00Z");
        assert_eq!(mark.seen, ["b", "a"]);

        let mut second = Since::new(Some(&mark), 0.0);
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
        assert_eq!(second.mark().unwrap().seen, ["d"]);
        // Nothing new: the mark stays as it was.
        assert_eq!(Since::new(Some(&mark), 0.0).mark(), Some(mark));
    }

    #[test]
    fn a_lag_reads_again_what_may_have_come_late() {
        let mark = Mark {
            until: "2024-01-02T00:00:00Z".to_owned(),
            seen: Vec::new(),
        };
        let mut since = Since::new(Some(&mark), 3_600.0);
        assert_eq!(since.judge(Some("2024-01-01T23:30:00Z"), "a"), Age::New);
        assert_eq!(since.judge(Some("2024-01-01T22:30:00Z"), "b"), Age::Older);
    }
}
