//! The response to a batch on `/v3/cursor`: one JSON value on each line.
//!
//! The body may end early despite a status of 200. Only [`Entry::End`]
//! means that the response is complete.

use memchr::memchr;

use super::DecodeError;
use super::decoder::Decoder;
use super::response::{ResultColumn, RowSink as _, SqlError, column, sql_error};
use super::scan::Scanner;

/// The usual beginning of a row. Other entries are parsed member by member.
const ROW_START: &str = r#"{"type":"row","row":"#;

/// One line of the response.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// The state of the stream, on the first line.
    Head {
        /// Baton of the stream, unless the server has closed it.
        baton: Option<String>,
        /// URL for the next requests of the stream, if it has moved.
        base_url: Option<String>,
    },
    /// The beginning of a step's rows.
    StepBegin {
        /// Index of the step.
        step: usize,
        /// Columns of its rows.
        columns: Vec<ResultColumn>,
    },
    /// A row, which the decoder has received.
    Row,
    /// The end of a step's rows.
    StepEnd,
    /// The failure of a step.
    StepError {
        /// Index of the step.
        step: usize,
        /// Error of its statement.
        error: SqlError,
    },
    /// The failure of the batch.
    Error(SqlError),
    /// The end of the batch.
    End,
    /// An entry of a newer protocol.
    Unknown,
}

/// Splits a body that arrives in chunks into lines.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: Vec<u8>,
    start: usize,
}

impl Lines {
    /// Appends a chunk.
    pub fn push(&mut self, chunk: &[u8]) {
        self.buffer.drain(..self.start);
        self.start = 0;
        self.buffer.extend_from_slice(chunk);
    }

    /// Returns the next complete line.
    pub fn next_line(&mut self) -> Option<Result<&str, DecodeError>> {
        let rest = &self.buffer[self.start..];
        let length = memchr(b'\n', rest)?;
        self.start += length + 1;
        Some(std::str::from_utf8(&rest[..length]).map_err(|_| DecodeError::NotUtf8))
    }

    /// Returns the last line of a body that has ended without a line break.
    pub fn last_line(&mut self) -> Option<Result<&str, DecodeError>> {
        let rest = &self.buffer[self.start..];
        self.start = self.buffer.len();
        (!rest.is_empty()).then(|| std::str::from_utf8(rest).map_err(|_| DecodeError::NotUtf8))
    }

    /// Returns the number of bytes of the incomplete last line.
    #[must_use]
    pub fn incomplete_bytes(&self) -> usize {
        self.buffer.len() - self.start
    }
}

/// Parses one line. A row goes to `rows`, which is required while a step
/// runs.
pub fn parse_entry(line: &str, rows: Option<&mut Decoder>) -> Result<Entry, DecodeError> {
    if let (Some(rows), true) = (rows, line.starts_with(ROW_START)) {
        let mut scanner = Scanner::starting_at(line, ROW_START.len());
        rows.row(&mut scanner)?;
        scanner.expect(b'}', "the end of the entry")?;
        scanner.end()?;
        return Ok(Entry::Row);
    }
    parse_other_entry(line)
}

fn parse_other_entry(line: &str) -> Result<Entry, DecodeError> {
    let mut scanner = Scanner::new(line);
    let mut kind = None;
    let (mut baton, mut base_url) = (None, None);
    let (mut step, mut columns, mut error) = (0, Vec::new(), SqlError::default());
    scanner.object(|scanner, key| {
        match key {
            "type" => kind = Some(scanner.string()?),
            "baton" => baton = scanner.optional_string()?,
            "base_url" => base_url = scanner.optional_string()?,
            "step" => {
                let count = scanner.optional_count()?.unwrap_or(0);
                step =
                    usize::try_from(count).map_err(|_| scanner.expected("the index of a step"))?;
            }
            "cols" => scanner.array(|scanner| {
                columns.push(column(scanner)?);
                Ok(())
            })?,
            "error" => error = sql_error(scanner)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    scanner.end()?;
    Ok(match kind.as_deref() {
        None => Entry::Head { baton, base_url },
        Some("step_begin") => Entry::StepBegin { step, columns },
        Some("step_end") => Entry::StepEnd,
        Some("step_error") => Entry::StepError { step, error },
        Some("error") => Entry::Error(error),
        Some("replication_index") => Entry::End,
        // A row with another spelling, or outside of a step, must not be lost
        // silently.
        Some("row") => {
            return Err(DecodeError::Malformed {
                at: 0,
                expected: "a row in its usual spelling",
            });
        }
        Some(_) => Entry::Unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::columns::{ColumnSpec, Storage};

    #[test]
    fn every_line_of_a_batch_is_parsed() {
        let mut decoder = Decoder::new(&[ColumnSpec {
            name: "id".into(),
            storage: Storage::Integer,
            declared: String::new(),
        }]);
        let mut read = |line| parse_entry(line, Some(&mut decoder));
        assert_eq!(
            read(r#"{"baton":"b","base_url":null}"#),
            Ok(Entry::Head {
                baton: Some("b".into()),
                base_url: None
            })
        );
        assert!(matches!(
            read(r#"{"type":"step_begin","step":1,"cols":[{"name":"id","decltype":"INTEGER"}]}"#),
            Ok(Entry::StepBegin { step: 1, .. })
        ));
        assert_eq!(
            read(r#"{"type":"row","row":[{"type":"integer","value":"1"}]}"#),
            Ok(Entry::Row)
        );
        assert_eq!(
            read(r#"{"type":"step_end","affected_row_count":0,"last_insert_rowid":null}"#),
            Ok(Entry::StepEnd)
        );
        assert!(matches!(
            read(
                r#"{"type":"step_error","step":2,"error":{"message":"m","code":"SQLITE_TOOBIG"}}"#
            ),
            Ok(Entry::StepError { step: 2, .. })
        ));
        assert_eq!(
            read(r#"{"type":"replication_index","replication_index":16215}"#),
            Ok(Entry::End)
        );
        assert_eq!(read(r#"{"type":"news"}"#), Ok(Entry::Unknown));
        assert!(read(r#"{"type":"row","row":[{"type":"integer","value":"1"}"#).is_err());
        assert_eq!(decoder.batch().len(), 1);
    }

    #[test]
    fn chunks_are_split_into_lines_wherever_they_end() {
        let body = "eins\nzwei ö\n\ndrei";
        for cut in 0..=body.len() {
            let mut lines = Lines::default();
            let mut found = Vec::new();
            for chunk in [&body.as_bytes()[..cut], &body.as_bytes()[cut..]] {
                lines.push(chunk);
                while let Some(line) = lines.next_line() {
                    found.push(line.unwrap().to_owned());
                }
            }
            found.push(lines.last_line().unwrap().unwrap().to_owned());
            assert_eq!(found, ["eins", "zwei ö", "", "drei"]);
        }
    }
}
