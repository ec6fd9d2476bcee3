//! One data file of a table: its format, its encoder, and the rows that it
//! holds once it is uploaded.

use std::io;

use arrow_schema::SchemaRef;

use super::encoder::Encoder;
use super::io_error::invalid_data;
use super::manifest::ManifestFile;
use super::store::{Store, StoredFile, Upload};
use super::{csv, jsonl, parquet};
use crate::model::FileFormat;

/// Size at which a file is followed by another.
pub(super) const MAX_FILE_BYTES: u64 = 512 << 20;

/// Creates the encoder of a format.
pub(super) fn encoder(
    format: FileFormat,
    upload: Upload,
    schema: &SchemaRef,
) -> io::Result<Box<dyn Encoder>> {
    Ok(match format {
        FileFormat::Parquet => Box::new(parquet::ParquetEncoder::new(upload, schema)?),
        FileFormat::Jsonl => Box::new(jsonl::JsonlEncoder::new(upload)),
        FileFormat::Csv => Box::new(csv::CsvEncoder::new(upload, schema)?),
    })
}

/// Returns the ending of the names of files of a format.
pub(super) fn ending(format: FileFormat) -> &'static str {
    match format {
        FileFormat::Parquet => "parquet",
        FileFormat::Jsonl => "jsonl",
        FileFormat::Csv => "csv",
    }
}

/// Returns the format of a file by the ending of its name.
pub(super) fn format(path: &str) -> io::Result<FileFormat> {
    match path.rsplit('.').next() {
        Some("parquet") => Ok(FileFormat::Parquet),
        Some("jsonl") => Ok(FileFormat::Jsonl),
        Some("csv") => Ok(FileFormat::Csv),
        _ => Err(invalid_data(format!(
            "{path} does not end in parquet, jsonl or csv"
        ))),
    }
}

/// Completes an upload, and counts the rows of the file by reading it. Fails if
/// the store holds more or less than was sent.
pub(super) fn complete(
    upload: Upload,
    store: &dyn Store,
    path: String,
    format: FileFormat,
) -> io::Result<ManifestFile> {
    tracing::trace!(path, "step: finish a file");
    let bytes = upload.complete()?;
    let file = store.open_staged(&path)?;
    let stored = file.bytes()?;
    if stored != bytes {
        return Err(invalid_data(format!(
            "{bytes} B were written, and {stored} B are stored"
        )));
    }
    let rows = count_rows(format, file)?;
    Ok(ManifestFile { path, rows, bytes })
}

fn count_rows(format: FileFormat, file: StoredFile) -> io::Result<u64> {
    match format {
        FileFormat::Parquet => parquet::count_rows(file),
        FileFormat::Jsonl => jsonl::count_rows(&file),
        FileFormat::Csv => csv::count_rows(&file),
    }
}
