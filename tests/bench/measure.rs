//! Measurement of a process: its time, and its peak memory as counted by the
//! kernel (`ru_maxrss` of `wait4`).

use std::ffi::{OsStr, OsString};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// Python program that runs a command. Python can call `wait4` without unsafe
/// code. The last line on standard error is the measurement.
const WRAPPER: &str = r#"
import json, os, sys, time
start = time.perf_counter()
process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ)
_, status, usage = os.wait4(process, 0)
seconds = time.perf_counter() - start
peak = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps({"code": os.waitstatus_to_exitcode(status), "seconds": seconds, "peak": peak}), file=sys.stderr)
"#;

/// Measurement of one run.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    /// Time from start to end.
    pub(crate) seconds: f64,
    /// Peak memory in bytes.
    pub(crate) peak: Option<u64>,
    /// Bytes received, if they were counted.
    pub(crate) bytes: Option<u64>,
}

/// Runs a command with environment variables. Returns its measurement and its
/// standard output.
pub(crate) fn measured(
    command: &[OsString],
    variables: &[(&str, &OsStr)],
) -> Result<(Measured, String)> {
    let output = Command::new("python3")
        .args(["-c", WRAPPER])
        .args(command)
        .envs(variables.iter().copied())
        .stdin(Stdio::null())
        .output()
        .context("cannot start python3")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let line = errors.lines().last().unwrap_or_default();
    let measured: Json = serde_json::from_str(line)
        .with_context(|| format!("the measurement is missing: {errors}"))?;
    if measured["code"] != 0 {
        bail!("{command:?} failed: {errors}");
    }
    let seconds = measured["seconds"]
        .as_f64()
        .context("the measurement has no time")?;
    let measured = Measured {
        seconds,
        peak: measured["peak"].as_u64(),
        bytes: None,
    };
    Ok((
        measured,
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}
