//! The read of one database among many. What it yields waits until all of it
//! is there, so that a database that is lost on the way leaves nothing behind;
//! only what is too much to hold is given away before.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use arrow_schema::SchemaRef;

use super::union::ColumnIndices;
use crate::error::Result;
use crate::output::{Event, PageKind, Summary};
use crate::read::{Knowledge, Read};

/// So many bytes of rows wait.
const MAX_BUFFERED_BYTES: usize = 8 << 20;

/// The read of a database.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    read: Read,
    waiting: VecDeque<Event>,
    bytes: usize,
    /// Whether something of it was given away.
    pub(super) is_sent: bool,
    /// Where its columns are among those of all.
    pub(super) indices: BTreeMap<(String, PageKind), ColumnIndices>,
    /// Columns of which no row has come: of those without a declared type, a
    /// value in another database decides.
    pub(super) empty: BTreeMap<(String, PageKind), Columns>,
}

/// Columns, as a database announces them.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) schema: SchemaRef,
    pub(super) primary_key: Vec<String>,
    pub(super) siblings: Vec<(String, String)>,
}

/// What the next event of a database means for all.
#[derive(Debug)]
pub(super) enum Step {
    /// It goes on.
    More,
    /// What waits is to be given away.
    Full,
    /// All before is void, and some of it was given away.
    Void(String),
    /// It has ended.
    Done(Summary),
}

impl Member {
    pub(super) fn new(name: String, read: Read) -> Self {
        Self {
            name,
            read,
            waiting: VecDeque::new(),
            bytes: 0,
            is_sent: false,
            indices: BTreeMap::new(),
            empty: BTreeMap::new(),
        }
    }

    /// Reads on.
    pub(super) fn step(&mut self) -> Result<Step> {
        match self.read.next_event()? {
            Some(Event::Done(summary)) => return Ok(Step::Done(summary)),
            Some(Event::Restarted(reason)) => {
                if self.is_sent {
                    return Ok(Step::Restarted(reason));
                }
                self.waiting.clear();
                self.bytes = 0;
            }
            Some(event) => {
                if let Event::Page { batch, .. } = &event {
                    self.bytes += batch.get_array_memory_size();
                }
                self.waiting.push_back(event);
            }
            None => return Ok(Step::Done(Summary::default())),
        }
        Ok(if self.is_sent || self.bytes > MAX_BUFFERED_BYTES {
            Step::BufferFull
        } else {
            Step::Continue
        })
    }

    /// What waits, but for what is of these resources.
    pub(super) fn take(&mut self, without: &BTreeSet<String>) -> Vec<Event> {
        self.bytes = 0;
        let events = std::mem::take(&mut self.waiting).into_iter();
        let is_wanted = |event: &Event| match event {
            Event::Schema { resource, .. } | Event::Page { resource, .. } => {
                !without.contains(resource)
            }
            Event::Restarted(_) | Event::Done(_) => true,
        };
        events.filter(is_wanted).collect()
    }

    /// The keys of tables whose columns wait.
    pub(super) fn keys(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.waiting.iter().filter_map(|event| match event {
            Event::Schema {
                resource,
                kind: PageKind::Rows,
                primary_key,
                ..
            } => Some((resource.as_str(), primary_key.as_slice())),
            _ => None,
        })
    }

    /// Whether the columns of a resource have come.
    pub(super) fn has_opened(&self, resource: &str) -> bool {
        let mut all = self.indices.keys().chain(self.empty.keys());
        all.any(|(known, _)| known == resource)
    }

    /// What it has learned of its database.
    pub(super) fn knowledge(&self) -> Knowledge {
        self.read.knowledge()
    }

    /// Ends the read, and whatever the server holds for it.
    pub(super) fn close(&mut self) {
        self.read.close();
    }
}
