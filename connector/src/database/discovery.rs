//! Requests for the catalogue of a database.

use super::catalog::{self, Catalog};
use super::failure;
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

/// Begins a transaction on a stream. The plain `BEGIN` takes no lock, and every
/// server knows it. The first read fixes the moment that the transaction sees.
pub fn begin(stream: &mut Stream) -> Result<(), Failure> {
    let (response, _) = stream.run(&[Request::execute(Statement::new("BEGIN"))])?;
    match response.outcomes.first() {
        Some(Outcome::Failed(error)) => Err(failure::from_sql_error(error, "BEGIN")),
        _ => Ok(()),
    }
}

/// Reads the catalogue of the database.
pub fn catalog(stream: &mut Stream) -> Result<Catalog, Failure> {
    let statements = catalog::statements().map(Request::execute);
    let (response, ValueRows(rows)) = stream.run(&statements)?;
    let [schema, relations, columns, view_columns] = response.outcomes.as_slice() else {
        let error = Error::protocol("the number of results of the catalogue is wrong");
        return Err(error.into());
    };
    for outcome in [schema, relations] {
        if let Outcome::Failed(error) = outcome {
            return Err(failure::from_sql_error(error, "the catalogue"));
        }
    }
    let mut catalog = Catalog::from_rows(&rows[0], &rows[1]);
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
        catalog::select_columns,
        |catalog, _, outcome, rows| {
            if !matches!(outcome, Outcome::Failed(_)) {
                catalog.add_columns(rows);
            }
        },
    )?;
    // A name that the server's own functions cannot handle, or a broken view:
    // only reading the relation shows which it is.
    complete_columns(
        stream,
        &mut catalog,
        statement::select_no_rows,
        |catalog, name, outcome, _| match outcome {
            Outcome::Executed(executed) => catalog.add_result_columns(name, &executed.columns),
            Outcome::Failed(error) => {
                log::warn(&format!("`{name}` cannot be read: {}", error.message));
            }
            _ => {}
        },
    )?;
    catalog.tables.retain(|table| !table.columns.is_empty());
    Ok(catalog)
}

/// Runs a statement for every relation whose columns are unknown.
fn complete_columns(
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
        let (PipelineResponse { outcomes, .. }, ValueRows(rows)) = stream.run(&requests)?;
        for ((name, outcome), rows) in names.iter().zip(&outcomes).zip(&rows) {
            add(catalog, name, outcome, rows);
        }
    }
    Ok(())
}
