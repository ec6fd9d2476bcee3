//! Progress of a running load on standard error: a bar for each resource on a
//! terminal, plain lines elsewhere.

use std::collections::VecDeque;
use std::fmt;
use std::io::{IsTerminal, Write, stderr};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use connector_host::{Observer, Update};
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};

use crate::args::LogFormat;
use crate::table::{count, quantity};

/// Number of bars. Resources follow each other, and a database may have more of
/// them than a terminal has lines.
const MAX_BARS: usize = 8;
/// Time between two lines about a resource.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Time between two drawings of a bar.
const TICK: Duration = Duration::from_millis(120);
/// Style of a bar without an estimate.
const COUNTING: &str = "{spinner} {prefix:24!} {human_pos:>12} rows {rate:>16}";
/// Style of a bar with an estimate.
const ESTIMATED: &str = "{spinner} {prefix:24!} {bar:20} {human_pos:>12} of about {human_len} rows {rate:>16}, {eta} left";

/// Progress of a load.
pub(crate) struct Progress {
    output: Output,
    /// The latest resources, the oldest first.
    resources: Mutex<VecDeque<ResourceProgress>>,
}

enum Output {
    Terminal(MultiProgress),
    Lines,
    /// The log is JSON and has everything.
    Nothing,
}

struct ResourceProgress {
    name: String,
    /// Counts rows. Drawn only on a terminal.
    bar: ProgressBar,
    printed: Instant,
}

impl Progress {
    pub(crate) fn new(log_format: LogFormat) -> Self {
        let output = if log_format == LogFormat::Json {
            Output::Nothing
        } else if stderr().is_terminal() {
            Output::Terminal(MultiProgress::new())
        } else {
            Output::Lines
        };
        Self {
            output,
            resources: Mutex::default(),
        }
    }

    /// Removes the bars from the terminal.
    pub(crate) fn finish(&self) {
        if let Output::Terminal(terminal) = &self.output {
            // A terminal that is gone needs no clearing.
            let _ = terminal.clear();
        }
    }

    /// Changes the bar of a resource, and prints a line if it is time for one.
    fn update_resource(&self, name: &str, change: impl FnOnce(&ProgressBar)) {
        let Ok(mut resources) = self.resources.lock() else {
            return;
        };
        if !resources.iter().any(|resource| resource.name == name) {
            if resources.len() >= MAX_BARS
                && let Some(oldest) = resources.pop_front()
            {
                oldest.bar.finish_and_clear();
            }
            resources.push_back(ResourceProgress {
                name: name.to_owned(),
                bar: self.bar(name),
                printed: Instant::now(),
            });
        }
        let Some(resource) = resources.iter_mut().find(|resource| resource.name == name) else {
            return;
        };
        change(&resource.bar);
        if matches!(self.output, Output::Lines) && resource.printed.elapsed() >= LINE_INTERVAL {
            resource.printed = Instant::now();
            self.line(&text(name, &resource.bar));
        }
    }

    fn bar(&self, name: &str) -> ProgressBar {
        let Output::Terminal(terminal) = &self.output else {
            return ProgressBar::hidden();
        };
        let bar = terminal.add(ProgressBar::no_length());
        bar.set_prefix(name.to_owned());
        bar.set_style(style(COUNTING));
        bar.enable_steady_tick(TICK);
        bar
    }

    fn line(&self, text: &str) {
        match &self.output {
            Output::Terminal(terminal) => drop(terminal.println(text)),
            Output::Lines => drop(writeln!(stderr(), "{text}")),
            Output::Nothing => {}
        }
    }
}

impl Observer for Progress {
    fn update(&self, update: Update<'_>) {
        let is_terminal = matches!(self.output, Output::Terminal(_));
        match update {
            Update::Opened { resource } => {
                if !is_terminal {
                    self.line(&format!("reading {resource}"));
                }
                self.update_resource(resource, |_| {});
            }
            Update::Rows { resource, rows } => {
                self.update_resource(resource, |bar| bar.set_position(rows));
            }
            Update::Expected { resource, rows } => self.update_resource(resource, |bar| {
                if bar.length() != Some(rows) {
                    bar.set_length(rows);
                    bar.set_style(style(ESTIMATED));
                }
            }),
            Update::Waiting { reason } => self.line(&format!("waiting: {reason}")),
            Update::Restarted { reason } => {
                if let Ok(mut resources) = self.resources.lock() {
                    for resource in resources.drain(..) {
                        resource.bar.finish_and_clear();
                    }
                }
                self.line(&format!("restarting: {reason}"));
            }
            Update::Committing if !is_terminal => self.line("committing"),
            _ => {}
        }
    }
}

/// Describes the progress of a resource in a line.
fn text(name: &str, bar: &ProgressBar) -> String {
    let rows = bar.position();
    match bar.length() {
        Some(expected) => format!(
            "{name}: {} of about {}",
            count(rows),
            quantity(expected, "row")
        ),
        None => format!("{name}: {}", quantity(rows, "row")),
    }
}

/// Creates a style from a template. With a mistake in the template, the default
/// style is shown.
fn style(template: &str) -> ProgressStyle {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is shown in whole rows"
    )]
    let rate = |state: &ProgressState, text: &mut dyn fmt::Write| {
        // A failure to show a line must not end a load.
        let _ = write!(text, "{} rows/s", count(state.per_sec() as u64));
    };
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("rate", rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_the_estimate_if_there_is_one() {
        let bar = ProgressBar::hidden();
        bar.set_position(12_000);
        assert_eq!(text("orders", &bar), "orders: 12,000 rows");
        bar.set_length(50_000);
        assert_eq!(text("orders", &bar), "orders: 12,000 of about 50,000 rows");
    }

    #[test]
    fn both_templates_are_valid() {
        for template in [COUNTING, ESTIMATED] {
            assert!(ProgressStyle::with_template(template).is_ok(), "{template}");
        }
    }
}
