//! Tables that are followed by the feed of changes: all rows the first time,
//! and from then on what the feed has recorded since.
//!
//! The place where the next read goes on is taken before any row is read.
//! Where there is no transaction, what changes meanwhile comes again, which
//! does no harm: the last state of each key counts.

use std::collections::VecDeque;

use super::increment::Phase;
use super::plan::{How, Plan, Target};
use super::position::{Change as Mark, Position};
use super::survey::{Answer, ask};
use super::tables::Tables;
use crate::changes::DELETED;
use crate::changes::feed::{self, Extent, Place};
use crate::changes::history::{self, Alteration, Known};
use crate::changes::row::{Change, Layout};
use crate::database::catalog::CHANGES;
use crate::database::failure::{self, Failure};
use crate::database::server::Dialect;
use crate::database::statement::Paging;
use crate::database::stream::Stream;
use crate::database::table::{Key, Table};
use crate::error::{Category, Error, Result};
use crate::hrana::columns::ColumnSpec;
use crate::hrana::decoder::Decoder;
use crate::hrana::request::Request;
use crate::hrana::response::{Outcome, Rows};
use crate::hrana::value::Value;
use crate::output::{Kind, Output};
use crate::selection::{Options, Selection};

/// Changes of the first page: rows may be large, each may come twice, and
/// only an answer that fits tells how large they are.
const FIRST_CHANGES: u64 = 100;
/// The most rows that one change leads to.
const ROWS_OF_CHANGE: u64 = 2;
/// The size that answers are steered to.
const GOOD_BYTES: usize = 4_000_000;
/// Changes of the schema in one answer.
const ALTERATIONS: u64 = 1000;

/// A table that is followed.
#[derive(Clone, Debug)]
pub struct Followed {
    table: Table,
    primary_key: Vec<String>,
    /// Where the last read ended; none before the first.
    from: Option<Mark>,
    /// Where this one ends.
    end: Mark,
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
        let from = match &selection.position {
            None => None,
            Some(Position {
                change: Some(mark),
                key,
                ..
            }) if key == primary_key => Some(mark.clone()),
            Some(_) => {
                return refuse(
                    "has a cursor of another mode or key",
                    &format!(
                        "begin anew with `connector-host run --full-refresh --resource {name}`"
                    ),
                );
            }
        };
        Ok(Self {
            table: table.clone(),
            primary_key: primary_key.to_vec(),
            from,
            end: Mark::default(),
        })
    }

    /// The layout of its records.
    fn layout(&self, columns: &[ColumnSpec]) -> Result<Layout> {
        let least = self.from.as_ref().map_or(0, |from| from.columns.len());
        Layout::new(&self.table, columns, &self.primary_key, least)
    }

    fn position(&self, mark: Mark) -> Position {
        Position {
            by: Some(CHANGES.to_owned()),
            key: self.primary_key.clone(),
            filter: None,
            last: Vec::new(),
            nulls: None,
            change: Some(mark),
        }
    }

    /// Settles where it begins and ends; refuses what the feed cannot tell.
    fn settle(
        &mut self,
        extent: &Extent,
        facts: &Facts,
        alterations: &[(i64, Alteration)],
    ) -> Result<()> {
        let Some(entry) = facts.entry else {
            return Err(Error::new(
                Category::NotFound,
                format!("`{}` is not in the schema any more", self.table.name),
            ));
        };
        self.end = Mark {
            id: extent.end.number,
            time: extent.end.time,
            entry,
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
        let place = Place {
            number: from.id,
            time: from.time,
        };
        extent.goes_on(&self.table.name, place, facts.time)?;
        let since = alterations.iter().filter(|(number, _)| *number > from.id);
        let since: Vec<_> = since.map(|(_, alteration)| alteration.clone()).collect();
        let known = Known {
            entry: from.entry,
            columns: from.columns.clone(),
        };
        history::judge(&self.table, &known, facts.entry, &since)?;
        history::judge_defaults(&self.table, &known, &facts.defaults)
    }
}

/// Whether the feed records the rows of a table in the order of its columns.
#[must_use]
pub fn can_be_followed(table: &Table) -> bool {
    matches!(table.key(), Some(Key::Alias(_) | Key::RowId(_)))
        && table.columns.iter().all(|column| !column.generated)
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
    let alterations = match starts.map(|from| from.id).min() {
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
                    None if is_shared && extent.is_open => Err(Error::new(
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
                let position = followed.position(followed.end.clone());
                if let Some(key) = followed.table.key() {
                    let paging = Paging::new(&followed.table, &key, &target.columns);
                    target.phases = [Phase::all(paging)].into();
                }
                target.how = How::Paged;
                target.position = Some(position);
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
fn look(stream: &mut Stream, followed: &[Followed]) -> Result<(Extent, Vec<Facts>, bool), Failure> {
    let mut statements = feed::extent().to_vec();
    statements.push(feed::mode());
    let common = statements.len();
    for followed in followed {
        let place = followed.from.as_ref().map_or(0, |from| from.id);
        statements.extend([
            feed::entry_of(&followed.table.name),
            feed::time_of(place),
            feed::defaults_of(&followed.table.name),
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
    let extent = Extent::of(&version.rows, &first.rows, &committed.rows, &last.rows);
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
        let statement = feed::page(feed::SCHEMA, after, end, ALTERATIONS);
        let Page {
            changes, outcomes, ..
        } = page(stream, &[Request::execute(statement)])?;
        if let Some(Outcome::Failed(error)) = outcomes.first() {
            return Err(failure::of_sql(error, CHANGES));
        }
        let alteration = |change: &Change| Some((change.number, Alteration::of(change)?));
        found.extend(changes.iter().filter_map(alteration));
        match changes.last() {
            Some(last) if changes.len() as u64 >= ALTERATIONS => after = last.number,
            _ => return Ok(found),
        }
    }
}

/// An answer with changes, if its statement did not fail.
#[derive(Debug, Default)]
struct Page {
    changes: Vec<Change>,
    billed: Option<u64>,
    outcomes: Vec<Outcome>,
}

fn page(stream: &mut Stream, requests: &[Request]) -> Result<Page, Failure> {
    let (response, Rows(rows)) = stream.ask(requests)?;
    let mut page = Page {
        outcomes: response.outcomes,
        ..Page::default()
    };
    match page.outcomes.first() {
        Some(Outcome::Failed(_)) => return Ok(page),
        Some(Outcome::Executed(executed)) => page.billed = executed.rows_read,
        _ => return Err(Error::protocol("a page of changes has no result").into()),
    }
    for row in rows.into_iter().next().unwrap_or_default() {
        page.changes.push(Change::of(row)?);
    }
    Ok(page)
}

/// Reads the changes of tables, one after the other.
#[derive(Debug)]
pub(super) struct Changes {
    pub(super) tables: Tables,
    left: VecDeque<Target>,
    current: Option<Reading>,
    page_rows: u64,
    row_limit: Option<u64>,
}

/// A table whose changes are read.
#[derive(Debug)]
struct Reading {
    resource: String,
    followed: Followed,
    layout: Layout,
    decoder: Decoder,
    /// The last change that was read.
    at: Place,
    /// Changes to ask for at once, and the most of them.
    limit: u64,
    most: u64,
    /// Rows that may still be sent.
    left: Option<u64>,
    /// Rows that the server may still bill.
    billable: Option<u64>,
    /// Updates that may hide another key.
    hidden: u64,
}

impl Changes {
    pub(super) fn new(tables: Tables, left: VecDeque<Target>, options: &Options) -> Self {
        Self {
            tables,
            left,
            current: None,
            page_rows: options.page_rows,
            row_limit: options.row_limit,
        }
    }

    pub(super) fn close(&mut self) {
        self.tables.close();
    }

    /// The table that is being read, and where it goes on.
    pub(super) fn reading(&self) -> Option<(&str, Option<Position>)> {
        let reading = self.current.as_ref()?;
        Some((&reading.resource, Some(reading.position())))
    }

    /// Reads a page. False when there is nothing left.
    pub(super) fn step(&mut self, output: &mut Output) -> Result<bool, Failure> {
        let mut reading = match self.current.take() {
            Some(reading) => reading,
            None => match self.left.pop_front() {
                Some(target) => {
                    output.begin_keyed(&target.resource, &target.primary_key);
                    match Reading::new(target, self.page_rows, self.row_limit, output)? {
                        Some(reading) => reading,
                        None => return Ok(true),
                    }
                }
                None => return Ok(false),
            },
        };
        match self.page(&mut reading, output) {
            Ok(Then::Page) => self.current = Some(reading),
            Ok(Then::End) => reading.end(output)?,
            Ok(Then::Failed(error)) => {
                output.fail(&reading.resource, error);
                reading.decoder.give_up_page();
                output.end_of(Kind::Changes, &mut reading.decoder)?;
                if let Some(tally) = output.tally() {
                    tally.ended = true;
                }
            }
            Err(failure) => {
                self.current = Some(reading);
                return Err(failure);
            }
        }
        Ok(true)
    }

    fn page(&mut self, reading: &mut Reading, output: &mut Output) -> Result<Then, Failure> {
        if reading.is_done() {
            return Ok(Then::End);
        }
        let name = &reading.followed.table.name;
        let statement = feed::page(
            name,
            reading.at.number,
            reading.followed.end.id,
            reading.limit,
        );
        let mut requests = vec![Request::execute(statement)];
        requests.extend(self.tables.proof());
        output.request();
        let page = page(&mut self.tables.stream, &requests)?;
        if let Some(Outcome::Failed(error)) = page.outcomes.first() {
            let is_too_large = failure::is_too_large(error);
            if is_too_large && reading.limit > 1 {
                reading.limit = (reading.limit / 4).max(1);
                return Ok(Then::Page);
            }
            return match failure::of_sql(error, name) {
                Failure::Other(error) if is_too_large => Ok(Then::Failed(error.hint(
                    "a single change is larger than the server sends; load the table in full",
                ))),
                Failure::Other(error) if !error.retryable => Ok(Then::Failed(error)),
                other => Err(other),
            };
        }
        self.tables.prove(&page.outcomes)?;
        output.billed(page.billed);
        match reading.take(&page, output) {
            Ok(()) => Ok(Then::Page),
            Err(error) => Ok(Then::Failed(error)),
        }
    }
}

/// What a page leaves to do.
#[derive(Debug)]
enum Then {
    Page,
    End,
    Failed(Error),
}

impl Reading {
    fn new(
        mut target: Target,
        page_rows: u64,
        row_limit: Option<u64>,
        output: &mut Output,
    ) -> Result<Option<Self>> {
        if let Some(tally) = output.tally() {
            tally.notes.append(&mut target.notes);
        }
        let How::Followed(followed) = target.how else {
            return Ok(None);
        };
        let from = followed.from.clone().unwrap_or_default();
        Ok(Some(Self {
            resource: target.resource,
            layout: followed.layout(&target.columns)?,
            decoder: Decoder::new(&target.columns).marked(DELETED),
            at: Place {
                number: from.id,
                time: from.time,
            },
            limit: (page_rows / ROWS_OF_CHANGE).clamp(1, FIRST_CHANGES),
            most: (page_rows / ROWS_OF_CHANGE).max(1),
            left: row_limit,
            billable: target.max_rows_billed,
            hidden: 0,
            followed: *followed,
        }))
    }

    /// Whether all has been read that there is, or that may be.
    fn is_done(&self) -> bool {
        self.at.number >= self.followed.end.id || self.left == Some(0) || self.billable == Some(0)
    }

    /// Sends the rows of a page, and takes note of where it leads.
    fn take(&mut self, page: &Page, output: &mut Output) -> Result<()> {
        let mut bytes = 0;
        let mut sent = 0;
        let name = &self.followed.table.name;
        for change in &page.changes {
            bytes += [&change.before, &change.after, &change.updates]
                .into_iter()
                .flatten()
                .map(Vec::len)
                .sum::<usize>();
            if !feed::is_of(name, &change.table) {
                continue;
            }
            self.hidden += u64::from(self.layout.hides_key(change));
            for row in self.layout.rows(change)? {
                self.decoder.push_marked(&row.values, row.deleted);
                sent += 1;
            }
        }
        let end = self.followed.end.clone();
        self.at = match page.changes.last() {
            Some(last) if page.changes.len() as u64 >= self.limit => last.place(),
            _ => Place {
                number: end.id,
                time: end.time,
            },
        };
        self.left = self.left.map(|left| left.saturating_sub(sent));
        let billed = page.billed.unwrap_or(0);
        self.billable = self.billable.map(|left| left.saturating_sub(billed));
        let good = GOOD_BYTES / (bytes / page.changes.len().max(1)).max(1);
        let grown = self.limit.saturating_mul(4).min(self.most);
        self.limit = grown.min(good.max(1) as u64);
        if sent > 0 {
            let position = self.position().encode();
            output.page_of(Kind::Changes, &mut self.decoder, Some(position))?;
        }
        Ok(())
    }

    /// Where the next read goes on.
    fn position(&self) -> Position {
        let end = &self.followed.end;
        // Until the end, records may be as short as at the beginning.
        let columns = match &self.followed.from {
            Some(from) if self.at.number < end.id => &from.columns,
            _ => &end.columns,
        };
        self.followed.position(Mark {
            id: self.at.number,
            time: self.at.time,
            entry: end.entry,
            columns: columns.clone(),
        })
    }

    fn end(mut self, output: &mut Output) -> Result<(), Failure> {
        output.end_of(Kind::Changes, &mut self.decoder)?;
        let position = self.position().encode();
        let stopped = self.at.number < self.followed.end.id && self.billable == Some(0);
        if let Some(tally) = output.tally() {
            tally.ended = true;
            tally.position = Some(position);
            if stopped {
                tally.notes.push(
                    "the server has read as many rows as it may (`max_rows_read`); \
                     the next run goes on from there"
                        .to_owned(),
                );
            }
            if self.hidden > 0 {
                tally.notes.push(format!(
                    "{} changes were made by ON CONFLICT DO UPDATE, of which the server does not record \
                     the row before; had one changed the key of its row, the old key would still be there",
                    self.hidden
                ));
            }
        }
        Ok(())
    }
}
