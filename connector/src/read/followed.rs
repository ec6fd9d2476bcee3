//! Tables that are followed by the feed of changes: all rows the first time,
//! and from then on what the feed has recorded since.
//!
//! The place where the next read goes on is taken before any row is read.
//! Where there is no transaction, what changes meanwhile comes again, which
//! does no harm: the last state of each key counts.

use super::changes::{Page, page};
use super::increment::Phase;
use super::plan::{How, Plan};
use super::survey::{Answer, ask};
use crate::changes::change::{Change, ChangeId};
use crate::changes::feed::{self, FeedExtent};
use crate::changes::history::{self, Alteration, KnownTable};
use crate::changes::row::RecordLayout;
use crate::cursor::{self, Cursor, FeedPosition};
use crate::database::catalog::CHANGES;
use crate::database::dialect::Dialect;
use crate::database::failure;
use crate::database::paging::Paging;
use crate::database::stream::Stream;
use crate::database::table::{Key, Table};
use crate::error::{Category, Error, Result};
use crate::failure::Failure;
use crate::hrana::request::Request;
use crate::hrana::response::Outcome;
use crate::rows::columns::ColumnSpec;
use crate::rows::value::Value;
use crate::selection::Selection;

/// Changes of the schema in one answer.
const ALTERATIONS: u64 = 1000;

/// A table that is followed.
#[derive(Clone, Debug)]
pub struct Followed {
    pub(super) table: Table,
    primary_key: Vec<String>,
    /// Where the last read ended; none before the first.
    pub(super) from: Option<FeedPosition>,
    /// Where this one ends.
    pub(super) end: FeedPosition,
}

impl Followed {
    /// The table that a selection asks for.
    pub fn new(
        table: &Table,
        has_feed: bool,
        primary_key: &[String],
        selection: &Selection,
    ) -> Result<Self> {
        let name = &table.name;
        let refuse = |what: &str, hint: &str| Err(Error::config(format!("`{name}` {what}"), hint));
        if !has_feed {
            return refuse(
                &format!("cannot be followed: there is no feed of changes (the table `{CHANGES}`)"),
                "use `mode = \"incremental\"`. Only Turso's new engine has such a feed, and only of what \
                 connections change that have run PRAGMA capture_data_changes_conn('full')",
            );
        }
        if !can_be_followed(table) {
            return refuse(
                "is none of the tables that the feed of changes records row by row",
                "use another `mode`; views, virtual and WITHOUT ROWID tables and those with generated \
                 columns cannot be followed",
            );
        }
        if primary_key.is_empty() {
            return refuse(
                "has no primary key by which the feed of changes could be followed",
                "name columns that tell its rows apart with `primary_key`",
            );
        }
        if selection.filter.is_some() {
            return refuse(
                "is followed by the feed of changes, which takes no condition",
                "leave `where` out, or use `mode = \"incremental\"`",
            );
        }
        let is_resumable = |cursor: &&Cursor| cursor.is_resumable();
        let from = match selection.cursor.as_ref().filter(is_resumable) {
            None => None,
            Some(Cursor {
                feed: Some(position),
                key,
                ..
            }) if key == primary_key => Some(position.clone()),
            Some(_) => {
                return refuse(
                    "has a cursor of another mode or key",
                    &cursor::full_refresh(name),
                );
            }
        };
        Ok(Self {
            table: table.clone(),
            primary_key: primary_key.to_vec(),
            from,
            end: FeedPosition::default(),
        })
    }

    /// The layout of its records.
    pub(super) fn layout(&self, columns: &[ColumnSpec]) -> Result<RecordLayout> {
        let least = self.from.as_ref().map_or(0, |from| from.columns.len());
        RecordLayout::new(&self.table, columns, &self.primary_key, least)
    }

    /// Returns the cursor at a position in the feed.
    pub(super) fn cursor(&self, position: FeedPosition) -> Cursor {
        Cursor {
            cursor_column: Some(CHANGES.to_owned()),
            key: self.primary_key.clone(),
            feed: Some(position),
            ..Cursor::default()
        }
    }

    /// Settles where it begins and ends; refuses what the feed cannot tell.
    fn settle(
        &mut self,
        extent: &FeedExtent,
        facts: &Facts,
        alterations: &[(i64, Alteration)],
    ) -> Result<()> {
        let Some(entry) = facts.entry else {
            return Err(Error::new(
                Category::NotFound,
                format!("`{}` is not in the schema any more", self.table.name),
            ));
        };
        self.end = FeedPosition {
            number: extent.end.number,
            time: extent.end.time,
            schema_entry: entry,
            columns: self
                .table
                .columns
                .iter()
                .map(|column| column.name.clone())
                .collect(),
        };
        let Some(from) = &self.from else {
            return Ok(());
        };
        let change = ChangeId {
            number: from.number,
            time: from.time,
        };
        extent.check_continuity(&self.table.name, change, facts.time)?;
        let since = alterations
            .iter()
            .filter(|(number, _)| *number > from.number);
        let since: Vec<_> = since.map(|(_, alteration)| alteration.clone()).collect();
        let known = KnownTable {
            schema_entry: from.schema_entry,
            columns: from.columns.clone(),
        };
        history::check_table(&self.table, &known, facts.entry, &since)?;
        history::check_defaults(&self.table, &known, &facts.defaults)
    }
}

/// Whether the feed records the rows of a table in the order of its columns.
#[must_use]
pub fn can_be_followed(table: &Table) -> bool {
    matches!(table.key(), Some(Key::Alias(_) | Key::RowId(_)))
        && table.columns.iter().all(|column| !column.is_generated)
}

/// What the server says of a table.
#[derive(Debug, Default)]
struct Facts {
    entry: Option<i64>,
    /// When the change was made at which the last read ended.
    time: Option<i64>,
    defaults: Vec<Vec<Value>>,
}

/// Settles where each table that is followed begins and ends. One without a
/// position is read like any other, and gets one.
pub(super) fn survey(stream: &mut Stream, plan: &mut Plan) -> Result<(), Failure> {
    let followed = plan.targets.iter().filter_map(|target| match &target.how {
        How::Followed(followed) => Some(followed.as_ref()),
        _ => None,
    });
    let followed: Vec<Followed> = followed.cloned().collect();
    if followed.is_empty() {
        return Ok(());
    }
    let (extent, facts, is_off) = look(stream, &followed)?;
    let starts = followed
        .iter()
        .filter_map(|followed| followed.from.as_ref());
    let alterations = match starts.map(|from| from.number).min() {
        Some(after) => alterations(stream, after, extent.end.number)?,
        None => Vec::new(),
    };
    let mut facts = facts.into_iter();
    let mut failed = Vec::new();
    for target in &mut plan.targets {
        let How::Followed(followed) = &mut target.how else {
            continue;
        };
        let facts = facts.next().unwrap_or_default();
        if is_off {
            target.notes.push(
                "the one connection of this server records no changes now; \
                 PRAGMA capture_data_changes_conn('full') begins that"
                    .to_owned(),
            );
        }
        let settled = followed
            .settle(&extent, &facts, &alterations)
            .and_then(|()| {
                let is_shared = stream.dialect() == Dialect::Minimal;
                match followed.from {
                    // Its rows would be read, and may yet be undone.
                    None if is_shared && extent.has_open_transaction => Err(Error::new(
                        Category::Unavailable,
                        format!(
                            "`{}`: a transaction is open on the one connection of the server",
                            target.resource
                        ),
                    )
                    .hint("run again when it has ended")),
                    _ => Ok(()),
                }
            });
        match settled {
            Err(error) => failed.push((target.resource.clone(), error)),
            Ok(()) if followed.from.is_some() => {}
            Ok(()) => {
                let cursor = followed.cursor(followed.end.clone());
                if let Some(key) = followed.table.key() {
                    let paging = Paging::new(&followed.table, &key, &target.columns);
                    target.phases = [Phase::all(paging)].into();
                }
                target.how = How::Paged;
                target.cursor = Some(cursor);
            }
        }
    }
    plan.targets
        .retain(|target| failed.iter().all(|(name, _)| *name != target.resource));
    plan.failed.extend(failed);
    Ok(())
}

/// Asks for the extent of the feed, for the facts of each table, and whether
/// a connection that is shared records nothing.
fn look(
    stream: &mut Stream,
    followed: &[Followed],
) -> Result<(FeedExtent, Vec<Facts>, bool), Failure> {
    let mut statements = feed::select_extent().to_vec();
    statements.push(feed::select_capture_mode());
    let common = statements.len();
    for followed in followed {
        let place = followed.from.as_ref().map_or(0, |from| from.number);
        statements.extend([
            feed::select_schema_entry(&followed.table.name),
            feed::select_time(place),
            feed::select_defaults(&followed.table.name),
        ]);
    }
    let mut answers = ask(stream, &statements)?;
    let of_tables = answers.split_off(common.min(answers.len()));
    let [version, first, committed, last, mode] = answers.as_slice() else {
        return Err(Error::protocol("the feed of changes has other answers than questions").into());
    };
    if [first, committed, last].iter().any(|answer| answer.failed) {
        return Err(Error::new(
            Category::Permission,
            format!("the feed of changes (`{CHANGES}`) cannot be read"),
        )
        .hint("look at what the token may do; or use `mode = \"incremental\"`")
        .into());
    }
    let extent = FeedExtent::from_rows(&version.rows, &first.rows, &committed.rows, &last.rows);
    let is_off = stream.dialect() == Dialect::Minimal && first_text(mode) == Some("off");
    let facts = of_tables.chunks_exact(3).map(|answers| Facts {
        entry: first_integer(&answers[0]),
        time: first_integer(&answers[1]),
        defaults: answers[2].rows.clone(),
    });
    Ok((extent, facts.collect(), is_off))
}

fn first_integer(answer: &Answer) -> Option<i64> {
    answer.rows.first()?.first()?.as_integer()
}

fn first_text(answer: &Answer) -> Option<&str> {
    answer.rows.first()?.first()?.as_text()
}

/// What has happened to tables themselves, with its number.
fn alterations(
    stream: &mut Stream,
    after: i64,
    end: i64,
) -> Result<Vec<(i64, Alteration)>, Failure> {
    let mut found = Vec::new();
    let mut after = after;
    loop {
        let statement = feed::select_changes(feed::SCHEMA, after, end, ALTERATIONS);
        let Page {
            changes, outcomes, ..
        } = page(stream, &[Request::execute(statement)])?;
        if let Some(Outcome::Failed(error)) = outcomes.first() {
            return Err(failure::from_sql_error(error, CHANGES));
        }
        let alteration =
            |change: &Change| Some((change.id.number, Alteration::from_change(change)?));
        found.extend(changes.iter().filter_map(alteration));
        match changes.last() {
            Some(last) if changes.len() as u64 >= ALTERATIONS => after = last.id.number,
            _ => return Ok(found),
        }
    }
}
