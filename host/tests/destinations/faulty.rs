//! An object store that fails at one of its operations, or lets something else
//! happen there. Operations are counted from zero.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta,
    ObjectStore, PutMultipartOptions, PutOptions, PutPayload, PutResult, RenameOptions, Result,
    UploadPart,
};

use crate::objects::block_on;

/// What happens to the operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It fails and is not carried out.
    Refused,
    /// It is carried out, and its answer is lost.
    AnswerLost,
    /// It is carried out and repeated, and the answer says that the object
    /// exists already.
    Repeated,
    /// It fails, and is carried out by [`Faulty::carry_out_late`].
    Late,
    /// It is carried out after what [`Faulty::on_fault`] was given.
    Delayed,
}

/// What the operations after the fault do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Afterwards {
    /// They succeed.
    Succeed,
    /// Those that read fail, and the others succeed.
    ReadNothing,
    /// They fail: the process has died.
    Fail,
}

/// An object store with a fault.
#[derive(Clone)]
pub(crate) struct Faulty(Arc<State>);

struct State {
    inner: Arc<dyn ObjectStore>,
    /// The store whose objects are listed.
    listed: Arc<dyn ObjectStore>,
    at: usize,
    fault: Fault,
    afterwards: Afterwards,
    operations: AtomicUsize,
    has_failed: AtomicBool,
    has_recovered: AtomicBool,
    late: Mutex<Option<BoxFuture<'static, ()>>>,
    /// Bytes of the parts of each upload.
    parts: Mutex<BTreeMap<Path, Vec<usize>>>,
    parts_in_flight: AtomicUsize,
    max_parts_in_flight: AtomicUsize,
    on_fault: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Faulty {
    pub(crate) fn new(
        inner: Arc<dyn ObjectStore>,
        at: usize,
        fault: Fault,
        afterwards: Afterwards,
    ) -> Self {
        Self::listing(Arc::clone(&inner), inner, at, fault, afterwards)
    }

    /// A store without a fault.
    pub(crate) fn without_fault(inner: Arc<dyn ObjectStore>) -> Self {
        Self::new(inner, usize::MAX, Fault::Refused, Afterwards::Succeed)
    }

    /// A store without a fault that lists the objects of another.
    pub(crate) fn with_lists_of(inner: Arc<dyn ObjectStore>, listed: Arc<dyn ObjectStore>) -> Self {
        Self::listing(
            inner,
            listed,
            usize::MAX,
            Fault::Refused,
            Afterwards::Succeed,
        )
    }

    fn listing(
        inner: Arc<dyn ObjectStore>,
        listed: Arc<dyn ObjectStore>,
        at: usize,
        fault: Fault,
        afterwards: Afterwards,
    ) -> Self {
        Self(Arc::new(State {
            inner,
            listed,
            at,
            fault,
            afterwards,
            operations: AtomicUsize::new(0),
            has_failed: AtomicBool::new(false),
            has_recovered: AtomicBool::new(false),
            late: Mutex::new(None),
            parts: Mutex::default(),
            parts_in_flight: AtomicUsize::new(0),
            max_parts_in_flight: AtomicUsize::new(0),
            on_fault: Mutex::new(None),
        }))
    }

    /// A store in which something happens before one of the operations.
    pub(crate) fn on_fault(
        inner: Arc<dyn ObjectStore>,
        at: usize,
        happens: impl FnOnce() + Send + 'static,
    ) -> Self {
        let faulty = Self::new(inner, at, Fault::Delayed, Afterwards::Succeed);
        *faulty.0.on_fault.lock().unwrap() = Some(Box::new(happens));
        faulty
    }

    /// True if the operation was requested.
    pub(crate) fn has_failed(&self) -> bool {
        self.0.has_failed.load(Ordering::Relaxed)
    }

    /// Carries out the operation that failed.
    pub(crate) fn carry_out_late(&self) {
        let late = self.0.late.lock().unwrap().take();
        if let Some(late) = late {
            block_on(late);
        }
    }

    /// Bytes of the parts of each upload.
    pub(crate) fn parts(&self) -> BTreeMap<Path, Vec<usize>> {
        self.0.parts.lock().unwrap().clone()
    }

    /// Number of parts that were sent at once.
    pub(crate) fn max_parts_in_flight(&self) -> usize {
        self.0.max_parts_in_flight.load(Ordering::Relaxed)
    }

    /// Ends what [`Afterwards`] says.
    pub(crate) fn recover(&self) {
        self.0.has_recovered.store(true, Ordering::Relaxed);
    }

    /// Counts an operation. Says what happens to it, if anything does.
    fn next(&self, reads: bool) -> Result<Option<Fault>> {
        let state = &self.0;
        if self.has_failed() {
            return match state.afterwards {
                _ if state.has_recovered.load(Ordering::Relaxed) => Ok(None),
                Afterwards::Fail => Err(failure("the process has died")),
                Afterwards::ReadNothing if reads => Err(failure("nothing can be read")),
                _ => Ok(None),
            };
        }
        if state.operations.fetch_add(1, Ordering::Relaxed) < state.at {
            return Ok(None);
        }
        state.has_failed.store(true, Ordering::Relaxed);
        Ok(Some(state.fault))
    }

    async fn perform<T: Send + 'static>(
        &self,
        path: &Path,
        reads: bool,
        operation: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        match self.next(reads)? {
            None => operation.await,
            Some(Fault::Refused) => Err(failure("the operation was refused")),
            Some(Fault::AnswerLost) => {
                operation.await?;
                Err(failure("the answer was lost"))
            }
            Some(Fault::Repeated) => {
                operation.await?;
                Err(Error::AlreadyExists {
                    path: path.to_string(),
                    source: "the condition is not met".into(),
                })
            }
            Some(Fault::Late) => {
                let late = async move {
                    let _ = operation.await;
                };
                *self.0.late.lock().unwrap() = Some(Box::pin(late));
                Err(failure("the time was up"))
            }
            Some(Fault::Delayed) => {
                let happens = self.0.on_fault.lock().unwrap().take().unwrap();
                std::thread::spawn(happens).join().unwrap();
                operation.await
            }
        }
    }
}

/// An error of a kind that readers and writers of the standard library repeat.
fn failure(reason: &str) -> Error {
    Error::Generic {
        store: "faulty",
        source: Box::new(std::io::Error::new(
            std::io::ErrorKind::Interrupted,
            reason.to_owned(),
        )),
    }
}

impl fmt::Debug for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("faulty objects")
    }
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn put_opts(
        &self,
        path: &Path,
        content: PutPayload,
        options: PutOptions,
    ) -> Result<PutResult> {
        let (inner, to) = (Arc::clone(&self.0.inner), path.clone());
        let put = async move { inner.put_opts(&to, content, options).await };
        self.perform(path, false, put).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        let (inner, to) = (Arc::clone(&self.0.inner), path.clone());
        let begin = async move { inner.put_multipart_opts(&to, options).await };
        let upload = self.perform(path, false, begin).await?;
        Ok(Box::new(FaultyUpload {
            store: self.clone(),
            path: path.clone(),
            inner: Arc::new(tokio::sync::Mutex::new(upload)),
        }))
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        let (inner, from) = (Arc::clone(&self.0.inner), path.clone());
        let get = async move { inner.get_opts(&from, options).await };
        self.perform(path, true, get).await
    }

    async fn get_ranges(&self, path: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let (inner, from, ranges) = (Arc::clone(&self.0.inner), path.clone(), ranges.to_vec());
        let get = async move { inner.get_ranges(&from, &ranges).await };
        self.perform(path, true, get).await
    }

    fn delete_stream(
        &self,
        paths: BoxStream<'static, Result<Path>>,
    ) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let delete = move |path: Result<Path>| {
            let store = store.clone();
            async move {
                let path = path?;
                let (inner, gone) = (Arc::clone(&store.0.inner), path.clone());
                let delete = async move {
                    let paths = stream::once(async move { Ok(gone) }).boxed();
                    let mut deleted = inner.delete_stream(paths);
                    deleted.next().await.unwrap()
                };
                store.perform(&path, false, delete).await
            }
        };
        paths.then(delete).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        let (store, prefix) = (self.clone(), prefix.cloned());
        let list = async move {
            let inner = Arc::clone(&store.0.listed);
            let path = prefix.clone().unwrap_or_default();
            let list = async move { Ok(inner.list(prefix.as_ref()).collect::<Vec<_>>().await) };
            match store.perform(&path, true, list).await {
                Ok(listed) => stream::iter(listed),
                Err(error) => stream::iter(vec![Err(error)]),
            }
        };
        stream::once(list).flatten().boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        let (inner, source, target) = (Arc::clone(&self.0.inner), from.clone(), to.clone());
        let copy = async move { inner.copy_opts(&source, &target, options).await };
        self.perform(to, false, copy).await
    }

    async fn rename_opts(&self, _from: &Path, _to: &Path, _options: RenameOptions) -> Result<()> {
        Err(failure("an object store has no rename"))
    }
}

/// An upload whose parts are operations too.
#[derive(Debug)]
struct FaultyUpload {
    store: Faulty,
    path: Path,
    inner: Arc<tokio::sync::Mutex<Box<dyn MultipartUpload>>>,
}

#[async_trait]
impl MultipartUpload for FaultyUpload {
    fn put_part(&mut self, part: PutPayload) -> UploadPart {
        let (store, path) = (self.store.clone(), self.path.clone());
        let inner = Arc::clone(&self.inner);
        let mut parts = store.0.parts.lock().unwrap();
        parts
            .entry(path.clone())
            .or_default()
            .push(part.content_length());
        drop(parts);
        Box::pin(async move {
            let state = Arc::clone(&store.0);
            let in_flight = state.parts_in_flight.fetch_add(1, Ordering::Relaxed) + 1;
            state
                .max_parts_in_flight
                .fetch_max(in_flight, Ordering::Relaxed);
            let put = async move {
                // Others may be sent meanwhile.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                let sending = inner.lock().await.put_part(part);
                sending.await
            };
            let sent = store.perform(&path, false, put).await;
            state.parts_in_flight.fetch_sub(1, Ordering::Relaxed);
            sent
        })
    }

    async fn complete(&mut self) -> Result<PutResult> {
        let inner = Arc::clone(&self.inner);
        let complete = async move { inner.lock().await.complete().await };
        self.store.perform(&self.path, false, complete).await
    }

    async fn abort(&mut self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        let abort = async move { inner.lock().await.abort().await };
        self.store.perform(&self.path, false, abort).await
    }
}
