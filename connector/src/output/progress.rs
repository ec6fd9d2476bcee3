//! Reports of progress: the rows of the current resource against an estimate,
//! and delays. Must not count rows.

use super::Output;
use super::event::Event;

/// Minimum number of rows between two reports of progress.
const MIN_PROGRESS_ROWS: u64 = 100_000;

/// Estimate of the current resource, and the rows that were last reported.
#[derive(Debug)]
pub(super) struct Estimate {
    rows: u64,
    reported: u64,
}

impl Output {
    /// Reports the estimated number of rows of the current resource. From then
    /// on, progress is reported with its pages, though not with each of them.
    pub fn expect_rows(&mut self, rows: u64) {
        let reported = self.resources.last().map_or(0, |stats| stats.rows);
        self.estimate = Some(Estimate { rows, reported });
        self.report_progress(None);
    }

    /// Reports a delay that follows, with its reason.
    pub fn report_waiting(&mut self, reason: String) {
        self.report_progress(Some(reason));
    }

    /// Reports the rows of the current resource if they are many more than the
    /// reported ones.
    pub(super) fn report_rows(&mut self) {
        let (Some(estimate), Some(stats)) = (&mut self.estimate, self.resources.last()) else {
            return;
        };
        if stats.rows - estimate.reported >= progress_interval(estimate.rows) {
            estimate.reported = stats.rows;
            self.report_progress(None);
        }
    }

    fn report_progress(&mut self, waiting: Option<String>) {
        let current = self.resources.last();
        self.queue.push_back(Event::Progress {
            resource: current.map(|stats| stats.resource.clone()),
            rows: current.map_or(0, |stats| stats.rows),
            estimated_rows: self.estimate.as_ref().map(|estimate| estimate.rows),
            waiting,
        });
    }
}

/// Returns the number of rows between two reports: a hundred reports for a large
/// resource, and none for a small one.
#[must_use]
pub fn progress_interval(estimated_rows: u64) -> u64 {
    (estimated_rows / 100).max(MIN_PROGRESS_ROWS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::batch::BatchBuilder;
    use crate::rows::columns::{ColumnSpec, Storage};
    use crate::rows::value::Value;

    fn send_rows(output: &mut Output, rows: u64) {
        let mut batch = BatchBuilder::new(&[ColumnSpec {
            name: "id".to_owned(),
            storage: Storage::Integer,
            declared: String::new(),
        }]);
        for id in 0..rows {
            batch.push_row(&[Value::Integer(i64::try_from(id).unwrap())]);
        }
        output.page(&mut batch).unwrap();
    }

    fn reported(output: &mut Output) -> Vec<(u64, Option<u64>)> {
        let events = std::iter::from_fn(|| output.pop());
        let progress = events.filter_map(|event| match event {
            Event::Progress {
                rows,
                estimated_rows,
                ..
            } => Some((rows, estimated_rows)),
            _ => None,
        });
        progress.collect()
    }

    #[test]
    fn progress_is_reported_at_the_start_and_then_rarely() {
        let mut output = Output::default();
        output.begin("t");
        output.expect_rows(250_000);
        for _ in 0..50 {
            send_rows(&mut output, 5_000);
        }
        let estimate = Some(250_000);
        assert_eq!(
            reported(&mut output),
            [(0, estimate), (100_000, estimate), (200_000, estimate)]
        );
        output.begin("without_estimate");
        send_rows(&mut output, 200_000);
        assert_eq!(reported(&mut output), []);
    }

    #[test]
    fn a_delay_is_reported_with_its_reason() {
        let mut output = Output::default();
        output.restart("busy".to_owned());
        output.report_waiting("busy".to_owned());
        assert!(matches!(output.pop(), Some(Event::Restarted(_))));
        let Some(Event::Progress {
            resource, waiting, ..
        }) = output.pop()
        else {
            panic!("no progress");
        };
        assert_eq!((resource, waiting.as_deref()), (None, Some("busy")));
    }
}
