//! One file of a table: encoded while it is written, counted when it is done.

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use object_store::path::Path as StorePath;

use super::sweep::STAGED;
use super::upload::{Upload, io_error};
use super::{Place, csv, jsonl, manifest, parquet};
use crate::model::FileFormat;

/// Turns batches into the bytes of one format.
pub(super) trait Encoder<'a> {
    /// Encodes the rows, and writes what is complete.
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Bytes that were written.
    fn bytes(&self) -> u64;

    /// Bytes that wait until more have come.
    fn held(&self) -> usize {
        0
    }

    /// Writes those.
    fn relieve(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Writes the rest.
    fn finish(self: Box<Self>) -> io::Result<Upload<'a>>;
}

/// The encoder of a format.
pub(super) fn encoder<'a>(
    format: FileFormat,
    upload: Upload<'a>,
    schema: &SchemaRef,
) -> io::Result<Box<dyn Encoder<'a> + Send + 'a>> {
    Ok(match format {
        FileFormat::Parquet => Box::new(parquet::Parquet::new(upload, schema)?),
        FileFormat::Jsonl => Box::new(jsonl::Jsonl::new(upload)),
        FileFormat::Csv => Box::new(csv::Csv::new(upload, schema)?),
    })
}

/// The ending of the files of a format.
pub(super) fn ending(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Parquet => "parquet",
        FileFormat::Jsonl => "jsonl",
        FileFormat::Csv => "csv",
    }
}

/// The format of a file, by its ending.
pub(super) fn format(path: &str) -> io::Result<FileFormat> {
    match path.rsplit('.').next() {
        Some("parquet") => Ok(FileFormat::Parquet),
        Some("jsonl") => Ok(FileFormat::Jsonl),
        Some("csv") => Ok(FileFormat::Csv),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{path} has no ending that is known"),
        )),
    }
}

/// Where a file is until it is moved to `path`.
pub(super) fn staged(path: &str) -> io::Result<StorePath> {
    StorePath::parse(format!("{STAGED}/{path}")).map_err(io_error)
}

/// Waits until a file is there, and counts what is in it.
pub(super) fn finish(
    upload: Upload,
    place: &Place,
    path: String,
    format: FileFormat,
) -> io::Result<manifest::File> {
    tracing::trace!(path, "step: finish a file");
    let bytes = upload.finish()?;
    let rows = rows(format, &place.root.join(STAGED).join(&path))?;
    Ok(manifest::File { path, rows, bytes })
}

/// How many rows a file holds, by reading it.
fn rows(format: FileFormat, path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    match format {
        FileFormat::Parquet => parquet::rows(file),
        FileFormat::Jsonl => jsonl::rows(file),
        FileFormat::Csv => csv::rows(file),
    }
}
