//! Partitions of a resource: every organization, group or database and, for
//! usage, the days of each.

use std::collections::VecDeque;
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

/// Part of a resource that can fail alone: the list of one object or, for usage,
/// its days, one after the other.
#[derive(Debug)]
pub(super) struct Partition {
    pub(super) context: Rc<PartitionContext>,
    pub(super) paginator: Paginator,
    /// The day after the current window.
    pub(super) window_end: Option<i64>,
    windows: VecDeque<Window>,
}

impl Partition {
    /// Creates the partition of an object without time windows.
    pub(super) fn new(endpoint: &Endpoint, context: PartitionContext) -> Self {
        let path = request_path(endpoint, &context);
        Self {
            context: Rc::new(context),
            paginator: Paginator::new(path, endpoint.pagination),
            window_end: None,
            windows: VecDeque::new(),
        }
    }

    /// Creates the partition of an object with time windows. Returns nothing
    /// without a window.
    pub(super) fn with_windows(
        endpoint: &Endpoint,
        context: PartitionContext,
        windows: Vec<Window>,
    ) -> Option<Self> {
        let mut partition = Self {
            windows: windows.into(),
            ..Self::new(endpoint, context)
        };
        partition.next_window(endpoint).then_some(partition)
    }

    /// Enters the next time window. Returns false after the last one.
    pub(super) fn next_window(&mut self, endpoint: &Endpoint) -> bool {
        let Some((from, to)) = self.windows.pop_front() else {
            return false;
        };
        let context = PartitionContext {
            window: Some((moment::start_of_day(from), moment::start_of_day(to))),
            ..self.context.as_ref().clone()
        };
        let path = request_path(endpoint, &context);
        self.context = Rc::new(context);
        self.paginator = Paginator::new(path, endpoint.pagination);
        self.window_end = Some(to);
        true
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

    #[test]
    fn the_days_of_a_database_follow_each_other() {
        let endpoint = endpoints::find("platform_database_usage").unwrap();
        let days = vec![(0, 1), (1, 2)];
        let mut partition = Partition::with_windows(endpoint, context("a", "x"), days).unwrap();
        for (day, end) in [("1970-01-01", 1), ("1970-01-02", 2)] {
            let path = partition.paginator.path();
            assert!(
                path.starts_with(&format!("/v1/organizations/a/databases/x/usage?from={day}")),
                "{path}"
            );
            assert_eq!(partition.window_end, Some(end));
            assert_eq!(partition.next_window(endpoint), end == 1);
        }
        assert!(Partition::with_windows(endpoint, context("a", "x"), Vec::new()).is_none());
    }

    #[test]
    fn a_name_stays_one_part_of_a_path() {
        let endpoint = endpoints::find("platform_database_stats").unwrap();
        let partition = Partition::new(endpoint, context("a/../b", "x?y#ä"));
        assert_eq!(
            partition.paginator.path(),
            "/v1/organizations/a%2F..%2Fb/databases/x%3Fy%23%C3%A4/stats"
        );
    }
}
