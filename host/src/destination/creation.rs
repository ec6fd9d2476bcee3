//! Files and folders that do not exist yet: whether they can be created. Creates
//! nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Kind of what is missing.
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
            Ok(metadata) => return metadata.is_dir() && is_writable(folder, &metadata),
            Err(error) if error.kind() == ErrorKind::NotFound && missing == Missing::Folder => {
                parent = folder.parent();
            }
            Err(_) => return false,
        }
    }
    false
}

#[cfg(unix)]
fn is_writable(folder: &Path, _: &fs::Metadata) -> bool {
    use rustix::fs::Access;

    rustix::fs::access(folder, Access::WRITE_OK | Access::EXEC_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(_: &Path, metadata: &fs::Metadata) -> bool {
    !metadata.permissions().readonly()
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
