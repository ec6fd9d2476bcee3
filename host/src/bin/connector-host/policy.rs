//! The file of `run --record-policy`: the allow rules that a run needed, ready
//! to be pasted into a pipeline file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use connector_host::pipeline::PolicyRecorder;

use crate::failure::Failure;
use crate::remedy::allow_rules;

/// An open policy file.
pub(crate) struct PolicyFile {
    path: PathBuf,
    file: File,
    recorder: Arc<PolicyRecorder>,
}

impl PolicyFile {
    /// Opens the file before anything is loaded. Its content stays until the
    /// rules are written.
    pub(crate) fn open(path: &Path) -> Result<Self, Failure> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("cannot write the policy to {}", path.display()))
            .map_err(|error| Failure::command_line(error, "give a file in a folder that exists"))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            recorder: Arc::default(),
        })
    }

    /// Returns the recorder for the run.
    pub(crate) fn recorder(&self) -> Arc<PolicyRecorder> {
        Arc::clone(&self.recorder)
    }

    /// Writes the rules.
    pub(crate) fn write(mut self) -> Result<(), Failure> {
        let rules = self.recorder.rules().context(
            "the run used too many different paths for a policy; write rules with wildcards",
        )?;
        let rules = allow_rules(rules).context("cannot write the rules as TOML")?;
        let text = format!(
            "# The permissions that one run needed. They replace the [[connector.allow]]\n\
             # tables of the pipeline file.\n\n{rules}"
        );
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write the policy to {}", self.path.display()))?;
        Ok(())
    }
}
