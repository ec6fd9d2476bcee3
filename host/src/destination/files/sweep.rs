//! Removes what killed loads left. Touches only files whose names are those
//! that loads give, so that what a person puts into the folder stays.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use super::manifest::Manifest;

/// Where files are until their load is committed. No table's folder begins
/// with a dot.
pub(super) const STAGED: &str = ".staged";

/// Removes the files that no manifest names. Only for who holds the lock.
pub(super) fn leftovers(root: &Path, latest: Option<&Manifest>) -> io::Result<()> {
    staged(root)?;
    let named: BTreeSet<&str> = latest.into_iter().flat_map(Manifest::files).collect();
    for entry in std::fs::read_dir(root)? {
        let entry = entry?;
        let folder = entry.file_name();
        let (true, Some(folder)) = (entry.file_type()?.is_dir(), folder.to_str()) else {
            continue;
        };
        for entry in std::fs::read_dir(entry.path())? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if is_of_a_load(name) && !named.contains(format!("{folder}/{name}").as_str()) {
                tracing::debug!(folder, name, "removing what no manifest names");
                std::fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
}

/// Removes the files of a load that was not committed.
pub(super) fn staged(root: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(root.join(STAGED)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// Whether a name is `<seconds>.<microseconds>-<number>.<ending>`, or that of
/// a manifest or a file that was not finished (`#` and a number at the end).
fn is_of_a_load(name: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (name, unfinished) = match name.split_once('#') {
        Some((name, number)) => (name, digits(number)),
        None => (name, false),
    };
    let mut pieces = name.splitn(3, '.');
    let (Some(seconds), Some(middle), Some(ending)) = (pieces.next(), pieces.next(), pieces.next())
    else {
        return false;
    };
    let data = middle
        .split_once('-')
        .is_some_and(|(micros, number)| digits(micros) && digits(number));
    let known = matches!(ending, "parquet" | "jsonl" | "csv");
    digits(seconds) && ((data && known) || (unfinished && digits(middle) && ending == "json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_loads_give_are_removed() {
        for ours in [
            "1700000000.000001-00000.parquet",
            "1.2-3.csv#1",
            "1700000000.000001.json#12",
        ] {
            assert!(is_of_a_load(ours), "{ours}");
        }
        for other in [
            "1700000000.000001.json",
            "notes.csv",
            "data-1.parquet",
            "1.2-3.txt",
            "1.2-x.csv",
            ".lock",
        ] {
            assert!(!is_of_a_load(other), "{other}");
        }
    }
}
