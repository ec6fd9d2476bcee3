//! Opens the tables of a load, and checks their folders and stored files.
//!
//! Must not write rows.

use std::io;

use super::file_rows::open_earlier;
use super::load::FilesLoad;
use super::staged_table::StagedTable;
use crate::destination::columns::Columns;
use crate::destination::error::{Cause, DestinationError};
use crate::destination::names::comparison_key;
use crate::destination::table_write::{DeletionSource, TableWrite};
use crate::model::{FileFormat, names};

impl FilesLoad<'_> {
    /// Opens a table, or adds columns to it.
    pub(super) fn open_in_format(
        &mut self,
        name: &str,
        write: &TableWrite,
        format: FileFormat,
    ) -> Result<(), DestinationError> {
        let key = comparison_key(name);
        let incoming = Columns::from_schema(&write.stored_schema());
        let mut incoming = incoming.map_err(|error| not_storable(name, error))?;
        if write.deletion_source == DeletionSource::Flagged {
            incoming = incoming.without(names::IS_DELETED);
        }
        let mut table = match self.tables.remove(&key) {
            Some(open) if open.name != name => {
                let reason = format!(
                    "`{}` and `{name}` would be the same table, because names differ only in case",
                    open.name
                );
                self.tables.insert(key, open);
                return Err(not_storable(name, reason));
            }
            Some(open) => open,
            None => {
                let last = self.known.manifest();
                let existing = last.and_then(|last| last.table(name));
                let table = StagedTable::new(name, format, write, existing, &self.prefix);
                self.check_folder(&table)?;
                self.check_kept(&table)?;
                table
            }
        };
        let widened = table.add_columns(write, &incoming);
        // Also after an error, so that the table can be discarded.
        self.tables.insert(key.clone(), table);
        let widened = widened.map_err(|error| not_storable(name, error))?;
        // All rows of a file have the same columns.
        if widened && let Some(file) = self.open_files.remove(&key) {
            self.finish_file(&key, file)?;
        }
        if widened && let Some(table) = self.tables.get_mut(&key) {
            table.narrow_files = table.written.len();
        }
        Ok(())
    }

    /// Fails if the files of a table cannot be published in its folder.
    fn check_folder(&self, table: &StagedTable) -> Result<(), DestinationError> {
        let checked = self.store.check_folder(&table.folder);
        checked.map_err(|error| self.folder_error(table, error))
    }

    /// Returns the error for a table whose files cannot be published.
    pub(super) fn folder_error(&self, table: &StagedTable, error: io::Error) -> DestinationError {
        let path = format!("{}/{}", self.store.location(), table.folder);
        let obstructed = |obstacle| DestinationError::Obstructed {
            table: table.name.clone(),
            obstacle,
        };
        match error.kind() {
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                obstructed(format!("{path} is not a folder"))
            }
            io::ErrorKind::CrossesDevices => obstructed(format!("{path} is on another device")),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                DestinationError::Inaccessible {
                    table: table.name.clone(),
                    path,
                    source: error.into(),
                }
            }
            _ => self.io_failed(&format!("write to {path}"), error),
        }
    }

    /// Fails if a stored file of a table to which rows are appended differs from the
    /// manifest. A file is opened only if the list from the beginning of the load
    /// does not show it with its size, because the list may be out of date.
    fn check_kept(&self, table: &StagedTable) -> Result<(), DestinationError> {
        // A merge reads the files itself. Damaged files of rejected records must not
        // prevent a load.
        if table.is_unmerged() || table.name == names::REJECTED {
            return Ok(());
        }
        let is_listed =
            |path: &str, bytes: u64| self.stored_bytes.get(path).is_some_and(|b| *b == bytes);
        let mut kept = table.kept.iter();
        kept.by_ref()
            .filter(|file| !is_listed(&file.path, file.bytes))
            .try_for_each(|file| {
                let opened = open_earlier(self.store, file).map(drop);
                opened.map_err(|error| {
                    let action = format!("open `{}`", table.name);
                    self.or_conflict(error.in_table(self.store, &table.name, &action))
                })
            })
    }
}

/// Returns the error for a table that files cannot hold.
pub(super) fn not_storable(table: &str, source: impl Into<Cause>) -> DestinationError {
    DestinationError::NotStorable {
        table: table.to_owned(),
        source: source.into(),
    }
}
