//! Finds the DuckDB library and loads it. Downloads nothing.

use std::path::{Path, PathBuf};

use adbc_core::options::AdbcVersion;
use adbc_driver_manager::ManagedDriver;

use crate::destination::DestinationError;

/// Where DuckDB's library exports its driver.
const ENTRY_POINT: &[u8] = b"duckdb_adbc_init";

/// What the library is called here.
const LIBRARY: &str = if cfg!(target_os = "windows") {
    "duckdb.dll"
} else if cfg!(target_os = "macos") {
    "libduckdb.dylib"
} else {
    "libduckdb.so"
};

/// Loads the library that `configured` names, or else the first that is found
/// in `places`, or else the one beside the executable.
pub(super) fn load(
    configured: Option<PathBuf>,
    places: &[PathBuf],
) -> Result<ManagedDriver, DestinationError> {
    // One that is configured is meant: another is no substitute.
    let candidates: Vec<PathBuf> = match configured {
        Some(driver) => vec![library(&driver)],
        None => places
            .iter()
            .map(|place| library(place))
            .chain(beside_executable())
            .collect(),
    };
    let Some(found) = candidates.iter().find(|candidate| candidate.is_file()) else {
        let looked_at: Vec<_> = candidates
            .iter()
            .map(|candidate| candidate.display().to_string())
            .collect();
        return Err(DestinationError::DriverMissing {
            driver: "DuckDB",
            looked_at: looked_at.join(", "),
        });
    };
    let driver =
        ManagedDriver::load_dynamic_from_filename(found, Some(ENTRY_POINT), AdbcVersion::V110);
    let driver = driver.map_err(|error| DestinationError::Unusable {
        location: format!("the DuckDB driver {}", found.display()),
        source: error.message.into(),
    })?;
    // The library keeps state for each thread, so it must stay until the
    // process ends. One more handle, never given back, sees to that.
    std::mem::forget(driver.clone());
    Ok(driver)
}

fn library(place: &Path) -> PathBuf {
    if place.is_dir() {
        place.join(LIBRARY)
    } else {
        place.to_owned()
    }
}

fn beside_executable() -> Option<PathBuf> {
    Some(std::env::current_exe().ok()?.with_file_name(LIBRARY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_driver_is_an_error_that_lists_the_places() {
        let places = ["/nowhere/one".into(), std::env::temp_dir()];
        let error = load(None, &places).unwrap_err().to_string();
        assert!(
            error.starts_with("the DuckDB driver was not found (looked at /nowhere/one, "),
            "{error}"
        );
        assert_eq!(error.matches(LIBRARY).count(), 2, "{error}");
    }

    #[test]
    fn a_configured_driver_has_no_substitute() {
        let error = load(Some("/nowhere/one".into()), &["/nowhere/two".into()]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the DuckDB driver was not found (looked at /nowhere/one)"
        );
    }

    #[test]
    fn a_library_that_is_none_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = load(Some(file.path().to_owned()), &[]).unwrap_err();
        assert!(
            matches!(error, DestinationError::Unusable { .. }),
            "{error}"
        );
    }
}
