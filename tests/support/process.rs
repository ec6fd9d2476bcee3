//! Servers as child processes: a free port, a log, and a kill on drop. It does
//! not know what they serve.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Longest time until the first response: sqld copies a large database into its
/// log first.
const START_TIMEOUT: Duration = Duration::from_mins(3);
/// Time between two checks.
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// Running server, killed on drop.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`, writes its output to `log`, and waits until `ready`.
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
        let deadline = Instant::now() + START_TIMEOUT;
        while !ready() {
            if let Some(status) = process
                .child
                .try_wait()
                .context("cannot wait for a server")?
            {
                bail!(
                    "{} ended with {status}: {}",
                    program.display(),
                    process.log()
                );
            }
            if Instant::now() > deadline {
                bail!(
                    "{} has not responded in {START_TIMEOUT:?}: {}",
                    program.display(),
                    process.log()
                );
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(process)
    }

    /// Output so far.
    pub(crate) fn log(&self) -> String {
        fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }

    /// Kills the process.
    pub(crate) fn kill(&mut self) {
        // The process may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Returns a free port of the loopback address.
pub(crate) fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("cannot listen on the loopback address")?;
    Ok(listener
        .local_addr()
        .context("cannot determine the address of a listener")?
        .port())
}
