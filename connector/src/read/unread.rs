//! End of a read at its deadline: the resources that were read completely are
//! kept, and the others fail. Must not request anything.

use std::time::Duration;

use super::target::Target;
use super::{Read, Stage};
use crate::clock;
use crate::deadline;
use crate::error::Result;

/// Time for closing the stream. One that is still open expires on the server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

impl Read {
    /// Ends the read at its deadline.
    ///
    /// # Errors
    /// The error of the deadline, if it is not known which resources there are.
    pub(super) async fn end_at_deadline(&mut self) -> Result<()> {
        let is_planned = !matches!(self.stage, Stage::Start | Stage::Builtins(_));
        let mut unread = self.unread();
        clock::within(CLOSE_TIMEOUT, self.close()).await;
        self.stage = Stage::Finished;
        if self.requested.is_empty() && !is_planned {
            return Err(deadline::error());
        }
        // Whether the current resource is complete is not always known.
        unread.extend(self.output.current_incomplete().map(str::to_owned));
        for resource in unread {
            self.output.fail(&resource, deadline::error());
        }
        self.output.done();
        Ok(())
    }

    /// Returns the resources that were not begun.
    fn unread(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.stage {
            Stage::Start | Stage::Builtins(_) => {
                let requested = self.requested.iter();
                let requested = requested.map(|selection| selection.resource.clone());
                requested.collect()
            }
            Stage::Tables(tables, later) => {
                let later = later.followed.iter().chain(&later.whole);
                names(tables.unread().chain(later))
            }
            Stage::Changes(changes, whole) => names(changes.unread().chain(whole)),
            Stage::Batch(batch) => names(batch.unread()),
            Stage::Platform(platform) => platform.unread(),
            Stage::Figures(_) | Stage::Finished => Vec::new(),
        };
        let platform = self.platform.iter();
        names.extend(platform.map(|selection| selection.resource.clone()));
        names.retain(|name| !self.output.has(name));
        names
    }
}

fn names<'a>(targets: impl Iterator<Item = &'a Target>) -> Vec<String> {
    targets.map(|target| target.resource.clone()).collect()
}
