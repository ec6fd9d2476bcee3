//! tursodb, Turso's own engine, with its sync server on the loopback address.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::hrana;
use crate::paths;
use crate::process::{Process, free_port};

/// Running server. It is killed and its data deleted on drop.
#[derive(Debug)]
pub struct Tursodb {
    _process: Process,
    port: u16,
    folder: TempDir,
}

impl Tursodb {
    /// Starts a server with the SQLite file that `write` creates.
    pub fn with_data(write: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("tursodb-")
            .tempdir()
            .context("cannot create a folder")?;
        let file = folder.path().join("data.db");
        write(&file)?;
        let port = free_port()?;
        let mut command = Command::new(paths::tursodb()?);
        command
            .arg(&file)
            .arg("--sync-server")
            .arg(format!("127.0.0.1:{port}"));
        let client = hrana::Client::new(&format!("http://127.0.0.1:{port}"));
        let process = Process::start(command, &folder.path().join("log"), || {
            client.query("SELECT 1", &[]).is_ok()
        })?;
        Ok(Self {
            _process: process,
            port,
            folder,
        })
    }

    /// Copies the database to a file, with the part that is not in its main file
    /// yet.
    pub fn copy_to(&self, file: &Path) -> Result<()> {
        for suffix in ["", "-wal"] {
            let part = |file: &Path| PathBuf::from(format!("{}{suffix}", file.display()));
            let from = part(&self.folder.path().join("data.db"));
            if from.exists() {
                fs::copy(from, part(file)).context("cannot copy the database")?;
            }
        }
        Ok(())
    }

    /// URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns a new client of the server.
    #[must_use]
    pub fn client(&self) -> hrana::Client {
        hrana::Client::new(&self.url())
    }
}
