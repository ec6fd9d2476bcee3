//! Output of a read: a queue of events, and the statistics of its resources.
//! Must not know where rows come from.
//!
//! | module | job |
//! |---|---|
//! | [`event`] | events of a read, and the columns and kinds of pages |
//! | [`stats`] | statistics of a read and of its resources |
//! | [`resources`] | the resources of a read, and the counts of the current one |
//! | [`pages`] | pages and rejected records of the current resource |
//! | [`progress`] | reports of progress |

mod event;
mod pages;
mod progress;
mod resources;
mod stats;

use std::collections::VecDeque;

pub use self::event::{Columns, Event, PageKind};
pub use self::pages::page_error;
use self::progress::Estimate;
pub use self::progress::progress_interval;
pub use self::stats::{Figures, ResourceStats, Summary, Unread};

/// Queue of events, and statistics. Counts belong to the resource that was
/// begun last.
#[derive(Debug)]
pub struct Output {
    queue: VecDeque<Event>,
    resources: Vec<ResourceStats>,
    estimate: Option<Estimate>,
    /// True if an event was taken that a restart makes void.
    is_sent: bool,
    /// Number of requests, including those of earlier attempts.
    pub requests: u64,
    /// True if all pages are from one point in time.
    pub point_in_time: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            resources: Vec::new(),
            estimate: None,
            is_sent: false,
            requests: 0,
            point_in_time: true,
        }
    }
}

impl Output {
    /// Removes the next event.
    pub fn pop(&mut self) -> Option<Event> {
        let event = self.queue.pop_front();
        self.is_sent |= matches!(
            event,
            Some(Event::Schema { .. } | Event::Page { .. } | Event::Rejected { .. })
        );
        event
    }

    /// True if events were taken that a restart makes void.
    #[must_use]
    pub fn is_sent(&self) -> bool {
        self.is_sent
    }

    /// Discards all events and statistics of an attempt of which nothing was taken.
    pub fn discard(&mut self) {
        self.queue.clear();
        self.resources.clear();
        self.estimate = None;
    }

    /// Discards all events and statistics, and announces the restart.
    pub fn restart(&mut self, reason: String) {
        self.discard();
        self.is_sent = false;
        self.queue.push_back(Event::Restarted(reason));
    }

    /// Sends the summary, which is the last event.
    pub fn done(&mut self) {
        self.queue.push_back(Event::Done(Summary {
            resources: std::mem::take(&mut self.resources),
            requests: self.requests,
            point_in_time: self.point_in_time,
        }));
    }
}
