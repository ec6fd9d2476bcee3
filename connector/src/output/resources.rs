//! Resources of a read, of which the last one is the current one, and the
//! counts of the current one. Must not send events.

use super::Output;
use super::stats::ResourceStats;
use crate::error::Error;
use crate::log;

impl Output {
    /// Returns the name of the resource that was begun last.
    #[must_use]
    pub fn current_resource(&self) -> Option<&str> {
        self.resources.last().map(|stats| stats.resource.as_str())
    }

    /// Begins a resource without a key.
    pub fn begin(&mut self, resource: &str) {
        self.begin_keyed(resource, &[]);
    }

    /// Begins a resource with a primary key, or resumes it.
    pub fn begin_keyed(&mut self, resource: &str, primary_key: &[String]) {
        self.estimate = None;
        let known = |stats: &ResourceStats| stats.resource == resource;
        if let Some(at) = self.resources.iter().position(known) {
            let stats = self.resources.remove(at);
            self.resources.push(stats);
            return;
        }
        self.resources.push(ResourceStats {
            resource: resource.to_owned(),
            primary_key: primary_key.to_vec(),
            ..ResourceStats::default()
        });
    }

    /// Returns the names of resources whose rows were all sent.
    #[must_use]
    pub fn ended(&self) -> Vec<String> {
        let ended = self.resources.iter().filter(|stats| stats.ended);
        ended.map(|stats| stats.resource.clone()).collect()
    }

    /// Returns a resource before the current one of which rows were sent, but
    /// not known to be all: one that is not read in pages of a table.
    #[must_use]
    pub fn unfinished_earlier(&self) -> Option<&str> {
        let (_, earlier) = self.resources.split_last()?;
        let unfinished = earlier.iter().find(|stats| stats.is_unfinished())?;
        Some(&unfinished.resource)
    }

    /// Returns the current resource if some, but not all, of its rows were sent.
    #[must_use]
    pub fn unfinished_current(&self) -> Option<&str> {
        let current = self.resources.last()?;
        current.is_unfinished().then_some(&current.resource)
    }

    /// Returns the current resource unless it is known to be complete.
    #[must_use]
    pub fn current_incomplete(&self) -> Option<&str> {
        let current = self.resources.last()?;
        let is_incomplete = !current.ended && current.failure.is_none();
        is_incomplete.then_some(&current.resource)
    }

    /// True if a resource was begun, or has failed.
    #[must_use]
    pub fn has(&self, resource: &str) -> bool {
        let mut resources = self.resources.iter();
        resources.any(|stats| stats.resource == resource)
    }

    /// Returns the statistics of the current resource.
    pub fn stats(&mut self) -> Option<&mut ResourceStats> {
        self.resources.last_mut()
    }

    /// Returns the number of rows of all resources.
    #[must_use]
    pub fn resources_rows(&self) -> u64 {
        self.resources.iter().map(|stats| stats.rows).sum()
    }

    /// Returns the statistics of a resource.
    pub fn stats_of(&mut self, resource: &str) -> Option<&mut ResourceStats> {
        let mut resources = self.resources.iter_mut();
        resources.find(|stats| stats.resource == resource)
    }

    /// Counts a request of the current resource.
    pub fn count_request(&mut self) {
        self.count_requests(1);
    }

    /// Counts requests of the current resource.
    pub fn count_requests(&mut self, requests: u64) {
        self.requests += requests;
        if let Some(stats) = self.resources.last_mut() {
            stats.requests += requests;
        }
    }

    /// Counts rows that the server reports as read.
    pub fn count_billed(&mut self, rows: Option<u64>) {
        if let (Some(stats), Some(rows)) = (self.resources.last_mut(), rows) {
            *stats.rows_billed.get_or_insert(0) += rows;
        }
    }

    /// Records that a resource cannot be read, without making it the current
    /// one.
    pub fn fail(&mut self, resource: &str, error: Error) {
        if self
            .resources
            .iter()
            .all(|stats| stats.resource != resource)
        {
            let failed = self.resources.iter();
            let at = failed.take_while(|stats| stats.failure.is_some()).count();
            let stats = ResourceStats {
                resource: resource.to_owned(),
                ..ResourceStats::default()
            };
            self.resources.insert(at, stats);
        }
        self.record_failure(resource, error);
    }

    /// Records that a resource could not be read.
    pub fn record_failure(&mut self, resource: &str, error: Error) {
        log::warn(&format!("`{resource}` cannot be read: {error}"));
        if let Some(stats) = self
            .resources
            .iter_mut()
            .rev()
            .find(|stats| stats.resource == resource)
        {
            stats.failure = Some(error);
        }
    }
}
