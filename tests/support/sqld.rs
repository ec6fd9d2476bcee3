//! sqld, the libSQL server, on the loopback address with a folder of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::hrana;
use crate::paths;
use crate::process::{Process, free_port};

/// How to start it.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The public key that tokens are checked with; without one, no token is
    /// needed. See [`keys`](crate::keys).
    pub jwt_key: Option<String>,
    /// Whether there are namespaces, and an admin port to make them.
    pub namespaces: bool,
    /// Whether it tells clients to come to its own address for what follows.
    pub names_itself: bool,
    /// Further arguments.
    pub arguments: Vec<String>,
}

/// A running server. It and its data end with this value.
#[derive(Debug)]
pub struct Sqld {
    process: Process,
    port: u16,
    admin_port: Option<u16>,
    folder: TempDir,
    options: Options,
}

impl Sqld {
    /// An empty database.
    pub fn start() -> Result<Self> {
        Self::with(&Options::default())
    }

    /// An empty database.
    pub fn with(options: &Options) -> Result<Self> {
        Self::launch(options, |_| Ok(()))
    }

    /// A database that `make` writes as an SQLite file before the server
    /// starts: the fastest way to many rows, and to bytes that no statement
    /// could bring in.
    pub fn holding(make: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        Self::launch(&Options::default(), make)
    }

    /// Both.
    pub fn launch(options: &Options, make: impl FnOnce(&Path) -> Result<()>) -> Result<Self> {
        let folder = tempfile::Builder::new()
            .prefix("sqld-")
            .tempdir()
            .context("cannot make a folder")?;
        let file = data_file(folder.path());
        fs::create_dir_all(file.parent().unwrap_or(folder.path()))
            .context("cannot make sqld's folder")?;
        make(&file)?;
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

    /// Its address.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The address of its admin interface.
    #[must_use]
    pub fn admin_url(&self) -> Option<String> {
        self.admin_port
            .map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// Makes a namespace, with such options as `{"shared_schema": true}`.
    pub fn create_namespace(&self, name: &str, options: &serde_json::Value) -> Result<()> {
        let admin = self
            .admin_url()
            .context("sqld was started without namespaces")?;
        let url = format!("{admin}/v1/namespaces/{name}/create");
        ureq::post(url)
            .content_type("application/json")
            .send(options.to_string())
            .with_context(|| format!("cannot make the namespace {name}"))?;
        Ok(())
    }

    /// A client of its own.
    #[must_use]
    pub fn client(&self) -> hrana::Client {
        hrana::Client::new(&self.url()).closing()
    }

    /// The SQLite file that it serves. Others may read it, none may write it.
    #[must_use]
    pub fn file(&self) -> PathBuf {
        data_file(self.folder.path())
    }

    /// What it printed.
    #[must_use]
    pub fn printed(&self) -> String {
        self.process.printed()
    }

    /// Ends it now, as a crash would.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Ends it, and starts it again where it was.
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
    if options.names_itself {
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
