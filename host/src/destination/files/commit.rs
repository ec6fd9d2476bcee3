//! The end of a load: its files are published and committed, or everything that
//! it wrote is removed.
//!
//! Must not remove a file that a manifest may name.

use std::collections::BTreeSet;
use std::io;

use super::io_error::io_error;
use super::load::FilesLoad;
use super::manifest::{LastCommit, Manifest, ManifestTable};
use super::staged_table::StagedTable;
use super::store::CommitError;
use crate::destination::error::DestinationError;
use crate::destination::rejected::RejectedBuffer;
use crate::model::LoadRecord;

impl FilesLoad<'_> {
    /// Publishes the files of this load, and commits the manifest that names
    /// them.
    pub(super) fn commit_files(&mut self, record: &LoadRecord) -> Result<(), DestinationError> {
        self.publish_files()?;
        let tables: Vec<ManifestTable> = self
            .tables
            .values()
            .map(StagedTable::manifest_entry)
            .collect();
        let manifest = Manifest::after(self.known.manifest(), record, tables);
        self.commit_manifest(manifest)
    }

    /// Publishes the files of this load under the paths that the manifest will
    /// name.
    fn publish_files(&mut self) -> Result<(), DestinationError> {
        for table in self.tables.values() {
            for file in &table.written {
                tracing::trace!(path = file.path, "step: move into place");
                // After an error the file may be there.
                self.published.push(file.path.clone());
                let published = self.store.publish(&file.path);
                published.map_err(|error| {
                    let checked = self.store.check_folder(&table.folder);
                    self.folder_error(table, checked.err().unwrap_or(error))
                })?;
            }
        }
        Ok(())
    }

    fn commit_manifest(&mut self, manifest: Manifest) -> Result<(), DestinationError> {
        let text = serde_json::to_vec_pretty(&manifest).map_err(io_error);
        let text = text.map_err(|error| self.io_failed("commit", error))?;
        tracing::trace!(load = %self.id, "step: write the manifest");
        let committed = self.store.commit(&self.id, self.known.name(), text);
        self.known.outdated = committed.is_err();
        match committed {
            Ok(name) => {
                self.published.clear();
                let commit = LastCommit { name, manifest };
                let previous = self.known.last.replace(commit);
                self.remove_superseded(previous.as_ref().map(|previous| &previous.manifest));
                Ok(())
            }
            Err(CommitError::Conflict) => Err(self.conflict()),
            Err(CommitError::NotStored(error)) => Err(self.io_failed("commit", error)),
            Err(CommitError::Unknown(error)) => {
                self.published.clear();
                Err(DestinationError::Unconfirmed {
                    location: self.store.location().to_owned(),
                    source: error.into(),
                })
            }
        }
    }

    /// Removes files that the previous manifest named and the last does not,
    /// and files of loads that can no longer be committed. The load is
    /// committed; what stays is removed by the next one.
    fn remove_superseded(&self, previous: Option<&Manifest>) {
        let current = self.known.manifest().into_iter().flat_map(Manifest::files);
        let current: BTreeSet<_> = current.collect();
        let previous = previous.into_iter().flat_map(Manifest::files);
        for path in previous.filter(|path| !current.contains(path)) {
            tracing::trace!(path, "step: remove what was replaced");
            if let Err(error) = self.store.remove(path) {
                tracing::warn!(path, %error, "a replaced file could not be removed");
            }
        }
        let removed = self
            .store
            .remove_leftovers(Some(self.id.as_str()), &current);
        if let Err(error) = removed {
            tracing::warn!(%error, "files of failed loads could not be removed");
        }
    }

    /// Removes everything that this load has written so far. Tries every file,
    /// and returns the first error.
    pub(super) fn undo(&mut self) -> io::Result<()> {
        self.open_files.clear();
        self.tables.clear();
        self.incomplete = false;
        self.failed_table = None;
        self.rejected = RejectedBuffer::default();
        let published = std::mem::take(&mut self.published);
        let removed = published.iter().map(|path| self.store.remove(path));
        let removed = removed.fold(Ok(()), io::Result::and);
        removed.and(self.store.remove_staged(&self.prefix))
    }

    /// Replaces an error by a conflict if another load was committed since this
    /// one began: files that this one reads may be removed.
    pub(super) fn or_conflict(&self, error: DestinationError) -> DestinationError {
        let may_be_conflict = matches!(
            error,
            DestinationError::Failed { .. } | DestinationError::Damaged { .. }
        );
        if may_be_conflict && self.store.has_commit_after(self.known.name()) {
            tracing::debug!(%error, "another load was committed");
            return self.conflict();
        }
        error
    }

    fn conflict(&self) -> DestinationError {
        DestinationError::Conflict {
            location: self.store.location().to_owned(),
        }
    }
}

impl Drop for FilesLoad<'_> {
    fn drop(&mut self) {
        if let Err(error) = self.undo() {
            tracing::warn!(%error, "files of an abandoned load stay until a later load removes them");
        }
    }
}
