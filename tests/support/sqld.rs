//! sqld, the libSQL server, on the loopback address with its own folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::hrana;
use crate::paths;
use crate::process::{Process, free_port};

/// Start options of the server.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Public key that tokens are checked with; without it, no token is needed.
    /// See [`keys`](crate::keys).
    pub jwt_key: Option<String>,
    /// True to enable namespaces, and an admin port that creates them.
    pub namespaces: bool,
    /// True to name its own address as the base URL of streams.
    pub advertises_url: bool,
    /// Further arguments.
    pub arguments: Vec<String>,
}

/// Running server. It is killed and its data deleted on drop.
#[derive(Debug)]
pub struct Sqld {
    process: Process,
    port: u16,
    admin_port: Option<u16>,
    folder: TempDir,
    options: Options,
}

impl Sqld {
    /// Starts a server with an empty database.
    pub fn start() -> Result<Self> {
        Self::with_options(&Options::default())
    }

    /// Starts a server with options and an empty database.
    pub fn with_options(options: &Options) -> Result<Self> {
        Self::start_with(options, |_| Ok(()))
    }

    /// Starts a server with the SQLite file that `write` creates: the fastest
    /// way to many rows, and the only way to bytes that no statement can insert.
    pub fn with_data(write: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::start_with(&Options::default(), write)
    }

    /// Starts a server with options and the SQLite file that `write` creates.
    pub fn start_with(options: &Options, write: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("sqld-")
            .tempdir()
            .context("cannot create a folder")?;
        let file = data_file(folder.path());
        fs::create_dir_all(file.parent().unwrap_or(folder.path()))
            .context("cannot create sqld's folder")?;
        write(&file)?;
        let port = free_port()?;
        let (process, admin_port) = serve(folder.path(), options, port)?;
        Ok(Self {
            process,
            port,
            admin_port,
            folder,
            options: options.clone(),
        })
    }

    /// URL of the server.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// URL of the admin interface.
    #[must_use]
    pub fn admin_url(&self) -> Option<String> {
        self.admin_port
            .map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// Creates a namespace, with options such as `{"shared_schema": true}`.
    pub fn create_namespace(&self, name: &str, options: &serde_json::Value) -> Result<()> {
        let admin = self
            .admin_url()
            .context("sqld was started without namespaces")?;
        let url = format!("{admin}/v1/namespaces/{name}/create");
        ureq::post(url)
            .content_type("application/json")
            .send(options.to_string())
            .with_context(|| format!("cannot create the namespace {name}"))?;
        Ok(())
    }

    /// Returns a new client of the server.
    #[must_use]
    pub fn client(&self) -> hrana::Client {
        hrana::Client::new(&self.url()).closing()
    }

    /// SQLite file that the server serves. Tests may read it but not write it.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        data_file(self.folder.path())
    }

    /// Output of the server so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Kills the server, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Kills the server and starts it again on the same port and data.
    pub fn restart(&mut self) -> Result<()> {
        self.kill();
        (self.process, self.admin_port) = serve(self.folder.path(), &self.options, self.port)?;
        Ok(())
    }
}

fn data_file(folder: &Path) -> PathBuf {
    folder.join("db/dbs/default/data")
}

fn serve(folder: &Path, options: &Options, port: u16) -> Result<(Process, Option<u16>)> {
    let mut command = Command::new(paths::sqld()?);
    command.arg("--no-welcome").arg("-d").arg(folder.join("db"));
    command
        .arg("--http-listen-addr")
        .arg(format!("127.0.0.1:{port}"));
    if options.advertises_url {
        command
            .arg("--http-self-url")
            .arg(format!("http://127.0.0.1:{port}"));
    }
    let mut admin_port = None;
    if options.namespaces {
        let port = free_port()?;
        command
            .arg("--enable-namespaces")
            .arg("--admin-listen-addr")
            .arg(format!("127.0.0.1:{port}"));
        admin_port = Some(port);
    }
    if let Some(key) = &options.jwt_key {
        let file = folder.join("jwt.pub");
        fs::write(&file, key).context("cannot write the key file")?;
        command.arg("--auth-jwt-key-file").arg(file);
    }
    command.args(&options.arguments);
    let health = format!("http://127.0.0.1:{port}/health");
    let process = Process::start(command, &folder.join("log"), || {
        ureq::get(&health).call().is_ok()
    })?;
    Ok((process, admin_port))
}
