//! Pipeline files, and runs of the host on them as a user runs it: a process
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

/// Pipeline in its own folder, which is deleted on drop.
#[derive(Debug)]
pub struct Pipeline {
    folder: TempDir,
    name: String,
    top: String,
    url: String,
    /// True if `url` is the Platform API and not a database.
    is_platform: bool,
    /// URL and token of a Platform API that is read with the database.
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
    /// Creates a pipeline from the database at `url` into `turso.duckdb`.
    pub fn new(url: &str) -> Result<Self> {
        Ok(Self {
            folder: tempfile::Builder::new()
                .prefix("pipeline-")
                .tempdir()
                .context("cannot create a folder")?,
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

    /// Creates a pipeline from the Platform API at `url` into `turso.duckdb`,
    /// without a database.
    pub fn for_platform(url: &str) -> Result<Self> {
        Ok(Self {
            is_platform: true,
            ..Self::new(url)?
        })
    }

    /// Grants access to the Platform API at `url` too.
    #[must_use]
    pub fn with_platform(mut self, url: &str, token: &str) -> Self {
        self.platform = Some((url.to_owned(), token.to_owned()));
        self
    }

    /// Replaces the name `test`.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self
    }

    /// Points the pipeline at another URL.
    #[must_use]
    pub fn at(mut self, url: &str) -> Self {
        url.clone_into(&mut self.url);
        self
    }

    /// Adds lines before the first table.
    #[must_use]
    pub fn top(mut self, lines: &str) -> Self {
        self.top.push_str(lines);
        self.top.push('\n');
        self
    }

    /// Replaces the component.
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

    /// Grants a token.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.token = Some(token.to_owned());
        self
    }

    /// Replaces the rules, which by default allow the origin of the source.
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

    /// Adds a resource.
    #[must_use]
    pub fn resource(self, name: &str) -> Self {
        self.resource_with(name, "")
    }

    /// Adds a resource with further lines.
    #[must_use]
    pub fn resource_with(mut self, name: &str, lines: &str) -> Self {
        let name = toml_text(name);
        // Writing to a string cannot fail.
        let _ = writeln!(
            self.resources,
            "[[resource]]
name = {name}
{lines}"
        );
        self
    }

    /// Removes all resources.
    #[must_use]
    pub fn without_resources(mut self) -> Self {
        self.resources.clear();
        self
    }

    /// Writes files into `out/`.
    #[must_use]
    pub fn into_files(self, format: &str) -> Self {
        self.destination(&format!(
            "type = \"files\"\nurl = \"./out\"\nformat = \"{format}\""
        ))
    }

    /// Writes into a DuckDB file.
    #[must_use]
    pub fn into_database(self, file: &Path) -> Self {
        let path = toml_text(&file.display().to_string());
        self.destination(&format!("type = \"duckdb\"\npath = {path}"))
    }

    /// Replaces the lines of `[destination]`.
    #[must_use]
    pub fn destination(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.destination);
        self
    }

    /// Folder of the pipeline file.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// DuckDB file that the pipeline writes.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.folder().join("turso.duckdb")
    }

    /// Folder of the files that the pipeline writes.
    #[must_use]
    pub fn dataset(&self) -> PathBuf {
        self.folder().join("out/turso_data")
    }

    /// Text of the pipeline file.
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
            destination_table(&self.destination),
        )
    }

    /// Writes the pipeline file and returns its path.
    pub fn write(&self) -> Result<PathBuf> {
        if let Some(token) = &self.token {
            fs::write(self.folder().join("token"), token).context("cannot write the token")?;
        }
        if let Some((_, token)) = &self.platform {
            write_private(&self.folder().join("platform-token"), token)
                .context("cannot write the platform token")?;
        }
        let file = self.folder().join("pipeline.toml");
        fs::write(&file, self.text()).context("cannot write the pipeline file")?;
        Ok(file)
    }

    /// Runs a command on the file, such as `&["run", "--json"]`.
    pub fn host(&self, arguments: &[&str]) -> Result<Outcome> {
        let file = self.write()?;
        let (command, rest) = arguments.split_first().context("no command was given")?;
        let file = file.display().to_string();
        host(&[&[*command, "--config", &file], rest].concat())
    }

    /// Runs a load that must succeed, and returns its report.
    pub fn load(&self) -> Result<Json> {
        let outcome = self.host(&["run", "--json"])?;
        anyhow::ensure!(outcome.code == Some(0), "the load failed: {outcome:?}");
        outcome.json()
    }

    /// Starts a load without waiting for its end.
    pub fn spawn(&self) -> Result<Child> {
        self.spawn_with(&[])
    }

    /// Starts a load with further arguments.
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

/// Writes a file that only its owner can read.
fn write_private(file: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(file)?.write_all(text.as_bytes())
}

/// Result of a run of the host.
#[derive(Debug)]
pub struct Outcome {
    /// Exit code, unless a signal ended the process.
    pub code: Option<i32>,
    /// Standard output: data and reports.
    pub stdout: String,
    /// Standard error: everything else.
    pub stderr: String,
}

impl Outcome {
    /// Parses the standard output.
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

/// Runs the host with arguments.
pub fn host(arguments: &[&str]) -> Result<Outcome> {
    Ok(command()?
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .context("cannot start the host")?
        .into())
}

/// Returns a command for the host, with the cache that all tests share.
pub fn command() -> Result<Command> {
    let mut command = Command::new(paths::host()?);
    command.env("CONNECTOR_HOST_CACHE", paths::component_cache()?);
    Ok(command)
}

/// Adds the dataset and the database file that the tests read to the lines of
/// `[destination]`, unless these say others.
fn destination_table(lines: &str) -> String {
    let mut table = lines.to_owned();
    if !lines.contains("dataset =") {
        table.push_str("\ndataset = \"turso_data\"");
    }
    if lines.contains("\"duckdb\"") && !lines.contains("path =") {
        table.push_str("\npath = \"turso.duckdb\"");
    }
    table
}

/// Quotes a text for TOML, which has the escapes of JSON.
fn toml_text(text: &str) -> String {
    Json::String(text.to_owned()).to_string()
}
