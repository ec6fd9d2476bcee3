//! Tables that are skipped because nothing was committed since the last read.
//! The server reports its replication index with every response. The config has
//! to enable this, because a restored database may return to an earlier index.

use super::requested::{is_outside_database, is_query};
use crate::config::Config;
use crate::cursor::database::moved_from;
use crate::cursor::{CommitPosition, Cursor, StoredValue};
use crate::database::dialect::Dialect;
use crate::database::stream::Stream;
use crate::failure::Failure;
use crate::hrana::request::{Request, Statement};
use crate::hrana::response::Outcome;
use crate::output::Output;
use crate::rows::value::Value;
use crate::selection::Selection;

/// Returns the replication index of the server, if it reports one. To include
/// everything up to it, the snapshot must begin later.
pub(super) async fn current_commit(stream: &mut Stream) -> Result<Option<String>, Failure> {
    if stream.dialect() != Dialect::V3 {
        return Ok(None);
    }
    let (response, _) = stream
        .run(&[Request::execute(Statement::new("SELECT 1"))])
        .await?;
    Ok(match response.outcomes.into_iter().next() {
        Some(Outcome::Executed(executed)) => executed.replication_index,
        _ => None,
    })
}

/// Returns the position of a selection that is read up to a commit.
pub(super) fn commit_position(selection: &Selection, commit: &str) -> CommitPosition {
    // The text is stored: a type must not be written in another way, or its
    // table counts as changed.
    let types = selection.types.iter().map(|requested| {
        format!(
            "{}: {}",
            requested.column,
            requested.requested.stored_text()
        )
    });
    let bound = |setting, value: &Option<Value>| {
        let value = value.as_ref().map(StoredValue::new);
        value.map(|value| format!("{setting}: {value:?}"))
    };
    let bounds = bound("start", &selection.start)
        .into_iter()
        .chain(bound("end", &selection.end));
    let columns = selection.columns.iter().cloned();
    let nested = selection.nested.then(|| "nested".to_owned());
    CommitPosition {
        replication_index: commit.to_owned(),
        columns: columns.chain(types).chain(nested).chain(bounds).collect(),
        filter: selection.filter.clone(),
    }
}

/// Ends the tables that are unchanged at a commit, and returns the other
/// selections.
pub(super) fn skip_unchanged(
    requested: &[Selection],
    commit: &str,
    config: &Config,
    output: &mut Output,
) -> Vec<Selection> {
    let mut changed = Vec::with_capacity(requested.len());
    for selection in requested {
        let name = &selection.resource;
        let is_table = !is_query(name, config) && !is_outside_database(name, config);
        let cursor = selection.cursor.as_ref();
        let last_commit = cursor.and_then(|cursor| cursor.commit.as_ref());
        let saved = cursor.and_then(|cursor| cursor.database.as_ref());
        let has_moved = moved_from(saved, selection.database.as_ref()).is_some();
        if !is_table || has_moved || last_commit != Some(&commit_position(selection, commit)) {
            changed.push(selection.clone());
            continue;
        }
        output.begin(name);
        if let Some(stats) = output.stats() {
            stats.cursor = cursor.map(Cursor::encode);
            stats.notes.push(
                "it was skipped, because nothing was committed since the last run".to_owned(),
            );
            stats.ended = true;
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::selection::TypeOverride;

    #[test]
    fn the_stored_text_of_a_selection_does_not_change() {
        let types = [
            ("at", "timestamptz(ms)"),
            ("price", "decimal(18,2)"),
            ("extra", "json"),
            ("total", "decimal(9,1,round)"),
            ("day", "plain"),
        ];
        let types =
            types.map(|(column, name)| TypeOverride::parse(column.to_owned(), name).unwrap());
        let selection = Selection {
            columns: vec!["id".to_owned()],
            types: types.into(),
            nested: true,
            filter: Some("id > 1".to_owned()),
            ..Selection::default()
        };
        assert_eq!(
            serde_json::to_string(&commit_position(&selection, "41")).unwrap(),
            concat!(
                r#"{"commit":"41","columns":["id","at: Timestamp { unit: Milli, utc: true }","#,
                r#""price: Decimal { precision: 18, scale: 2 }","extra: Json","#,
                r#""total: Decimal { precision: 9, scale: 1, rounds: true }","day: Plain","nested"],"#,
                r#""where":"id > 1"}"#,
            )
        );
    }
}
