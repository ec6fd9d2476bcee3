//! The events of a read, and what its resources come to.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use arrow_schema::Schema;

use crate::error::{Category, Error, Result};
use crate::hrana::decoder::Decoder;
use crate::{arrow, log};

/// What a read yields.
#[derive(Debug)]
pub enum Event {
    /// The columns of a resource from here on.
    Schema {
        /// Its name.
        resource: String,
        /// An IPC message.
        schema: Vec<u8>,
    },
    /// Rows.
    Page {
        /// The resource they belong to.
        resource: String,
        /// How many.
        rows: u64,
        /// An IPC message.
        batch: Vec<u8>,
    },
    /// All before this is void.
    Restarted(String),
    /// The end.
    Done(Summary),
}

/// What a read came to.
#[derive(Debug)]
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
        self.tallies.push(Tally {
            resource: resource.to_owned(),
            ..Tally::default()
        });
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
        let (schema, batch) = decoder
            .take_page()
            .map_err(|error| internal(&error.to_string()))?;
        if let Some(schema) = schema {
            self.schema(&schema);
        }
        self.batch(&batch)?;
        if let Some(tally) = self.tallies.last_mut() {
            tally.misfits = decoder.misfits();
        }
        Ok(())
    }

    /// Ends a resource: its columns are sent even if it has no rows.
    pub fn end(&mut self, decoder: &mut Decoder) -> Result<()> {
        if decoder.rows() > 0 {
            self.page(decoder)?;
        }
        if let Some(schema) = decoder.unannounced() {
            self.schema(&schema);
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

    fn schema(&mut self, schema: &Schema) {
        let Some(tally) = self.tallies.last() else {
            return;
        };
        self.queue.push_back(Event::Schema {
            resource: tally.resource.clone(),
            schema: arrow::schema(schema),
        });
    }

    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        let Some(tally) = self.tallies.last_mut().filter(|_| batch.num_rows() > 0) else {
            return Ok(());
        };
        let rows = batch.num_rows() as u64;
        tally.rows += rows;
        let batch = arrow::batch(batch).map_err(|error| internal(&error.to_string()))?;
        self.queue.push_back(Event::Page {
            resource: tally.resource.clone(),
            rows,
            batch,
        });
        Ok(())
    }
}

fn internal(reason: &str) -> Error {
    Error::new(
        Category::Internal,
        format!("a page could not be made: {reason}"),
    )
    .hint("this is a defect of the connector; report it")
}
