//! A secret from the output of a program, such as the client of a vault. The
//! operator's file names the program, so it runs with the operator's rights. Its
//! output must appear only in the secret.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// Time limit, long enough for a program that asks a person to log in.
const TIMEOUT: Duration = Duration::from_mins(1);
/// Interval between checks of the running program.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// Maximum length of a credential.
const MAX_BYTES: u64 = 64 << 10;

/// Runs a program and returns its standard output. Its standard error is the
/// host's.
pub(super) fn output(words: &[&str], folder: &Path) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("the command is not a list of words".to_owned());
    };
    // A path is relative to the file; a name is searched in PATH.
    let path = if program.contains(std::path::is_separator) {
        folder.join(program)
    } else {
        program.into()
    };
    let mut command = Command::new(path);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    if !folder.as_os_str().is_empty() {
        command.current_dir(folder);
    }
    let mut child = command
        .spawn()
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    let deadline = Instant::now() + TIMEOUT;
    let late = || format!("`{program}` did not end within {} s", TIMEOUT.as_secs());
    // A program ends only after its output was read.
    let Ok(bytes) = read_output(&mut child).recv_timeout(TIMEOUT) else {
        stop(&mut child);
        return Err(late());
    };
    if bytes.len() as u64 > MAX_BYTES {
        stop(&mut child);
        return Err(format!("`{program}` printed more than {MAX_BYTES} bytes"));
    }
    let status = wait(&mut child, deadline).ok_or_else(late)?;
    if !status.success() {
        return Err(format!("`{program}` failed with {status}"));
    }
    String::from_utf8(bytes).map_err(|_| format!("`{program}` printed text that is not UTF-8"))
}

/// Reads the standard output of a program until it is closed or too long.
fn read_output(child: &mut Child) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // After an error, the host goes by the status of the program.
            let _ = stdout.take(MAX_BYTES + 1).read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        });
    }
    receiver
}

/// Waits for the program. Returns `None` if it was killed at the deadline.
fn wait(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL_INTERVAL),
            _ => {
                stop(child);
                return None;
            }
        }
    }
}

fn stop(child: &mut Child) {
    // The program may have ended already.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<String, String> {
        output(&["sh", "-c", script], Path::new(""))
    }

    #[test]
    fn the_output_of_a_program_is_the_secret() {
        assert_eq!(shell("echo hunter2").unwrap(), "hunter2\n");
    }

    #[test]
    fn a_program_that_fails_is_named_and_what_it_printed_is_not() {
        for (script, expected) in [
            ("echo hunter2; exit 3", "failed with exit status: 3"),
            ("yes hunter2 | head -c 100000", "more than 65536 bytes"),
            ("printf 'hunter2\\377'", "UTF-8"),
        ] {
            let error = shell(script).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let missing = output(&["no-such-program-here"], Path::new(""));
        assert!(missing.unwrap_err().contains("cannot be started"));
        assert!(output(&[], Path::new("")).is_err());
    }
}
