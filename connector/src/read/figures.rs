//! Figures of the server about the rows that were read, such as their number.
//! The server computes them in the transaction of the read, after all rows were
//! sent, with the conditions of the read but without its pages: rows that the
//! pages lose or repeat show. The host compares.
//!
//! The statements read the rows once more, which the server bills. The number is
//! announced before.

use std::collections::VecDeque;

use super::plan::Plan;
use super::queries::QUERIES;
use super::snapshot::Snapshot;
use super::statements::StatementResult;
use super::target::{ReadMethod, Target};
use crate::database::checksum::{self, ChecksumColumn, Coverage};
use crate::database::failure;
use crate::database::identifier::{qualify, quote};
use crate::database::parameters::text_literal;
use crate::database::statement;
use crate::error::{Category, Error};
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, ValueRows};
use crate::log;
use crate::noun::counted;
use crate::output::{Figures, Output};
use crate::rows::columns::Storage;
use crate::rows::value::Value;
use crate::selection::{AddedColumn, ReadOptions, Selection, Verification};

/// Maximum rows of a read that restarts because figures could not be received.
/// For many rows, the server may need longer than the host waits for a response.
const MAX_REPEATED_ROWS: u64 = 1_000_000;

/// Figures that the server is asked for about one resource.
#[derive(Debug)]
pub(super) struct FigureRequest {
    resource: String,
    /// Statements of disjoint parts of the rows, whose figures are added.
    statements: Vec<Statement>,
    /// Statement that counts the keys, if all keys are read to find deleted rows.
    keys: Option<Statement>,
    max_rows_billed: Option<u64>,
    /// True if the rows of the resource are those that the server bills, unlike
    /// those of a view or a query.
    is_billed_by_row: bool,
    /// Reason why there are no figures.
    unavailable: Option<&'static str>,
    /// True if a checksum is requested.
    has_checksum: bool,
    /// Note on a checksum that is requested, but not computed.
    count_only: Option<&'static str>,
}

/// Reader of figures, one resource after the other.
#[derive(Debug)]
pub(super) struct FigureReader {
    snapshot: Snapshot,
    remaining: VecDeque<FigureRequest>,
    /// Announced request, which is sent with the next step.
    announced: Option<FigureRequest>,
}

/// Returns the requests for the figures of a plan.
pub(super) fn requests(
    plan: &Plan,
    requested: &[Selection],
    options: &ReadOptions,
) -> VecDeque<FigureRequest> {
    let verification = |target: &Target| {
        let named = |name: &str| {
            requested
                .iter()
                .find(|selection| selection.resource == name)
        };
        let is_query = matches!(target.method, ReadMethod::Query(_));
        let selection = named(&target.resource).or_else(|| named(QUERIES).filter(|_| is_query));
        selection.map_or(options.verify, |selection| selection.verify)
    };
    // Pages of a resumed read, and cut ones, have no figures in one snapshot.
    let is_cut = options.row_limit.is_some();
    let request = |target: &Target| match verification(target) {
        Verification::Off => None,
        verification => Some(FigureRequest::new(target, verification, options)),
    };
    let targets = plan.targets.iter().filter(|_| !is_cut);
    targets.filter_map(request).collect()
}

impl FigureRequest {
    fn new(target: &Target, verification: Verification, options: &ReadOptions) -> Self {
        let unavailable = match &target.method {
            _ if options.resumable => Some("the read may be resumed at another point in time"),
            ReadMethod::Changes(_) => Some("the changes of a feed are not counted"),
            _ => None,
        };
        let columns = checksum_columns(target, options.added_column.as_ref());
        let has_checksum = verification == Verification::Checksum;
        let (columns, count_only) = match columns {
            _ if !has_checksum => (None, None),
            Ok(columns) => (Some(columns), None),
            Err(reason) => (None, Some(reason)),
        };
        let statements = match (&target.method, &columns) {
            (ReadMethod::Paged | ReadMethod::Incremental(_), columns) => {
                let passes = target.passes.iter().map(|pass| {
                    let after = pass.after.as_deref();
                    match columns {
                        Some(columns) => pass.paging.checksum(columns, after),
                        None => pass.paging.count(after),
                    }
                });
                passes.collect()
            }
            (ReadMethod::Whole, Some(columns)) => {
                vec![checksum::select(
                    columns,
                    &quote(&target.resource),
                    Vec::new(),
                )]
            }
            (ReadMethod::Whole, None) => vec![statement::count_all(&target.resource)],
            (ReadMethod::Query(sql), Some(columns)) => {
                vec![checksum::select_query(columns, sql, target.columns.len())]
            }
            (ReadMethod::Query(sql), None) => vec![statement::count_query(sql)],
            (ReadMethod::Changes(_), _) => Vec::new(),
        };
        Self {
            resource: target.resource.clone(),
            statements,
            keys: target
                .keys
                .as_ref()
                .map(|(pass, _)| pass.paging.count(None)),
            max_rows_billed: target.max_rows_billed,
            is_billed_by_row: !matches!(target.method, ReadMethod::Whole | ReadMethod::Query(_)),
            unavailable,
            has_checksum,
            count_only,
        }
    }

    /// Checks that the server may bill the rows once more.
    fn check_billed_rows(&self, billed: u64, rows: u64) -> Result<(), Error> {
        match self.max_rows_billed {
            Some(max) if billed.saturating_add(rows) > max => Err(Error::config(
                format!(
                    "the rows of `{}` cannot be verified: the server has read {}, and would read about \
                     {rows} more; `max_rows_read` permits {max}",
                    self.resource,
                    counted(billed, "row")
                ),
                "raise `max_rows_read`, or set `verify` to `off`",
            )),
            _ => Ok(()),
        }
    }
}

impl FigureReader {
    /// Creates a reader of figures.
    pub(super) fn new(snapshot: Snapshot, remaining: VecDeque<FigureRequest>) -> Self {
        Self {
            snapshot,
            remaining,
            announced: None,
        }
    }

    /// Announces a request, or sends the announced one. Returns false at the end.
    pub(super) async fn step(&mut self, output: &mut Output) -> Result<bool, Failure> {
        if let Some(request) = self.announced.take() {
            self.send(&request, output).await?;
        } else if let Some(request) = self.remaining.pop_front() {
            self.announce(request, output);
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// Closes the stream, and with it the transaction.
    pub(super) async fn close(&mut self) {
        self.snapshot.close().await;
    }

    /// Announces what a request costs. A resource that has failed, was cut, or
    /// cannot be counted is skipped.
    fn announce(&mut self, request: FigureRequest, output: &mut Output) {
        let is_transaction = self.snapshot.is_transaction();
        let Some(stats) = output.stats_of(&request.resource) else {
            return;
        };
        if stats.failure.is_some() {
            return;
        }
        let unavailable = match request.unavailable {
            None if !is_transaction => Some("the server has no transactions"),
            None if stats.stopped_early => Some("the read ended at `max_rows_read`"),
            unavailable => unavailable,
        };
        if let Some(reason) = unavailable {
            stats.notes.push(not_verified(reason));
            return;
        }
        let rows = stats.rows + stats.rejected + stats.keys;
        let billed = stats.rows_billed;
        if let Err(error) = request.check_billed_rows(billed.unwrap_or(0), rows) {
            output.record_failure(&request.resource, error);
            return;
        }
        let resource = &request.resource;
        output.report_waiting(match (request.is_billed_by_row, billed) {
            (true, _) => format!(
                "the server verifies `{resource}`, which may bill its {} once more",
                counted(rows, "row")
            ),
            (false, Some(billed)) => format!(
                "the server verifies `{resource}`, and may bill the {} that it has read for it once more",
                counted(billed, "row")
            ),
            (false, None) => format!(
                "the server verifies `{resource}`, and bills the rows that it reads for that; their number \
                 is not known"
            ),
        });
        self.announced = Some(request);
    }

    /// Sends a request. If it fails, the read restarts, unless that would take
    /// long; then this resource and the remaining ones fail.
    async fn send(&mut self, request: &FigureRequest, output: &mut Output) -> Result<(), Failure> {
        let Err(failure) = self.try_send(request, output).await else {
            return Ok(());
        };
        if output.resources_rows() <= MAX_REPEATED_ROWS {
            return Err(failure);
        }
        let error = Error::from(failure);
        let lost = std::iter::once(&request.resource);
        let lost = lost.chain(self.remaining.iter().map(|request| &request.resource));
        for resource in lost {
            let message = format!(
                "the rows of `{resource}` could not be verified: {}",
                error.message
            );
            let error = Error::new(error.category, message).retryable().hint(
                "run again; or set `verify` to `count`, for which the server needs less time",
            );
            output.record_failure(resource, error);
        }
        self.remaining.clear();
        Ok(())
    }

    async fn try_send(
        &mut self,
        request: &FigureRequest,
        output: &mut Output,
    ) -> Result<(), Failure> {
        let statements = request.statements.iter().chain(&request.keys);
        let statements = statements.cloned().map(Request::execute);
        let requests: Vec<_> = statements.chain(self.snapshot.proof_request()).collect();
        output.requests += 1;
        let (response, ValueRows(rows)) = self.snapshot.stream.run(&requests).await?;
        self.snapshot.check_proof(&response.outcomes)?;
        let outcomes = response.outcomes.into_iter().zip(rows);
        let outcomes = outcomes.take(request.statements.len() + request.keys.iter().len());
        let Some(stats) = output.stats_of(&request.resource) else {
            return Ok(());
        };
        stats.requests += 1;
        let mut sum = Some(Figures::ZERO);
        for (index, (outcome, rows)) in outcomes.enumerate() {
            if let Outcome::Failed(error) = &outcome {
                let error = match failure::from_sql_error(error, &request.resource) {
                    Failure::Other(error) if !error.retryable => error,
                    other => return Err(other),
                };
                log::warn(&format!(
                    "`{}` cannot be verified: {error}",
                    request.resource
                ));
                stats.notes.push(not_verified(&error.message));
                return Ok(());
            }
            let result = StatementResult::new((outcome, rows));
            // The server has not reported what it read for the rows, so that the sum
            // is not known.
            if request.is_billed_by_row || stats.rows_billed.is_some() {
                *stats.rows_billed.get_or_insert(0) += result.rows_billed;
            }
            if index == request.statements.len() {
                if let Some(error) = wrong_keys(&request.resource, stats.keys, &result) {
                    output.record_failure(&request.resource, error);
                    return Ok(());
                }
                continue;
            }
            sum = sum.zip(figures(&result)).map(|(sum, part)| sum.plus(part));
        }
        if sum.is_none() {
            stats
                .notes
                .push(not_verified("the server returned no number"));
        }
        stats.notes.extend(request.count_only.map(str::to_owned));
        let has_checksum = request.has_checksum && request.count_only.is_none();
        if has_checksum && sum.is_some_and(|sum| sum.checksum.is_none()) {
            stats.notes.push(
                "only the number of rows was verified, because the database does not store text as UTF-8"
                    .to_owned(),
            );
        }
        stats.figures = sum;
        Ok(())
    }
}

/// Returns the error of a resource whose keys are not all that the server counts.
/// Rows without a key would be taken for deleted ones.
fn wrong_keys(resource: &str, sent: u64, result: &StatementResult) -> Option<Error> {
    let found = result.first().and_then(Value::as_integer);
    if found.and_then(|found| found.try_into().ok()) == Some(sent) {
        return None;
    }
    let number = found.map_or("no number".to_owned(), |found| {
        found
            .try_into()
            .map_or_else(|_| format!("{found} keys"), |found| counted(found, "key"))
    });
    let message = format!("the server counts {number} of `{resource}`, and {sent} arrived");
    Some(
        Error::new(Category::Data, message).retryable().hint(
            "run again; if it differs again, the server or the network loses rows: report it",
        ),
    )
}

/// Returns the figures of a statement.
fn figures(result: &StatementResult) -> Option<Figures> {
    let rows = result.first().and_then(Value::as_integer)?;
    let value = |index| result.rows.first()?.get(index).and_then(Value::as_integer);
    let is_utf8 = value(2) == Some(1);
    let checksum = value(1).filter(|_| is_utf8);
    Some(Figures {
        rows: rows.try_into().ok()?,
        checksum: checksum.map(i64::cast_unsigned),
    })
}

/// Returns the columns of the checksum, or a note if the server cannot compute it.
fn checksum_columns(
    target: &Target,
    added: Option<&AddedColumn>,
) -> Result<Vec<ChecksumColumn>, &'static str> {
    if target.columns.len() + usize::from(added.is_some()) > checksum::MAX_COLUMNS {
        return Err(
            "only the number of rows was verified, because a checksum covers at most 1000 columns",
        );
    }
    let mut columns = Vec::with_capacity(target.columns.len() + 1);
    for (index, column) in target.columns.iter().enumerate() {
        if Coverage::of_storage(column.storage) == Coverage::Impossible {
            return Err(
                "only the number of rows was verified, because `types` converts values that have a checksum",
            );
        }
        let rename = |added: &AddedColumn| (added.rename)(&column.name);
        columns.push(ChecksumColumn {
            expression: match &target.method {
                ReadMethod::Query(_) => checksum::query_column(index),
                _ => qualify(&target.resource, &column.name),
            },
            name: added.map_or_else(|| column.name.clone(), rename),
            storage: column.storage,
        });
    }
    columns.extend(added.map(|added| ChecksumColumn {
        expression: text_literal(&added.text),
        name: added.name.clone(),
        storage: Storage::Text,
    }));
    Ok(columns)
}

fn not_verified(reason: &str) -> String {
    format!("the rows were not verified: {reason}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verification_that_costs_too_much_is_refused() {
        let request = FigureRequest {
            resource: "t".to_owned(),
            statements: Vec::new(),
            max_rows_billed: Some(10),
            is_billed_by_row: true,
            keys: None,
            unavailable: None,
            has_checksum: false,
            count_only: None,
        };
        assert!(request.check_billed_rows(5, 5).is_ok());
        let error = request.check_billed_rows(5, 6).unwrap_err();
        assert!(
            error.message.contains("`max_rows_read` permits 10"),
            "{error}"
        );
    }
}
