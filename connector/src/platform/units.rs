//! What one resource is asked for, one after the other: every organization,
//! group or database, and of each every day.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::endpoint::Endpoint;
use super::pages::{Pages, encoded};
use super::plan::Window;
use super::record::Context;
use crate::moment;

/// Something that is asked for by itself: one list.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) context: Rc<Context>,
    pub(super) pages: Pages,
    /// Whether it is the last of its day, and the first day after.
    pub(super) ends: Option<i64>,
}

/// All of them, in a fixed order.
#[derive(Debug)]
pub(super) struct Units {
    targets: Vec<Rc<Context>>,
    /// Windows as their first days and those after their last; empty without.
    windows: Vec<Window>,
    /// The first day of each organization that is read. All, if it has none.
    since: BTreeMap<String, i64>,
    window: usize,
    target: usize,
}

impl Units {
    pub(super) fn of(targets: Vec<Context>) -> Self {
        Self {
            targets: targets.into_iter().map(Rc::new).collect(),
            windows: Vec::new(),
            since: BTreeMap::new(),
            window: 0,
            target: 0,
        }
    }

    /// The same, each one for each of these windows, the windows first.
    pub(super) fn within(mut self, windows: Vec<Window>, since: BTreeMap<String, i64>) -> Self {
        self.windows = windows;
        self.since = since;
        if self.windows.is_empty() {
            self.targets.clear();
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub(super) fn targets(&self) -> &[Rc<Context>] {
        &self.targets
    }

    /// The next one.
    pub(super) fn next(&mut self, endpoint: &Endpoint) -> Option<Unit> {
        loop {
            let windows = self.windows.len().max(1);
            if self.window >= windows || self.targets.is_empty() {
                return None;
            }
            let window = self.windows.get(self.window).copied();
            let is_due = |target: &Rc<Context>| {
                let since = self.since.get(&target.organization);
                window.is_none_or(|(from, _)| since.is_none_or(|since| from >= *since))
            };
            let context = Rc::clone(&self.targets[self.target]);
            let was_due = is_due(&context);
            let is_last = !self.targets[self.target + 1..].iter().any(is_due);
            self.target += 1;
            if self.target == self.targets.len() {
                self.target = 0;
                self.window += 1;
            }
            if !was_due {
                continue;
            }
            let context = match window {
                None => context,
                Some((from, to)) => Rc::new(Context {
                    window: Some((moment::start_of_day(from), moment::start_of_day(to))),
                    ..context.as_ref().clone()
                }),
            };
            let path = path(endpoint, &context);
            return Some(Unit {
                ends: window.filter(|_| is_last).map(|(_, to)| to),
                pages: Pages::new(path, endpoint.paging),
                context,
            });
        }
    }
}

/// The path of what is asked for, with what is asked beside a page.
pub(super) fn path(endpoint: &Endpoint, context: &Context) -> String {
    let name = encoded(context.name.as_deref().unwrap_or_default());
    let id = encoded(context.organization_id.as_deref().unwrap_or_default());
    let mut path = endpoint
        .path
        .replace("{organizationSlug}", &encoded(&context.organization))
        .replace("{organizationId}", &id)
        .replace("{databaseName}", &name)
        .replace("{groupName}", &name);
    let window = context.window.as_ref();
    let window = window.map(|(from, to)| format!("from={}&to={}", encoded(from), encoded(to)));
    let queries = [endpoint.query.to_owned(), window.unwrap_or_default()];
    for query in queries.iter().filter(|query| !query.is_empty()) {
        path.push(if path.contains('?') { '&' } else { '?' });
        path.push_str(query);
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::named;

    fn context(organization: &str, name: &str) -> Context {
        Context {
            organization: organization.to_owned(),
            name: Some(name.to_owned()),
            ..Context::default()
        }
    }

    fn paths(mut units: Units, resource: &str) -> Vec<(String, Option<i64>)> {
        let endpoint = named(resource).unwrap();
        std::iter::from_fn(|| units.next(endpoint))
            .map(|unit| (unit.pages.path().to_owned(), unit.ends))
            .collect()
    }

    #[test]
    fn days_come_one_after_the_other_and_each_says_where_it_ends() {
        let targets = vec![context("a", "x"), context("a", "y"), context("b", "z")];
        let since = [("a".to_owned(), 0), ("b".to_owned(), 1)].into();
        let units = Units::of(targets).within(vec![(0, 1), (1, 2)], since);
        let found = paths(units, "platform_database_usage");
        let short = |(path, ends): &(String, Option<i64>)| {
            let path = path
                .replace("/v1/organizations/", "")
                .replace("/databases", "");
            (
                path.split("T00").next().unwrap_or_default().to_owned(),
                *ends,
            )
        };
        let found: Vec<_> = found.iter().map(short).collect();
        assert_eq!(
            found,
            [
                ("a/x/usage?from=1970-01-01".to_owned(), None),
                ("a/y/usage?from=1970-01-01".to_owned(), Some(1)),
                ("a/x/usage?from=1970-01-02".to_owned(), None),
                ("a/y/usage?from=1970-01-02".to_owned(), None),
                ("b/z/usage?from=1970-01-02".to_owned(), Some(2)),
            ]
        );
    }

    #[test]
    fn a_name_stays_one_part_of_a_path() {
        let units = Units::of(vec![context("a/../b", "x?y#ä")]);
        assert_eq!(
            paths(units, "platform_database_stats")[0].0,
            "/v1/organizations/a%2F..%2Fb/databases/x%3Fy%23%C3%A4/stats"
        );
    }
}
