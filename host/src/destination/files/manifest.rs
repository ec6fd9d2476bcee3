//! The manifest of a load: its record, and everything that the dataset holds
//! after it.
//!
//! Must not know where manifests are kept.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::io_error::invalid_data;
use crate::destination::columns::Column;
use crate::destination::{records, text};
use crate::model::{Cursor, LoadRecord, ResourceRecord};

/// Version of the format. Readers refuse any other version.
const VERSION: u32 = 1;

/// The content of a dataset after a load.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    version: u32,
    pub(super) load_id: String,
    pipeline: String,
    connector: ConnectorEntry,
    started: String,
    finished: String,
    status: String,
    /// Record of each resource of the load.
    resources: Vec<ResourceEntry>,
    /// Every table of the dataset, whichever load wrote it.
    pub(super) tables: Vec<ManifestTable>,
    /// The current cursor of each pipeline and resource.
    cursors: Vec<CursorEntry>,
}

/// The part of a manifest that no version changes.
#[derive(Debug, Deserialize)]
struct Format {
    version: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ConnectorEntry {
    name: String,
    version: String,
    sha256: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ResourceEntry {
    #[serde(rename = "resource")]
    name: String,
    mode: String,
    rows_read: u64,
    rows_written: u64,
    rows_rejected: u64,
    rows_billed: Option<u64>,
    #[serde(default)]
    rows_deleted: u64,
    cursor_before: Option<EncodedCursor>,
    cursor_after: Option<EncodedCursor>,
}

/// A table, and the files that hold its rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ManifestTable {
    pub(super) name: String,
    pub(super) folder: String,
    pub(super) columns: Vec<Column>,
    pub(super) files: Vec<ManifestFile>,
}

/// A file of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ManifestFile {
    /// Path relative to the folder of the dataset.
    pub(super) path: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct CursorEntry {
    pipeline: String,
    resource: String,
    cursor: EncodedCursor,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct EncodedCursor {
    version: u32,
    /// Bytes of the cursor in base64.
    value: String,
}

/// The manifest of the last commit that this writer knows.
pub(super) struct LastCommit {
    /// Name of the commit in the store.
    pub(super) name: String,
    pub(super) manifest: Manifest,
}

impl Manifest {
    /// Parses the manifest of a commit.
    pub(super) fn parse(commit: &str, text: &[u8]) -> io::Result<Self> {
        let invalid =
            |reason: String| invalid_data(format!("{commit} is not a manifest: {reason}"));
        let format: Format =
            serde_json::from_slice(text).map_err(|error| invalid(error.to_string()))?;
        if format.version != VERSION {
            return Err(invalid_data(format!(
                "{commit} has version {} of the format, but this program reads version {VERSION}",
                format.version
            )));
        }
        let manifest: Self =
            serde_json::from_slice(text).map_err(|error| invalid(error.to_string()))?;
        let undecodable = manifest
            .cursors
            .iter()
            .find(|entry| entry.cursor.decode().is_none());
        match undecodable {
            Some(entry) => Err(invalid(format!(
                "the cursor of `{}` is not base64",
                entry.resource
            ))),
            None => Ok(manifest),
        }
    }

    /// Returns the manifest that follows `previous` after a load that wrote
    /// `tables`.
    pub(super) fn after(
        previous: Option<&Self>,
        record: &LoadRecord,
        tables: Vec<ManifestTable>,
    ) -> Self {
        let previous_tables = previous
            .map(|previous| previous.tables.as_slice())
            .unwrap_or_default();
        let is_written = |name: &str| {
            tables
                .iter()
                .any(|table| table.name.eq_ignore_ascii_case(name))
        };
        let mut all: Vec<_> = previous_tables
            .iter()
            .filter(|table| !is_written(&table.name))
            .cloned()
            .collect();
        all.extend(tables);
        all.sort_by(|first, second| first.name.cmp(&second.name));
        Self {
            version: VERSION,
            load_id: record.load_id.to_string(),
            pipeline: record.pipeline.clone(),
            connector: ConnectorEntry {
                name: record.connector_name.clone(),
                version: record.connector_version.clone(),
                sha256: record.connector_sha256.clone(),
            },
            started: time(record.started),
            finished: time(record.finished),
            status: record.status.as_str().to_owned(),
            resources: record.resources.iter().map(resource_entry).collect(),
            tables: all,
            cursors: cursor_entries(previous, record),
        }
    }

    /// Returns the cursors of a pipeline by resource.
    pub(super) fn cursors(&self, pipeline: &str) -> BTreeMap<String, Cursor> {
        self.cursors
            .iter()
            .filter(|entry| entry.pipeline == pipeline)
            .filter_map(|entry| Some((entry.resource.clone(), entry.cursor.decode()?)))
            .collect()
    }

    /// Returns the pipelines that have a cursor of each resource.
    pub(super) fn pipelines_with_cursors(&self) -> BTreeMap<String, BTreeSet<String>> {
        let mut pipelines = BTreeMap::<_, BTreeSet<_>>::new();
        for entry in &self.cursors {
            let known = pipelines.entry(entry.resource.clone()).or_default();
            known.insert(entry.pipeline.clone());
        }
        pipelines
    }

    /// Returns a table, ignoring the case of its name.
    pub(super) fn table(&self, name: &str) -> Option<&ManifestTable> {
        self.tables
            .iter()
            .find(|table| table.name.eq_ignore_ascii_case(name))
    }

    /// Returns the paths of all files of the dataset.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        self.tables
            .iter()
            .flat_map(|table| table.files.iter().map(|file| file.path.as_str()))
    }
}

impl EncodedCursor {
    fn encode(cursor: &Cursor) -> Self {
        Self {
            version: cursor.version,
            value: text::blob(&cursor.value),
        }
    }

    fn decode(&self) -> Option<Cursor> {
        Some(Cursor {
            version: self.version,
            value: STANDARD.decode(&self.value).ok()?,
        })
    }
}

fn resource_entry(record: &ResourceRecord) -> ResourceEntry {
    ResourceEntry {
        name: record.resource.clone(),
        mode: record.mode.as_str().to_owned(),
        rows_read: record.rows_read,
        rows_written: record.rows_written,
        rows_rejected: record.rows_rejected,
        rows_billed: record.rows_billed,
        rows_deleted: record.rows_deleted,
        cursor_before: record.cursor_before.as_ref().map(EncodedCursor::encode),
        cursor_after: record.cursor_after.as_ref().map(EncodedCursor::encode),
    }
}

/// Returns the cursors after a load: those that it did not replace, and its
/// own.
fn cursor_entries(previous: Option<&Manifest>, record: &LoadRecord) -> Vec<CursorEntry> {
    let is_replaced = |entry: &CursorEntry| {
        entry.pipeline == record.pipeline
            && record.resources.iter().any(|resource| {
                resource.resource.eq_ignore_ascii_case(&entry.resource)
                    && records::replaces_cursor(resource)
            })
    };
    let previous = previous
        .map(|previous| previous.cursors.as_slice())
        .unwrap_or_default();
    let saved = record.resources.iter().filter_map(|resource| {
        Some(CursorEntry {
            pipeline: record.pipeline.clone(),
            resource: resource.resource.clone(),
            cursor: EncodedCursor::encode(resource.cursor_after.as_ref()?),
        })
    });
    previous
        .iter()
        .filter(|entry| !is_replaced(entry))
        .cloned()
        .chain(saved)
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
    fn the_version_of_a_manifest_is_read_first() {
        let error = Manifest::parse("_loads/1.json", b"{\"version\":2,\"data\":[]}")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("1.json has version 2 of the format"),
            "{error}"
        );
    }

    #[test]
    fn an_invalid_manifest_is_named() {
        let error = Manifest::parse("_loads/1.json", b"{}")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("1.json is not a manifest: missing field"),
            "{error}"
        );
    }
}
