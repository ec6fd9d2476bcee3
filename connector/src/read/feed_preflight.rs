//! Preflight of tables that are read by the change feed: where each read
//! starts and ends.

use super::feed::{ChangePage, request_changes};
use super::followed::{FollowedTable, TableState};
use super::pass::Pass;
use super::plan::Plan;
use super::statements::{StatementResult, run_all};
use super::target::{ReadMethod, Target};
use crate::changes::change::Change;
use crate::changes::feed::{self, FeedExtent};
use crate::changes::history::Alteration;
use crate::cursor::LastRow;
use crate::database::catalog::CHANGES;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::paging::Paging;
use crate::database::parameters::Parameters;
use crate::database::stream::Stream;
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::hrana::request::Request;
use crate::hrana::response::Outcome;
use crate::rows::value::Value;

/// Maximum number of schema changes in one response.
const MAX_ALTERATIONS: u64 = 1000;

/// State of the feed, and of the tables that are followed.
struct FeedState {
    extent: FeedExtent,
    /// Last changes up to the end of the extent.
    last_changes: Vec<LastRow>,
    /// True if the connection, which all clients share, records no changes.
    is_off: bool,
    /// States of the tables, in the order of the targets.
    tables: Vec<TableState>,
}

/// Determines where the reads of all followed tables start and end. A table
/// without a cursor becomes one that is read in pages.
pub(super) async fn run(stream: &mut Stream, plan: &mut Plan) -> Result<(), Failure> {
    let followed: Vec<FollowedTable> = plan.targets.iter().filter_map(followed_table).collect();
    let Some(first) = followed.first() else {
        return Ok(());
    };
    let parameters = first.table.parameters;
    let (state, alterations) = match read_feed(stream, &followed, parameters).await {
        Ok(read) => read,
        Err(Failure::Other(error)) if concerns_feed(&error) => {
            let names = followed.into_iter().map(|table| table.table.name);
            plan.fail(names.map(|name| (name, error.clone())).collect());
            return Ok(());
        }
        Err(failure) => return Err(failure),
    };
    let is_shared = stream.dialect() == Dialect::Minimal;
    let mut tables = state.tables.iter();
    let mut failures = Vec::new();
    for target in &mut plan.targets {
        let Some(mut table) = followed_table(target) else {
            continue;
        };
        if state.is_off {
            target.notes.push(
                "the only connection of this server records no changes now; \
                 run PRAGMA capture_data_changes_conn('full') to record them"
                    .to_owned(),
            );
        }
        let Some(table_state) = tables.next() else {
            break;
        };
        // The first read would include rows that may still be rolled back.
        let is_dirty = table.from.is_none() && is_shared && state.extent.has_open_transaction;
        let result = table
            .set_end(
                &state.extent,
                &state.last_changes,
                table_state,
                &alterations,
            )
            .and_then(|()| check_no_transaction(&target.resource, is_dirty));
        match result {
            Ok(()) => target.follow(table),
            Err(error) => failures.push((target.resource.clone(), error)),
        }
    }
    plan.fail(failures);
    Ok(())
}

/// Reads the state of the feed, and the changes of the schema since the first
/// of the cursors.
async fn read_feed(
    stream: &mut Stream,
    followed: &[FollowedTable],
    parameters: Parameters,
) -> Result<(FeedState, Vec<(i64, Alteration)>), Failure> {
    let state = read_state(stream, followed).await?;
    let starts = followed.iter().filter_map(|table| table.from.as_ref());
    let alterations = match starts.map(|from| from.number).min() {
        Some(after) => read_alterations(stream, after, state.extent.end.number, parameters).await?,
        None => Vec::new(),
    };
    Ok((state, alterations))
}

/// True if an error concerns the feed, and not the whole server.
fn concerns_feed(error: &Error) -> bool {
    let is_access = matches!(error.category, Category::Authentication | Category::Denied);
    !error.retryable && !is_access
}

impl Target {
    /// Reads the changes of a table, or all of its rows if it has no cursor yet.
    fn follow(&mut self, table: FollowedTable) {
        if table.from.is_some() {
            self.method = ReadMethod::Changes(Box::new(table));
            return;
        }
        if let Some(key) = table.table.key() {
            let paging = Paging::new(&table.table, &key, &self.columns);
            self.passes = [Pass::all(paging)].into();
        }
        self.method = ReadMethod::Paged;
        self.cursor = Some(table.cursor(table.end.clone()));
    }
}

fn followed_table(target: &Target) -> Option<FollowedTable> {
    match &target.method {
        ReadMethod::Changes(table) => Some(table.as_ref().clone()),
        _ => None,
    }
}

fn check_no_transaction(resource: &str, is_dirty: bool) -> Result<()> {
    if !is_dirty {
        return Ok(());
    }
    Err(Error::new(
        Category::Unavailable,
        format!("`{resource}`: a transaction is open on the only connection of the server"),
    )
    .hint("run again after the transaction has ended"))
}

/// Reads the extent of the feed and the states of the tables.
async fn read_state(stream: &mut Stream, followed: &[FollowedTable]) -> Result<FeedState, Failure> {
    let mut statements = feed::select_extent().to_vec();
    statements.push(feed::select_capture_mode());
    statements.push(feed::select_last_changes(None, Parameters::ALL));
    let of_feed = statements.len();
    for FollowedTable { table, from, .. } in followed {
        let last_change = from.as_ref().map_or(0, |from| from.number);
        statements.extend([
            feed::select_schema_entry(table),
            feed::select_time(last_change, table.parameters),
            feed::select_defaults(table),
        ]);
    }
    let of_tables = statements.len();
    let moved = || followed.iter().filter_map(FollowedTable::unproved_number);
    let parameters = followed
        .first()
        .map_or(Parameters::ALL, |first| first.table.parameters);
    statements.extend(moved().map(|number| feed::select_last_changes(Some(number), parameters)));
    let mut results = run_all(stream, &statements).await?;
    let last_changes = results.split_off(of_tables.min(results.len()));
    let of_tables = results.split_off(of_feed.min(results.len()));
    let [version, first, committed, last, mode, changes] = results.as_slice() else {
        return Err(Error::protocol("the change feed returned too few results").into());
    };
    if [first, committed, last].iter().any(|result| result.failed) {
        return Err(Error::new(
            Category::Permission,
            format!("the change feed (`{CHANGES}`) cannot be read"),
        )
        .hint("check the permissions of the token, or set `mode` to `incremental`")
        .into());
    }
    let integer = |result: &StatementResult| result.first().and_then(Value::as_integer);
    let is_off = mode.first().and_then(Value::as_text) == Some("off");
    let extent = FeedExtent::from_rows(&version.rows, &first.rows, &committed.rows, &last.rows);
    let mut last_changes = moved().zip(last_changes);
    Ok(FeedState {
        extent,
        last_changes: feed::last_changes(&changes.rows, extent.end.number),
        is_off: is_off && stream.dialect() == Dialect::Minimal,
        tables: of_tables
            .chunks_exact(3)
            .zip(followed)
            .map(|(results, table)| TableState {
                last_changes: table
                    .unproved_number()
                    .and_then(|_| last_changes.next())
                    .map(|(number, result)| feed::last_changes(&result.rows, number))
                    .unwrap_or_default(),
                schema_entry: integer(&results[0]),
                last_change_time: integer(&results[1]),
                defaults: results[2].rows.clone(),
            })
            .collect(),
    })
}

/// Reads the changes of the schema, each with its number.
async fn read_alterations(
    stream: &mut Stream,
    after: i64,
    end: i64,
    parameters: Parameters,
) -> Result<Vec<(i64, Alteration)>, Failure> {
    let mut alterations = Vec::new();
    let mut after = after;
    loop {
        let statement = feed::select_changes(feed::SCHEMA, after, end, MAX_ALTERATIONS, parameters);
        let ChangePage {
            changes, outcomes, ..
        } = request_changes(stream, &[Request::execute(statement)]).await?;
        if let Some(Outcome::Failed(error)) = outcomes.first() {
            return Err(failure::from_sql_error(error, CHANGES));
        }
        let numbered = |change: &Change| Some((change.id.number, Alteration::from_change(change)?));
        alterations.extend(changes.iter().filter_map(numbered));
        match changes.last() {
            Some(last) if changes.len() as u64 >= MAX_ALTERATIONS => after = last.id.number,
            _ => return Ok(alterations),
        }
    }
}
