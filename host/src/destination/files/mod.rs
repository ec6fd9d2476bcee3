//! Files in a folder: Parquet, JSON lines or CSV.
//!
//! Layout: data files `<dataset>/<table>/<load id>-00000.<ending>`, and a
//! manifest in `<dataset>/_loads/` for each load. The last manifest names every
//! file that belongs to the dataset, so a reader that follows it sees exactly
//! one point in time. A reader of `<table>/*` may see rows of two loads while a
//! load is being committed, but never an empty table.
//!
//! Files are never changed. A load that merges reads the older files of its
//! table; files in which a row changes are replaced by files of the load, and
//! the others stay.
//!
//! Reading order: this file, [`load`] (one load), [`staged_table`] (one table
//! of it), [`open_table`], [`commit`] (its end), [`manifest`] and
//! [`known_commit`], [`store`] (where files are kept), [`data_file`] (one file) and its formats
//! [`parquet`], [`jsonl`] and [`csv`] behind [`encoder`], [`open_files`]. Then
//! merging: [`merge_order`] (all tables), [`apply`] (one table), [`received`]
//! (keys that a load received) with [`row`], [`digest`] and [`rank`], [`merge`]
//! and [`row_action`] (what happens to each row), [`file_rows`] with
//! [`table_reader`] and [`text_reader`] (reading), [`rewrite`] (writing).

mod apply;
mod commit;
mod csv;
mod data_file;
mod digest;
mod encoder;
mod file_rows;
mod io_error;
mod jsonl;
mod known_commit;
mod load;
mod manifest;
mod merge;
mod merge_order;
mod open_files;
mod open_table;
mod parquet;
mod rank;
mod received;
mod rewrite;
mod row;
mod row_action;
mod staged_table;
mod store;
mod table_reader;
mod text_reader;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::known_commit::KnownCommit;
use self::load::FilesLoad;
use self::manifest::Manifest;
use self::store::{ConditionalStore, InMemory, LocalStore, ObjectStore, Store};
use super::creation::{self, Missing};
use super::error::DestinationError;
use super::names;
use super::traits::{Destination, Load};
use crate::model::{Cursor, FileFormat, FilesSpec, LoadId};

/// A destination that writes files.
pub(super) struct Files {
    store: Box<dyn Store>,
    format: FileFormat,
    known: KnownCommit,
}

impl Files {
    /// Opens the folder of a dataset, creating it if needed.
    pub(super) fn open(spec: &FilesSpec) -> Result<Self, DestinationError> {
        let root = folder(&spec.url)?.join(names::folder(&spec.dataset));
        let location = root.display().to_string();
        let store =
            LocalStore::open(root).map_err(|error| DestinationError::opening(&location, error))?;
        Self::on(Box::new(store), spec.format)
    }

    /// Opens the folder of a dataset for loads that are not committed. A folder that
    /// does not exist is not created: one in memory takes its place.
    pub(super) fn open_uncommitted(spec: &FilesSpec) -> Result<Self, DestinationError> {
        let root = folder(&spec.url)?.join(names::folder(&spec.dataset));
        if !creation::can_create(&root, Missing::Folder) {
            return Self::open(spec);
        }
        let objects = Arc::new(InMemory::new());
        Self::open_objects(objects, &spec.dataset, spec.format)
    }

    /// Opens the folder of a dataset in an object store.
    pub(super) fn open_objects(
        objects: Arc<dyn ObjectStore>,
        dataset: &str,
        format: FileFormat,
    ) -> Result<Self, DestinationError> {
        let folder = names::folder(dataset);
        let location = format!("{objects}/{folder}");
        let store = ConditionalStore::open(objects, location.clone(), &folder)
            .map_err(|error| DestinationError::opening(&location, error))?;
        Self::on(Box::new(store), format)
    }

    fn on(store: Box<dyn Store>, format: FileFormat) -> Result<Self, DestinationError> {
        Ok(Self {
            known: KnownCommit::read(store.as_ref())?,
            store,
            format,
        })
    }
}

impl Destination for Files {
    fn location(&self) -> String {
        self.store.location().to_owned()
    }

    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError> {
        if self.known.outdated {
            self.known = KnownCommit::read(self.store.as_ref())?;
        }
        let last = self.known.manifest();
        Ok(last.map(|last| last.cursors(pipeline)).unwrap_or_default())
    }

    fn pipelines_with_cursors(
        &mut self,
    ) -> Result<BTreeMap<String, BTreeSet<String>>, DestinationError> {
        let last = self.known.manifest();
        Ok(last
            .map(Manifest::pipelines_with_cursors)
            .unwrap_or_default())
    }

    fn begin(&mut self, load: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError> {
        let location = self.store.location();
        if self.known.outdated {
            let now = KnownCommit::read(self.store.as_ref())?;
            // The caller does not know the cursors of that commit.
            if now.name() != self.known.name() {
                return Err(DestinationError::Conflict {
                    location: location.to_owned(),
                });
            }
            self.known = now;
        }
        let last = self.known.manifest();
        if let Some(last) = last
            && last.load_id.as_str() >= load.as_str()
        {
            let reason = format!(
                "the last load, {}, is not before {load}; the clock of this machine may be wrong",
                last.load_id
            );
            return Err(DestinationError::failed("begin a load", location, reason));
        }
        let committed = last.into_iter().flat_map(Manifest::files).collect();
        let stored_bytes = self
            .store
            .remove_leftovers(last.map(|last| last.load_id.as_str()), &committed)
            .map_err(|error| DestinationError::doing("clean up", location, error))?;
        let prefix = self.store.file_prefix(load);
        let prefix =
            prefix.map_err(|error| DestinationError::doing("begin a load", location, error))?;
        Ok(Box::new(FilesLoad::new(
            self.store.as_ref(),
            self.format,
            &mut self.known,
            load.clone(),
            prefix,
            stored_bytes,
        )))
    }
}

/// Returns the folder that a `file:` URL or a path names.
fn folder(url: &str) -> Result<PathBuf, DestinationError> {
    let unusable = |reason: &str| DestinationError::Unusable {
        location: url.to_owned(),
        source: reason.into(),
    };
    if !url.contains("://") {
        return Ok(Path::new(url).to_owned());
    }
    let parsed = url::Url::parse(url).map_err(|error| unusable(&error.to_string()))?;
    if parsed.scheme() != "file" {
        return Err(unusable("only `file:` URLs and paths are supported"));
    }
    parsed.to_file_path().map_err(|()| {
        unusable("the URL must name a folder of this machine, as in file:///data/files")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_or_a_path_names_a_folder() {
        assert_eq!(
            folder("file:///data/a%20b").unwrap(),
            Path::new("/data/a b")
        );
        assert_eq!(folder("./out").unwrap(), Path::new("./out"));
        assert!(matches!(
            folder("s3://bucket/x"),
            Err(DestinationError::Unusable { .. })
        ));
        assert!(matches!(
            folder("file://elsewhere/x"),
            Err(DestinationError::Unusable { .. })
        ));
    }
}
