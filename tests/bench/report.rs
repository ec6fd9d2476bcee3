//! Markdown table of measurements.

use std::fmt::Write as _;

use crate::measure::Measured;

/// Line of the table: several measurements of the same load.
#[derive(Debug)]
pub(crate) struct Line {
    what: String,
    rows: u64,
    rounds: Vec<Measured>,
}

impl Line {
    pub(crate) fn new(what: &str, rows: u64, rounds: Vec<Measured>) -> Self {
        Self {
            what: what.to_owned(),
            rows,
            rounds,
        }
    }

    fn median(&self) -> f64 {
        let mut seconds: Vec<f64> = self.rounds.iter().map(|round| round.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        seconds.get(seconds.len() / 2).copied().unwrap_or(f64::NAN)
    }
}

/// Returns the table. Ratios are relative to the first line.
pub(crate) fn table(lines: &[Line]) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!(
        "{cores} cores, sqld on loopback, release build; medians\n\n\
         | | rows | median | ratio | rows/s | peak memory | received | all rounds |\n\
         |---|---:|---:|---:|---:|---:|---:|---|\n"
    );
    let first = lines.first().map_or(f64::NAN, Line::median);
    for line in lines {
        let median = line.median();
        let peak = line.rounds.iter().filter_map(|round| round.peak).max();
        let bytes = line.rounds.iter().find_map(|round| round.bytes);
        let rounds: Vec<_> = line
            .rounds
            .iter()
            .map(|round| format!("{:.2}", round.seconds))
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "| {} | {} | {median:.3} s | {} | {} | {} | {} | {} |",
            line.what,
            if line.rows == 0 {
                "-".to_owned()
            } else {
                line.rows.to_string()
            },
            if line.rows == 0 {
                "-".to_owned()
            } else {
                format!("{:.2}", median / first)
            },
            rate(line.rows, median),
            peak.map_or_else(
                || "-".to_owned(),
                |bytes| format!("{:.0} MiB", mebibytes(bytes))
            ),
            bytes.map_or_else(
                || "-".to_owned(),
                |bytes| format!("{:.0} MiB", mebibytes(bytes))
            ),
            rounds.join(" "),
        );
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

#[expect(clippy::cast_precision_loss, reason = "a figure of three digits")]
fn rate(rows: u64, seconds: f64) -> String {
    if rows == 0 {
        "-".to_owned()
    } else {
        format!("{:.0}", rows as f64 / seconds)
    }
}
