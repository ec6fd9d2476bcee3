//! Time windows of a usage endpoint.

use std::collections::BTreeMap;

use super::partitions::{Partitions, Window};
use crate::config::Platform;
use crate::cursor::{Watermark, Watermarks};
use crate::error::{Error, Result};
use crate::moment;
use crate::selection::Selection;

/// Maximum number of days in one read: ten years.
const MAX_DAYS: i64 = 3_660;
const SECONDS_PER_DAY: f64 = 86_400.0;

/// Returns the requested windows, and the first day of each organization. A
/// full read requests the calendar month. An incremental read requests each day
/// since the last watermark. It includes today only if rows are merged, since
/// the usage of today is not final.
pub(super) fn windows(
    selection: &Selection,
    settings: &Platform,
    last: Option<&Watermarks>,
    partitions: &Partitions,
    today: i64,
) -> Result<(Vec<Window>, BTreeMap<String, i64>)> {
    let (month, next_month) = moment::month(today);
    let Some(last) = last.filter(|_| !partitions.is_empty()) else {
        return Ok((vec![(month, next_month)], BTreeMap::new()));
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float out of range becomes the end of the range"
    )]
    let lag = (selection.lag.map_or(0.0, |lag| lag.amount) / SECONDS_PER_DAY).ceil() as i64;
    let start = settings.usage_from.unwrap_or(month);
    let mut first_days = BTreeMap::new();
    for target in partitions.targets() {
        let organization = &target.organization;
        let from = match last.get(organization).and_then(Watermark::moment) {
            Some(until) => {
                let earliest = settings.usage_from.unwrap_or(i64::MIN);
                let until = until.day();
                until.saturating_sub(lag).max(earliest.min(until))
            }
            None => start,
        };
        first_days.insert(organization.clone(), from);
    }
    let first = first_days.values().min().copied().unwrap_or(today);
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
    let days = (first..end).map(|day| (day, day + 1)).collect();
    Ok((days, first_days))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::platform::partitions::PartitionContext;
    use crate::selection::{Lag, Mode};

    /// Returns the first requested day, and the day after the last one.
    fn requested_days(
        config: &str,
        until: Option<&str>,
        selection: &Selection,
    ) -> (String, String) {
        let settings = Config::parse(config).unwrap().platform;
        let partitions = Partitions::new(vec![PartitionContext {
            organization: "acme".to_owned(),
            ..PartitionContext::default()
        }]);
        let watermark = |until: &str| Watermark {
            until: until.to_owned(),
            seen: Vec::new(),
        };
        let last: Watermarks = until
            .map(|until| ("acme".to_owned(), watermark(until)))
            .into_iter()
            .collect();
        let today = moment::Moment::parse("2026-03-02").unwrap().day();
        let last = (selection.mode == Mode::Incremental).then_some(last);
        let (windows, _) =
            windows(selection, &settings, last.as_ref(), &partitions, today).unwrap();
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
