//! Buffered events of a database. The memory of all buffers together is bounded,
//! however many databases are read at once. Must not decide what is sent.

use std::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::output::Event;

/// Maximum bytes of the buffered rows of one database.
const MAX_BYTES: usize = 8 << 20;
/// Maximum bytes of the buffered rows of all databases.
pub(super) const MAX_TOTAL_BYTES: usize = 32 << 20;

/// Bytes of the buffered rows of all databases.
#[derive(Clone, Debug, Default)]
pub(super) struct TotalBytes(Rc<Cell<usize>>);

/// Buffered events of one database.
#[derive(Debug)]
pub(super) struct Buffer {
    events: VecDeque<Event>,
    bytes: usize,
    total: TotalBytes,
}

impl TotalBytes {
    /// Returns the number of bytes.
    pub(super) fn get(&self) -> usize {
        self.0.get()
    }
}

impl Buffer {
    /// Creates an empty buffer.
    pub(super) fn new(total: TotalBytes) -> Self {
        Self {
            events: VecDeque::new(),
            bytes: 0,
            total,
        }
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: Event) {
        if let Event::Page { batch, .. } = &event {
            let bytes = batch.get_array_memory_size();
            self.bytes += bytes;
            self.total.0.set(self.total.0.get() + bytes);
        }
        self.events.push_back(event);
    }

    /// Removes all events.
    pub(super) fn take(&mut self) -> VecDeque<Event> {
        self.total.0.set(self.total.0.get() - self.bytes);
        self.bytes = 0;
        std::mem::take(&mut self.events)
    }

    /// Returns the events.
    pub(super) fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }

    /// Returns the bytes of its rows.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// True if its rows have to be sent. `databases` are read at once, and their
    /// buffered rows have `bytes` bytes. If these are too many, each database with
    /// its share or more sends its rows.
    pub(super) fn is_full(&self, databases: usize, bytes: usize) -> bool {
        let share = MAX_TOTAL_BYTES / databases.max(1);
        self.bytes > MAX_BYTES || bytes > MAX_TOTAL_BYTES && self.bytes >= share
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.take();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BinaryArray, RecordBatch};

    use super::*;
    use crate::output::PageKind;

    const MIB: usize = 1 << 20;

    fn page(bytes: usize) -> Event {
        let values: ArrayRef = Arc::new(BinaryArray::from_vec(vec![&vec![0; bytes]]));
        Event::Page {
            resource: "t".to_owned(),
            kind: PageKind::Rows,
            batch: RecordBatch::try_from_iter([("v", values)]).unwrap(),
            cursor: None,
        }
    }

    /// Reads databases in turns, page by page, and returns the maximum of the
    /// buffered bytes.
    fn max_bytes(databases: usize, page_bytes: usize) -> usize {
        let total = TotalBytes::default();
        let mut buffers: Vec<_> = (0..databases).map(|_| Buffer::new(total.clone())).collect();
        let mut max = 0;
        for _ in 0..20 {
            for buffer in &mut buffers {
                buffer.push(page(page_bytes));
                max = max.max(total.get());
                if buffer.is_full(databases, total.get()) {
                    assert!(!buffer.take().is_empty());
                }
            }
        }
        drop(buffers);
        assert_eq!(total.get(), 0);
        max
    }

    #[test]
    fn the_buffers_of_many_databases_take_no_more_memory_than_those_of_a_few() {
        let margin = 2 * MIB;
        for (databases, page_bytes) in [(1, 3 * MIB), (3, 2 * MIB), (16, MIB), (24, MIB)] {
            let max = max_bytes(databases, page_bytes);
            let expected = (databases * (MAX_BYTES + page_bytes)).min(MAX_TOTAL_BYTES);
            assert!(max <= expected + page_bytes + margin, "{databases}: {max}");
        }
    }

    #[test]
    fn a_database_with_less_than_its_share_sends_nothing_early() {
        let mut buffer = Buffer::new(TotalBytes::default());
        buffer.push(page(MIB));
        assert!(!buffer.is_full(16, 2 * MAX_TOTAL_BYTES));
        buffer.push(page(MIB));
        assert!(buffer.is_full(16, 2 * MAX_TOTAL_BYTES));
        assert!(!buffer.is_full(16, MAX_TOTAL_BYTES));
    }
}
