//! Snapshot: the stream of a read, and the check that every response is from its
//! transaction. Does not know what is read.

use super::statements::StatementResult;
use crate::database::catalog::Catalog;
use crate::database::dialect::Dialect;
use crate::database::discovery;
use crate::database::stream::Stream;
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::Outcome;

/// Stream of a read. If the server supports it, all statements run in one
/// transaction, so that all pages show the database at one point in time.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Stream of the transaction.
    pub(super) stream: Stream,
}

impl Snapshot {
    /// Creates a snapshot of a stream, which is not begun.
    pub(super) fn new(stream: Stream) -> Self {
        Self { stream }
    }

    /// True if all statements run in one transaction.
    pub(super) fn is_transaction(&self) -> bool {
        self.stream.dialect() != Dialect::Minimal
    }

    /// Begins the transaction, and reads the catalogue in it, which determines
    /// the point in time. The same request runs further statements.
    pub(super) async fn begin(
        &mut self,
        further: &[Statement],
    ) -> Result<(Catalog, Vec<StatementResult>), Failure> {
        let (catalog, outcomes) = discovery::begin(&mut self.stream, further).await?;
        let results = outcomes.into_iter().map(StatementResult::new).collect();
        Ok((catalog, results))
    }

    /// Returns the request that proves, next to a page, that the transaction is
    /// still open. Hrana 2 has no such request.
    pub(super) fn proof_request(&self) -> Option<Request> {
        (self.stream.dialect() == Dialect::V3).then_some(Request::GetAutocommit)
    }

    /// Checks that a response is from the transaction. With Hrana 2, the stream
    /// being open has to suffice.
    pub(super) fn check_proof(&self, outcomes: &[Outcome]) -> Result<(), Failure> {
        let needs_proof = self.stream.dialect() == Dialect::V3;
        let is_proved = !needs_proof || outcomes.contains(&Outcome::Autocommit(false));
        if self.is_transaction() && !(self.stream.is_open() && is_proved) {
            return Err(transaction_lost());
        }
        Ok(())
    }

    /// Closes the stream, and with it the transaction.
    pub(super) async fn close(&mut self) {
        self.stream.close().await;
    }
}

/// Returns the failure of a response that is not from the transaction.
pub(super) fn transaction_lost() -> Failure {
    Failure::StreamLost("the transaction is no longer open".to_owned())
}
