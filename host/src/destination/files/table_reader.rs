//! Reads the files of a table, of this load or of earlier ones, some rows at a
//! time.

use std::io;

use super::row_action::{DecideRow, EndTime, KeptRows};
use super::store::StoredFile;
use super::{parquet, text_reader};
use crate::destination::columns::Columns;
use crate::model::FileFormat;

/// A reader of one file of a table.
pub(super) enum TableReader {
    Parquet(Box<parquet::ParquetReader>),
    Text(text_reader::TextReader),
}

impl TableReader {
    /// Reads a file of a table with these columns. If `compared` is given, only
    /// those columns are read, and no row can be kept.
    pub(super) fn new(
        file: StoredFile,
        format: FileFormat,
        columns: &Columns,
        compared: Option<&[usize]>,
    ) -> io::Result<Self> {
        Ok(match format {
            FileFormat::Parquet => {
                let reader = parquet::ParquetReader::new(file, columns, compared)?;
                Self::Parquet(Box::new(reader))
            }
            FileFormat::Jsonl | FileFormat::Csv => {
                Self::Text(text_reader::TextReader::new(&file, format, columns)?)
            }
        })
    }

    /// Reads the next rows, and returns those that are kept. Returns `None` at
    /// the end of the file.
    pub(super) fn next(
        &mut self,
        end_time: Option<EndTime>,
        decide: &mut DecideRow,
    ) -> io::Result<Option<KeptRows<'_>>> {
        match self {
            Self::Parquet(reader) => Ok(reader.next(end_time, decide)?.map(KeptRows::Batch)),
            Self::Text(reader) => Ok(reader.next(end_time, decide)?.map(KeptRows::Text)),
        }
    }
}
