//! An object store in memory that can do only what every object store can: no
//! rename, uploads in parts, conditional puts. It fails on request.

use std::fmt;
use std::ops::Range;
use std::path::Path as FilePath;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use connector_host::destination::{DestinationError, TableWrite};
use connector_host::model::{FileFormat, WriteDisposition};
use connector_host::testing;
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, ObjectStoreExt as _, PutMode, PutMultipartOptions, PutOptions, PutPayload,
    PutResult, RenameOptions, Result,
};

use crate::cases::{ids, numbers};
use crate::faulty::Faulty;
use crate::store::{DATASET, Kind, Store, batch, commit, load_id, record, texts};

/// An object store in memory.
#[derive(Debug, Default)]
pub(crate) struct Objects {
    inner: InMemory,
    uploads: AtomicUsize,
    /// True if the response of the next conditional put is lost.
    loses_response: AtomicBool,
    /// True if the next conditional put fails before it is carried out.
    refuses_commit: AtomicBool,
    /// True if the condition of a put is ignored.
    ignores_conditions: AtomicBool,
}

impl Objects {
    /// Copies all objects into a folder, and removes other files.
    pub(crate) fn copy_to(&self, folder: &FilePath) {
        std::fs::remove_dir_all(folder).unwrap();
        std::fs::create_dir(folder).unwrap();
        for path in self.paths() {
            let content = block_on(async { self.inner.get(&path).await?.bytes().await }).unwrap();
            let file = folder.join(path.as_ref());
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, content).unwrap();
        }
    }

    /// A copy of all objects.
    pub(crate) fn fork(&self) -> Self {
        Self {
            inner: self.inner.fork(),
            ..Self::default()
        }
    }

    /// Replaces or removes an object.
    pub(crate) fn set(&self, path: &str, content: Option<Vec<u8>>) {
        let path = Path::parse(path).unwrap();
        block_on(async {
            match content {
                Some(content) => self.inner.put(&path, content.into()).await.map(drop),
                None => self.inner.delete(&path).await,
            }
        })
        .unwrap();
    }

    fn paths(&self) -> Vec<Path> {
        let listed = self.inner.list(None);
        block_on(listed.map(|object| object.unwrap().location).collect())
    }
}

impl fmt::Display for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("objects")
    }
}

pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}

fn failure(reason: &str) -> Error {
    Error::Generic {
        store: "objects",
        source: reason.into(),
    }
}

#[async_trait]
impl ObjectStore for Objects {
    async fn put_opts(
        &self,
        path: &Path,
        content: PutPayload,
        mut options: PutOptions,
    ) -> Result<PutResult> {
        let conditional = options.mode == PutMode::Create;
        if conditional && self.refuses_commit.swap(false, Ordering::Relaxed) {
            return Err(failure("the connection was reset"));
        }
        if self.ignores_conditions.load(Ordering::Relaxed) {
            options.mode = PutMode::Overwrite;
        }
        let result = self.inner.put_opts(path, content, options).await?;
        if conditional && self.loses_response.swap(false, Ordering::Relaxed) {
            return Err(failure("the response was lost"));
        }
        Ok(result)
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.uploads.fetch_add(1, Ordering::Relaxed);
        self.inner.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(path, options).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.inner.get_ranges(path, ranges).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(paths)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }

    async fn rename_opts(&self, _from: &Path, _to: &Path, _options: RenameOptions) -> Result<()> {
        Err(failure("an object store has no rename"))
    }
}

/// Runs a load of one row into `t`. Returns what its commit returned.
fn append(store: &Store, number: u64, id: i64) -> std::result::Result<(), DestinationError> {
    let rows = ids(number, &[id]);
    let mut destination = store.open();
    let mut load = destination.begin(&load_id(number)).unwrap();
    load.open_table(
        "t",
        &TableWrite::new(rows.schema(), WriteDisposition::Append),
    )
    .unwrap();
    load.write_rows("t", rows).unwrap();
    load.apply().unwrap();
    load.commit(&record(number, &[("t", None)]))
}

fn data_files(store: &Store) -> usize {
    let paths = store.objects().unwrap().paths();
    let data = paths
        .iter()
        .filter(|path| path.as_ref().ends_with(".parquet"));
    data.count()
}

#[test]
fn files_are_uploaded_in_parts_and_nothing_stays_staged() {
    let store = Store::in_objects(Kind::Parquet);
    append(&store, 1, 1).unwrap();
    let objects = store.objects().unwrap();
    assert_eq!(objects.uploads.load(Ordering::Relaxed), 1);
    let paths: Vec<_> = objects.paths().iter().map(ToString::to_string).collect();
    assert_eq!(
        paths[..2],
        [
            "turso%20data/.conditional-put",
            "turso%20data/_loads/00000000000000000001.json",
        ]
    );
    let [file] = &paths[2..] else {
        panic!("{paths:?}")
    };
    let token = file
        .strip_prefix(&format!("turso%20data/t/{}-", load_id(1)))
        .and_then(|name| name.strip_suffix("-00000.parquet"));
    assert_eq!(token.unwrap().len(), 16, "{file}");
}

#[test]
fn a_commit_whose_response_is_lost_is_a_commit() {
    let store = Store::in_objects(Kind::Parquet);
    append(&store, 1, 1).unwrap();
    let mut destination = store.open();
    store
        .objects()
        .unwrap()
        .loses_response
        .store(true, Ordering::Relaxed);
    for number in [2, 3] {
        let rows = ids(number, &[i64::try_from(number).unwrap()]);
        commit(destination.as_mut(), number, |load| {
            load.open_table(
                "t",
                &TableWrite::new(rows.schema(), WriteDisposition::Append),
            )
            .unwrap();
            load.write_rows("t", rows.clone()).unwrap();
        });
    }
    assert_eq!(store.column("t", "id"), numbers(&[1, 2, 3]));
}

#[test]
fn a_commit_in_doubt_keeps_its_files_until_a_later_load() {
    let store = Store::in_objects(Kind::Parquet);
    append(&store, 1, 1).unwrap();
    let rows = ids(2, &[2]);
    let mut destination = store.open();
    let objects = store.objects().unwrap();
    objects.refuses_commit.store(true, Ordering::Relaxed);
    let mut load = destination.begin(&load_id(2)).unwrap();
    load.open_table(
        "t",
        &TableWrite::new(rows.schema(), WriteDisposition::Append),
    )
    .unwrap();
    load.write_rows("t", rows).unwrap();
    let error = load.commit(&record(2, &[])).unwrap_err();
    assert!(
        matches!(error, DestinationError::Unconfirmed { .. }),
        "{error}"
    );
    assert_eq!(store.column("t", "id"), numbers(&[1]));
    assert_eq!(data_files(&store), 2, "the put may still be carried out");
    append(&store, 3, 3).unwrap();
    append(&store, 4, 4).unwrap();
    assert_eq!(store.column("t", "id"), numbers(&[1, 3, 4]));
    assert_eq!(data_files(&store), 3);
}

#[test]
fn of_two_loads_that_begin_with_one_commit_only_one_is_committed() {
    let store = Store::in_objects(Kind::Parquet);
    append(&store, 1, 1).unwrap();
    let mut writers = [store.open(), store.open()];
    let mut results = Vec::new();
    let mut loads = Vec::new();
    for (number, writer) in (2..).zip(&mut writers) {
        let rows = ids(number, &[i64::try_from(number).unwrap()]);
        let mut load = writer.begin(&load_id(number)).unwrap();
        load.open_table(
            "t",
            &TableWrite::new(rows.schema(), WriteDisposition::Append),
        )
        .unwrap();
        load.write_rows("t", rows).unwrap();
        loads.push((number, load));
    }
    for (number, load) in loads {
        results.push(load.commit(&record(number, &[])));
    }
    assert!(results[0].is_ok());
    let error = results.remove(1).unwrap_err();
    assert!(
        matches!(error, DestinationError::Conflict { .. }),
        "{error}"
    );
    assert_eq!(store.column("t", "id"), numbers(&[1, 2]));
    assert_eq!(data_files(&store), 2, "the loser removes its files");
}

#[test]
fn a_store_that_ignores_conditions_is_refused() {
    let objects = Objects::default();
    objects.ignores_conditions.store(true, Ordering::Relaxed);
    let opened =
        testing::files_in_objects(std::sync::Arc::new(objects), DATASET, FileFormat::Parquet);
    let Err(error) = opened else {
        panic!("the store was opened")
    };
    assert!(
        matches!(error, DestinationError::Unusable { .. }),
        "{error}"
    );
}

/// Some stores refuse parts of several sizes, and all parts are in memory.
#[test]
fn parts_are_of_one_size_and_few_are_sent_at_once() {
    const PART_BYTES: usize = 5 << 20;
    let store = Store::in_objects(Kind::Jsonl);
    let counting = Faulty::without_fault(store.shared_objects());
    let objects = std::sync::Arc::new(counting.clone());
    let mut destination = testing::files_in_objects(objects, DATASET, FileFormat::Jsonl).unwrap();
    let text = "x".repeat(1 << 20);
    let rows = batch(1, vec![("text", texts(&[Some(&*text); 4]))]);
    let write = TableWrite::new(rows.schema(), WriteDisposition::Replace);
    let tables = ["a", "b", "c", "d", "e", "f"];
    commit(destination.as_mut(), 1, |load| {
        for _ in 0..3 {
            for table in tables {
                load.open_table(table, &write).unwrap();
                load.write_rows(table, rows.clone()).unwrap();
            }
        }
    });
    let parts = counting.parts();
    assert_eq!(parts.len(), tables.len());
    for (path, parts) in parts {
        let [first, second, last] = parts[..] else {
            panic!("{path}: {parts:?}")
        };
        assert_eq!([first, second], [PART_BYTES; 2], "{path}");
        assert!((1..PART_BYTES).contains(&last), "{path}: {last}");
    }
    let at_once = counting.max_parts_in_flight();
    assert!((1..=4).contains(&at_once), "{at_once}");
}

/// A later manifest that cannot be read must not make an earlier one count.
#[test]
fn a_manifest_that_cannot_be_read_is_not_skipped() {
    for content in ["", "{", "{\"version\": 2, \"data\": []}"] {
        let store = Store::in_objects(Kind::Parquet);
        append(&store, 1, 1).unwrap();
        append(&store, 2, 2).unwrap();
        let objects = store.objects().unwrap();
        let last = Path::parse("turso%20data/_loads/00000000000000000003.json").unwrap();
        block_on(objects.inner.put(&last, content.into())).unwrap();
        let before = objects.paths();
        let Err(error) = store.try_open() else {
            panic!("the store was opened")
        };
        assert!(
            matches!(error, DestinationError::Unusable { .. }),
            "{error}"
        );
        assert_eq!(objects.paths(), before, "{content}");
    }
}
