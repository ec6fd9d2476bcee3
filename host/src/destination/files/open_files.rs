//! The files that a load is writing. Several are open at once, so that tables
//! whose pages alternate do not need a new file for each page. Bounds the
//! memory of their encoders.

use std::io;

use super::encoder::Encoder;

/// Files that are open at once. Each holds a part of its upload in memory: 5 MiB
/// for an object store, 1 MiB for a folder.
const MAX_OPEN_FILES: usize = 32;
/// Bytes that the encoders of all open files buffer.
const MAX_BUFFERED_BYTES: usize = 64 << 20;

/// A file that is being written.
pub(super) struct OpenFile {
    pub(super) encoder: Box<dyn Encoder>,
    pub(super) path: String,
}

/// The open files of a load by the key of their table, ordered by their last
/// use.
#[derive(Default)]
pub(super) struct OpenFiles(Vec<(String, OpenFile)>);

impl OpenFiles {
    /// Returns the file of a table, which becomes the last used.
    pub(super) fn get(&mut self, table: &str) -> Option<&mut OpenFile> {
        let index = self.index_of(table)?;
        let found = self.0.remove(index);
        self.0.push(found);
        self.0.last_mut().map(|(_, file)| file)
    }

    /// Removes the file that must be finished before another one is begun, if
    /// there is one.
    pub(super) fn make_room(&mut self) -> Option<(String, OpenFile)> {
        (self.0.len() >= MAX_OPEN_FILES).then(|| self.0.remove(0))
    }

    /// Adds the file of a table.
    pub(super) fn add(&mut self, table: String, file: OpenFile) {
        self.0.push((table, file));
    }

    /// Removes the file of a table.
    pub(super) fn remove(&mut self, table: &str) -> Option<OpenFile> {
        Some(self.0.remove(self.index_of(table)?).1)
    }

    /// Removes the file that was used last.
    pub(super) fn pop(&mut self) -> Option<(String, OpenFile)> {
        self.0.pop()
    }

    /// Removes all files.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Flushes the encoder that buffers the most, if all together buffer too
    /// much.
    pub(super) fn limit_memory(&mut self) -> io::Result<()> {
        let buffered = |(_, file): &(String, OpenFile)| file.encoder.buffered_bytes();
        if self.0.iter().map(buffered).sum::<usize>() <= MAX_BUFFERED_BYTES {
            return Ok(());
        }
        let largest = self.0.iter_mut().max_by_key(|open| buffered(open));
        largest.map_or(Ok(()), |(_, file)| file.encoder.flush())
    }

    fn index_of(&self, table: &str) -> Option<usize> {
        self.0.iter().position(|(key, _)| key == table)
    }
}
