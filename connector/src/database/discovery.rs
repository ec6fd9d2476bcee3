//! Asks a server what a database holds.

use super::catalog::{self, Catalog};
use super::failure;
use super::statement;
use super::stream::Stream;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::{Outcome, Response, Rows};
use crate::log;

/// Questions in one request; more would only make one answer long.
const AT_ONCE: usize = 100;

/// Begins a transaction on a stream. Plain `BEGIN`: it takes no lock, and is
/// the one spelling that every server knows. The first read fixes the moment
/// that the transaction sees.
pub fn begin(stream: &mut Stream) -> Result<(), Failure> {
    let (response, _) = stream.ask(&[Request::execute(Statement::new("BEGIN"))])?;
    match response.outcomes.first() {
        Some(Outcome::Failed(error)) => Err(failure::of_sql(error, "BEGIN")),
        _ => Ok(()),
    }
}

/// What the database holds.
pub fn catalog(stream: &mut Stream) -> Result<Catalog, Failure> {
    let statements = catalog::statements().map(Request::execute);
    let (response, Rows(rows)) = stream.ask(&statements)?;
    let [schema, relations, columns, view_columns] = response.outcomes.as_slice() else {
        return Err(Error::protocol("the catalogue has other answers than questions").into());
    };
    for outcome in [schema, relations] {
        if let Outcome::Failed(error) = outcome {
            return Err(failure::of_sql(error, "the catalogue"));
        }
    }
    let mut catalog = Catalog::of(&rows[0], &rows[1]);
    for (index, outcome) in [(2, columns), (3, view_columns)] {
        match outcome {
            Outcome::Failed(error) => {
                log::debug(&format!(
                    "columns are asked for one by one: {}",
                    error.message
                ));
            }
            _ => catalog.add_columns(&rows[index]),
        }
    }
    ask_for_each(
        stream,
        &mut catalog,
        catalog::columns_of,
        |catalog, _, outcome, rows| {
            if !matches!(outcome, Outcome::Failed(_)) {
                catalog.add_columns(rows);
            }
        },
    )?;
    // A name over which the server's own functions stumble, or a view that is
    // broken: only reading it tells which.
    ask_for_each(
        stream,
        &mut catalog,
        statement::nothing_of,
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

/// Asks about every relation whose columns are not known yet.
fn ask_for_each(
    stream: &mut Stream,
    catalog: &mut Catalog,
    question: impl Fn(&str) -> Statement,
    mut answer: impl FnMut(&mut Catalog, &str, &Outcome, &[Vec<crate::hrana::value::Value>]),
) -> Result<(), Failure> {
    let missing: Vec<String> = catalog.without_columns().map(str::to_owned).collect();
    for names in missing.chunks(AT_ONCE) {
        let requests: Vec<_> = names
            .iter()
            .map(|name| Request::execute(question(name)))
            .collect();
        let (Response { outcomes, .. }, Rows(rows)) = stream.ask(&requests)?;
        for ((name, outcome), rows) in names.iter().zip(&outcomes).zip(&rows) {
            answer(catalog, name, outcome, rows);
        }
    }
    Ok(())
}
