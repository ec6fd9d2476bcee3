//! One file of a table: encoded while it is written, counted when it is done.

use std::fs::File;
use std::io;
use std::path::Path;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::upload::Upload;
use super::{csv, jsonl, parquet};
use crate::model::FileFormat;

/// Turns batches into the bytes of one format.
pub(super) trait Encoder<'a> {
    /// Encodes the rows, and writes what is complete.
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()>;

    /// Bytes that were written.
    fn bytes(&self) -> u64;

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

/// How many rows a file holds, by reading it.
pub(super) fn rows(format: FileFormat, path: &Path) -> io::Result<u64> {
    let file = File::open(path)?;
    match format {
        FileFormat::Parquet => parquet::rows(file),
        FileFormat::Jsonl => jsonl::rows(file),
        FileFormat::Csv => csv::rows(file),
    }
}
