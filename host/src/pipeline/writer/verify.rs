//! The comparison of received rows with figures of the source, at the end of a
//! run. A resource whose rows differ has failed; the others are committed.

use super::run_state::RunState;
use crate::model::{ResourceSummary, Summary, Verification};
use crate::pipeline::verification::checksum::RowChecksum;
use crate::pipeline::verification::{Comparison, ReceivedRows, Verified};

impl RunState<'_> {
    /// Verifies the rows of each resource for which that is requested.
    pub(super) fn verify(&mut self, summary: &mut Summary) {
        for resource in &mut summary.resources {
            if let Some(verified) = self.verify_resource(resource) {
                self.verified.insert(resource.resource.clone(), verified);
            }
        }
    }

    /// Returns the verification of a resource, and true if it is its own setting.
    pub(super) fn verification(&self, resource: &str) -> (Verification, bool) {
        let plan = self.header.plans.get(resource);
        let own = plan.and_then(|plan| plan.spec.verify);
        (own.unwrap_or(self.header.verify), own.is_some())
    }

    fn verify_resource(&self, summary: &mut ResourceSummary) -> Option<Verified> {
        let name = &summary.resource;
        let (verification, is_required) = self.verification(name);
        // A resource without a schema has not changed, and sent no rows.
        let open = self.resources.get(name)?;
        if verification == Verification::Off || summary.failure.is_some() {
            return None;
        }
        let received = ReceivedRows {
            rows: open.own.totals.rows + self.rejected(name),
            checksum: open.checksum.as_ref().map(RowChecksum::value),
            presence_only: open
                .checksum
                .as_ref()
                .map(RowChecksum::presence_only)
                .unwrap_or_default(),
        };
        match received.compare(name, summary.figures, is_required) {
            Ok(Comparison::Complete(verified)) => return Some(verified),
            Ok(Comparison::RowsOnly(verified)) => {
                explain(
                    summary,
                    "the values were not verified, because the connector sent no checksum of the source",
                );
                return Some(verified);
            }
            Ok(Comparison::Nothing) => explain(
                summary,
                "the rows were not verified, because the connector sent no figures of the source",
            ),
            Err(failure) => summary.failure = Some(failure),
        }
        None
    }
}

/// Adds a note about missing figures, unless the connector has said why.
fn explain(summary: &mut ResourceSummary, note: &str) {
    if !summary.notes.iter().any(|note| note.contains("verified")) {
        summary.notes.push(note.to_owned());
    }
}
