//! Permissions of secret files.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Result, ensure};
use connector_tests::pipeline::Pipeline;

const WARNING: &str = "other users can read this secret; `chmod 600` it";

#[test]
fn a_secret_file_that_others_can_read_causes_a_warning() -> Result<()> {
    let pipeline = Pipeline::new("http://127.0.0.1:1")?.token("canary-5e2c");
    for (mode, warned) in [
        (0o600, false),
        (0o400, false),
        (0o640, true),
        (0o604, true),
        (0o644, true),
        (0o666, true),
    ] {
        let file = pipeline.folder().join("token");
        // The next iteration must be able to write the file.
        fs::write(&file, "")?;
        fs::set_permissions(&file, Permissions::from_mode(0o600))?;
        pipeline.write()?;
        fs::set_permissions(&file, Permissions::from_mode(mode))?;
        let config = pipeline
            .folder()
            .join("pipeline.toml")
            .display()
            .to_string();
        let outcome = connector_tests::pipeline::host(&["inspect", "--config", &config])?;
        ensure!(outcome.code == Some(0), "{outcome:?}");
        let lines = outcome.stderr.lines().filter(|line| line.contains(WARNING));
        let lines: Vec<_> = lines.collect();
        ensure!(
            lines.len() == usize::from(warned),
            "mode {mode:o}: {outcome:?}"
        );
        ensure!(
            lines.iter().all(|line| line.contains("/token")),
            "{lines:?}"
        );
        fs::remove_file(&file)?;
    }
    Ok(())
}
