//! Partitions of a resource, in request order: every organization, group or
//! database and, for usage, every day of each.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::endpoint::Endpoint;
use super::paginator::{Paginator, percent_encode};
use crate::moment;

/// Days that are requested together: the first, and the one after the last.
pub(super) type Window = (i64, i64);

/// Organization, group or database for which an endpoint is requested.
#[derive(Clone, Debug, Default)]
pub(super) struct PartitionContext {
    /// Slug of the organization.
    pub(super) organization: String,
    /// UUID of the organization, if the path requires it.
    pub(super) organization_id: Option<String>,
    /// UUID of the group or database, if it has one.
    pub(super) id: Option<String>,
    /// Name of the group or database.
    pub(super) name: Option<String>,
    /// Beginning and end of the requested time window.
    pub(super) window: Option<(String, String)>,
}

/// Part of a resource with a list of its own.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) context: Rc<PartitionContext>,
    pub(super) paginator: Paginator,
    /// The day after the window, if this is the last partition of the window.
    pub(super) window_end: Option<i64>,
}

/// Iterator of the partitions of a resource.
#[derive(Debug)]
pub(super) struct Partitions {
    targets: Vec<Rc<PartitionContext>>,
    /// Time windows, if the endpoint has them.
    windows: Vec<Window>,
    /// First day of each organization. An organization without one is read
    /// from the first window.
    first_days: BTreeMap<String, i64>,
    next_window: usize,
    next_target: usize,
}

impl Partitions {
    pub(super) fn new(targets: Vec<PartitionContext>) -> Self {
        Self {
            targets: targets.into_iter().map(Rc::new).collect(),
            windows: Vec::new(),
            first_days: BTreeMap::new(),
            next_window: 0,
            next_target: 0,
        }
    }

    /// Repeats all partitions for each time window.
    pub(super) fn with_windows(
        mut self,
        windows: Vec<Window>,
        first_days: BTreeMap<String, i64>,
    ) -> Self {
        self.windows = windows;
        self.first_days = first_days;
        if self.windows.is_empty() {
            self.targets.clear();
        }
        self
    }

    pub(super) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    pub(super) fn targets(&self) -> &[Rc<PartitionContext>] {
        &self.targets
    }

    /// Returns the next partition.
    pub(super) fn next(&mut self, endpoint: &Endpoint) -> Option<Partition> {
        loop {
            let windows = self.windows.len().max(1);
            if self.next_window >= windows || self.targets.is_empty() {
                return None;
            }
            let window = self.windows.get(self.next_window).copied();
            let is_due = |target: &Rc<PartitionContext>| {
                let first_day = self.first_days.get(&target.organization);
                window.is_none_or(|(from, _)| first_day.is_none_or(|first| from >= *first))
            };
            let context = Rc::clone(&self.targets[self.next_target]);
            let was_due = is_due(&context);
            let is_last = !self.targets[self.next_target + 1..].iter().any(is_due);
            self.next_target += 1;
            if self.next_target == self.targets.len() {
                self.next_target = 0;
                self.next_window += 1;
            }
            if !was_due {
                continue;
            }
            let context = match window {
                None => context,
                Some((from, to)) => Rc::new(PartitionContext {
                    window: Some((moment::start_of_day(from), moment::start_of_day(to))),
                    ..context.as_ref().clone()
                }),
            };
            let path = request_path(endpoint, &context);
            return Some(Partition {
                window_end: window.filter(|_| is_last).map(|(_, to)| to),
                paginator: Paginator::new(path, endpoint.pagination),
                context,
            });
        }
    }
}

/// Returns the path and query of an endpoint, without pagination.
pub(super) fn request_path(endpoint: &Endpoint, context: &PartitionContext) -> String {
    let name = percent_encode(context.name.as_deref().unwrap_or_default());
    let id = percent_encode(context.organization_id.as_deref().unwrap_or_default());
    let mut path = endpoint
        .path
        .replace("{organizationSlug}", &percent_encode(&context.organization))
        .replace("{organizationId}", &id)
        .replace("{databaseName}", &name)
        .replace("{groupName}", &name);
    let window = context
        .window
        .as_ref()
        .map(|(from, to)| format!("from={}&to={}", percent_encode(from), percent_encode(to)));
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
    use crate::platform::endpoints;

    fn context(organization: &str, name: &str) -> PartitionContext {
        PartitionContext {
            organization: organization.to_owned(),
            name: Some(name.to_owned()),
            ..PartitionContext::default()
        }
    }

    fn paths(mut partitions: Partitions, resource: &str) -> Vec<(String, Option<i64>)> {
        let endpoint = endpoints::find(resource).unwrap();
        std::iter::from_fn(|| partitions.next(endpoint))
            .map(|partition| (partition.paginator.path().to_owned(), partition.window_end))
            .collect()
    }

    #[test]
    fn the_last_partition_of_each_day_has_its_end() {
        let targets = vec![context("a", "x"), context("a", "y"), context("b", "z")];
        let first_days = [("a".to_owned(), 0), ("b".to_owned(), 1)].into();
        let partitions = Partitions::new(targets).with_windows(vec![(0, 1), (1, 2)], first_days);
        let found = paths(partitions, "platform_database_usage");
        let short = |(path, end): &(String, Option<i64>)| {
            let path = path
                .replace("/v1/organizations/", "")
                .replace("/databases", "");
            (
                path.split("T00").next().unwrap_or_default().to_owned(),
                *end,
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
        let partitions = Partitions::new(vec![context("a/../b", "x?y#ä")]);
        assert_eq!(
            paths(partitions, "platform_database_stats")[0].0,
            "/v1/organizations/a%2F..%2Fb/databases/x%3Fy%23%C3%A4/stats"
        );
    }
}
