//! Files in a folder, written through `object_store`.
//!
//! Layout: `<url>/<dataset>/<table>/<load id>-00000.<ext>`, and a manifest
//! `<url>/<dataset>/_loads/<load id>.json` for each load. The last manifest
//! names every file that belongs to the dataset, so whoever follows it sees
//! exactly one point in time. Whoever reads `<table>/*` instead may, while a
//! load is being committed, see rows of two loads, but never none.
//!
//! Files are never changed. A load that merges looks at the older files of
//! its table, and those in which a row changes are replaced by files of its
//! own; the others stay.
//!
//! Reading order: this file (opening, cursors), [`load`] (one load) and
//! [`table`] (one table of it), [`manifest`], [`part`] (one file that is being
//! written) with its formats [`parquet`], [`jsonl`] and [`csv`], [`upload`],
//! [`text`], [`folder`] (names), [`sweep`] (what killed loads left). Then
//! merging: [`apply`], [`arrived`] (the keys that came) with [`value`] and
//! [`digest`], [`merge`] (what becomes of each row), [`stored`] and [`lines`]
//! (reading), [`rewrite`] (writing).

mod apply;
mod arrived;
mod csv;
mod digest;
mod folder;
mod jsonl;
mod lines;
mod load;
mod manifest;
mod merge;
mod open;
mod parquet;
mod part;
mod rewrite;
mod stored;
mod sweep;
mod table;
mod text;
mod upload;
mod value;

pub(crate) use jsonl::array as json_array;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use tokio::runtime::Runtime;

use self::load::FilesLoad;
use self::manifest::Manifest;
use super::lock::Lock;
use super::{Destination, DestinationError, Load};
use crate::model::{Cursor, FileFormat, LoadId};

/// An open folder.
pub(super) struct Files {
    place: Place,
    format: FileFormat,
    latest: Option<Manifest>,
    _lock: Lock,
}

/// Where files go, and what carries them there.
struct Place {
    root: PathBuf,
    location: String,
    store: Arc<dyn ObjectStore>,
    /// Writes behind the back of the load, which blocks.
    runtime: Runtime,
}

impl Files {
    /// Opens the folder of a dataset, or makes it.
    pub(super) fn open(
        url: &str,
        dataset: &str,
        format: FileFormat,
    ) -> Result<Self, DestinationError> {
        let root = path_of(url)?.join(folder::name(dataset));
        let location = root.display().to_string();
        let opening = |error| DestinationError::opening(&location, error);
        std::fs::create_dir_all(&root).map_err(opening)?;
        let lock = Lock::take(&root.join(".lock")).map_err(opening)?;
        let latest = Manifest::latest(&root).map_err(opening)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.map_err(opening)?;
        // Synced, because a manifest must never name a file that a power
        // failure can still take away.
        let store = LocalFileSystem::new_with_prefix(&root)
            .map_err(|error| opening(upload::io_error(error)))?;
        let store = Arc::new(store.with_fsync(true));
        Ok(Self {
            place: Place {
                root,
                location: location.clone(),
                store,
                runtime,
            },
            format,
            latest,
            _lock: lock,
        })
    }
}

impl Destination for Files {
    fn location(&self) -> String {
        self.place.location.clone()
    }

    fn cursors(&mut self, pipeline: &str) -> Result<BTreeMap<String, Cursor>, DestinationError> {
        Ok(self
            .latest
            .as_ref()
            .map(|latest| latest.cursors_of(pipeline))
            .unwrap_or_default())
    }

    fn begin(&mut self, load: &LoadId) -> Result<Box<dyn Load + '_>, DestinationError> {
        if let Some(latest) = &self.latest
            && latest.load_id.as_str() >= load.as_str()
        {
            let reason = format!(
                "the last load is {}, which is not before {load}; is the clock right?",
                latest.load_id
            );
            return Err(DestinationError::failed(
                "begin a load",
                &self.place.location,
                reason,
            ));
        }
        sweep::leftovers(&self.place.root, self.latest.as_ref())
            .map_err(|error| DestinationError::doing("clean up", &self.place.location, error))?;
        Ok(Box::new(FilesLoad::new(
            &self.place,
            self.format,
            &mut self.latest,
            load.clone(),
        )))
    }
}

/// The folder that a `file:` URL or a path names.
fn path_of(url: &str) -> Result<PathBuf, DestinationError> {
    let unusable = |source: &str| DestinationError::Unusable {
        location: url.to_owned(),
        source: source.into(),
    };
    if !url.contains("://") {
        return Ok(Path::new(url).to_owned());
    }
    let parsed = url::Url::parse(url).map_err(|error| unusable(&error.to_string()))?;
    if parsed.scheme() != "file" {
        return Err(unusable("only `file:` URLs and paths are supported"));
    }
    parsed.to_file_path().map_err(|()| {
        unusable("the URL must name a folder of this machine, as in file:///data/turso")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_or_a_path_names_a_folder() {
        assert_eq!(
            path_of("file:///data/a%20b").unwrap(),
            Path::new("/data/a b")
        );
        assert_eq!(path_of("./out").unwrap(), Path::new("./out"));
        assert!(matches!(
            path_of("s3://bucket/x"),
            Err(DestinationError::Unusable { .. })
        ));
        assert!(matches!(
            path_of("file://elsewhere/x"),
            Err(DestinationError::Unusable { .. })
        ));
    }
}
