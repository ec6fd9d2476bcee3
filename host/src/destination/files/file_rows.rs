//! Reads the rows of one data file, of this load or of an earlier one, and
//! decides what a failure concerns: an earlier file that is damaged concerns its
//! table only.
//!
//! Must not report a damaged file if the store does not respond.

use std::io;

use super::data_file;
use super::io_error::invalid_data;
use super::manifest::ManifestFile;
use super::row::Row;
use super::row_action::{DecideRow, EndTime, KeptRows};
use super::store::{Store, StoredFile};
use super::table_reader::TableReader;
use crate::destination::columns::Columns;
use crate::destination::error::DestinationError;

/// A data file whose rows are being read.
pub(super) struct FileRows<'a> {
    file: &'a ManifestFile,
    reader: TableReader,
    /// Rows that were read.
    rows: u64,
    /// The file in the store, if it belongs to an earlier load.
    earlier: Option<StoredFile>,
}

impl<'a> FileRows<'a> {
    /// Reads a staged file of this load.
    pub(super) fn staged(
        store: &dyn Store,
        file: &'a ManifestFile,
        columns: &Columns,
    ) -> Result<Self, CombineError> {
        let reader = store.open_staged(&file.path).and_then(|stored| {
            TableReader::new(stored, data_file::format(&file.path)?, columns, None)
        });
        Ok(Self {
            file,
            reader: reader.map_err(|error| in_file(file, &error))?,
            rows: 0,
            earlier: None,
        })
    }

    /// Reads a file of an earlier load. If `compared` is given, only those columns
    /// are read, and no row can be kept.
    pub(super) fn earlier(
        store: &dyn Store,
        file: &'a ManifestFile,
        columns: &Columns,
        compared: Option<&[usize]>,
    ) -> Result<Self, CombineError> {
        let stored = open_earlier(store, file)?;
        let reader = data_file::format(&file.path)
            .and_then(|format| TableReader::new(stored.try_clone()?, format, columns, compared));
        Ok(Self {
            reader: reader.map_err(|error| CombineError::reading(file, Some(&stored), error))?,
            file,
            rows: 0,
            earlier: Some(stored),
        })
    }

    /// Reads the next rows, and returns those that are kept. Returns `None` at
    /// the end of the file, if it had as many rows as the manifest says.
    pub(super) fn next(
        &mut self,
        end_time: Option<EndTime>,
        decide: &mut DecideRow,
    ) -> Result<Option<KeptRows<'_>>, CombineError> {
        let Self {
            file,
            reader,
            rows,
            earlier,
        } = self;
        let decide = &mut |row: &dyn Row| {
            *rows += 1;
            decide(row)
        };
        let next = match reader.next(end_time, decide) {
            Ok(None) => expect_rows(file.rows, *rows, "read").map(|()| None),
            next => next,
        };
        next.map_err(|error| match earlier {
            Some(stored) => CombineError::reading(file, Some(stored), error),
            None => in_file(file, &error).into(),
        })
    }
}

/// Opens a file of an earlier load. Fails if the store does not hold as many bytes
/// of it as the manifest says.
pub(super) fn open_earlier(
    store: &dyn Store,
    file: &ManifestFile,
) -> Result<StoredFile, CombineError> {
    let opened = store.open(&file.path).and_then(|stored| {
        let bytes = stored.bytes()?;
        if bytes == file.bytes {
            Ok(stored)
        } else {
            Err(invalid_data(format!(
                "it has {bytes} bytes instead of {}",
                file.bytes
            )))
        }
    });
    opened.map_err(|error| CombineError::reading(file, None, error))
}

/// Fails if a row was lost, so that the load is not committed.
pub(super) fn expect_rows(expected: u64, found: u64, done: &str) -> io::Result<()> {
    if expected == found {
        return Ok(());
    }
    Err(invalid_data(format!(
        "the number of {done} rows is {found} instead of {expected}"
    )))
}

/// Adds the path of a file to an error.
fn in_file(file: &ManifestFile, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", file.path))
}

/// A failure of combining a table with its earlier rows.
#[derive(Debug)]
pub(super) enum CombineError {
    /// A file of an earlier load cannot be read.
    EarlierFile { path: String, error: io::Error },
    /// Anything else, which does not concern one table only.
    Other(io::Error),
}

impl CombineError {
    fn reading(file: &ManifestFile, stored: Option<&StoredFile>, error: io::Error) -> Self {
        let concerns_file = matches!(
            error.kind(),
            io::ErrorKind::InvalidData
                | io::ErrorKind::UnexpectedEof
                | io::ErrorKind::NotFound
                | io::ErrorKind::IsADirectory
                | io::ErrorKind::NotADirectory
                | io::ErrorKind::PermissionDenied
        );
        if concerns_file && !stored.is_some_and(StoredFile::has_failed_request) {
            Self::EarlierFile {
                path: file.path.clone(),
                error,
            }
        } else {
            Self::Other(in_file(file, &error))
        }
    }

    /// Returns the error for a table. `action` is what failed.
    pub(super) fn in_table(self, store: &dyn Store, table: &str, action: &str) -> DestinationError {
        let location = store.location();
        match self {
            Self::EarlierFile { path, error } => {
                DestinationError::reading_file(table, format!("{location}/{path}"), error)
            }
            Self::Other(error) => DestinationError::doing(action, location, error),
        }
    }
}

impl From<io::Error> for CombineError {
    fn from(error: io::Error) -> Self {
        Self::Other(error)
    }
}
