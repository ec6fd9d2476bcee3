//! Preflight of a read: the queries that are needed before the first page. An
//! index on the cursor column decides the order of the passes, a probe drops
//! passes without rows, the last rows show if the table still is the same, and
//! the largest row id shows what a read would cost. A read that needs none of this sends no request.

use super::continuity::Checks;
use super::increment::Increment;
use super::plan::Plan;
use super::query_plans::{self, QueryPlans};
use super::statements::{StatementResult, run_all};
use super::target::{ReadMethod, Target, row_count};
use crate::database::identifier::quote;
use crate::database::stream::Stream;
use crate::error::Error;
use crate::failure::Failure;
use crate::hrana::request::Statement;
use crate::noun::counted;
use crate::rows::value::Value;
use crate::selection::ReadOptions;

/// Determines the passes of the targets, and fails those that would cost more
/// than permitted. `plans` holds the query plans that are already known.
pub(super) async fn run(
    stream: &mut Stream,
    plan: &mut Plan,
    options: &ReadOptions,
    plans: QueryPlans,
) -> Result<(), Failure> {
    plan.fail(unreadable_ranges(&plan.targets));
    let indexed = find_indexes(stream, &plan.targets, options, plans).await?;
    let mut queries = PreflightQueries::default();
    let mut checks = Checks::default();
    for ((index, target), is_ordered) in plan.targets.iter_mut().enumerate().zip(indexed) {
        let increment = match &target.method {
            ReadMethod::Incremental(increment) => Some(increment.clone()),
            _ => None,
        };
        match increment {
            Some(increment) => {
                target.set_passes(&increment, is_ordered)?;
                queries.add_incremental(index, target, &increment, is_ordered);
                checks.add(index, &increment, is_ordered);
            }
            // A followed table is not read as a whole.
            None if matches!(target.method, ReadMethod::Changes(_)) => {}
            None if target.max_rows_billed.is_some() => queries.add_max_row_id(index, target),
            None => {}
        }
    }
    let mut statements = queries.statements.clone();
    statements.extend(checks.statements());
    let results = run_all(stream, &statements).await?;
    let (results, checked) = results.split_at(queries.statements.len());
    let mut failures = queries.apply(results, plan);
    failures.extend(uncounted_scans(&plan.targets));
    failures.extend(checks.take(checked, plan)?);
    while !checks.are_complete() {
        let results = run_all(stream, &checks.statements()).await?;
        failures.extend(checks.take(&results, plan)?);
    }
    plan.fail(failures);
    Ok(())
}

/// Returns the targets whose saved cursor does not suit the selection, with the
/// errors.
fn unreadable_ranges(targets: &[Target]) -> Vec<(String, Error)> {
    let error = |target: &Target| match &target.method {
        ReadMethod::Incremental(increment) => {
            Some((target.resource.clone(), increment.ordered().err()?))
        }
        _ => None,
    };
    targets.iter().filter_map(error).collect()
}

/// Returns the targets that are scanned, and whose rows are limited, but not
/// known, with the errors.
fn uncounted_scans(targets: &[Target]) -> Vec<(String, Error)> {
    let error = |target: &Target| {
        let is_unknown = target.is_scan && target.row_id.is_none();
        let ReadMethod::Incremental(increment) = &target.method else {
            return None;
        };
        target.max_rows_billed.filter(|_| is_unknown)?;
        let name = &target.resource;
        let error = Error::config(
            format!(
                "the server would read all rows of `{name}`, whose number is not known, \
                 but `max_rows_read` limits them"
            ),
            target.index_hint(increment),
        );
        Some((name.clone(), error))
    };
    targets.iter().filter_map(error).collect()
}

/// Returns, for each target, true if it is to be read in the order of its cursor
/// column, because an index has it.
async fn find_indexes(
    stream: &mut Stream,
    targets: &[Target],
    options: &ReadOptions,
    mut plans: QueryPlans,
) -> Result<Vec<bool>, Failure> {
    let statement = |target: &Target| match &target.method {
        ReadMethod::Incremental(increment) => query_plans::explain(increment, options),
        _ => Ok(None),
    };
    let statements = targets.iter().map(statement);
    let statements = statements.collect::<Result<Vec<_>, Error>>()?;
    let unknown = |statement: &&Statement| plans.searches_index(statement).is_none();
    let unknown: Vec<_> = statements.iter().flatten().filter(unknown).collect();
    let unknown: Vec<_> = unknown.into_iter().cloned().collect();
    let results = run_all(stream, &unknown).await?;
    plans.add(unknown, &results);
    let searches = |statement: &Statement| plans.searches_index(statement).unwrap_or(false);
    let indexed = statements
        .iter()
        .map(|statement| statement.as_ref().is_some_and(searches));
    Ok(indexed.collect())
}

/// Query about a target before its first page.
#[derive(Clone, Copy, Debug)]
enum PreflightQuery {
    /// Largest row id of the table, which decides whether the table is read.
    MaxRowId,
    /// Existence of a row in the pass with this index.
    HasRows(usize),
    /// Time that orders before the last one, because it has another form.
    PassedTime,
}

/// Queries about all targets, with their statements.
#[derive(Debug, Default)]
struct PreflightQueries {
    /// Index of the target and query for each statement.
    queries: Vec<(usize, PreflightQuery)>,
    statements: Vec<Statement>,
}

impl PreflightQueries {
    fn add_incremental(
        &mut self,
        index: usize,
        target: &Target,
        increment: &Increment,
        is_ordered: bool,
    ) {
        let is_limited = target.max_rows_billed.is_some();
        let reads_all = if increment.continues() {
            target.is_scan || target.keys.is_some() && is_limited
        } else {
            target.is_scan || is_limited && !(is_ordered && increment.is_bounded())
        };
        if is_ordered && increment.continues() {
            self.add_probes(index, target);
            if let Some(statement) = increment.select_passed_time() {
                self.queries.push((index, PreflightQuery::PassedTime));
                self.statements.push(statement);
            }
        }
        if reads_all {
            self.add_max_row_id(index, target);
        }
    }

    fn add_max_row_id(&mut self, index: usize, target: &Target) {
        if let Some(statement) = target.select_max_row_id() {
            self.queries.push((index, PreflightQuery::MaxRowId));
            self.statements.push(statement);
        }
    }

    fn add_probes(&mut self, index: usize, target: &Target) {
        for (pass_index, pass) in target.passes.iter().enumerate() {
            self.queries
                .push((index, PreflightQuery::HasRows(pass_index)));
            self.statements.push(pass.probe());
        }
    }

    /// Applies the responses, and returns the failures of resources. A failed
    /// statement is ignored here; its error occurs again, and is reported, when
    /// the table is read.
    fn apply(self, results: &[StatementResult], plan: &mut Plan) -> Vec<(String, Error)> {
        let mut empty_passes: Vec<(usize, usize)> = Vec::new();
        let mut failures = Vec::new();
        for ((index, query), result) in self.queries.into_iter().zip(results) {
            let target = &mut plan.targets[index];
            target.rows_billed += result.rows_billed;
            match query {
                _ if result.failed => {}
                PreflightQuery::HasRows(pass) if result.rows.is_empty() => {
                    empty_passes.push((index, pass));
                }
                PreflightQuery::HasRows(_) => {}
                PreflightQuery::PassedTime => {
                    let time = result.first().unwrap_or(&Value::Null);
                    if let Err(error) = target.take_passed_time(time) {
                        failures.push((target.resource.clone(), error));
                    }
                }
                PreflightQuery::MaxRowId => {
                    let max_row_id = result.first().unwrap_or(&Value::Null);
                    if let Err(error) = target.set_max_row_id(max_row_id) {
                        failures.push((target.resource.clone(), error));
                    }
                }
            }
        }
        for (index, pass) in empty_passes.into_iter().rev() {
            plan.targets[index].passes.remove(pass);
        }
        failures
    }
}

impl Target {
    /// Sets the passes of an incremental read.
    pub(super) fn set_passes(
        &mut self,
        increment: &Increment,
        is_ordered: bool,
    ) -> Result<(), Error> {
        self.passes = match increment.cursor_column() {
            Some(column) if !is_ordered => {
                self.is_scan = increment.continues() || increment.is_bounded();
                [increment.unordered(column)?].into()
            }
            _ => increment.ordered()?.into(),
        };
        Ok(())
    }

    fn take_passed_time(&mut self, time: &Value) -> Result<(), Error> {
        match &mut self.method {
            ReadMethod::Incremental(increment) => increment.take_passed_time(time),
            _ => Ok(()),
        }
    }

    /// Takes the largest row id, which estimates the rows.
    fn set_max_row_id(&mut self, max_row_id: &Value) -> Result<(), Error> {
        let rows = row_count(max_row_id);
        let continues = match &self.method {
            ReadMethod::Incremental(increment) => increment.continues(),
            _ => false,
        };
        // A read that continues returns an unknown part of the rows.
        if !self.is_filtered && !continues && !self.is_scan {
            self.estimated_rows = Some(rows);
        }
        self.check_billed_rows(rows)?;
        self.note_scan(rows);
        Ok(())
    }

    /// Checks that the server may bill all rows of the table.
    fn check_billed_rows(&self, rows: u64) -> Result<(), Error> {
        let name = &self.resource;
        let Some(max) = self.max_rows_billed.filter(|max| rows > *max) else {
            return Ok(());
        };
        let hint = match &self.method {
            ReadMethod::Incremental(increment) if self.is_scan => self.index_hint(increment),
            _ if self.keys.is_some() => {
                "raise `max_rows_read`, or do not search for deleted rows (`deletes`)".to_owned()
            }
            _ => "raise `max_rows_read`".to_owned(),
        };
        Err(Error::config(
            format!(
                "`{name}` has about {}, and the server would read all of them; `max_rows_read` \
                 permits {max}",
                counted(rows, "row")
            ),
            hint,
        ))
    }

    fn index_hint(&self, increment: &Increment) -> String {
        let name = &self.resource;
        format!(
            "create an index: CREATE INDEX {name}_cursor ON {}({}); or raise `max_rows_read`",
            quote(name),
            increment.index_expression()
        )
    }

    /// Notes what a scan costs.
    fn note_scan(&mut self, rows: u64) {
        if let (true, ReadMethod::Incremental(increment)) = (self.is_scan, &self.method) {
            let name = &self.resource;
            let column = increment.cursor_column().unwrap_or_default();
            self.notes.push(format!(
                "no index has `{column}`, so each run reads, and is billed for, all of about {}; \
                 CREATE INDEX {} ON {}({}) avoids that",
                counted(rows, "row"),
                quote(&format!("{name}_{column}")),
                quote(name),
                increment.index_expression()
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::catalog::Catalog;
    use crate::database::table::tests::table;
    use crate::hrana::decoder::Encoding;
    use crate::selection::Selection;

    fn target(selection: &Selection) -> Target {
        let table = table(&[("id", "INTEGER", 1), ("at", "TEXT", 0)], false);
        let catalog = Catalog::default();
        let mut target = Target::for_table(&table, selection, &catalog, Encoding::Plain).unwrap();
        if let ReadMethod::Incremental(increment) = target.method.clone() {
            target.set_passes(&increment, false).unwrap();
        }
        target
    }

    #[test]
    fn the_largest_row_id_estimates_the_rows_that_are_read() {
        for (selection, estimate) in [
            (Selection::default(), Some(40)),
            (
                Selection {
                    filter: Some("at > 1".to_owned()),
                    ..Selection::default()
                },
                None,
            ),
        ] {
            let mut target = target(&selection);
            target.set_max_row_id(&Value::Integer(40)).unwrap();
            assert_eq!(target.estimated_rows, estimate, "{selection:?}");
        }
    }

    #[test]
    fn a_table_that_costs_too_much_is_refused() {
        let selection = Selection {
            max_rows_billed: Some(39),
            ..Selection::default()
        };
        let result = target(&selection).set_max_row_id(&Value::Integer(40));
        assert!(
            result
                .unwrap_err()
                .message
                .contains("`max_rows_read` permits 39")
        );
    }
}
