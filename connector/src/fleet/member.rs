//! Read of one database among many. Its events are buffered until the read is
//! complete, so that a database that fails halfway leaves nothing behind. They are
//! sent earlier only if its buffer is full. Must not know other databases.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::buffer::{Buffer, TotalBytes};
use super::progress::MemberRows;
use super::union::ColumnIndices;
use crate::error::Result;
use crate::output::{Columns, Event, PageKind, Summary};
use crate::read::{Read, RestartState};

/// Read of one database.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    read: Read,
    pub(super) buffer: Buffer,
    /// True if some of its events were sent.
    pub(super) is_sent: bool,
    /// Rows of its resources.
    pub(super) rows: Rc<RefCell<MemberRows>>,
    /// Indices of its columns in the union, for each resource and kind of page.
    pub(super) indices: BTreeMap<(String, PageKind), ColumnIndices>,
    /// Columns that have no row yet. If a column has no declared type, a value
    /// in another database decides about its type.
    pub(super) empty: BTreeMap<(String, PageKind), Columns>,
}

/// Effect of a database's next event on the fleet.
#[derive(Debug)]
pub(super) enum MemberStep {
    /// The read continues.
    Continue,
    /// Another event was buffered.
    Buffered,
    /// More is known about the number of rows of a resource.
    Progress(String),
    /// The read waits before it continues, for this reason.
    Waiting(String),
    /// All earlier events are void, and some of them were sent.
    Restarted(String),
    /// The read is complete.
    Done(Summary),
}

impl Member {
    pub(super) fn new(name: String, read: Read, buffered: TotalBytes) -> Self {
        Self {
            name,
            read,
            buffer: Buffer::new(buffered),
            is_sent: false,
            rows: Rc::default(),
            indices: BTreeMap::new(),
            empty: BTreeMap::new(),
        }
    }

    /// Reads the next event.
    pub(super) async fn step(&mut self) -> Result<MemberStep> {
        let event = self.read.next_event().await?;
        if let Some(event) = &event {
            self.rows.borrow_mut().observe(event);
        }
        match event {
            Some(Event::Done(summary)) => return Ok(MemberStep::Done(summary)),
            Some(Event::Progress {
                resource, waiting, ..
            }) => {
                return Ok(match (waiting, resource) {
                    (Some(reason), _) => MemberStep::Waiting(reason),
                    (None, Some(resource)) => MemberStep::Progress(resource),
                    (None, None) => MemberStep::Continue,
                });
            }
            Some(Event::Restarted(reason)) => {
                if self.is_sent {
                    return Ok(MemberStep::Restarted(reason));
                }
                self.buffer.take();
            }
            Some(event) => self.buffer.push(event),
            None => return Ok(MemberStep::Done(Summary::default())),
        }
        Ok(MemberStep::Buffered)
    }

    /// Removes the buffered events, and drops those of some resources.
    pub(super) fn take(&mut self, without: &BTreeSet<String>) -> Vec<Event> {
        let events = self.buffer.take().into_iter();
        let is_kept = |event: &Event| match event {
            Event::Schema { resource, .. }
            | Event::Page { resource, .. }
            | Event::Rejected { resource, .. } => !without.contains(resource),
            Event::Progress { .. } | Event::Restarted(_) | Event::Done(_) => true,
        };
        events.filter(is_kept).collect()
    }

    /// Returns the primary keys of resources whose columns are buffered.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.buffer.events().filter_map(|event| match event {
            Event::Schema {
                resource,
                kind: PageKind::Rows,
                columns,
            } => Some((resource.as_str(), columns.primary_key.as_slice())),
            _ => None,
        })
    }

    /// True if the columns of a resource were received.
    pub(super) fn has_opened(&self, resource: &str) -> bool {
        let mut all = self.indices.keys().chain(self.empty.keys());
        all.any(|(known, _)| known == resource)
    }

    /// Returns the state for a later read of the database.
    pub(super) fn restart_state(&self) -> RestartState {
        self.read.restart_state()
    }

    /// Ends the read, and closes its stream.
    pub(super) async fn close(&mut self) {
        self.read.close().await;
    }
}
