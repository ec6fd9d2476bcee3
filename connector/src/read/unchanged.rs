//! Leaves out what has not changed: a server that counts its commits says with
//! any answer where its log is. Only where the config asks for it, since
//! a database that is restored may come to the same count again.

use super::plan::{QUERIES, is_builtin};
use crate::config::Config;
use crate::cursor::{CommitPosition, Cursor};
use crate::database::dialect::Dialect;
use crate::database::stream::Stream;
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::Outcome;
use crate::output::Output;
use crate::selection::Selection;

/// Where the log of the server is, if it says so. Asked before a read begins:
/// all that was committed until then is in it.
pub(super) fn commit(stream: &mut Stream) -> Result<Option<String>, Failure> {
    if stream.dialect() != Dialect::V3 {
        return Ok(None);
    }
    let (response, _) = stream.run(&[Request::execute(Statement::new("SELECT 1"))])?;
    Ok(match response.outcomes.into_iter().next() {
        Some(Outcome::Executed(executed)) => executed.replication_index,
        _ => None,
    })
}

/// What a selection was seen with at a commit.
pub(super) fn seen(selection: &Selection, commit: &str) -> CommitPosition {
    let types = selection
        .types
        .iter()
        .map(|wanted| format!("{}: {:?}", wanted.column, wanted.requested));
    let columns = selection.columns.iter().cloned();
    let nested = selection.nested.then(|| "nested".to_owned());
    CommitPosition {
        replication_index: commit.to_owned(),
        columns: columns.chain(types).chain(nested).collect(),
        filter: selection.filter.clone(),
    }
}

/// Ends the resources that have not changed since they were last read; the
/// others are left.
pub(super) fn leave_out(
    requested: &[Selection],
    commit: &str,
    config: &Config,
    output: &mut Output,
) -> Vec<Selection> {
    let is_table = |name: &str| {
        let mut queries = config.queries.iter();
        name != QUERIES && !is_builtin(name, config) && !queries.any(|query| query.name == name)
    };
    let mut is_left = |selection: &&Selection| {
        let cursor = selection.cursor.as_ref();
        let unchanged =
            cursor.is_some_and(|cursor| cursor.commit.as_ref() == Some(&seen(selection, commit)));
        if !(unchanged && is_table(&selection.resource)) {
            return true;
        }
        output.begin(&selection.resource);
        if let Some(stats) = output.stats() {
            stats.cursor = cursor.map(Cursor::encode);
            stats
                .notes
                .push("nothing was written since the last run, and nothing is read".to_owned());
            stats.ended = true;
        }
        false
    };
    requested
        .iter()
        .filter(|selection| is_left(selection))
        .cloned()
        .collect()
}
