//! Writes a pipeline file and runs the host on it, as a user does: a process
//! with arguments, two outputs and an exit code.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use anyhow::{Context, Result};
use serde_json::Value as Json;
use tempfile::TempDir;

use crate::paths;

/// A pipeline in a folder of its own, which ends with this value.
#[derive(Debug)]
pub struct Pipeline {
    folder: TempDir,
    name: String,
    top: String,
    url: String,
    /// Whether that is where the Platform API is, and not a database.
    is_platform: bool,
    /// A Platform API beside the database, and a token of it.
    platform: Option<(String, String)>,
    component: PathBuf,
    config: String,
    token: Option<String>,
    allow: Option<String>,
    limits: String,
    resources: String,
    destination: String,
}

impl Pipeline {
    /// Reads the database at `url` into `turso.duckdb`.
    pub fn of(url: &str) -> Result<Self> {
        Ok(Self {
            folder: tempfile::Builder::new()
                .prefix("pipeline-")
                .tempdir()
                .context("cannot make a folder")?,
            name: "test".to_owned(),
            top: String::new(),
            url: url.to_owned(),
            is_platform: false,
            platform: None,
            component: paths::component()?,
            config: String::new(),
            token: None,
            allow: None,
            limits: String::new(),
            resources: String::new(),
            destination: "type = \"duckdb\"".to_owned(),
        })
    }

    /// Reads the Platform API at `url` into `turso.duckdb`, and no database.
    pub fn of_platform(url: &str) -> Result<Self> {
        Ok(Self {
            is_platform: true,
            ..Self::of(url)?
        })
    }

    /// May read the Platform API at `url` too.
    #[must_use]
    pub fn beside_platform(mut self, url: &str, token: &str) -> Self {
        self.platform = Some((url.to_owned(), token.to_owned()));
        self
    }

    /// Gives it another name than `test`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Adds lines before the first table.
    #[must_use]
    pub fn top(mut self, lines: &str) -> Self {
        self.top.push_str(lines);
        self.top.push('\n');
        self
    }

    /// Runs another component.
    #[must_use]
    pub fn component(mut self, file: &Path) -> Self {
        file.clone_into(&mut self.component);
        self
    }

    /// Adds lines to `[connector.config]`.
    #[must_use]
    pub fn config(mut self, lines: &str) -> Self {
        self.config.push_str(lines);
        self.config.push('\n');
        self
    }

    /// Sends a token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Grants this and nothing else, instead of the source's own origin.
    #[must_use]
    pub fn allow(mut self, tables: &str) -> Self {
        self.allow = Some(tables.to_owned());
        self
    }

    /// Adds lines to `[connector.limits]`.
    #[must_use]
    pub fn limits(mut self, lines: &str) -> Self {
        self.limits.push_str(lines);
        self.limits.push('\n');
        self
    }

    /// Selects a resource.
    #[must_use]
    pub fn resource(self, name: &str) -> Self {
        self.resource_with(name, "")
    }

    /// Selects a resource, with further lines.
    #[must_use]
    pub fn resource_with(mut self, name: &str, lines: &str) -> Self {
        let name = toml_text(name);
        // A string takes everything.
        let _ = writeln!(
            self.resources,
            "[[resource]]
name = {name}
{lines}"
        );
        self
    }

    /// Writes files instead, into `out/`.
    #[must_use]
    pub fn into_files(self, format: &str) -> Self {
        self.destination(&format!(
            "type = \"files\"\nurl = \"./out\"\nformat = \"{format}\""
        ))
    }

    /// Writes into this DuckDB file instead.
    #[must_use]
    pub fn into_database(self, file: &Path) -> Self {
        let path = toml_text(&file.display().to_string());
        self.destination(&format!("type = \"duckdb\"\npath = {path}"))
    }

    /// Writes somewhere else.
    #[must_use]
    pub fn destination(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.destination);
        self
    }

    /// The folder of the pipeline file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The DuckDB file that it writes.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder().join("turso.duckdb")
    }

    /// The folder of the files that it writes.
    #[must_use]
    pub fn dataset(&self) -> PathBuf {
        self.folder().join("out/turso_data")
    }

    /// The text of the pipeline file.
    #[must_use]
    pub fn text(&self) -> String {
        let (setting, secret) = if self.is_platform {
            ("platform_url", "platform_token")
        } else {
            ("database_url", "database_token")
        };
        let (mut secrets, names) = match self.token {
            Some(_) => (
                format!("{secret} = {{ file = \"token\" }}\n"),
                format!("[\"{secret}\"]"),
            ),
            None => (String::new(), "[]".to_owned()),
        };
        let mut allow = self.allow.clone().unwrap_or_else(|| {
            format!(
                "[[connector.allow]]\norigin = \"{}\"\nmethods = [\"GET\", \"POST\"]\nprivate = true\nsecrets = {names}\n",
                self.url
            )
        });
        let mut config = self.config.clone();
        if let Some((url, _)) = &self.platform {
            config += &format!("platform_url = \"{url}\"\n");
            secrets += "platform_token = { file = \"platform-token\" }\n";
            allow += &format!(
                "\n[[connector.allow]]\norigin = \"{url}\"\nprivate = true\nsecrets = [\"platform_token\"]\n"
            );
        }
        format!(
            "name = {}\n{}\n[connector]\ncomponent = {}\n\n[connector.config]\n{setting} = \"{}\"\n{}\n\
             [connector.secrets]\n{secrets}\n{allow}\n[connector.limits]\n{}\n{}\n[destination]\n{}\n",
            toml_text(&self.name),
            self.top,
            toml_text(&self.component.display().to_string()),
            self.url,
            config,
            self.limits,
            self.resources,
            self.destination,
        )
    }

    /// Writes the file, and says where.
    pub fn write(&self) -> Result<PathBuf> {
        if let Some(token) = &self.token {
            fs::write(self.folder().join("token"), token).context("cannot write the token")?;
        }
        if let Some((_, token)) = &self.platform {
            private(&self.folder().join("platform-token"), token)
                .context("cannot write the token of the platform")?;
        }
        let file = self.folder().join("pipeline.toml");
        fs::write(&file, self.text()).context("cannot write the pipeline file")?;
        Ok(file)
    }

    /// Runs a command on it, such as `&["run", "--json"]`.
    pub fn host(&self, arguments: &[&str]) -> Result<Outcome> {
        let file = self.write()?;
        let (command, rest) = arguments.split_first().context("no command was given")?;
        let file = file.display().to_string();
        host(&[&[*command, "--config", &file], rest].concat())
    }

    /// Loads, and expects to succeed.
    pub fn load(&self) -> Result<Json> {
        let outcome = self.host(&["run", "--json"])?;
        anyhow::ensure!(outcome.code == Some(0), "the load failed: {outcome:?}");
        outcome.json()
    }

    /// Starts a load, to be ended from outside.
    pub fn spawn(&self) -> Result<Child> {
        self.spawn_with(&[])
    }

    /// The same, with further arguments.
    pub fn spawn_with(&self, arguments: &[&str]) -> Result<Child> {
        let file = self.write()?;
        let mut command = command()?;
        command.arg("run").arg("--config").arg(file).args(arguments);
        command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start the host")
    }
}

/// A file that nobody else can read.
fn private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// How the host ended.
#[derive(Debug)]
pub struct Outcome {
    /// Its exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// Data and reports.
    pub stdout: String,
    /// Everything else.
    pub stderr: String,
}

impl Outcome {
    /// The report.
    pub fn json(&self) -> Result<Json> {
        serde_json::from_str(&self.stdout).with_context(|| format!("this is not JSON: {self:?}"))
    }
}

impl From<Output> for Outcome {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// Runs the host.
pub fn host(arguments: &[&str]) -> Result<Outcome> {
    Ok(command()?
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start the host")?
        .into())
}

/// The host, with a cache that is shared by all tests.
pub fn command() -> Result<Command> {
    let mut command = Command::new(paths::host()?);
    command.env("CONNECTOR_HOST_CACHE", paths::component_cache()?);
    Ok(command)
}

/// A text as TOML, whatever it holds. JSON's escapes are TOML's too.
fn toml_text(text: &str) -> String {
    Json::String(text.to_owned()).to_string()
}
