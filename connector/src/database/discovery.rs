//! Requests for the catalogue of a database.

use super::catalog::{self, Catalog};
use super::dialect::Dialect;
use super::failure;
use super::parameters::Parameters;
use super::statement;
use super::stream::Stream;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, PipelineResponse, ValueRows};
use crate::log;
use crate::rows::value::Value;

/// Maximum number of statements in one request. More would only make one
/// response long.
const MAX_STATEMENTS: usize = 100;

/// Outcome of a statement, and its rows.
pub type StatementOutcome = (Outcome, Vec<Vec<Value>>);

/// Reads the catalogue of the database.
pub async fn catalog(stream: &mut Stream) -> Result<Catalog, Failure> {
    let requests = catalog::statements().map(Request::execute);
    let (response, ValueRows(rows)) = stream.run(&requests).await?;
    read_catalog(stream, &response.outcomes, &rows).await
}

/// Begins a transaction on a stream, reads the catalogue in it, and runs further
/// statements, all in one request. The plain `BEGIN` takes no lock, and every
/// server with transactions knows it. The first read fixes the point in time that
/// the transaction sees.
pub async fn begin(
    stream: &mut Stream,
    further: &[Statement],
) -> Result<(Catalog, Vec<StatementOutcome>), Failure> {
    let is_transaction = stream.dialect() != Dialect::Minimal;
    let begin = is_transaction.then(|| Statement::new("BEGIN"));
    let before = usize::from(is_transaction);
    let statements = begin.into_iter().chain(catalog::statements());
    let statements = statements.chain(further.iter().cloned());
    let requests: Vec<_> = statements.map(Request::execute).collect();
    let (response, ValueRows(mut rows)) = stream.run(&requests).await?;
    let mut outcomes = response.outcomes;
    if let (true, Some(Outcome::Failed(error))) = (is_transaction, outcomes.first()) {
        return Err(failure::from_sql_error(error, "BEGIN"));
    }
    rows.resize_with(outcomes.len(), Vec::new);
    let of_further = outcomes.len() - further.len();
    let further = outcomes.drain(of_further..).zip(rows.drain(of_further..));
    let further = further.collect();
    let catalog = read_catalog(stream, &outcomes[before..], &rows[before..]).await?;
    Ok((catalog, further))
}

/// Reads the catalogue from the results of its statements, and requests the
/// columns that they lack.
async fn read_catalog(
    stream: &mut Stream,
    outcomes: &[Outcome],
    rows: &[Vec<Vec<Value>>],
) -> Result<Catalog, Failure> {
    let [schema, relations, columns, view_columns, _] = outcomes else {
        let error = Error::protocol("the number of results of the catalogue is wrong");
        return Err(error.into());
    };
    for outcome in [schema, relations] {
        if let Outcome::Failed(error) = outcome {
            return Err(failure::from_sql_error(error, "the catalogue"));
        }
    }
    let parameters = Parameters::from_rows(rows.get(4).map_or(&[], Vec::as_slice));
    if parameters != Parameters::ALL {
        log::debug("the server changes parameters; values are written into the statements");
    }
    let mut catalog = Catalog::from_rows(&rows[0], &rows[1], parameters);
    for (index, outcome) in [(2, columns), (3, view_columns)] {
        match outcome {
            Outcome::Failed(error) => {
                log::debug(&format!(
                    "reading columns of each relation separately: {}",
                    error.message
                ));
            }
            _ => catalog.add_columns(&rows[index]),
        }
    }
    complete_columns(
        stream,
        &mut catalog,
        |name| catalog::select_columns(name, parameters),
        |catalog, _, outcome, rows| {
            if !matches!(outcome, Outcome::Failed(_)) {
                catalog.add_columns(rows);
            }
        },
    )
    .await?;
    // A name that the server's own functions cannot handle, or a broken view:
    // only reading the relation shows which it is.
    complete_columns(
        stream,
        &mut catalog,
        statement::select_no_rows,
        |catalog, name, outcome, _| match outcome {
            Outcome::Executed(executed) => catalog.add_result_columns(name, &executed.columns),
            Outcome::Failed(error) => {
                let unreadable = format!("the view `{name}`");
                let error = Error::from(failure::from_sql_error(error, &unreadable));
                log::warn(&format!("`{name}` cannot be read: {error}"));
                catalog.unreadable.insert(name.to_owned(), error);
            }
            _ => {}
        },
    )
    .await?;
    catalog.tables.retain(|table| !table.columns.is_empty());
    Ok(catalog)
}

/// Runs a statement for every relation whose columns are unknown.
async fn complete_columns(
    stream: &mut Stream,
    catalog: &mut Catalog,
    statement: impl Fn(&str) -> Statement,
    mut add: impl FnMut(&mut Catalog, &str, &Outcome, &[Vec<Value>]),
) -> Result<(), Failure> {
    let missing: Vec<String> = catalog.without_columns().map(str::to_owned).collect();
    for names in missing.chunks(MAX_STATEMENTS) {
        let requests: Vec<_> = names
            .iter()
            .map(|name| Request::execute(statement(name)))
            .collect();
        let (PipelineResponse { outcomes, .. }, ValueRows(rows)) = stream.run(&requests).await?;
        for ((name, outcome), rows) in names.iter().zip(&outcomes).zip(&rows) {
            add(catalog, name, outcome, rows);
        }
    }
    Ok(())
}
