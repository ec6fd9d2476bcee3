//! Checks of the tables whose incremental reads continue, step by step for all
//! of them at once. Sends no requests, and does not know what is checked.

use super::increment::{Checked, ContinuityCheck, Increment};
use super::plan::Plan;
use super::statements::StatementResult;
use super::target::ReadMethod;
use crate::error::{Error, Result};
use crate::hrana::request::Statement;

/// Checks that are not complete.
#[derive(Debug, Default)]
pub(super) struct Checks(Vec<PendingCheck>);

/// Check of a target.
#[derive(Debug)]
struct PendingCheck {
    /// Index of the target.
    target: usize,
    /// True if an index has the cursor column.
    is_ordered: bool,
    check: ContinuityCheck,
}

impl Checks {
    /// Adds the check of a target, if its read needs one.
    pub(super) fn add(&mut self, target: usize, increment: &Increment, is_ordered: bool) {
        let check = ContinuityCheck::new(increment, is_ordered);
        self.0.extend(check.map(|check| PendingCheck {
            target,
            is_ordered,
            check,
        }));
    }

    /// True if all checks are complete.
    pub(super) fn are_complete(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the statements of the next step of all checks.
    pub(super) fn statements(&self) -> Vec<Statement> {
        let checks = self.0.iter();
        checks
            .flat_map(|pending| pending.check.statements())
            .collect()
    }

    /// Takes the results of these statements. Returns the failures of resources.
    ///
    /// # Errors
    /// A config error if the passes of a read cannot be determined.
    pub(super) fn take(
        &mut self,
        mut results: &[StatementResult],
        plan: &mut Plan,
    ) -> Result<Vec<(String, Error)>> {
        let mut failures = Vec::new();
        for pending in std::mem::take(&mut self.0) {
            let count = pending.check.statements().len().min(results.len());
            let (own, rest) = results.split_at(count);
            results = rest;
            let target = &mut plan.targets[pending.target];
            target.rows_billed += own.iter().map(|result| result.rows_billed).sum::<u64>();
            match pending.check.take(own) {
                Ok(Checked::Further(check)) => self.0.push(PendingCheck {
                    check: *check,
                    ..pending
                }),
                Ok(Checked::Done(mut increment, note)) => {
                    if let ReadMethod::Incremental(before) = &target.method {
                        increment.copy_time_forms(before);
                    }
                    target.notes.extend(note);
                    if !target.is_filtered {
                        target.estimated_rows = increment.estimated_rows.or(target.estimated_rows);
                    }
                    if increment.cursor_column().is_none() || !increment.continues() {
                        target.set_passes(&increment, pending.is_ordered)?;
                    }
                    target.method = ReadMethod::Incremental(increment);
                }
                Err(error) => failures.push((target.resource.clone(), error)),
            }
        }
        Ok(failures)
    }
}
