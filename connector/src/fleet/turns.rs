//! Reads of several databases at once: whichever has its next event first has
//! its turn. A database that waits, for a slow response or before another
//! attempt, gives its place to one that has not begun. Must not decide what an
//! event means.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;

use super::Fleet;
use super::databases::SelectedDatabase;
use super::member::{Member, MemberStep};
use super::progress::MemberRows;
use super::union::added_column;
use crate::clock;
use crate::database::server::Server;
use crate::describe::DATABASE_TOKEN;
use crate::error::Result;
use crate::http::Credential;
use crate::read::Read;
use crate::retry::{self, RetryPolicy};
use crate::selection::{ReadOptions, Selection};

/// Maximum number of reads for each one that `concurrency` permits, including
/// those that wait.
const MAX_READS: usize = 4;
/// Maximum number of reads, unless `concurrency` permits more. Each of them may
/// keep rows.
const MAX_ALL_READS: usize = 24;
/// Maximum bytes of the responses of all databases that `concurrency` permits: of
/// each, a page is decoded, and the memory is kept for the next one.
const MAX_PAGE_BYTES: u64 = 40_000_000;
/// Time for closing streams. Those that are still open expire on the server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Turn of a database: its next event, or the error that ended its read.
pub(super) type Turn = (Member, Result<MemberStep>);

/// Reads that are in progress.
#[derive(Debug, Default)]
pub(super) struct Turns {
    next: FuturesUnordered<Pin<Box<dyn Future<Output = Turn>>>>,
    /// Rows of their resources, by database.
    rows: BTreeMap<String, Rc<RefCell<MemberRows>>>,
}

impl Turns {
    /// Continues the read of a database. If it cannot continue, its stream is
    /// closed.
    pub(super) fn push(&mut self, mut member: Member) {
        let rows = Rc::clone(&member.rows);
        self.rows.insert(member.name.clone(), rows);
        self.next.push(Box::pin(async move {
            let step = member.step().await;
            if matches!(step, Err(_) | Ok(MemberStep::Restarted(_))) {
                member.close().await;
            }
            (member, step)
        }));
    }

    /// Returns the estimated rows of a resource in the databases that are in
    /// progress. `None` if those of one database are unknown.
    pub(super) fn expected_rows(&self, resource: &str) -> Option<u64> {
        let rows = self.rows.values();
        rows.map(|rows| rows.borrow().total(resource)).sum()
    }

    /// Returns the number of databases that are in progress.
    pub(super) fn len(&self) -> usize {
        self.next.len()
    }

    /// Returns the first database that is in progress, by name.
    pub(super) fn first(&self) -> Option<&String> {
        self.rows.keys().next()
    }

    /// Ends all reads, and closes their streams.
    pub(super) async fn close(&mut self) {
        self.rows.clear();
        let mut turns = std::mem::take(&mut self.next);
        let close = async {
            while let Some((mut member, _)) = turns.next().await {
                member.close().await;
            }
        };
        clock::within(CLOSE_TIMEOUT, close).await;
    }

    fn may_begin(&self, concurrency: usize) -> bool {
        let reads = self.next.len();
        let max_reads = (MAX_READS * concurrency).min(MAX_ALL_READS.max(concurrency));
        reads.saturating_sub(retry::waiting()) < concurrency && reads < max_reads
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Turn>> {
        let turn = self.next.poll_next_unpin(context);
        if let Poll::Ready(Some((member, _))) = &turn {
            self.rows.remove(&member.name);
        }
        turn
    }
}

impl Fleet {
    /// Waits for the next turn. `None` after the last one.
    pub(super) async fn next_turn(&mut self) -> Result<Option<Turn>> {
        poll_fn(|context| self.poll_turn(context)).await
    }

    fn poll_turn(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Turn>>> {
        let concurrency = self.config.platform.concurrency;
        loop {
            while self.turns.may_begin(concurrency)
                && let Some(next) = self.queued.pop_front()
            {
                if let Err(error) = self.begin_reading(next) {
                    return Poll::Ready(Err(error));
                }
            }
            let turn = self.turns.poll_next(context);
            // A database that begins to wait makes room for another.
            let has_room = !self.queued.is_empty() && self.turns.may_begin(concurrency);
            if turn.is_ready() || !has_room {
                return turn.map(Ok);
            }
        }
    }

    fn begin_reading(&mut self, next: SelectedDatabase) -> Result<()> {
        let url = match next.url {
            Ok(url) => url,
            Err(error) => return self.record_failure(&next.name, error),
        };
        let config = self.config.for_database(url.clone(), next.id);
        let requested = self.requested.iter().map(|selection| {
            let cursor = selection.cursor.as_ref();
            let cursor = cursor.and_then(|known| known.databases.get(&next.name).cloned());
            Selection {
                is_first: cursor.is_none(),
                cursor,
                ..selection.clone()
            }
        });
        let requested = requested.collect();
        let retry = RetryPolicy {
            probes: true,
            ..config.platform.retry
        };
        let server = Server::new(url, Credential::from_secret(DATABASE_TOKEN), retry);
        let databases = self.config.platform.concurrency.min(self.selected.len());
        let page_bytes = MAX_PAGE_BYTES / databases.max(1) as u64;
        let options = ReadOptions {
            added_column: Some(added_column(&next.name)),
            page_bytes: Some(self.options.page_bytes.unwrap_or(u64::MAX).min(page_bytes)),
            ..self.options.clone()
        };
        let read = Read::new(Some(server), config, requested, options);
        let state = self.restart_states.get(&next.name).cloned();
        let read = read
            .with_restart_state(state.unwrap_or_default())
            .with_delay(self.delays.remove(&next.name));
        let member = Member::new(next.name, read, self.buffered.clone());
        self.turns.push(member);
        Ok(())
    }
}
