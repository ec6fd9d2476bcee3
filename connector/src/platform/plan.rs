//! What a selection of a resource means, and whom it is asked of. Refuses what
//! the endpoint cannot do.

use std::collections::BTreeMap;

use super::client::Client;
use super::endpoint::{Endpoint, Increment, Scope};
use super::lists::Lists;
use super::marks;
use super::record::{Context, Rows};
use super::refusals::Refusals;
use super::units::{self, Units};
use crate::config::Platform;
use crate::cursor::{Watermark, Watermarks};
use crate::error::{Error, Result};
use crate::moment;
use crate::output::Output;
use crate::rows::columns::ColumnSpec;
use crate::selection::{Mode, ReadOptions, Selection};

/// The most days of usage that are asked for at once: ten years.
const MOST_DAYS: i64 = 3_660;
/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// Days that are asked for together: the first, and the one after the last.
pub(super) type Window = (i64, i64);

/// What a selection means.
pub(super) struct Plan {
    pub(super) endpoint: &'static Endpoint,
    pub(super) rows: Rows,
    pub(super) specs: Vec<ColumnSpec>,
    /// Where the last read ended.
    pub(super) old: Watermarks,
}

impl Plan {
    pub(super) fn of(selection: &Selection, options: &ReadOptions) -> Result<Self> {
        let name = &selection.resource;
        let Some(endpoint) = super::named(name) else {
            return Err(Error::config(
                format!("there is no resource `{name}`"),
                "list the resources to see their names",
            ));
        };
        let refuse = |what: &str, hint: &str| Err(Error::config(format!("`{name}` {what}"), hint));
        if selection.filter.is_some() {
            return refuse("is read without a condition", "leave `where` out");
        }
        if selection.keys {
            return refuse(
                "does not tell which rows are gone, unless it is read in full",
                "leave `deletes` or `mode` out",
            );
        }
        let by = cursor(endpoint);
        match selection.mode {
            Mode::Changes => {
                return refuse("has no feed of changes", "leave `mode` out");
            }
            Mode::Incremental if by.is_none() => {
                return refuse("is read in full", "leave `mode` out");
            }
            Mode::Full | Mode::Incremental => {}
        }
        if let (Some(cursor), Some(by)) = (&selection.cursor_column, by)
            && !cursor.eq_ignore_ascii_case(by)
        {
            return refuse(
                &format!("cannot be read by the cursor column `{cursor}`"),
                &format!("its cursor column is `{by}`"),
            );
        }
        // Where it goes on is only known when all has come.
        if options.resumable
            && selection.mode == Mode::Incremental
            && !selection.idempotent
            && endpoint.increment != Some(Increment::Days)
        {
            return refuse(
                "would be appended twice by a run that is killed and goes on",
                "use `write = \"merge\"`, or leave `consistency` out",
            );
        }
        let rows = Rows::of(endpoint, &selection.columns)?;
        let specs = rows.specs(&selection.types)?;
        let old = match selection.mode {
            Mode::Incremental => marks::watermarks(selection.cursor.as_ref(), name)?,
            Mode::Full | Mode::Changes => Watermarks::new(),
        };
        Ok(Self {
            endpoint,
            rows,
            specs,
            old,
        })
    }
}

/// The column that an endpoint can be read by.
#[must_use]
pub fn cursor(endpoint: &Endpoint) -> Option<&'static str> {
    Some(match endpoint.increment? {
        Increment::Days => "from",
        Increment::NewestFirst(by) | Increment::Unordered(by) => by,
    })
}

/// Whom an endpoint is asked of: the token, or each organization, group or
/// database that it sees.
pub(super) fn targets(
    endpoint: &'static Endpoint,
    settings: &Platform,
    client: &Client,
    lists: &mut Lists,
    refusals: &mut Refusals,
    output: &mut Output,
) -> Result<Vec<Context>> {
    if matches!(endpoint.scope, Scope::Token | Scope::Region) {
        if Scope::Organization.parent() == Some(endpoint.name) {
            refusals.keep_only(settings.organization.clone());
        }
        return Ok(vec![Context::default()]);
    }
    let organizations = if let Some(slug) = &settings.organization {
        vec![slug.clone()]
    } else {
        let all = super::list_of(Scope::Organization)?;
        let entries = lists.entries(client, all, all.path, output)?;
        entries.into_iter().map(|entry| entry.name).collect()
    };
    let mut targets = Vec::new();
    for organization in organizations {
        let context = Context {
            organization,
            ..Context::default()
        };
        match of_organization(endpoint, &context, client, lists, output) {
            Ok(found) => targets.extend(found),
            Err(error) => refusals.take(&context, error)?,
        }
    }
    Ok(targets)
}

fn of_organization(
    endpoint: &Endpoint,
    organization: &Context,
    client: &Client,
    lists: &mut Lists,
    output: &mut Output,
) -> Result<Vec<Context>> {
    if endpoint.scope == Scope::Organization {
        let id = if endpoint.path.contains("{organizationId}") {
            Some(lists.organization_id(client, &organization.organization, output)?)
        } else {
            None
        };
        return Ok(vec![Context {
            organization_id: id,
            ..organization.clone()
        }]);
    }
    let list = super::list_of(endpoint.scope)?;
    let path = units::path(list, organization);
    let entries = lists.entries(client, list, &path, output)?;
    let contexts = entries.into_iter().map(|entry| Context {
        id: entry.id,
        name: Some(entry.name),
        ..organization.clone()
    });
    Ok(contexts.collect())
}

/// The days that usage is asked for by, and the first of each organization.
/// In full, the calendar month. A day that is not over is asked for only where
/// it can be asked for again.
pub(super) fn windows(
    selection: &Selection,
    settings: &Platform,
    old: Option<&Watermarks>,
    units: &Units,
    today: i64,
) -> Result<(Vec<Window>, BTreeMap<String, i64>)> {
    let (month, next_month) = moment::month(today);
    let Some(old) = old.filter(|_| !units.is_empty()) else {
        return Ok((vec![(month, next_month)], BTreeMap::new()));
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "beyond the range it becomes the end of it"
    )]
    let lag = (selection.lag.unwrap_or(0.0) / DAY).ceil() as i64;
    let begun = settings.usage_from.unwrap_or(month);
    let mut since = BTreeMap::new();
    for target in units.targets() {
        let organization = &target.organization;
        let from = match old.get(organization).and_then(Watermark::moment) {
            Some(until) => {
                let least = settings.usage_from.unwrap_or(i64::MIN);
                let until = until.day();
                until.saturating_sub(lag).max(least.min(until))
            }
            None => begun,
        };
        since.insert(organization.clone(), from);
    }
    let first = since.values().min().copied().unwrap_or(today);
    let end = today + i64::from(selection.idempotent);
    if end - first > MOST_DAYS {
        return Err(Error::config(
            format!(
                "`{}` would be read for more than {MOST_DAYS} days",
                selection.resource
            ),
            "set `usage_from` to a later day",
        ));
    }
    let days = (first..end).map(|day| (day, day + 1)).collect();
    Ok((days, since))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    /// The first day of usage that is asked for, and the day after the last.
    fn asked(config: &str, until: Option<&str>, selection: &Selection) -> (String, String) {
        let settings = Config::parse(config).unwrap().platform;
        let units = Units::of(vec![Context {
            organization: "acme".to_owned(),
            ..Context::default()
        }]);
        let watermark = |until: &str| Watermark {
            until: until.to_owned(),
            seen: Vec::new(),
        };
        let old: Watermarks = until
            .map(|until| ("acme".to_owned(), watermark(until)))
            .into_iter()
            .collect();
        let today = moment::Moment::parse("2026-03-02").unwrap().day();
        let old = (selection.mode == Mode::Incremental).then_some(&old);
        let (windows, _) = windows(selection, &settings, old, &units, today).unwrap();
        let (first, last) = (windows.first().unwrap(), windows.last().unwrap());
        let day = |day| moment::start_of_day(day)[..10].to_owned();
        (day(first.0), day(last.1))
    }

    #[test]
    fn usage_is_asked_for_from_where_it_was_read_to() {
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
            lag: Some(90_000.0),
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
            // Two days, of which one has only begun.
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
            let found = asked(config, until, selection);
            assert_eq!(
                found,
                (first.to_owned(), end.to_owned()),
                "{config} {until:?}"
            );
        }
    }
}
