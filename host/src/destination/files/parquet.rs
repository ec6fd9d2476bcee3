//! Apache Parquet: zstd, dictionaries, statistics of pages.

use std::fs::File;
use std::io;

use ::parquet::arrow::ArrowWriter;
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;

use super::part::Encoder;
use super::upload::{Upload, io_error};

/// A row group is held in memory until it is complete. This keeps that small,
/// and a row group large enough to be read quickly.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Writes one Parquet file.
pub(super) struct Parquet<'a> {
    writer: ArrowWriter<Upload<'a>>,
}

impl<'a> Parquet<'a> {
    pub(super) fn new(upload: Upload<'a>, schema: &SchemaRef) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(io_error)?))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        // Without it a reader takes the type that Parquet gives a column, and
        // not how it happened to be held in memory here.
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(upload, SchemaRef::clone(schema), options);
        Ok(Self {
            writer: writer.map_err(io_error)?,
        })
    }
}

impl<'a> Encoder<'a> for Parquet<'a> {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(batch).map_err(io_error)
    }

    fn bytes(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    fn finish(self: Box<Self>) -> io::Result<Upload<'a>> {
        self.writer.into_inner().map_err(io_error)
    }
}

/// How many rows a file says it holds.
pub(super) fn rows(file: File) -> io::Result<u64> {
    let reader = SerializedFileReader::new(file).map_err(io_error)?;
    u64::try_from(reader.metadata().file_metadata().num_rows()).map_err(io_error)
}
