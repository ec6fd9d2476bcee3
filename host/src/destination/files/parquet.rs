//! Apache Parquet with zstd, dictionaries and page statistics. Files are read
//! some rows at a time.

use std::error::Error;
use std::io::{self, BufReader, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::errors::ParquetError;
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{RecordBatch, RecordBatchReader, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::filter_record_batch;
use bytes::Bytes;

use super::encoder::Encoder;
use super::io_error::{decoding_error, invalid_data, io_error};
use super::row::BatchRow;
use super::row_action::{DecideRow, EndTime, RowAction};
use super::store::{StoredFile, Upload};
use crate::destination::batch_mapping::BatchMapping;
use crate::destination::columns::Columns;

/// Size of a row group. It is buffered until it is complete, so it must be
/// small enough for memory and large enough to be read quickly.
const ROW_GROUP_BYTES: usize = 32 << 20;

/// Writes one Parquet file.
pub(super) struct ParquetEncoder {
    writer: ArrowWriter<Upload>,
}

impl ParquetEncoder {
    /// Begins a file with the columns of `schema`.
    pub(super) fn new(upload: Upload, schema: &SchemaRef) -> io::Result<Self> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).map_err(io_error)?))
            .set_statistics_enabled(EnabledStatistics::Page)
            .set_max_row_group_bytes(Some(ROW_GROUP_BYTES))
            .build();
        // Without the Arrow schema a reader uses the Parquet type of a column,
        // and not the type that it had in memory here.
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(upload, SchemaRef::clone(schema), options);
        Ok(Self {
            writer: writer.map_err(io_error)?,
        })
    }
}

impl Encoder for ParquetEncoder {
    fn write(&mut self, batch: &RecordBatch) -> io::Result<()> {
        self.writer.write(batch).map_err(io_error)
    }

    fn bytes(&self) -> u64 {
        self.writer.bytes_written() as u64
    }

    fn buffered_bytes(&self) -> usize {
        self.writer.in_progress_size()
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(io_error)
    }

    fn finish(self: Box<Self>) -> io::Result<Upload> {
        self.writer.into_inner().map_err(io_error)
    }
}

/// Rows that are read at a time, at most.
const MAX_BATCH_ROWS: usize = 8192;
/// Bytes that are read at a time, approximately. Rows may be long.
const MAX_BATCH_BYTES: usize = 8 << 20;

/// Reads the rows of a file.
pub(super) struct ParquetReader {
    reader: ParquetRecordBatchReader,
    mapping: BatchMapping,
}

impl ParquetReader {
    /// Reads a file of a table with these columns. If `compared` is given, only
    /// those columns are read.
    pub(super) fn new(
        file: StoredFile,
        columns: &Columns,
        compared: Option<&[usize]>,
    ) -> io::Result<Self> {
        let reader = without_panic(|| ParquetRecordBatchReaderBuilder::try_new(file))?;
        let groups = reader.metadata().row_groups().iter();
        let longest =
            groups.filter_map(|group| group.total_byte_size().checked_div(group.num_rows()));
        let longest = usize::try_from(longest.max().unwrap_or(0)).unwrap_or(MAX_BATCH_BYTES);
        let rows = (MAX_BATCH_BYTES / longest.max(1)).clamp(1, MAX_BATCH_ROWS);
        let reader = match compared {
            None => reader,
            Some(compared) => {
                let projected = reader.schema().fields().iter().enumerate();
                let projected = projected.filter(|(_, field)| {
                    columns
                        .index_of(field.name())
                        .is_some_and(|column| compared.contains(&column))
                });
                let projected: Vec<_> = projected.map(|(index, _)| index).collect();
                let mask = ProjectionMask::roots(reader.parquet_schema(), projected);
                reader.with_projection(mask)
            }
        };
        let reader = reader
            .with_batch_size(rows)
            .build()
            .map_err(decoding_error)?;
        Ok(Self {
            mapping: BatchMapping::new(&reader.schema(), columns),
            reader,
        })
    }

    /// Reads the next rows, and returns those that are kept. Returns `None` at
    /// the end.
    pub(super) fn next(
        &mut self,
        end_time: Option<EndTime>,
        decide: &mut DecideRow,
    ) -> io::Result<Option<RecordBatch>> {
        let Some(batch) = without_panic(|| self.reader.next().transpose())? else {
            return Ok(None);
        };
        let sources = self.mapping.sources();
        let row = |row| BatchRow {
            batch: &batch,
            sources,
            row,
        };
        let actions = (0..batch.num_rows()).map(|index| decide(&row(index)));
        let actions = actions.collect::<io::Result<Vec<_>>>()?;
        if actions.iter().all(|action| *action == RowAction::Drop) {
            let schema = SchemaRef::clone(self.mapping.schema());
            return Ok(Some(RecordBatch::new_empty(schema)));
        }
        let mut rows = self.mapping.apply(&batch).map_err(decoding_error)?;
        if let Some(end_time) = end_time
            && actions.contains(&RowAction::End)
        {
            rows = with_end_time(&rows, end_time, &actions).map_err(decoding_error)?;
        }
        if actions.contains(&RowAction::Drop) {
            let kept = actions
                .iter()
                .map(|action| Some(*action != RowAction::Drop));
            rows = filter_record_batch(&rows, &kept.collect()).map_err(decoding_error)?;
        }
        Ok(Some(rows))
    }
}

/// Sets the end time of the rows that end.
fn with_end_time(
    rows: &RecordBatch,
    end_time: EndTime,
    actions: &[RowAction],
) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    let times = columns
        .get(end_time.column)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| {
        ArrowError::SchemaError("the column of the end time does not hold times".to_owned())
    })?;
    let values = times
        .iter()
        .zip(actions)
        .map(|(time, action)| match action {
            RowAction::End => Some(end_time.micros),
            RowAction::Keep | RowAction::Drop => time,
        });
    let values: TimestampMicrosecondArray = values.collect();
    columns[end_time.column] = Arc::new(values.with_timezone_opt(times.timezone()));
    RecordBatch::try_new(rows.schema(), columns)
}

/// Decodes a part of a file, which may be damaged. The library panics at some
/// wrong bytes; its results are not used then.
fn without_panic<T, E>(decode: impl FnOnce() -> Result<T, E>) -> io::Result<T>
where
    E: Error + Send + Sync + 'static,
{
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(decoding_error),
        Err(_) => Err(invalid_data("the decoder stopped at wrong bytes")),
    }
}

/// Returns the number of rows of a file by its footer.
pub(super) fn count_rows(file: StoredFile) -> io::Result<u64> {
    let reader = without_panic(|| SerializedFileReader::new(file))?;
    u64::try_from(reader.metadata().file_metadata().num_rows()).map_err(decoding_error)
}

impl Length for StoredFile {
    fn len(&self) -> u64 {
        // A length that is unknown makes the footer unreadable, which is an
        // error.
        self.bytes().unwrap_or(0)
    }
}

impl ChunkReader for StoredFile {
    type T = BufReader<Box<dyn Read + Send>>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        Ok(BufReader::new(self.reader(start)?))
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        Ok(self.read_range(start, length)?)
    }
}
