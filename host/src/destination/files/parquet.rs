//! Apache Parquet: zstd, dictionaries, statistics of pages. Written whole, and
//! read back some rows at a time.

use std::fs::File;
use std::io;
use std::sync::Arc;

use ::parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use ::parquet::arrow::arrow_writer::ArrowWriterOptions;
use ::parquet::arrow::{ArrowWriter, ProjectionMask};
use ::parquet::basic::{Compression, ZstdLevel};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::file::reader::{FileReader, SerializedFileReader};
use arrow_array::cast::AsArray;
use arrow_array::types::TimestampMicrosecondType;
use arrow_array::{RecordBatch, RecordBatchReader, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, SchemaRef};
use arrow_select::filter::filter_record_batch;

use super::merge::Verdict;
use super::part::Encoder;
use super::stored::{Judge, Stamp};
use super::upload::{Upload, io_error};
use super::value::InBatch;
use crate::destination::columns::{Columns, Shape};

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

    fn held(&self) -> usize {
        self.writer.in_progress_size()
    }

    fn relieve(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(io_error)
    }

    fn finish(self: Box<Self>) -> io::Result<Upload<'a>> {
        self.writer.into_inner().map_err(io_error)
    }
}

/// The most rows that are read at a time.
const BATCH_ROWS: usize = 8192;
/// And about how many bytes: rows may be long.
const BATCH_BYTES: usize = 8 << 20;

/// Reads the rows of a file.
pub(super) struct Rows {
    reader: ParquetRecordBatchReader,
    shape: Shape,
}

impl Rows {
    /// Of a table with these columns. Only `places` of them are read, if they
    /// are given.
    pub(super) fn new(file: File, columns: &Columns, places: Option<&[usize]>) -> io::Result<Self> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(io_error)?;
        let groups = reader.metadata().row_groups().iter();
        let longest =
            groups.filter_map(|group| group.total_byte_size().checked_div(group.num_rows()));
        let longest = usize::try_from(longest.max().unwrap_or(0)).unwrap_or(BATCH_BYTES);
        let rows = (BATCH_BYTES / longest.max(1)).clamp(1, BATCH_ROWS);
        let reader = match places {
            None => reader,
            Some(places) => {
                let wanted = reader.schema().fields().iter().enumerate();
                let wanted = wanted.filter(|(_, field)| {
                    columns
                        .place(field.name())
                        .is_some_and(|place| places.contains(&place))
                });
                let wanted: Vec<_> = wanted.map(|(at, _)| at).collect();
                let mask = ProjectionMask::roots(reader.parquet_schema(), wanted);
                reader.with_projection(mask)
            }
        };
        let reader = reader.with_batch_size(rows).build().map_err(io_error)?;
        Ok(Self {
            shape: Shape::new(&reader.schema(), columns),
            reader,
        })
    }

    /// Reads on, and gives those rows that stay; none at the end.
    pub(super) fn next(
        &mut self,
        stamp: Option<Stamp>,
        judge: &mut Judge,
    ) -> io::Result<Option<RecordBatch>> {
        let Some(batch) = self.reader.next().transpose().map_err(io_error)? else {
            return Ok(None);
        };
        let sources = self.shape.sources();
        let row = |row| InBatch {
            batch: &batch,
            sources,
            row,
        };
        let verdicts = (0..batch.num_rows()).map(|at| judge(&row(at)));
        let verdicts = verdicts.collect::<io::Result<Vec<_>>>()?;
        if verdicts.iter().all(|verdict| *verdict == Verdict::Drop) {
            return Ok(Some(RecordBatch::new_empty(SchemaRef::clone(
                self.shape.schema(),
            ))));
        }
        let mut rows = self.shape.fit(&batch).map_err(io_error)?;
        if let Some(stamp) = stamp
            && verdicts.contains(&Verdict::Stamp)
        {
            rows = stamped(&rows, stamp, &verdicts).map_err(io_error)?;
        }
        if verdicts.contains(&Verdict::Drop) {
            let stay = verdicts
                .iter()
                .map(|verdict| Some(*verdict != Verdict::Drop));
            rows = filter_record_batch(&rows, &stay.collect()).map_err(io_error)?;
        }
        Ok(Some(rows))
    }
}

/// The rows with a time in those that get it.
fn stamped(
    rows: &RecordBatch,
    stamp: Stamp,
    verdicts: &[Verdict],
) -> Result<RecordBatch, ArrowError> {
    let mut columns = rows.columns().to_vec();
    let times = columns
        .get(stamp.column)
        .and_then(|column| column.as_primitive_opt::<TimestampMicrosecondType>());
    let times = times.ok_or_else(|| {
        ArrowError::SchemaError("the column for the time at which a row went holds none".to_owned())
    })?;
    let values = times
        .iter()
        .zip(verdicts)
        .map(|(time, verdict)| match verdict {
            Verdict::Stamp => Some(stamp.time),
            Verdict::Keep | Verdict::Drop => time,
        });
    let values: TimestampMicrosecondArray = values.collect();
    columns[stamp.column] = Arc::new(values.with_timezone_opt(times.timezone()));
    RecordBatch::try_new(rows.schema(), columns)
}

/// How many rows a file says it holds.
pub(super) fn rows(file: File) -> io::Result<u64> {
    let reader = SerializedFileReader::new(file).map_err(io_error)?;
    u64::try_from(reader.metadata().file_metadata().num_rows()).map_err(io_error)
}
