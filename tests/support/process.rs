//! Servers as child processes: a free port, a log, an end. It does not know
//! what they serve.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a server may take to answer for the first time: it copies a large
/// database into its log first.
const START: Duration = Duration::from_mins(3);
/// How often it is asked.
const POLL: Duration = Duration::from_millis(10);

/// A running server, which ends with this value.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, with what it prints in `log`, and waits until `ready`.
    pub(crate) fn start(
        mut command: Command,
        log: &Path,
        ready: impl Fn() -> bool,
    ) -> Result<Self> {
        let program = command.get_program().to_owned();
        let output =
            File::create(log).with_context(|| format!("cannot create {}", log.display()))?;
        let errors = output.try_clone().context("cannot share the log")?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut process = Self {
            child,
            log: log.to_owned(),
        };
        let deadline = Instant::now() + START;
        while !ready() {
            if let Some(status) = process
                .child
                .try_wait()
                .context("cannot wait for a server")?
            {
                bail!(
                    "{} ended with {status}: {}",
                    program.display(),
                    process.printed()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{} does not answer after {START:?}: {}",
                    program.display(),
                    process.printed()
                );
            }
            std::thread::sleep(POLL);
        }
        Ok(process)
    }

    /// What it printed.
    pub(crate) fn printed(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Ends it the hard way.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port of the loopback address that nobody listens on.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("cannot listen on the loopback address")?;
    Ok(listener
        .local_addr()
        .context("a listener has no address")?
        .port())
}
