//! The events of a read, and what its resources come to.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use crate::error::{Category, Error, Result};
use crate::hrana::decoder::Decoder;
use crate::log;

/// What a read yields.
#[derive(Debug)]
pub enum Event {
    /// The columns of a resource from here on.
    Schema {
        /// Its name.
        resource: String,
        /// The pages that have them.
        kind: PageKind,
        /// The columns.
        schema: SchemaRef,
        /// The columns of its key.
        primary_key: Vec<String>,
        /// Columns whose values do not fit others, and those.
        siblings: Vec<(String, String)>,
    },
    /// Rows.
    Page {
        /// The resource they belong to.
        resource: String,
        /// What they are.
        kind: PageKind,
        /// The rows.
        batch: RecordBatch,
        /// The cursor that is true once they are stored.
        cursor: Option<Vec<u8>>,
    },
    /// All before this is void.
    Restarted(String),
    /// The end.
    Done(Summary),
}

/// What the rows of a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PageKind {
    /// Rows as they are.
    Rows,
    /// Rows with a mark of those that are deleted.
    Changes,
    /// Keys.
    Keys,
}

/// What a read came to.
#[derive(Debug, Default)]
pub struct Summary {
    /// One for each resource.
    pub resources: Vec<ResourceStats>,
    /// All requests.
    pub requests: u64,
    /// Whether all pages are of one point in time.
    pub point_in_time: bool,
}

/// What one resource came to.
#[derive(Clone, Debug, Default)]
pub struct ResourceStats {
    /// Its name.
    pub resource: String,
    /// Rows sent.
    pub rows: u64,
    /// Values in sibling columns.
    pub mismatches: u64,
    /// Rows that the server says it read.
    pub rows_billed: Option<u64>,
    /// Requests made.
    pub requests: u64,
    /// Why it could not be read.
    pub failure: Option<Error>,
    /// Which part of it was not read, while the rest was.
    pub unread: Option<Unread>,
    /// The columns of its key.
    pub primary_key: Vec<String>,
    /// The cursor that is true once all is stored.
    pub cursor: Option<Vec<u8>>,
    /// What the operator should know.
    pub notes: Vec<String>,
    /// Whether all of its rows have been sent.
    pub ended: bool,
}

/// A part of a resource that was not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The column that tells its rows.
    pub column: String,
    /// The texts in it.
    pub values: Vec<String>,
    /// Why, unless nothing has changed in it.
    pub failure: Option<Error>,
}

/// Where events and counts of a read are gathered. The last resource that
/// was begun is the one that is counted.
#[derive(Debug)]
pub struct Output {
    queue: VecDeque<Event>,
    resources: Vec<ResourceStats>,
    /// All requests, those of earlier attempts among them.
    pub requests: u64,
    /// Whether all pages are of one point in time.
    pub point_in_time: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            resources: Vec::new(),
            requests: 0,
            point_in_time: true,
        }
    }
}

impl Output {
    /// The next event.
    pub fn pop(&mut self) -> Option<Event> {
        self.queue.pop_front()
    }

    /// The resource that is being read.
    #[must_use]
    pub fn current_resource(&self) -> Option<&str> {
        self.resources.last().map(|stats| stats.resource.as_str())
    }

    /// Begins a resource.
    pub fn begin(&mut self, resource: &str) {
        self.begin_keyed(resource, &[]);
    }

    /// Begins a resource that has a key.
    pub fn begin_keyed(&mut self, resource: &str, primary_key: &[String]) {
        // One that goes on is counted on.
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

    /// The resources whose rows have all been sent.
    #[must_use]
    pub fn ended(&self) -> Vec<String> {
        let ended = self.resources.iter().filter(|stats| stats.ended);
        ended.map(|stats| stats.resource.clone()).collect()
    }

    /// A resource whose rows have been sent, and of which nothing says that
    /// they were all: what is not read in pages of a table.
    #[must_use]
    pub fn unfinished_earlier(&self) -> Option<&str> {
        let (_, earlier) = self.resources.split_last()?;
        let stranded =
            |stats: &&ResourceStats| !stats.ended && stats.failure.is_none() && stats.rows > 0;
        let stranded = earlier.iter().find(stranded)?;
        Some(&stranded.resource)
    }

    /// The resource of which some rows have been sent, and not all.
    #[must_use]
    pub fn unfinished_current(&self) -> Option<&str> {
        let begun =
            |stats: &&ResourceStats| !stats.ended && stats.failure.is_none() && stats.rows > 0;
        let last = self.resources.last().filter(begun);
        last.map(|stats| stats.resource.as_str())
    }

    /// What the last resource came to so far.
    pub fn stats(&mut self) -> Option<&mut ResourceStats> {
        self.resources.last_mut()
    }

    /// Counts a request of the current resource.
    pub fn count_request(&mut self) {
        self.requests += 1;
        if let Some(stats) = self.resources.last_mut() {
            stats.requests += 1;
        }
    }

    /// Counts rows that the server read.
    pub fn count_billed(&mut self, rows: Option<u64>) {
        if let (Some(stats), Some(rows)) = (self.resources.last_mut(), rows) {
            *stats.rows_billed.get_or_insert(0) += rows;
        }
    }

    /// Sends the page that a decoder holds, and its columns if they are new.
    pub fn page(&mut self, decoder: &mut Decoder) -> Result<()> {
        self.page_with(PageKind::Rows, decoder, None)
    }

    /// The same, of another kind of page, or with the cursor that it leads
    /// to.
    pub fn page_with(
        &mut self,
        kind: PageKind,
        decoder: &mut Decoder,
        cursor: Option<Vec<u8>>,
    ) -> Result<()> {
        let (schema, batch) = decoder
            .take_page()
            .map_err(|error| internal(&error.to_string()))?;
        if let Some(schema) = schema {
            self.schema(kind, &schema, decoder);
        }
        self.batch(kind, batch, cursor);
        if let Some(stats) = self.resources.last_mut().filter(|_| kind != PageKind::Keys) {
            stats.mismatches = decoder.misfits();
        }
        Ok(())
    }

    /// Ends a resource: its columns are sent even if it has no rows.
    pub fn end(&mut self, decoder: &mut Decoder) -> Result<()> {
        self.end_with(PageKind::Rows, decoder)
    }

    /// The same for another kind of page.
    pub fn end_with(&mut self, kind: PageKind, decoder: &mut Decoder) -> Result<()> {
        if decoder.rows() > 0 {
            self.page_with(kind, decoder, None)?;
        }
        if let Some(schema) = decoder.unannounced() {
            self.schema(kind, &schema, decoder);
        }
        Ok(())
    }

    /// Says that a resource could not be read.
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

    /// Takes everything back.
    pub fn restart(&mut self, reason: String) {
        self.queue.clear();
        self.resources.clear();
        self.queue.push_back(Event::Restarted(reason));
    }

    /// The last event.
    pub fn done(&mut self) {
        self.queue.push_back(Event::Done(Summary {
            resources: std::mem::take(&mut self.resources),
            requests: self.requests,
            point_in_time: self.point_in_time,
        }));
    }

    fn schema(&mut self, kind: PageKind, schema: &SchemaRef, decoder: &Decoder) {
        let Some(stats) = self.resources.last() else {
            return;
        };
        let has = |name: &String| schema.fields().iter().any(|field| field.name() == name);
        let siblings = decoder.siblings();
        self.queue.push_back(Event::Schema {
            resource: stats.resource.clone(),
            kind,
            // Of some columns only, it is no key.
            primary_key: if stats.primary_key.iter().all(has) {
                stats.primary_key.clone()
            } else {
                Vec::new()
            },
            schema: SchemaRef::clone(schema),
            siblings: siblings
                .map(|(name, of)| (name.to_owned(), of.to_owned()))
                .collect(),
        });
    }

    fn batch(&mut self, kind: PageKind, batch: RecordBatch, cursor: Option<Vec<u8>>) {
        let Some(stats) = self.resources.last_mut().filter(|_| batch.num_rows() > 0) else {
            return;
        };
        if kind != PageKind::Keys {
            stats.rows += batch.num_rows() as u64;
        }
        self.queue.push_back(Event::Page {
            resource: stats.resource.clone(),
            kind,
            batch,
            cursor,
        });
    }
}

/// That a page is none.
#[must_use]
pub fn internal(reason: &str) -> Error {
    Error::new(
        Category::Internal,
        format!("a page could not be made: {reason}"),
    )
    .hint("this is a defect of the connector; report it")
}
