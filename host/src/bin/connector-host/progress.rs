//! What a running load shows: a line for each resource on a terminal, plain
//! lines elsewhere.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::Duration;

use connector_host::pipeline::{Observer, Update};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Shows progress on standard error.
pub(crate) struct Progress {
    terminal: Option<MultiProgress>,
    bars: Mutex<BTreeMap<String, ProgressBar>>,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let terminal = stderr().is_terminal().then(MultiProgress::new);
        Self {
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
        let bar = bars.entry(resource.to_owned()).or_insert_with(|| {
            let bar = terminal.add(ProgressBar::new_spinner());
            bar.set_prefix(resource.to_owned());
            bar.set_style(style(
                "{spinner} {prefix:24!} {human_pos:>12} rows {per_sec:>16}",
            ));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        change(bar);
    }

    fn line(&self, text: &str) {
        match &self.terminal {
            Some(terminal) => drop(terminal.println(text)),
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
                    "{spinner} {prefix:24!} {human_pos:>12} of {human_len} rows {per_sec:>16}",
                ));
            }),
            Update::Waiting { reason } => self.line(&format!("waiting: {reason}")),
            Update::Restarted { reason } => {
                if let Ok(mut bars) = self.bars.lock() {
                    bars.values().for_each(ProgressBar::finish_and_clear);
                    bars.clear();
                }
                self.line(&format!("starting anew: {reason}"));
            }
            Update::Committing if self.terminal.is_none() => self.line("committing"),
            Update::Committing => {}
        }
    }
}

/// A template with a mistake in it shows the default instead.
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}
