//! The file of `run --record-policy`: the allow-rules that a run needed, ready
//! to be pasted into a pipeline file.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use connector_host::model::AllowRule;
use connector_host::pipeline::PolicyRecorder;
use serde::Serialize;

use crate::failure::Failure;

/// A policy file that will be written.
pub(crate) struct PolicyFile {
    path: PathBuf,
    file: File,
    record: Arc<PolicyRecorder>,
}

#[derive(Serialize)]
struct Policy {
    connector: Connector,
}

#[derive(Serialize)]
struct Connector {
    allow: Vec<Rule>,
}

/// A rule as people write it: without what is the default.
#[derive(Serialize)]
struct Rule {
    origin: String,
    methods: Vec<String>,
    paths: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secrets: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    private: bool,
}

impl PolicyFile {
    /// Makes sure that the file can be written before anything is loaded.
    /// What it holds stays until then.
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
            record: Arc::default(),
        })
    }

    /// What the run writes into.
    pub(crate) fn record(&self) -> Arc<PolicyRecorder> {
        Arc::clone(&self.record)
    }

    /// Writes the rules.
    pub(crate) fn write(mut self) -> Result<(), Failure> {
        let rules = self.record.rules().context(
            "the run used too many different paths for a policy; write rules with wildcards",
        )?;
        let text = text(rules)?;
        self.file
            .set_len(0)
            .and_then(|()| self.file.write_all(text.as_bytes()))
            .with_context(|| format!("cannot write the policy to {}", self.path.display()))?;
        Ok(())
    }
}

fn text(rules: Vec<AllowRule>) -> anyhow::Result<String> {
    let rule = |rule: AllowRule| Rule {
        origin: rule.origin,
        methods: rule.methods,
        paths: rule.paths,
        secrets: rule.secrets,
        private: rule.private,
    };
    let allow: Vec<_> = rules.into_iter().map(rule).collect();
    let rules = toml::to_string(&Policy {
        connector: Connector { allow },
    })
    .context("cannot write the rules as TOML")?;
    Ok(format!(
        "# What one run needed, and no more. Replace the [[connector.allow]] tables of\n\
         # the pipeline file by these.\n\n{rules}"
    ))
}
