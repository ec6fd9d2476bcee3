//! What a running load shows: a line for each resource on a terminal, plain
//! lines elsewhere.

use std::collections::VecDeque;
use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::Duration;

use connector_host::pipeline::{Observer, Update};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::args::LogFormat;
use crate::table::count;

/// Lines that are shown at once. Resources come one after the other, and a
/// database may have more of them than a terminal has lines.
const LINES: usize = 8;

/// Shows progress on standard error.
pub(crate) struct Progress {
    /// Whether the log says it all, to a program that reads every line.
    silent: bool,
    terminal: Option<MultiProgress>,
    /// The latest resources, the oldest first.
    bars: Mutex<VecDeque<(String, ProgressBar)>>,
}

impl Progress {
    pub(crate) fn new(log_format: LogFormat) -> Self {
        let silent = log_format == LogFormat::Json;
        let terminal = (!silent && stderr().is_terminal()).then(MultiProgress::new);
        Self {
            silent,
            terminal,
            bars: Mutex::default(),
        }
    }

    /// Takes the lines off the terminal.
    pub(crate) fn finish(&self) {
        if let Some(terminal) = &self.terminal {
            // A terminal that is gone needs no clearing.
            let _ = terminal.clear();
        }
    }

    fn with_bar(&self, resource: &str, change: impl FnOnce(&ProgressBar)) {
        let (Some(terminal), Ok(mut bars)) = (&self.terminal, self.bars.lock()) else {
            return;
        };
        if !bars.iter().any(|(name, _)| name == resource) {
            if bars.len() >= LINES
                && let Some((_, oldest)) = bars.pop_front()
            {
                oldest.finish_and_clear();
            }
            let bar = terminal.add(ProgressBar::new_spinner());
            bar.set_prefix(resource.to_owned());
            bar.set_style(style(
                "{spinner} {prefix:24!} {human_pos:>12} rows {rate:>16}",
            ));
            bar.enable_steady_tick(Duration::from_millis(120));
            bars.push_back((resource.to_owned(), bar));
        }
        if let Some((_, bar)) = bars.iter().find(|(name, _)| name == resource) {
            change(bar);
        }
    }

    fn line(&self, text: &str) {
        match &self.terminal {
            Some(terminal) => drop(terminal.println(text)),
            None if self.silent => {}
            None => drop(writeln!(stderr(), "{text}")),
        }
    }
}

impl Observer for Progress {
    fn update(&self, update: Update<'_>) {
        match update {
            Update::Opened { resource } if self.terminal.is_none() => {
                self.line(&format!("reading {resource}"));
            }
            Update::Opened { resource } => self.with_bar(resource, |_| {}),
            Update::Rows { resource, rows } => {
                self.with_bar(resource, |bar| bar.set_position(rows));
            }
            Update::Expected { resource, rows } => self.with_bar(resource, |bar| {
                bar.set_length(rows);
                bar.set_style(style(
                    "{spinner} {prefix:24!} {human_pos:>12} of {human_len} rows {rate:>16}",
                ));
            }),
            Update::Waiting { reason } => self.line(&format!("waiting: {reason}")),
            Update::Restarted { reason } => {
                if let Ok(mut bars) = self.bars.lock() {
                    bars.iter().for_each(|(_, bar)| bar.finish_and_clear());
                    bars.clear();
                }
                self.line(&format!("starting anew: {reason}"));
            }
            Update::Committing if self.terminal.is_none() => self.line("committing"),
            _ => {}
        }
    }
}

/// A template with a mistake in it shows the default instead.
fn style(template: &str) -> ProgressStyle {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is shown in whole rows"
    )]
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // A line that cannot be shown is no reason to end a load.
        let _ = write!(text, "{} rows/s", count(state.per_sec() as u64));
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("rate", rate)
}
