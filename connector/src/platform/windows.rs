//! Time windows of a usage endpoint.

use super::partitions::{PartitionContext, Window};
use crate::config::Platform;
use crate::cursor::Watermarks;
use crate::error::{Error, Result};
use crate::moment::{self, Moment};
use crate::selection::Selection;

/// Maximum number of days in one read: ten years.
const MAX_DAYS: i64 = 3_660;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Returns the windows of a database. A full read requests the calendar month.
/// An incremental read requests each day since the position of the database. It
/// includes today only if rows are merged, since the usage of today is not final.
pub(super) fn windows(
    selection: &Selection,
    settings: &Platform,
    last: Option<&Watermarks>,
    target: &PartitionContext,
    today: i64,
) -> Result<Vec<Window>> {
    let (month, next_month) = moment::month(today);
    let Some(last) = last else {
        return Ok(vec![(month, next_month)]);
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float out of range becomes the end of the range"
    )]
    let lag = (selection.lag.map_or(0.0, |lag| lag.amount) / SECONDS_PER_DAY).ceil() as i64;
    let watermark = last.get(&target.organization);
    let name = target.name.as_deref().unwrap_or_default();
    let first = match watermark.and_then(|watermark| watermark.position(name)) {
        Some(position) => {
            let earliest = settings.usage_from.unwrap_or(i64::MIN);
            let position = Moment::day(position);
            position.saturating_sub(lag).max(earliest.min(position))
        }
        None => first_day(settings, today),
    };
    let end = today + i64::from(selection.idempotent);
    if end - first > MAX_DAYS {
        return Err(Error::config(
            format!(
                "the read of `{}` covers more than {MAX_DAYS} days",
                selection.resource
            ),
            "set `usage_from` to a later day",
        ));
    }
    Ok((first..end).map(|day| (day, day + 1)).collect())
}

/// Returns the first day of a database that was never read.
pub(super) fn first_day(settings: &Platform, today: i64) -> i64 {
    settings.usage_from.unwrap_or(moment::month(today).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::cursor::Watermark;
    use crate::selection::{Lag, Mode};

    /// Returns the first requested day, and the day after the last one.
    fn requested_days(
        config: &str,
        until: Option<&str>,
        selection: &Selection,
    ) -> (String, String) {
        let settings = Config::parse(config).unwrap().platform;
        let target = PartitionContext {
            organization: "acme".to_owned(),
            name: Some("late".to_owned()),
            ..PartitionContext::default()
        };
        // The position of the organization does not count for a database that
        // is behind.
        let watermark = |until: &str| Watermark {
            until: "2026-03-02T00:00:00Z".to_owned(),
            seen: Vec::new(),
            behind: [("late".to_owned(), until.to_owned())].into(),
        };
        let last: Watermarks = until
            .map(|until| ("acme".to_owned(), watermark(until)))
            .into_iter()
            .collect();
        let today = moment::Moment::parse("2026-03-02").unwrap().day();
        let last = (selection.mode == Mode::Incremental).then_some(last);
        let windows = windows(selection, &settings, last.as_ref(), &target, today).unwrap();
        let (first, last) = (windows.first().unwrap(), windows.last().unwrap());
        let day = |day| moment::start_of_day(day)[..10].to_owned();
        (day(first.0), day(last.1))
    }

    #[test]
    fn usage_is_requested_from_the_last_watermark() {
        let merged = Selection {
            mode: Mode::Incremental,
            idempotent: true,
            ..Selection::default()
        };
        let appended = Selection {
            idempotent: false,
            ..merged.clone()
        };
        let late = Selection {
            lag: Lag::parse("90000s"),
            ..merged.clone()
        };
        let from = r#"{"usage_from": "2026-02-27"}"#;
        for (config, until, selection, first, end) in [
            (
                "{}",
                None,
                &Selection::default(),
                "2026-03-01",
                "2026-04-01",
            ),
            ("{}", None, &merged, "2026-03-01", "2026-03-03"),
            ("{}", None, &appended, "2026-03-01", "2026-03-02"),
            (from, None, &merged, "2026-02-27", "2026-03-03"),
            (
                "{}",
                Some("2026-02-20T00:00:00Z"),
                &merged,
                "2026-02-20",
                "2026-03-03",
            ),
            // A lag of two days, rounded up.
            (
                "{}",
                Some("2026-03-01T00:00:00Z"),
                &late,
                "2026-02-27",
                "2026-03-03",
            ),
            (
                from,
                Some("2026-02-28T00:00:00Z"),
                &late,
                "2026-02-27",
                "2026-03-03",
            ),
        ] {
            let found = requested_days(config, until, selection);
            assert_eq!(
                found,
                (first.to_owned(), end.to_owned()),
                "{config} {until:?}"
            );
        }
    }
}
