//! Reads the files of a table, of this load or of earlier ones, some rows at a
//! time, and gives those that stay in the form in which they are: text goes
//! through as it is.

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::RecordBatch;

use super::merge::Verdict;
use super::value::Row;
use super::{lines, parquet};
use crate::destination::columns::Columns;
use crate::model::FileFormat;

/// Says what becomes of a row.
pub(super) type Judge<'j> = dyn FnMut(&dyn Row) -> io::Result<Verdict> + 'j;

/// What rows get that went.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// The place of the column.
    pub(super) column: usize,
    /// Microseconds since 1970.
    pub(super) time: i64,
}

/// Some rows that stay.
pub(super) enum Piece<'a> {
    /// In the shape of the table.
    Rows(RecordBatch),
    /// In the form of their file, with all columns of the table.
    Text(&'a [u8]),
}

/// A file that is being read.
pub(super) enum Stored {
    Parquet(Box<parquet::Rows>),
    Text(lines::Lines),
}

impl Stored {
    /// Opens a file of a table with these columns. Of `places` alone, if they
    /// are given, something can be said of its rows, and none can be kept.
    pub(super) fn open(
        path: &Path,
        format: FileFormat,
        columns: &Columns,
        places: Option<&[usize]>,
    ) -> io::Result<Self> {
        let file = File::open(path)?;
        Ok(match format {
            FileFormat::Parquet => {
                Self::Parquet(Box::new(parquet::Rows::new(file, columns, places)?))
            }
            FileFormat::Jsonl | FileFormat::Csv => {
                Self::Text(lines::Lines::new(file, format, columns)?)
            }
        })
    }

    /// Reads on, and gives those rows that stay; none at the end of the file.
    pub(super) fn next(
        &mut self,
        stamp: Option<Stamp>,
        judge: &mut Judge,
    ) -> io::Result<Option<Piece<'_>>> {
        match self {
            Self::Parquet(rows) => Ok(rows.next(stamp, judge)?.map(Piece::Rows)),
            Self::Text(lines) => Ok(lines.next(stamp, judge)?.map(Piece::Text)),
        }
    }
}
