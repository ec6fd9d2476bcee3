//! Recovery of a read from a failure: a restart from the beginning, or the
//! resumption of a read whose pages may be from different points in time.

use std::collections::{BTreeMap, BTreeSet};

use super::{Read, Stage};
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::hrana::decoder::Encoding;
use crate::log;

/// Maximum number of restarts because a snapshot was lost.
pub(super) const MAX_RESTARTS: u32 = 7;

/// Maximum number of columns in the typed encoding. A server selects at most
/// 2,000 values in a statement, and each column takes two of them.
const MAX_TYPED_COLUMNS: usize = 1000;

/// State that an attempt passes on to the next one.
#[derive(Clone, Debug, Default)]
pub struct RestartState {
    /// Resources with text that is not UTF-8.
    not_utf8: BTreeSet<String>,
    /// True if several resources have such text, so that all are suspected.
    all_not_utf8: bool,
    /// True if a prefetched response was lost, so that each page is requested
    /// only when it is needed, and its failure is that of its own resource.
    pub(super) no_prefetch: bool,
    /// Resources that the token must not read.
    pub(super) excluded: BTreeMap<String, Error>,
    /// True if the read was resumed in another snapshot.
    pub(super) is_resumed: bool,
    /// Commit of the server before the first snapshot.
    pub(super) commit: Option<String>,
}

impl RestartState {
    /// Returns the encoding in which a resource with this number of columns is
    /// requested.
    pub(super) fn encoding(&self, resource: &str, columns: usize) -> Encoding {
        let is_suspected = self.all_not_utf8 && columns <= MAX_TYPED_COLUMNS;
        if is_suspected || self.not_utf8.contains(resource) {
            Encoding::Typed
        } else {
            Encoding::Plain
        }
    }

    fn add_not_utf8(&mut self, resource: String) {
        self.all_not_utf8 |= !self.not_utf8.is_empty();
        self.not_utf8.insert(resource);
    }
}

impl Read {
    /// Restarts or resumes the read after a failure.
    ///
    /// # Errors
    /// The error of the failure, if another attempt is useless.
    pub(super) async fn recover(&mut self, failure: Failure) -> Result<()> {
        let current = self.output.current_resource().map(str::to_owned);
        // The wait for a rate limit is reported where it is decided.
        let is_limited = failure.is_rate_limit();
        let reason = match failure {
            Failure::NotUtf8 => self.request_bytes(current)?,
            Failure::PrefetchLost => {
                self.restart.no_prefetch = true;
                "the server lost the transaction with a prefetched page".to_owned()
            }
            Failure::StreamLost(reason) => {
                let reason = format!("the server lost the transaction ({reason})");
                let error = Error::new(Category::Unavailable, reason.clone()).retryable();
                self.back_off(error)?;
                reason
            }
            Failure::Other(error) if error.category == Category::Permission => {
                self.exclude(current, error)?
            }
            Failure::Other(error) if error.retryable => {
                let reason = error.message.clone();
                self.back_off(error)?;
                reason
            }
            failure @ (Failure::Other(_) | Failure::Final(_) | Failure::NoSuchEndpoint(_)) => {
                return Err(failure.into());
            }
        };
        if self.options.resumable {
            return self.resume(&reason, is_limited).await;
        }
        self.close().await;
        self.stage = Stage::Start;
        if is_limited {
            if self.output.is_sent() {
                self.output.restart(reason);
            } else {
                self.output.discard();
            }
            return Ok(());
        }
        log::warn(&format!("{reason}; the read restarts"));
        let waiting = self.delay.is_some().then(|| reason.clone());
        self.output.restart(reason);
        self.report_waiting(waiting);
        Ok(())
    }

    /// Requests the text of a resource as bytes from now on.
    fn request_bytes(&mut self, resource: Option<String>) -> Result<String> {
        let Some(resource) = resource else {
            return Err(Failure::NotUtf8.into());
        };
        if self.restart.not_utf8.contains(&resource) {
            let hint = format!("remove `{resource}` from the pipeline");
            return Err(Error::from(Failure::NotUtf8).hint(hint));
        }
        let reason = format!("`{resource}` has text that is not UTF-8, which is now read as bytes");
        self.restart.add_not_utf8(resource);
        Ok(reason)
    }

    /// Excludes a resource that the token must not read, so that the others can
    /// be read. If no other is left, the host reports the error.
    fn exclude(&mut self, resource: Option<String>, error: Error) -> Result<String> {
        match resource {
            Some(resource) if !self.restart.excluded.contains_key(&resource) => {
                let reason = format!("reading `{resource}` is not permitted");
                self.restart.excluded.insert(resource, error);
                Ok(reason)
            }
            _ => Err(error),
        }
    }

    /// Schedules a delay before the next attempt.
    fn back_off(&mut self, error: Error) -> Result<()> {
        let delay = self.backoff.next_delay(error).map_err(|error| {
            if error.category == Category::RateLimited {
                return error;
            }
            error.hint(
                "the server did not keep a transaction open, or did not answer, for as long as the \
                 read took; read fewer or smaller resources at once, or run again later",
            )
        })?;
        self.delay = Some(delay);
        Ok(())
    }

    fn report_waiting(&mut self, reason: Option<String>) {
        if let Some(reason) = reason.filter(|_| self.options.progress) {
            self.output.report_waiting(reason);
        }
    }

    /// Resumes the read after its last page, in another snapshot.
    ///
    /// # Errors
    /// A retryable error if rows without a cursor were sent: they have to be
    /// read again, by another run.
    async fn resume(&mut self, reason: &str, is_limited: bool) -> Result<()> {
        // A read of all resources has no selections that could be removed.
        if self.requested.is_empty() {
            return Err(not_resumable("a read of all resources", reason));
        }
        if let Some(resource) = self.output.unfinished_earlier() {
            return Err(not_resumable(&format!("`{resource}`"), reason));
        }
        self.resume_current(reason)?;
        let ended = self.output.ended();
        self.requested
            .retain(|selection| !ended.contains(&selection.resource));
        self.close().await;
        self.restart.is_resumed = true;
        if !is_limited {
            log::warn(&format!("{reason}; the read resumes after its last page"));
        }
        if self.requested.is_empty() {
            self.output.done();
        } else {
            self.stage = Stage::Start;
            let waits = self.delay.is_some() && !is_limited;
            let waiting = waits.then(|| reason.to_owned());
            self.report_waiting(waiting);
        }
        Ok(())
    }

    /// Sets the cursor at which the current resource is resumed.
    fn resume_current(&mut self, reason: &str) -> Result<()> {
        let Some(resource) = self.output.unfinished_current().map(str::to_owned) else {
            return Ok(());
        };
        let current = match &self.stage {
            Stage::Tables(tables, _) => tables.current(),
            Stage::Changes(changes, _) => changes.current(),
            _ => None,
        };
        let cursor = current.and_then(|(name, cursor)| cursor.filter(|_| name == resource));
        let mut selections = self.requested.iter_mut();
        let selection =
            selections.find(|selection| selection.resource.eq_ignore_ascii_case(&resource));
        match (cursor, selection) {
            (Some(cursor), Some(selection)) => selection.cursor = Some(cursor),
            // This attempt has not read anything since the last one.
            (None, Some(selection))
                if matches!(self.stage, Stage::Start) && selection.cursor.is_some() => {}
            _ => return Err(not_resumable(&format!("`{resource}`"), reason)),
        }
        Ok(())
    }
}

/// Creates the error of a read that has to be done again by another run.
fn not_resumable(subject: &str, reason: &str) -> Error {
    Error::new(
        Category::Unavailable,
        format!("{subject} cannot be resumed: {reason}"),
    )
    .hint("run again; committed rows are kept")
    .retryable()
}
