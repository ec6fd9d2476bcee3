//! An object store with conditional puts, such as S3.
//!
//! There is no rename and no lock. Objects are uploaded in parts under
//! `.staged/`, and copied to their paths when the load is committed. Every
//! writer has names of its own: a request whose response was lost may still be
//! carried out late, and must not hit a file that counts. Commits
//! are numbered: a load puts `_loads/<number>.json` on condition that it does
//! not exist, with the number that follows the commit it began with. Of two
//! loads that began with the same commit, only one succeeds; the other fails
//! with [`CommitError::Conflict`] and nothing of it counts. A lock would only
//! save the loser its work, and a killed writer would leave it behind.
//!
//! Must not remove what another writer may still need: only files of loads
//! that are not later than the last commit are leftovers, because such a load
//! began before that commit and can no longer be committed. Must not take a
//! failed put of a manifest for one that was not carried out.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::prefix::PrefixStore;
use object_store::{
    Error, ObjectMeta, ObjectStore, ObjectStoreExt as _, PutMode, PutOptions, PutPayload, PutResult,
};
use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::Runtime;

use super::leftovers::LoadFile;
use super::upload::Parts;
use super::{
    Commit, CommitError, STAGED_FOLDER, Store, StoredBytes, StoredFile, Upload, object_path,
    runtime, staged_path,
};
use crate::destination::files::io_error::{invalid_data, io_error};
use crate::model::{LoadId, names};

/// S3 and GCS require at least 5 MiB for each part except the last.
const PART_BYTES: usize = 5 << 20;
/// Parts of all uploads that are sent at once. Each of the 32 open files holds
/// one more, so that a load holds at most 36 parts: 180 MiB.
const MAX_PARTS_IN_FLIGHT: usize = 4;

/// Object by which a store is tested for conditional puts.
const PROBE: &str = ".conditional-put";

/// Digits of the number of a commit, so that names sort by number.
const NUMBER_DIGITS: usize = 20;

/// A folder of an object store that holds a dataset.
pub(in crate::destination::files) struct ConditionalStore {
    location: String,
    objects: Arc<dyn ObjectStore>,
    parts: Parts,
    runtime: Runtime,
}

impl ConditionalStore {
    /// Uses the objects below a folder of a store. Fails if the store ignores
    /// the condition of a put.
    pub(in crate::destination::files) fn open(
        store: Arc<dyn ObjectStore>,
        location: String,
        folder: &str,
    ) -> io::Result<Self> {
        let store = Self {
            location,
            objects: Arc::new(PrefixStore::new(store, object_path(folder)?)),
            parts: Parts::new(PART_BYTES, MAX_PARTS_IN_FLIGHT),
            runtime: runtime()?,
        };
        store.require_conditional_put()?;
        Ok(store)
    }

    /// Creates an object that may exist already. If it does not, creating it
    /// once more must fail.
    fn require_conditional_put(&self) -> io::Result<()> {
        let probe = object_path(PROBE)?;
        for _ in 0..2 {
            match self.create(&probe, Vec::new()) {
                Ok(_) => {}
                Err(Error::AlreadyExists { .. }) => return Ok(()),
                Err(error) => return Err(io_error(error)),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "the store ignores the condition of a put, so concurrent loads could overwrite each other",
        ))
    }

    /// Puts an object on condition that it does not exist.
    fn create(&self, path: &Path, content: Vec<u8>) -> object_store::Result<PutResult> {
        let options = PutOptions::from(PutMode::Create);
        let put = self
            .objects
            .put_opts(path, PutPayload::from(content), options);
        self.runtime.block_on(put)
    }

    fn get(&self, path: &Path) -> object_store::Result<Vec<u8>> {
        self.runtime.block_on(async {
            let object = self.objects.get(path).await?;
            Ok(object.bytes().await?.to_vec())
        })
    }

    fn list(&self, folder: Option<&str>) -> io::Result<Vec<ObjectMeta>> {
        let folder = folder.map(object_path).transpose()?;
        let objects = self.objects.list(folder.as_ref());
        self.runtime
            .block_on(objects.try_collect())
            .map_err(io_error)
    }

    fn delete(&self, path: &Path) -> io::Result<()> {
        match self.runtime.block_on(self.objects.delete(path)) {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(io_error(error)),
        }
    }

    /// Returns the load that made a staged or published data file.
    fn load_of(path: &Path) -> Option<&str> {
        match LoadFile::parse(path.filename()?)? {
            LoadFile::Data(load) => Some(load),
            LoadFile::Unfinished => None,
        }
    }

    /// Decides whether a commit whose put failed with `error` was stored. The
    /// response to a successful put may be lost, and the put is then repeated
    /// and refused: only the content shows which load was committed.
    fn resolve(&self, path: &Path, manifest: &[u8], error: Error) -> Result<(), CommitError> {
        match self.get(path) {
            Ok(stored) if stored == manifest => Ok(()),
            Ok(_) => Err(CommitError::Conflict),
            // No error proves that the put is not carried out: every error may
            // be that of a repetition.
            Err(_) => Err(CommitError::Unknown(io_error(error))),
        }
    }
}

impl Store for ConditionalStore {
    fn location(&self) -> &str {
        &self.location
    }

    /// Returns the id of the load and a random token: two loads may begin in the
    /// same microsecond.
    fn file_prefix(&self, load: &LoadId) -> io::Result<String> {
        let mut token = [0; 8];
        SystemRandom::new()
            .fill(&mut token)
            .map_err(|_| io::Error::other("the system gives no random bytes"))?;
        Ok(format!("{load}-{:016x}", u64::from_le_bytes(token)))
    }

    fn upload(&self, path: &str) -> io::Result<Upload> {
        let staged = object_path(&staged_path(path))?;
        let runtime = self.runtime.handle().clone();
        Upload::start(runtime, &self.objects, &staged, self.parts.clone())
    }

    fn open_staged(&self, path: &str) -> io::Result<StoredFile> {
        self.open(&staged_path(path))
    }

    fn open(&self, path: &str) -> io::Result<StoredFile> {
        let runtime = self.runtime.handle().clone();
        StoredFile::object(runtime, Arc::clone(&self.objects), object_path(path)?)
    }

    /// Returns no error: an object needs no folder.
    fn check_folder(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }

    fn publish(&self, path: &str) -> io::Result<()> {
        let (from, to) = (object_path(&staged_path(path))?, object_path(path)?);
        self.runtime
            .block_on(self.objects.copy(&from, &to))
            .map_err(io_error)?;
        self.delete(&from)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.delete(&object_path(path)?)
    }

    fn remove_staged(&self, prefix: &str) -> io::Result<()> {
        let prefix = format!("{prefix}-");
        let staged = self.list(Some(STAGED_FOLDER))?;
        staged
            .iter()
            .map(|object| &object.location)
            .filter(|path| {
                path.filename()
                    .is_some_and(|name| name.starts_with(&prefix))
            })
            .try_for_each(|path| self.delete(path))
    }

    fn remove_leftovers(
        &self,
        last_load: Option<&str>,
        committed: &BTreeSet<&str>,
    ) -> io::Result<StoredBytes> {
        let mut stored = StoredBytes::new();
        for object in self.list(None)? {
            let path = object.location;
            if committed.contains(path.as_ref()) {
                stored.insert(path.to_string(), object.size);
                continue;
            }
            let finished = Self::load_of(&path).is_some_and(|load| Some(load) <= last_load);
            if finished {
                tracing::debug!(%path, "removing an object that no manifest names");
                self.delete(&path)?;
            }
        }
        Ok(stored)
    }

    /// Lists the commits, and then looks for later ones: a list may be stale.
    fn last_commit(&self) -> io::Result<Option<Commit>> {
        let commits = self.list(Some(names::LOADS))?;
        let commits = commits
            .into_iter()
            .map(|object| object.location)
            .filter(|path| number(path.as_ref()).is_some());
        let mut last = match commits.max() {
            None => None,
            Some(path) => Some(Commit {
                manifest: self.get(&path).map_err(io_error)?,
                name: path.to_string(),
            }),
        };
        loop {
            let name = name_after(last.as_ref().map(|last| last.name.as_str()))?;
            match self.get(&object_path(&name)?) {
                Ok(manifest) => last = Some(Commit { name, manifest }),
                Err(Error::NotFound { .. }) => return Ok(last),
                Err(error) => return Err(io_error(error)),
            }
        }
    }

    fn has_commit_after(&self, previous: Option<&str>) -> bool {
        let path = name_after(previous).and_then(|name| object_path(&name));
        path.is_ok_and(|path| self.runtime.block_on(self.objects.head(&path)).is_ok())
    }

    fn commit(
        &self,
        _load: &LoadId,
        previous: Option<&str>,
        manifest: Vec<u8>,
    ) -> Result<String, CommitError> {
        let name = name_after(previous).map_err(CommitError::NotStored)?;
        let path = object_path(&name).map_err(CommitError::NotStored)?;
        match self.create(&path, manifest.clone()) {
            Ok(_) => Ok(name),
            Err(error) => self.resolve(&path, &manifest, error).map(|()| name),
        }
    }
}

/// Returns the name of the commit that follows `previous`.
fn name_after(previous: Option<&str>) -> io::Result<String> {
    let previous = previous.map_or(Some(0), number);
    let next = previous.and_then(|number| number.checked_add(1));
    let next = next.ok_or_else(|| invalid_data("no number follows that of the last commit"))?;
    Ok(format!("{}/{next:0NUMBER_DIGITS$}.json", names::LOADS))
}

/// Returns the number in the name of a commit.
fn number(name: &str) -> Option<u64> {
    let digits = name.rsplit('/').next()?.strip_suffix(".json")?;
    (digits.len() == NUMBER_DIGITS)
        .then(|| digits.parse().ok())
        .flatten()
}
