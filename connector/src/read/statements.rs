//! Short statements whose results are kept as values. A failed statement does
//! not fail the others.

use crate::database::discovery::StatementOutcome;
use crate::database::stream::Stream;
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, ValueRows};
use crate::rows::value::Value;

/// Maximum number of statements in one request, which bounds the response.
pub(super) const MAX_STATEMENTS: usize = 200;

/// Result of a statement that may have failed.
#[derive(Debug, Default)]
pub(super) struct StatementResult {
    /// Rows of the result.
    pub(super) rows: Vec<Vec<Value>>,
    /// Number of rows that the server billed.
    pub(super) rows_billed: u64,
    /// True if the statement failed.
    pub(super) failed: bool,
}

impl StatementResult {
    /// Creates the result of a statement from its outcome and rows.
    pub(super) fn new((outcome, rows): StatementOutcome) -> Self {
        match outcome {
            Outcome::Executed(executed) => Self {
                rows,
                rows_billed: executed.rows_read.unwrap_or(0),
                failed: false,
            },
            _ => Self {
                failed: true,
                ..Self::default()
            },
        }
    }

    /// Returns the first value of the first row.
    pub(super) fn first(&self) -> Option<&Value> {
        self.rows.first()?.first()
    }
}

/// Runs statements in as few requests as possible.
pub(super) async fn run_all(
    stream: &mut Stream,
    statements: &[Statement],
) -> Result<Vec<StatementResult>, Failure> {
    let mut results = Vec::with_capacity(statements.len());
    for statements in statements.chunks(MAX_STATEMENTS) {
        let requests: Vec<_> = statements.iter().cloned().map(Request::execute).collect();
        let (response, ValueRows(mut rows)) = stream.run(&requests).await?;
        rows.resize_with(statements.len(), Vec::new);
        let outcomes = response.outcomes.into_iter().zip(rows);
        results.extend(outcomes.map(StatementResult::new));
    }
    Ok(results)
}
