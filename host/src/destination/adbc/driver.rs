//! Finds the library of a driver and loads it. Must not download anything.

use std::path::{Path, PathBuf};

use adbc_core::options::AdbcVersion;
use adbc_driver_manager::ManagedDriver;

use crate::destination::error::DestinationError;

/// A driver whose library is loaded.
#[derive(Debug)]
pub(in crate::destination) struct Driver(pub(super) ManagedDriver);

/// Turns the message of a driver into an error. Takes the location of the
/// database, what was being done (`None` while it is opened), and the message.
pub(in crate::destination) type ExplainError =
    fn(location: &str, action: Option<&str>, message: String) -> DestinationError;

/// A library that holds an ADBC driver.
pub(in crate::destination) struct DriverLibrary {
    /// Name of the database, for people.
    pub(in crate::destination) name: &'static str,
    /// Name of the file on this platform.
    pub(in crate::destination) file_name: &'static str,
    /// Symbol by which the library exports its driver.
    pub(in crate::destination) entry_point: &'static [u8],
}

impl DriverLibrary {
    /// Loads the configured library. Without one, loads the first that is
    /// found in `search_paths` (files or folders) or next to the executable.
    pub(in crate::destination) fn load(
        &self,
        configured: Option<&Path>,
        search_paths: &[PathBuf],
    ) -> Result<Driver, DestinationError> {
        // Another library is not a substitute for one that is named.
        let candidates: Vec<PathBuf> = match configured {
            Some(driver) => vec![self.in_folder(driver)],
            None if search_paths.is_empty() => self.next_to_executable().into_iter().collect(),
            None => search_paths
                .iter()
                .map(|path| self.in_folder(path))
                .collect(),
        };
        let Some(found) = candidates.iter().find(|candidate| candidate.is_file()) else {
            let searched: Vec<_> = candidates
                .iter()
                .map(|candidate| candidate.display().to_string())
                .collect();
            return Err(DestinationError::DriverMissing {
                driver: self.name,
                searched: searched.join(", "),
            });
        };
        let driver = ManagedDriver::load_dynamic_from_filename(
            found,
            Some(self.entry_point),
            AdbcVersion::V110,
        );
        let driver = driver.map_err(|error| DestinationError::Unusable {
            location: format!("the {} driver {}", self.name, found.display()),
            source: error.message.into(),
        })?;
        // The library keeps state for each thread, so it must not be unloaded
        // before the process ends. This handle is never released.
        std::mem::forget(driver.clone());
        Ok(Driver(driver))
    }

    /// Returns the library in a folder, or the path itself if it is a file.
    fn in_folder(&self, path: &Path) -> PathBuf {
        if path.is_dir() {
            path.join(self.file_name)
        } else {
            path.to_owned()
        }
    }

    fn next_to_executable(&self) -> Option<PathBuf> {
        Some(std::env::current_exe().ok()?.with_file_name(self.file_name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: DriverLibrary = DriverLibrary {
        name: "Example",
        file_name: "libexample.so",
        entry_point: b"example_init",
    };

    #[test]
    fn a_missing_driver_is_an_error_that_lists_the_searched_paths() {
        let paths = ["/nowhere/one".into(), std::env::temp_dir()];
        let error = LIBRARY.load(None, &paths).unwrap_err().to_string();
        assert!(
            error.starts_with("the Example driver was not found (searched /nowhere/one, "),
            "{error}"
        );
        // The folder of the executable is not searched.
        assert_eq!(error.matches(LIBRARY.file_name).count(), 1, "{error}");
        let error = LIBRARY.load(None, &[]).unwrap_err().to_string();
        assert_eq!(error.matches(LIBRARY.file_name).count(), 1, "{error}");
    }

    #[test]
    fn a_configured_driver_has_no_substitute() {
        let error = LIBRARY
            .load(Some(Path::new("/nowhere/one")), &["/nowhere/two".into()])
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "the Example driver was not found (searched /nowhere/one)"
        );
    }

    #[test]
    fn a_file_that_is_not_a_library_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = LIBRARY.load(Some(file.path()), &[]).unwrap_err();
        assert!(
            matches!(error, DestinationError::Unusable { .. }),
            "{error}"
        );
    }
}
