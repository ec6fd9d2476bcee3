//! A secret from the output of a program, such as the client of a vault. The
//! operator's file names it, so it runs with the operator's rights. What it
//! prints must show up nowhere but in the secret.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A program that asks a person to log in may take a while.
const PATIENCE: Duration = Duration::from_mins(1);
/// How often it is looked at.
const POLL: Duration = Duration::from_millis(5);
/// More than this no credential has.
const LONGEST: u64 = 64 << 10;

/// What the program prints. Its messages go to standard error, as they come.
pub(super) fn output(words: &[&str], folder: &Path) -> Result<String, String> {
    let Some((program, arguments)) = words.split_first() else {
        return Err("the command is not a list of words".to_owned());
    };
    // A path is relative to the file, a name is looked for.
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
    let deadline = Instant::now() + PATIENCE;
    let late = || format!("`{program}` did not end within {PATIENCE:?}");
    // Its output first: a program whose output is not taken does not end.
    let Ok(bytes) = printed(&mut child).recv_timeout(PATIENCE) else {
        stop(&mut child);
        return Err(late());
    };
    if bytes.len() as u64 > LONGEST {
        stop(&mut child);
        return Err(format!("`{program}` printed more than a credential has"));
    }
    let status = ended(&mut child, deadline).ok_or_else(late)?;
    if !status.success() {
        return Err(format!("`{program}` failed with {status}"));
    }
    String::from_utf8(bytes).map_err(|_| format!("`{program}` did not print UTF-8"))
}

/// The standard output of a program, once it is closed or too long.
fn printed(child: &mut Child) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What came until an error is too short, and refused as such.
            let _ = stdout.take(LONGEST + 1).read_to_end(&mut bytes);
            let _ = sender.send(bytes);
        });
    }
    receiver
}

/// How the program ended; none if it had to be ended.
fn ended(child: &mut Child, deadline: Instant) -> Option<ExitStatus> {
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Some(status),
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            _ => {
                stop(child);
                return None;
            }
        }
    }
}

fn stop(child: &mut Child) {
    // It may have ended by itself.
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
            ("yes hunter2 | head -c 100000", "more than a credential has"),
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
