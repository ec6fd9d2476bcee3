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
        kind: Kind,
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
        kind: Kind,
        /// The rows.
        batch: RecordBatch,
        /// The position that is true once they are stored.
        position: Option<Vec<u8>>,
    },
    /// All before this is void.
    Restarted(String),
    /// The end.
    Done(Summary),
}

/// What the rows of a page are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
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
    pub resources: Vec<Tally>,
    /// All requests.
    pub requests: u64,
    /// Whether all pages are of one point in time.
    pub point_in_time: bool,
}

/// What one resource came to.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Its name.
    pub resource: String,
    /// Rows sent.
    pub rows: u64,
    /// Values in sibling columns.
    pub misfits: u64,
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
    /// The position that is true once all is stored.
    pub position: Option<Vec<u8>>,
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
    tallies: Vec<Tally>,
    /// All requests, those of earlier attempts among them.
    pub requests: u64,
    /// Whether all pages are of one point in time.
    pub point_in_time: bool,
}

impl Default for Output {
    fn default() -> Self {
        Self {
            queue: VecDeque::new(),
            tallies: Vec::new(),
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
    pub fn reading(&self) -> Option<&str> {
        self.tallies.last().map(|tally| tally.resource.as_str())
    }

    /// Begins a resource.
    pub fn begin(&mut self, resource: &str) {
        self.begin_keyed(resource, &[]);
    }

    /// Begins a resource that has a key.
    pub fn begin_keyed(&mut self, resource: &str, primary_key: &[String]) {
        // One that goes on is counted on.
        let known = |tally: &Tally| tally.resource == resource;
        if let Some(at) = self.tallies.iter().position(known) {
            let tally = self.tallies.remove(at);
            self.tallies.push(tally);
            return;
        }
        self.tallies.push(Tally {
            resource: resource.to_owned(),
            primary_key: primary_key.to_vec(),
            ..Tally::default()
        });
    }

    /// The resources whose rows have all been sent.
    #[must_use]
    pub fn ended(&self) -> Vec<String> {
        let ended = self.tallies.iter().filter(|tally| tally.ended);
        ended.map(|tally| tally.resource.clone()).collect()
    }

    /// A resource whose rows have been sent, and of which nothing says that
    /// they were all: what is not read in pages of a table.
    #[must_use]
    pub fn stranded(&self) -> Option<&str> {
        let (_, earlier) = self.tallies.split_last()?;
        let stranded = |tally: &&Tally| !tally.ended && tally.failure.is_none() && tally.rows > 0;
        let stranded = earlier.iter().find(stranded)?;
        Some(&stranded.resource)
    }

    /// The resource of which some rows have been sent, and not all.
    #[must_use]
    pub fn begun(&self) -> Option<&str> {
        let begun = |tally: &&Tally| !tally.ended && tally.failure.is_none() && tally.rows > 0;
        let last = self.tallies.last().filter(begun);
        last.map(|tally| tally.resource.as_str())
    }

    /// What the last resource came to so far.
    pub fn tally(&mut self) -> Option<&mut Tally> {
        self.tallies.last_mut()
    }

    /// Counts a request of the current resource.
    pub fn request(&mut self) {
        self.requests += 1;
        if let Some(tally) = self.tallies.last_mut() {
            tally.requests += 1;
        }
    }

    /// Counts rows that the server read.
    pub fn billed(&mut self, rows: Option<u64>) {
        if let (Some(tally), Some(rows)) = (self.tallies.last_mut(), rows) {
            *tally.rows_billed.get_or_insert(0) += rows;
        }
    }

    /// Sends the page that a decoder holds, and its columns if they are new.
    pub fn page(&mut self, decoder: &mut Decoder) -> Result<()> {
        self.page_of(Kind::Rows, decoder, None)
    }

    /// The same, of another kind of page, or with the position that it leads
    /// to.
    pub fn page_of(
        &mut self,
        kind: Kind,
        decoder: &mut Decoder,
        position: Option<Vec<u8>>,
    ) -> Result<()> {
        let (schema, batch) = decoder
            .take_page()
            .map_err(|error| internal(&error.to_string()))?;
        if let Some(schema) = schema {
            self.schema(kind, &schema, decoder);
        }
        self.batch(kind, batch, position);
        if let Some(tally) = self.tallies.last_mut().filter(|_| kind != Kind::Keys) {
            tally.misfits = decoder.misfits();
        }
        Ok(())
    }

    /// Ends a resource: its columns are sent even if it has no rows.
    pub fn end(&mut self, decoder: &mut Decoder) -> Result<()> {
        self.end_of(Kind::Rows, decoder)
    }

    /// The same for another kind of page.
    pub fn end_of(&mut self, kind: Kind, decoder: &mut Decoder) -> Result<()> {
        if decoder.rows() > 0 {
            self.page_of(kind, decoder, None)?;
        }
        if let Some(schema) = decoder.unannounced() {
            self.schema(kind, &schema, decoder);
        }
        Ok(())
    }

    /// Says that a resource could not be read.
    pub fn fail(&mut self, resource: &str, error: Error) {
        log::warn(&format!("`{resource}` cannot be read: {error}"));
        if let Some(tally) = self
            .tallies
            .iter_mut()
            .rev()
            .find(|tally| tally.resource == resource)
        {
            tally.failure = Some(error);
        }
    }

    /// Takes everything back.
    pub fn restart(&mut self, reason: String) {
        self.queue.clear();
        self.tallies.clear();
        self.queue.push_back(Event::Restarted(reason));
    }

    /// The last event.
    pub fn done(&mut self) {
        self.queue.push_back(Event::Done(Summary {
            resources: std::mem::take(&mut self.tallies),
            requests: self.requests,
            point_in_time: self.point_in_time,
        }));
    }

    fn schema(&mut self, kind: Kind, schema: &SchemaRef, decoder: &Decoder) {
        let Some(tally) = self.tallies.last() else {
            return;
        };
        let has = |name: &String| schema.fields().iter().any(|field| field.name() == name);
        let siblings = decoder.siblings();
        self.queue.push_back(Event::Schema {
            resource: tally.resource.clone(),
            kind,
            // Of some columns only, it is no key.
            primary_key: if tally.primary_key.iter().all(has) {
                tally.primary_key.clone()
            } else {
                Vec::new()
            },
            schema: SchemaRef::clone(schema),
            siblings: siblings
                .map(|(name, of)| (name.to_owned(), of.to_owned()))
                .collect(),
        });
    }

    fn batch(&mut self, kind: Kind, batch: RecordBatch, position: Option<Vec<u8>>) {
        let Some(tally) = self.tallies.last_mut().filter(|_| batch.num_rows() > 0) else {
            return;
        };
        if kind != Kind::Keys {
            tally.rows += batch.num_rows() as u64;
        }
        self.queue.push_back(Event::Page {
            resource: tally.resource.clone(),
            kind,
            batch,
            position,
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
