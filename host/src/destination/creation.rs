//! Checks if files and folders that do not exist yet can be created. Creates
//! nothing.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;

/// Kind of a missing path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    /// A file, whose folder must exist.
    File,
    /// A folder, which is created with the folders around it.
    Folder,
}

/// Returns true if nothing exists at a path, and this user can create it.
pub(super) fn can_create(path: &Path, missing: Missing) -> bool {
    if path.as_os_str().is_empty() || path.symlink_metadata().is_ok() {
        return false;
    }
    let mut parent = path.parent();
    while let Some(folder) = parent {
        let folder = if folder.as_os_str().is_empty() {
            Path::new(".")
        } else {
            folder
        };
        match fs::metadata(folder) {
            Ok(metadata) => {
                return metadata.is_dir() && check_writable(folder, &metadata).is_ok();
            }
            Err(error) if error.kind() == ErrorKind::NotFound && missing == Missing::Folder => {
                parent = folder.parent();
            }
            Err(_) => return false,
        }
    }
    false
}

/// Fails if this user cannot create a file in a folder.
#[cfg(unix)]
pub(super) fn check_writable(folder: &Path, _: &fs::Metadata) -> io::Result<()> {
    use rustix::fs::Access;

    Ok(rustix::fs::access(
        folder,
        Access::WRITE_OK | Access::EXEC_OK,
    )?)
}

/// Fails if this user cannot create a file in a folder.
#[cfg(not(unix))]
pub(super) fn check_writable(_: &Path, metadata: &fs::Metadata) -> io::Result<()> {
    if metadata.permissions().readonly() {
        return Err(ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_in_a_writable_folder_can_be_created() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("file"), "").unwrap();
        for (name, file, folder) in [
            ("new", true, true),
            ("a/b/new", false, true),
            ("file", false, false),
            ("file/new", false, false),
        ] {
            assert_eq!(can_create(&path(name), Missing::File), file, "{name}");
            assert_eq!(can_create(&path(name), Missing::Folder), folder, "{name}");
        }
        assert!(!can_create(Path::new(""), Missing::Folder));
        assert!(can_create(Path::new("a-new-file"), Missing::File));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
