//! Databases that fail or are interrupted while others are read. Must not decide
//! which requests are repeated.

use super::Fleet;
use super::databases::SelectedDatabase;
use super::member::Member;
use crate::error::{Category, Error, Result};
use crate::log;
use crate::output::Event;

impl Fleet {
    /// Records that the snapshot of a database was lost after some of its rows
    /// were sent. Everything is read again.
    pub(super) async fn record_interruption(
        &mut self,
        member: &Member,
        reason: &str,
    ) -> Result<()> {
        let error = Error::new(
            Category::Unavailable,
            format!(
                "the read of the database `{}` was interrupted: {reason}",
                member.name
            ),
        );
        let state = member.restart_state();
        self.restart_states.insert(member.name.clone(), state);
        match self.backoff.next_delay(error.retryable()) {
            Ok(delay) => {
                self.delays.insert(member.name.clone(), delay);
                self.restart(reason).await;
                Ok(())
            }
            Err(error) => self.continue_without(member, error).await,
        }
    }

    /// Records that a database cannot be read. A request that the host denied
    /// ends the read, because the operator has to decide about it.
    pub(super) fn record_failure(&mut self, database: &str, error: Error) -> Result<()> {
        if error.category == Category::Denied {
            return Err(error);
        }
        log::warn(&format!(
            "the database `{database}` cannot be read: {error}"
        ));
        self.failed.insert(database.to_owned(), error);
        Ok(())
    }

    /// Continues without a database. Restarts if some of its rows were sent.
    pub(super) async fn continue_without(&mut self, member: &Member, error: Error) -> Result<()> {
        self.record_failure(&member.name, error)?;
        if member.is_sent {
            self.restart(&format!("the database `{}` failed", member.name))
                .await;
        }
        Ok(())
    }

    async fn restart(&mut self, reason: &str) {
        self.turns.close().await;
        self.read.clear();
        self.totals.clear();
        self.output.clear();
        self.rows = 0;
        let is_left = |database: &&SelectedDatabase| !self.failed.contains_key(&database.name);
        self.queued = self.selected.iter().filter(is_left).cloned().collect();
        log::warn(&format!("{reason}; the read restarts"));
        self.output.push_back(Event::Restarted(reason.to_owned()));
    }
}
