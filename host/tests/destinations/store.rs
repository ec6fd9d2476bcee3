//! A destination in a scratch folder, what is loaded into it, and what an
//! independent reader finds there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Float64Array, Int32Array, Int64Array, RecordBatch,
    StringArray,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use connector_host::destination::{
    BuiltInDestination, Destination, DestinationError, DestinationFactory as _, Load, TableWrite,
    WriteStats,
};
use connector_host::model::{
    Cursor, DestinationSpec, DuckDbSpec, FileFormat, FilesSpec, LoadId, LoadRecord, LoadStatus,
    ReadMode, ResourceRecord, WriteDisposition,
};
use connector_host::testing;
use object_store::ObjectStore;
use tempfile::TempDir;

use crate::objects::Objects;
use crate::value::{Row, Value};
use crate::{duckdb, files};

pub(crate) const DATASET: &str = "turso data";
/// Counts of what a load did, by table.
pub(crate) type StatsByTable = BTreeMap<String, WriteStats>;

pub(crate) const PIPELINE: &str = "a pipeline";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    DuckDb,
    Parquet,
    Jsonl,
    Csv,
}

impl Kind {
    /// The format of its files, if it writes any.
    fn format(self) -> Option<FileFormat> {
        match self {
            Self::DuckDb => None,
            Self::Parquet => Some(FileFormat::Parquet),
            Self::Jsonl => Some(FileFormat::Jsonl),
            Self::Csv => Some(FileFormat::Csv),
        }
    }
}

/// A destination of one kind, in a folder or in an object store.
pub(crate) struct Store {
    pub(crate) kind: Kind,
    folder: TempDir,
    objects: Option<Arc<Objects>>,
}

impl Store {
    pub(crate) fn new(kind: Kind) -> Self {
        Self {
            kind,
            folder: tempfile::tempdir().unwrap(),
            objects: None,
        }
    }

    /// A destination in an object store in memory.
    pub(crate) fn in_objects(kind: Kind) -> Self {
        Self {
            objects: Some(Arc::default()),
            ..Self::new(kind)
        }
    }

    /// The object store.
    pub(crate) fn objects(&self) -> Option<&Objects> {
        self.objects.as_deref()
    }

    /// The object store, for another destination.
    pub(crate) fn shared_objects(&self) -> Arc<Objects> {
        Arc::clone(self.objects.as_ref().unwrap())
    }

    /// A copy of a destination in an object store.
    pub(crate) fn fork(&self) -> Self {
        Self {
            objects: self
                .objects
                .as_ref()
                .map(|objects| Arc::new(objects.fork())),
            ..Self::new(self.kind)
        }
    }

    /// The folder of the destination. Holds a copy of all objects if the
    /// destination is in an object store.
    pub(crate) fn folder(&self) -> &Path {
        if let Some(objects) = &self.objects {
            objects.copy_to(self.folder.path());
        }
        self.folder.path()
    }

    pub(crate) fn open(&self) -> Box<dyn Destination> {
        // A process that another test starts holds the locks of this one for
        // a moment, until it runs its own program.
        for _ in 0..100 {
            match self.try_open() {
                Err(DestinationError::Locked { .. }) => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                opened => return opened.unwrap(),
            }
        }
        self.try_open().unwrap()
    }

    pub(crate) fn try_open(&self) -> Result<Box<dyn Destination>, DestinationError> {
        match (&self.objects, self.kind.format()) {
            (Some(objects), Some(format)) => {
                let objects = Arc::clone(objects) as Arc<dyn ObjectStore>;
                testing::files_in_objects(objects, DATASET, format)
            }
            _ => open(self.kind, self.folder()),
        }
    }

    /// Loads into one table, and commits.
    pub(crate) fn load(
        &self,
        number: u64,
        table: &str,
        write: WriteDisposition,
        batch: &RecordBatch,
    ) {
        self.commit(number, |load| {
            load.open_table(table, &TableWrite::new(batch.schema(), write))
                .unwrap();
            load.write_rows(table, batch.clone()).unwrap();
        });
    }

    /// Runs a load, and commits. Says what it did to each table.
    pub(crate) fn commit(&self, number: u64, fill: impl FnOnce(&mut dyn Load)) -> StatsByTable {
        commit(self.open().as_mut(), number, fill)
    }

    /// The rows of a table, in order of their values; `None` if it is not
    /// there.
    pub(crate) fn rows(&self, table: &str) -> Option<Vec<Row>> {
        let mut rows = match self.kind {
            Kind::DuckDb => duckdb::rows(&database(self.folder()), DATASET, table),
            Kind::Parquet | Kind::Jsonl | Kind::Csv => {
                files::rows(&self.folder().join("turso%20data"), table)
            }
        }?;
        rows.sort();
        Some(rows)
    }

    /// One column of a table, in order.
    pub(crate) fn column(&self, table: &str, column: &str) -> Vec<Value> {
        let mut values: Vec<_> = self
            .rows(table)
            .unwrap()
            .iter()
            .map(|row| row[column].clone())
            .collect();
        values.sort();
        values
    }
}

/// Opens a destination in a folder.
pub(crate) fn open(kind: Kind, folder: &Path) -> Result<Box<dyn Destination>, DestinationError> {
    let spec = match kind.format() {
        None => DuckDbSpec::new(database(folder), DATASET)
            .with_driver(duckdb::driver())
            .into(),
        Some(format) => FilesSpec::new(format!("file://{}", folder.display()), DATASET)
            .with_format(format)
            .into(),
    };
    open_spec(spec)
}

/// Opens a destination of the library.
pub(crate) fn open_spec(spec: DestinationSpec) -> Result<Box<dyn Destination>, DestinationError> {
    BuiltInDestination::new(spec).open()
}

/// Runs a load, and commits. Says what it did to each table.
pub(crate) fn commit(
    destination: &mut dyn Destination,
    number: u64,
    fill: impl FnOnce(&mut dyn Load),
) -> StatsByTable {
    let mut load = destination.begin(&load_id(number)).unwrap();
    fill(load.as_mut());
    let stats_by_table = load.apply().unwrap();
    load.commit(&record(number, &[("t", None)])).unwrap();
    stats_by_table
}

pub(crate) fn database(folder: &Path) -> PathBuf {
    // Called as the dataset is, which must not confuse the two.
    folder.join(format!("{DATASET}.duckdb"))
}

pub(crate) fn load_id(number: u64) -> LoadId {
    LoadId::from_time(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + number))
}

/// The record of a load that read these resources in full.
pub(crate) fn record(number: u64, resources: &[(&str, Option<Cursor>)]) -> LoadRecord {
    let resources = resources.iter().map(|(resource, cursor)| ResourceRecord {
        resource: (*resource).to_owned(),
        mode: ReadMode::Full,
        rows_read: 3,
        rows_written: 2,
        rows_deleted: 0,
        rows_rejected: 1,
        rows_billed: None,
        cursor_before: None,
        cursor_after: cursor.clone(),
    });
    LoadRecord {
        load_id: load_id(number),
        pipeline: PIPELINE.to_owned(),
        connector_name: "a connector".to_owned(),
        connector_version: "1.2.3".to_owned(),
        connector_sha256: "ab".repeat(32),
        started: UNIX_EPOCH + Duration::from_secs(1_700_000_000),
        finished: UNIX_EPOCH + Duration::from_secs(1_700_000_001),
        status: LoadStatus::Loaded,
        resources: resources.collect(),
    }
}

/// Rows of the given columns, with the identity of their load.
pub(crate) fn batch(number: u64, columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let rows = columns[0].1.len();
    let load_ids: DictionaryArray<_> = DictionaryArray::new(
        Int32Array::from(vec![0; rows]),
        Arc::new(StringArray::from(vec![load_id(number).as_str()])),
    );
    let fields = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true));
    let load_id_type = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let fields = fields.chain([Field::new("_load_id", load_id_type, false)]);
    let schema: SchemaRef = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let columns = columns
        .into_iter()
        .map(|(_, column)| column)
        .chain([Arc::new(load_ids) as ArrayRef]);
    RecordBatch::try_new(schema, columns.collect()).unwrap()
}

pub(crate) fn integers(values: &[i64]) -> ArrayRef {
    Arc::new(Int64Array::from(values.to_vec()))
}

pub(crate) fn floats(values: &[f64]) -> ArrayRef {
    Arc::new(Float64Array::from(values.to_vec()))
}

pub(crate) fn texts(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

pub(crate) fn blobs(values: &[Option<&[u8]>]) -> ArrayRef {
    Arc::new(BinaryArray::from(values.to_vec()))
}
