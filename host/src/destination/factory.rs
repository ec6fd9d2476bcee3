//! Opening of built-in destinations.

use std::path::PathBuf;

use super::duckdb;
use super::error::DestinationError;
use super::files::Files;
use super::traits::{Destination, DestinationFactory};
use crate::model::DestinationSpec;

/// A destination of this crate, and where its driver may be.
#[derive(Clone, Debug)]
pub struct BuiltInDestination {
    spec: DestinationSpec,
    driver_paths: Vec<PathBuf>,
}

impl BuiltInDestination {
    /// Uses the destination that a spec describes.
    #[must_use]
    pub fn new(spec: DestinationSpec) -> Self {
        Self {
            spec,
            driver_paths: Vec::new(),
        }
    }

    /// Adds files or folders in which a driver is searched, after the one that
    /// the spec names and before the folder of the executable.
    #[must_use]
    pub fn with_driver_paths(mut self, paths: impl IntoIterator<Item = PathBuf>) -> Self {
        self.driver_paths.extend(paths);
        self
    }
}

impl DestinationFactory for BuiltInDestination {
    fn location(&self) -> String {
        match &self.spec {
            DestinationSpec::DuckDb(spec) => duckdb::location(&spec.path),
            DestinationSpec::Files(spec) => spec.url.clone(),
        }
    }

    fn open(&self) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(match &self.spec {
            DestinationSpec::DuckDb(spec) => Box::new(duckdb::open(spec, &self.driver_paths)?),
            DestinationSpec::Files(spec) => Box::new(Files::open(spec)?),
        })
    }

    fn open_uncommitted(&self) -> Result<Box<dyn Destination>, DestinationError> {
        Ok(match &self.spec {
            DestinationSpec::DuckDb(spec) => {
                Box::new(duckdb::open_uncommitted(spec, &self.driver_paths)?)
            }
            DestinationSpec::Files(spec) => Box::new(Files::open_uncommitted(spec)?),
        })
    }
}
