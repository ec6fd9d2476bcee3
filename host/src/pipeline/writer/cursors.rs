//! The cursors that a load saves. Appended rows that the next run would append
//! again are refused. Cursors are opaque here: they are compared for equality,
//! and have no order.

use super::run_state::RunState;
use super::table_state::LoadCounts;
use crate::model::{
    Cursor, ErrorCategory, ReadMode, ResourceSummary, SourceError, Summary, WriteDisposition,
};
use crate::pipeline::plan::ResourcePlan;

/// A reason why the next run would read the rows of a load again.
enum Repeat {
    /// The cursor was not sent.
    Missing,
    /// The last cursor was followed by rows.
    Outdated,
    /// The cursor is the one from which the read resumed.
    Unchanged,
}

impl RunState<'_> {
    /// Sets the cursor of each resource in a summary to that of its last page,
    /// unless it has one. A resource whose rows the next run would append again
    /// has failed.
    pub(super) fn complete_cursors(&self, summary: &mut Summary) {
        for resource in &mut summary.resources {
            let open = self.resources.get(&resource.resource);
            if let (None, Some(open)) = (&resource.failure, open)
                && let Some(counts) = &open.own.counts
            {
                complete_cursor(resource, open.own.plan(), counts);
            }
        }
    }
}

fn complete_cursor(resource: &mut ResourceSummary, plan: &ResourcePlan, counts: &LoadCounts) {
    let has_own = resource.cursor.is_some();
    if !has_own {
        resource.cursor.clone_from(&counts.cursor);
    }
    if plan.mode() == ReadMode::Full || counts.rows == 0 {
        return;
    }
    let covered = has_own || counts.rows_after_cursor == 0;
    let repeat = match &resource.cursor {
        None => Repeat::Missing,
        Some(_) if !covered => Repeat::Outdated,
        Some(cursor) if is_same(cursor, plan) => Repeat::Unchanged,
        Some(_) => return,
    };
    if plan.disposition == WriteDisposition::Append {
        resource.failure = Some(repeat.failure(&resource.resource));
    } else {
        resource.notes.extend(repeat.note());
    }
}

fn is_same(cursor: &Cursor, plan: &ResourcePlan) -> bool {
    plan.cursor.as_ref() == Some(cursor)
}

impl Repeat {
    /// Returns the failure of a resource whose rows are appended.
    fn failure(&self, resource: &str) -> SourceError {
        let reason = match self {
            Self::Missing => format!("the connector sent rows of `{resource}` without a cursor"),
            Self::Outdated => {
                format!("the connector sent rows of `{resource}` after the last cursor")
            }
            Self::Unchanged => format!(
                "the connector sent rows of `{resource}` with the cursor of the previous load"
            ),
        };
        SourceError {
            category: ErrorCategory::Internal,
            message: format!(
                "{reason}, so the next run would append them again; they were not stored"
            ),
            remedy: Some(
                "set `write` to `merge`, which needs a key, or `mode` to `full`; report it to the \
                 author of the connector"
                    .into(),
            ),
            retryable: false,
            retry_after: None,
        }
    }

    /// Returns the note about a resource whose rows are merged. Rows that a read
    /// repeats on purpose, such as late ones, are not worth a note.
    fn note(&self) -> Option<String> {
        let note = match self {
            Self::Missing => {
                "the connector sent no cursor, so the next run reads the same rows again"
            }
            Self::Outdated => {
                "the connector sent rows after the last cursor, which the next run reads again"
            }
            Self::Unchanged => return None,
        };
        Some(note.to_owned())
    }
}
