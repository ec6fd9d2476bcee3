//! The manifest of a load: its record, and everything that the dataset holds
//! after it.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::text;
use crate::destination::columns::Column;
use crate::model::{self, LoadRecord, ReadMode, ResourceRecord, names};

/// Format of the manifest. A reader refuses one that it does not know.
const VERSION: u32 = 1;

/// What is true of a dataset after a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) load_id: String,
    pipeline: String,
    connector: Connector,
    started: String,
    finished: String,
    status: String,
    /// What this load did.
    resources: Vec<Resource>,
    /// Every table of the dataset, whichever load wrote it.
    pub(super) tables: Vec<Table>,
    /// The current cursor of each pipeline and resource.
    cursors: Vec<Position>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Connector {
    name: String,
    version: String,
    sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Resource {
    #[serde(rename = "resource")]
    name: String,
    mode: String,
    rows_read: u64,
    rows_written: u64,
    rows_rejected: u64,
    rows_billed: Option<u64>,
    #[serde(default)]
    rows_deleted: u64,
    cursor_before: Option<Cursor>,
    cursor_after: Option<Cursor>,
}

/// A table, and the files that are its content.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) columns: Vec<Column>,
    pub(super) files: Vec<File>,
}

/// A file of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct File {
    /// Relative to the folder of the dataset.
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Position {
    pipeline: String,
    resource: String,
    cursor: Cursor,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Cursor {
    version: u32,
    /// In base64.
    value: String,
}

impl Manifest {
    /// The manifest of the last load, if there is any.
    pub(super) fn latest(root: &Path) -> io::Result<Option<Self>> {
        let folder = root.join(names::LOADS);
        let entries = match std::fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            entries => entries?,
        };
        let mut last = None;
        for entry in entries {
            let path = entry?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                last = last.max(Some(path));
            }
        }
        let Some(path) = last else {
            return Ok(None);
        };
        let invalid = |reason: String| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("{} is not a manifest: {reason}", path.display()),
            )
        };
        let manifest: Self = serde_json::from_slice(&std::fs::read(&path)?)
            .map_err(|error| invalid(error.to_string()))?;
        if manifest.version != VERSION {
            return Err(invalid(format!(
                "its version is {}, this program writes {VERSION}",
                manifest.version
            )));
        }
        if let Some(bad) = manifest
            .cursors
            .iter()
            .find(|position| position.cursor.read().is_none())
        {
            return Err(invalid(format!(
                "the cursor of `{}` is not base64",
                bad.resource
            )));
        }
        Ok(Some(manifest))
    }

    /// What is true after a load that wrote `tables`.
    pub(super) fn after(previous: Option<&Self>, record: &LoadRecord, tables: Vec<Table>) -> Self {
        let kept = previous
            .map(|previous| previous.tables.as_slice())
            .unwrap_or_default();
        let written = |name: &str| {
            tables
                .iter()
                .any(|table| table.name.eq_ignore_ascii_case(name))
        };
        let mut all: Vec<_> = kept
            .iter()
            .filter(|table| !written(&table.name))
            .cloned()
            .collect();
        all.extend(tables);
        all.sort_by(|first, second| first.name.cmp(&second.name));
        Self {
            version: VERSION,
            load_id: record.load_id.to_string(),
            pipeline: record.pipeline.clone(),
            connector: Connector {
                name: record.connector_name.clone(),
                version: record.connector_version.clone(),
                sha256: record.connector_sha256.clone(),
            },
            started: time(record.started),
            finished: time(record.finished),
            status: record.status.as_str().to_owned(),
            resources: record.resources.iter().map(resource).collect(),
            tables: all,
            cursors: positions(previous, record),
        }
    }

    /// The cursors of a pipeline, by resource.
    pub(super) fn cursors_of(&self, pipeline: &str) -> BTreeMap<String, model::Cursor> {
        let of_pipeline = self
            .cursors
            .iter()
            .filter(|position| position.pipeline == pipeline);
        of_pipeline
            .filter_map(|position| Some((position.resource.clone(), position.cursor.read()?)))
            .collect()
    }

    /// A table, whatever the case of its name.
    pub(super) fn table(&self, name: &str) -> Option<&Table> {
        self.tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// Every file that belongs to the dataset.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .flat_map(|table| table.files.iter().map(|file| file.path.as_str()))
    }
}

impl Cursor {
    fn of(cursor: &model::Cursor) -> Self {
        Self {
            version: cursor.version,
            value: text::blob(&cursor.value),
        }
    }

    fn read(&self) -> Option<model::Cursor> {
        Some(model::Cursor {
            version: self.version,
            value: STANDARD.decode(&self.value).ok()?,
        })
    }
}

fn resource(record: &ResourceRecord) -> Resource {
    Resource {
        name: record.resource.clone(),
        mode: record.mode.as_str().to_owned(),
        rows_read: record.rows_read,
        rows_written: record.rows_written,
        rows_rejected: record.rows_rejected,
        rows_billed: record.rows_billed,
        rows_deleted: record.rows_deleted,
        cursor_before: record.cursor_before.as_ref().map(Cursor::of),
        cursor_after: record.cursor_after.as_ref().map(Cursor::of),
    }
}

fn positions(previous: Option<&Manifest>, record: &LoadRecord) -> Vec<Position> {
    // What was read in full has no older position worth keeping; where
    // nothing new came, the older one stays true.
    let moved = |position: &Position| {
        position.pipeline == record.pipeline
            && record.resources.iter().any(|resource| {
                resource.resource == position.resource
                    && (resource.cursor_after.is_some() || resource.mode == ReadMode::Full)
            })
    };
    let kept = previous
        .map(|previous| previous.cursors.as_slice())
        .unwrap_or_default();
    let left = record.resources.iter().filter_map(|resource| {
        Some(Position {
            pipeline: record.pipeline.clone(),
            resource: resource.resource.clone(),
            cursor: Cursor::of(resource.cursor_after.as_ref()?),
        })
    });
    kept.iter()
        .filter(|position| !moved(position))
        .cloned()
        .chain(left)
        .collect()
}

fn time(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    text::time(i64::try_from(since.as_micros()).unwrap_or(i64::MAX), true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_that_is_none_is_named() {
        let root = tempfile::tempdir().unwrap();
        assert!(Manifest::latest(root.path()).unwrap().is_none());
        std::fs::create_dir(root.path().join("_loads")).unwrap();
        std::fs::write(root.path().join("_loads/1.json"), "{}").unwrap();
        let error = Manifest::latest(root.path()).unwrap_err().to_string();
        assert!(
            error.contains("1.json is not a manifest: missing field"),
            "{error}"
        );
    }
}
