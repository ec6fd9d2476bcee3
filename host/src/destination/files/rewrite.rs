//! Copies rows that stay of files that do not, into files of this load.
//! Nothing that is there is touched.

use std::io::{self, Write as _};

use super::part::{self, Encoder};
use super::stored::Piece;
use super::upload::Upload;
use super::{Place, csv, load, manifest, parquet};
use crate::destination::columns::Columns;
use crate::model::FileFormat;

/// Files into which rows are copied, one after the other.
pub(super) struct Rewrite<'a> {
    place: &'a Place,
    columns: Columns,
    open: Option<Copy<'a>>,
    finished: Vec<manifest::File>,
}

/// A file into which rows are copied.
struct Copy<'a> {
    path: String,
    format: FileFormat,
    bytes: Bytes<'a>,
}

enum Bytes<'a> {
    Parquet(Box<parquet::Parquet<'a>>),
    Text(Upload<'a>),
}

impl<'a> Rewrite<'a> {
    /// Of a table with these columns.
    pub(super) fn new(place: &'a Place, columns: Columns) -> Self {
        Self {
            place,
            columns,
            open: None,
            finished: Vec::new(),
        }
    }

    /// Takes rows that come from a file of a format. Files are named by
    /// `name`, and keep to that format.
    pub(super) fn take(
        &mut self,
        format: FileFormat,
        piece: Piece,
        name: &mut dyn FnMut(FileFormat) -> String,
    ) -> io::Result<()> {
        let nothing = match &piece {
            Piece::Rows(rows) => rows.num_rows() == 0,
            Piece::Text(text) => text.is_empty(),
        };
        if nothing {
            return Ok(());
        }
        let full = |copy: &Copy| copy.format != format || copy.bytes() >= load::PART_BYTES;
        if self.open.as_ref().is_some_and(full) {
            self.settle()?;
        }
        let copy = match &mut self.open {
            Some(copy) => copy,
            none => none.insert(Copy::new(
                self.place,
                &self.columns,
                format,
                name(format),
                &piece,
            )?),
        };
        match (&mut copy.bytes, piece) {
            (Bytes::Parquet(file), Piece::Rows(rows)) => file.write(&rows),
            (Bytes::Text(file), Piece::Text(text)) => file.write_all(text),
            _ => Err(io::Error::other("rows came in the form of another format")),
        }
    }

    /// Finishes, and says which files there are now.
    pub(super) fn finish(mut self) -> io::Result<Vec<manifest::File>> {
        self.settle()?;
        Ok(self.finished)
    }

    fn settle(&mut self) -> io::Result<()> {
        let Some(copy) = self.open.take() else {
            return Ok(());
        };
        let upload = match copy.bytes {
            Bytes::Parquet(file) => file.finish()?,
            Bytes::Text(file) => file,
        };
        let file = part::finish(upload, self.place, copy.path, copy.format)?;
        self.finished.push(file);
        Ok(())
    }
}

impl<'a> Copy<'a> {
    fn new(
        place: &'a Place,
        columns: &Columns,
        format: FileFormat,
        path: String,
        first: &Piece,
    ) -> io::Result<Self> {
        let mut upload = Upload::new(place, &part::staged(&path)?)?;
        let bytes = match first {
            Piece::Rows(rows) => {
                Bytes::Parquet(Box::new(parquet::Parquet::new(upload, &rows.schema())?))
            }
            Piece::Text(_) => {
                if format == FileFormat::Csv {
                    let names = columns.as_slice().iter();
                    upload.write_all(&csv::header(names.map(|column| column.name.as_str())))?;
                }
                Bytes::Text(upload)
            }
        };
        Ok(Self {
            path,
            format,
            bytes,
        })
    }

    fn bytes(&self) -> u64 {
        match &self.bytes {
            Bytes::Parquet(file) => file.bytes(),
            Bytes::Text(file) => file.bytes(),
        }
    }
}
