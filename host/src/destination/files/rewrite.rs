//! Copies kept rows of older files into new files. Must not change an older
//! file.

use std::io::{self, Write as _};

use super::encoder::Encoder as _;
use super::manifest::ManifestFile;
use super::row_action::KeptRows;
use super::store::{Store, Upload};
use super::{csv, data_file, parquet};
use crate::destination::columns::Columns;
use crate::model::FileFormat;

/// New files of a table, written one after the other.
pub(super) struct Rewrite<'a> {
    store: &'a dyn Store,
    columns: Columns,
    open: Option<RewrittenFile>,
    finished: Vec<ManifestFile>,
}

/// A file that kept rows are written to.
struct RewrittenFile {
    path: String,
    format: FileFormat,
    content: Content,
}

enum Content {
    Parquet(Box<parquet::ParquetEncoder>),
    Text(Upload),
}

impl<'a> Rewrite<'a> {
    /// Begins to rewrite files of a table with these columns.
    pub(super) fn new(store: &'a dyn Store, columns: Columns) -> Self {
        Self {
            store,
            columns,
            open: None,
            finished: Vec::new(),
        }
    }

    /// Writes rows of a file of this format into a file of the same format.
    /// `next_path` returns the path of a new file.
    pub(super) fn write(
        &mut self,
        format: FileFormat,
        rows: KeptRows,
        next_path: &mut dyn FnMut(FileFormat) -> String,
    ) -> io::Result<()> {
        let is_empty = match &rows {
            KeptRows::Batch(rows) => rows.num_rows() == 0,
            KeptRows::Text(text) => text.is_empty(),
        };
        if is_empty {
            return Ok(());
        }
        let is_done = |file: &RewrittenFile| {
            file.format != format || file.bytes() >= data_file::MAX_FILE_BYTES
        };
        if self.open.as_ref().is_some_and(is_done) {
            self.finish_file()?;
        }
        let file = match &mut self.open {
            Some(file) => file,
            none => none.insert(RewrittenFile::begin(
                self.store,
                &self.columns,
                format,
                next_path(format),
                &rows,
            )?),
        };
        match (&mut file.content, rows) {
            (Content::Parquet(encoder), KeptRows::Batch(rows)) => encoder.write(&rows),
            (Content::Text(upload), KeptRows::Text(text)) => upload.write_all(text),
            _ => Err(io::Error::other("the rows are encoded in another format")),
        }
    }

    /// Finishes the last file, and returns all new files.
    pub(super) fn finish(mut self) -> io::Result<Vec<ManifestFile>> {
        self.finish_file()?;
        Ok(self.finished)
    }

    fn finish_file(&mut self) -> io::Result<()> {
        let Some(file) = self.open.take() else {
            return Ok(());
        };
        let upload = match file.content {
            Content::Parquet(encoder) => encoder.finish()?,
            Content::Text(upload) => upload,
        };
        let file = data_file::complete(upload, self.store, file.path, file.format)?;
        self.finished.push(file);
        Ok(())
    }
}

impl RewrittenFile {
    fn begin(
        store: &dyn Store,
        columns: &Columns,
        format: FileFormat,
        path: String,
        first: &KeptRows,
    ) -> io::Result<Self> {
        let mut upload = store.upload(&path)?;
        let content = match first {
            KeptRows::Batch(rows) => {
                let encoder = parquet::ParquetEncoder::new(upload, &rows.schema())?;
                Content::Parquet(Box::new(encoder))
            }
            KeptRows::Text(_) => {
                if format == FileFormat::Csv {
                    upload.write_all(&csv::header(columns.names()))?;
                }
                Content::Text(upload)
            }
        };
        Ok(Self {
            path,
            format,
            content,
        })
    }

    fn bytes(&self) -> u64 {
        match &self.content {
            Content::Parquet(encoder) => encoder.bytes(),
            Content::Text(upload) => upload.bytes(),
        }
    }
}
