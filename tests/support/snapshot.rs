//! Snapshots of output for people, in `tests/snapshots/NAME.txt`. With
//! `UPDATE_SNAPSHOTS=1` the files are written instead of compared.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::paths;

/// Compares `actual` with the file, without log lines and with the replacements
/// of parts that change from run to run.
pub fn check(name: &str, actual: &str, replaced: &[(&str, &str)]) -> Result<()> {
    let is_log = |line: &&str| line.starts_with("20") && line.get(10..11) == Some("T");
    let shown = actual.split_inclusive('\n').filter(|line| !is_log(line));
    let mut actual: String = shown.collect();
    for (part, by) in replaced {
        actual = actual.replace(part, by);
    }
    let file = paths::source_tree()
        .join("tests/snapshots")
        .join(format!("{name}.txt"));
    if paths::is_set("UPDATE_SNAPSHOTS") {
        return write(&file, &actual);
    }
    let expected = fs::read_to_string(&file).with_context(|| {
        format!(
            "the snapshot {name} is missing; UPDATE_SNAPSHOTS=1 writes it. The text is:\n{actual}"
        )
    })?;
    if expected != actual {
        bail!("{name} differs from its snapshot\n--- expected\n{expected}--- actual\n{actual}---");
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}
