//! Settings of destinations: one struct for each type.

use std::path::PathBuf;

/// A destination of this crate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DestinationSpec {
    /// A DuckDB database file.
    DuckDb(DuckDbSpec),
    /// Files in a folder.
    Files(FilesSpec),
}

impl From<DuckDbSpec> for DestinationSpec {
    fn from(spec: DuckDbSpec) -> Self {
        Self::DuckDb(spec)
    }
}

impl From<FilesSpec> for DestinationSpec {
    fn from(spec: FilesSpec) -> Self {
        Self::Files(spec)
    }
}

/// A DuckDB database file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DuckDbSpec {
    /// Path of the file.
    pub path: PathBuf,
    /// Schema that holds the tables.
    pub dataset: String,
    /// Path of the driver library, if it is not searched.
    pub driver: Option<PathBuf>,
}

impl DuckDbSpec {
    /// Names of the secrets that the destination takes.
    pub const SECRETS: &[&str] = &[];

    /// Describes a database file whose driver is searched.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, dataset: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            dataset: dataset.into(),
            driver: None,
        }
    }

    /// Sets the path of the driver library.
    #[must_use]
    pub fn with_driver(mut self, driver: impl Into<PathBuf>) -> Self {
        self.driver = Some(driver.into());
        self
    }
}

/// Files in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilesSpec {
    /// A `file:` URL or a path.
    pub url: String,
    /// Folder below `url` that holds the tables.
    pub dataset: String,
    /// Format of new files.
    pub format: FileFormat,
}

impl FilesSpec {
    /// Names of the secrets that the destination takes.
    pub const SECRETS: &[&str] = &[];

    /// Describes a folder of Parquet files.
    #[must_use]
    pub fn new(url: impl Into<String>, dataset: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            dataset: dataset.into(),
            format: FileFormat::Parquet,
        }
    }

    /// Sets the format of new files.
    #[must_use]
    pub fn with_format(mut self, format: FileFormat) -> Self {
        self.format = format;
        self
    }
}

/// Format of data files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum FileFormat {
    /// Apache Parquet.
    #[default]
    Parquet,
    /// One JSON object on each line.
    Jsonl,
    /// Comma-separated values, RFC 4180.
    Csv,
}
