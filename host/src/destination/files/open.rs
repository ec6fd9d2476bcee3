//! The files that a load is writing: some at once, so that tables whose rows
//! come in turn need no file for each turn. Bounds what their encoders hold.

use std::io;

use super::part::Encoder;

/// So many files are written at once. Each takes a chunk of memory or two.
const MOST: usize = 32;
/// So many bytes wait in encoders, of all files together.
const MOST_HELD: usize = 64 << 20;

/// A file that is being written.
pub(super) struct Part<'a> {
    pub(super) encoder: Box<dyn Encoder<'a> + Send + 'a>,
    pub(super) path: String,
}

/// Those of a load, by table; the one that was written last is the last.
#[derive(Default)]
pub(super) struct OpenFiles<'a>(Vec<(String, Part<'a>)>);

impl<'a> OpenFiles<'a> {
    /// The file of a table.
    pub(super) fn get(&mut self, table: &str) -> Option<&mut Part<'a>> {
        let at = self.0.iter().position(|(known, _)| known == table)?;
        let found = self.0.remove(at);
        self.0.push(found);
        self.0.last_mut().map(|(_, part)| part)
    }

    /// Takes the file of a table in. Gives one that has to be finished for it.
    pub(super) fn add(&mut self, table: String, part: Part<'a>) -> Option<(String, Part<'a>)> {
        let oldest = (self.0.len() >= MOST).then(|| self.0.remove(0));
        self.0.push((table, part));
        oldest
    }

    /// Takes the file of a table out.
    pub(super) fn remove(&mut self, table: &str) -> Option<Part<'a>> {
        let at = self.0.iter().position(|(known, _)| known == table)?;
        Some(self.0.remove(at).1)
    }

    /// Takes one out, while there are any.
    pub(super) fn pop(&mut self) -> Option<(String, Part<'a>)> {
        self.0.pop()
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Has what waits in encoders written, where it is too much.
    pub(super) fn relieve(&mut self) -> io::Result<()> {
        let held = |(_, part): &(String, Part<'a>)| part.encoder.held();
        if self.0.iter().map(held).sum::<usize>() <= MOST_HELD {
            return Ok(());
        }
        let largest = self.0.iter_mut().max_by_key(|open| held(open));
        largest.map_or(Ok(()), |(_, part)| part.encoder.relieve())
    }
}
