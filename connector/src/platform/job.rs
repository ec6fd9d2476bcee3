//! One resource that is being read: several requests are on their way, and
//! their answers are taken in the order in which they were sent, so that rows
//! always come in the same order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::value::RawValue;

use super::answer::Answer;
use super::client::{Client, Fetch};
use super::endpoint::{Endpoint, Increment, Scope};
use super::json::{self, Object};
use super::lists::{Lists, unknown_organization};
use super::marks::{Age, Since};
use super::plan::{self, Plan};
use super::record::Rows;
use super::refusals::Refusals;
use super::units::{Unit, Units};
use crate::clock;
use crate::config::Platform;
use crate::cursor::{Cursor, Watermark, Watermarks};
use crate::error::{Category, Error, Result};
use crate::moment;
use crate::output::{Output, PageKind, Unread};
use crate::rows::batch::BatchBuilder;
use crate::selection::{Mode, ReadOptions, Selection};

/// A page of rows is sent when the records that it is made of have as many
/// bytes.
const PAGE_BYTES: usize = 8 << 20;

/// A resource that is being read.
#[derive(Debug)]
pub(super) struct Job {
    endpoint: &'static Endpoint,
    rows: Rows,
    decoder: BatchBuilder,
    units: Units,
    flying: VecDeque<(Unit, Option<Fetch>)>,
    /// Requests on their way at once.
    concurrency: usize,
    page_rows: usize,
    /// Bytes of the records of this page.
    bytes: usize,
    /// Rows so far, and the most that may come.
    taken: u64,
    most: u64,
    /// Set when it is read in parts.
    part: Option<Part>,
    /// Hashes of the records of the list that is being read, if its pages
    /// shift while it is.
    seen: BTreeSet<u128>,
    refusals: Refusals,
    /// The part that could not be read, known at the end.
    unread: Option<Unread>,
}

/// How far a resource has been read.
#[derive(Debug)]
struct Part {
    by: &'static str,
    lag: f64,
    old: Watermarks,
    watermarks: Watermarks,
    /// Judges the records of the organization that is being read.
    since: Option<Since>,
}

impl Job {
    pub(super) fn begin(
        selection: &Selection,
        settings: &Platform,
        options: &ReadOptions,
        client: &Client,
        lists: &mut Lists,
        output: &mut Output,
    ) -> Result<Self> {
        let Plan {
            endpoint,
            rows,
            specs,
            old,
        } = Plan::of(selection, options)?;
        let key = if selection.primary_key.is_empty() {
            endpoint.key.iter().map(|name| (*name).to_owned()).collect()
        } else {
            selection.primary_key.clone()
        };
        if let Some(stats) = output.stats() {
            stats.primary_key = key;
        }
        let mut refusals = Refusals::new(endpoint);
        let targets = plan::targets(endpoint, settings, client, lists, &mut refusals, output)?;
        let mut units = Units::of(targets);
        let mut part = (selection.mode == Mode::Incremental).then(|| Part {
            by: plan::cursor(endpoint).unwrap_or_default(),
            lag: selection.lag.unwrap_or(0.0),
            watermarks: old.clone(),
            old,
            since: None,
        });
        if endpoint.increment == Some(Increment::Days) {
            let old = part.as_ref().map(|part| &part.old);
            let (windows, since) = plan::windows(selection, settings, old, &units, clock::today())?;
            if let Some(part) = &mut part {
                part.begin(&since);
            }
            units = units.within(windows, since);
        }
        Ok(Self {
            endpoint,
            rows,
            decoder: BatchBuilder::new(&specs),
            units,
            flying: VecDeque::new(),
            concurrency: settings.concurrency,
            page_rows: usize::try_from(options.page_rows).unwrap_or(usize::MAX),
            bytes: 0,
            taken: 0,
            most: options.row_limit.unwrap_or(u64::MAX),
            part,
            seen: BTreeSet::new(),
            refusals,
            unread: None,
        })
    }

    pub(super) fn resource(&self) -> &'static str {
        self.endpoint.name
    }

    /// Takes one answer. False when there is none left.
    pub(super) fn step(
        &mut self,
        client: &Client,
        lists: &mut Lists,
        output: &mut Output,
    ) -> Result<bool> {
        if self.taken >= self.most {
            return Ok(false);
        }
        while self.flying.len() < self.concurrency {
            let Some(unit) = self.units.next(self.endpoint) else {
                break;
            };
            // A list that others are fanned out from is asked for once.
            let fetch = (!super::is_list(self.endpoint)).then(|| {
                client.send(
                    self.endpoint.scope == Scope::Region,
                    unit.pages.first(),
                    output,
                )
            });
            self.flying.push_back((unit, fetch));
        }
        let Some((mut unit, fetch)) = self.flying.pop_front() else {
            self.refusals.judge(client, lists, output)?;
            self.unread = self.refusals.unread(|column| self.rows.reads(column))?;
            return match self.refusals.only() {
                Some(slug) if self.taken == 0 => Err(unknown_organization(slug)),
                _ => Ok(false),
            };
        };
        match self.answers(&mut unit, fetch, client, lists, output) {
            Ok(Some(next)) => {
                let next = client.send(self.endpoint.scope == Scope::Region, next, output);
                self.flying.push_front((unit, Some(next)));
                return Ok(true);
            }
            Ok(None) => self.refusals.answered(),
            // One that came in part is neither there nor gone.
            Err(error) if unit.pages.has_begun() => return Err(error),
            Err(error) => self.refusals.take(&unit.context, error)?,
        }
        self.end_unit(&unit, output)?;
        Ok(true)
    }

    /// Ends it, with what there is to say.
    pub(super) fn end(&mut self, output: &mut Output) -> Result<()> {
        output.end(&mut self.decoder)?;
        let Some(stats) = output.stats() else {
            return Ok(());
        };
        stats.ended = true;
        stats.unread = self.unread.take();
        if let Some(part) = &self.part {
            stats.cursor = Some(part.cursor());
        }
        stats.notes.extend(self.refusals.notes());
        if self.rows.odd > 0 {
            stats.notes.push(format!(
                "{} values are of another type than is documented, and are in `_extra`",
                self.rows.odd
            ));
        }
        if !self.rows.left_out.is_empty() {
            let names: Vec<_> = self.rows.left_out.iter().map(String::as_str).collect();
            stats.notes.push(format!(
                "fields whose names say that they are secret are never stored: {}",
                names.join(", ")
            ));
        }
        Ok(())
    }

    /// Takes the answer of a unit, and says what is asked next of it.
    fn answers(
        &mut self,
        unit: &mut Unit,
        fetch: Option<Fetch>,
        client: &Client,
        lists: &mut Lists,
        output: &mut Output,
    ) -> Result<Option<String>> {
        let Some(fetch) = fetch else {
            let bodies = lists.bodies(client, self.endpoint, unit.pages.path(), output)?;
            for body in bodies.iter() {
                let answer = Answer::of(body, self.endpoint.selector, unit.pages.path())?;
                self.take(unit, &answer, false, output)?;
            }
            return Ok(None);
        };
        let path = fetch.path.clone();
        let body = client.answer(fetch, output)?;
        let answer = Answer::of(&body, self.endpoint.selector, &path)?;
        let next = unit.pages.next(&answer.pagination, answer.records.len())?;
        let shifts = matches!(self.endpoint.increment, Some(Increment::NewestFirst(_)));
        let is_behind = self.take(unit, &answer, shifts, output)?;
        Ok(next.filter(|_| !is_behind && self.taken < self.most))
    }

    /// Takes records. Says whether they are behind where the last read ended.
    fn take(
        &mut self,
        unit: &Unit,
        answer: &Answer<'_>,
        shifts: bool,
        output: &mut Output,
    ) -> Result<bool> {
        let mut is_behind = false;
        for record in &answer.records {
            if self.taken >= self.most || !self.is_wanted(record) {
                continue;
            }
            let Some((row, hash)) = self.rows.row(record, &unit.context) else {
                continue;
            };
            if shifts && !self.seen.insert(half(&hash)) {
                continue;
            }
            match self.age(unit, record, &hash) {
                Age::New => {}
                Age::Seen => continue,
                Age::Older => {
                    is_behind = shifts;
                    continue;
                }
            }
            self.decoder.push_row(&row);
            self.taken += 1;
            self.bytes += record.get().len();
            self.send_page(output)?;
        }
        Ok(is_behind)
    }

    /// Whether a record is of the organization that the config names.
    fn is_wanted(&self, record: &RawValue) -> bool {
        let Some(slug) = self.refusals.only() else {
            return true;
        };
        let object = Object::of(record);
        let own = object.and_then(|object| object.get("slug").and_then(json::text));
        own.as_deref() == Some(slug)
    }

    fn age(&mut self, unit: &Unit, record: &RawValue, hash: &str) -> Age {
        let (Some(part), Some(Increment::NewestFirst(by) | Increment::Unordered(by))) =
            (&mut self.part, self.endpoint.increment)
        else {
            return Age::New;
        };
        let since = part
            .since
            .get_or_insert_with(|| Since::new(part.old.get(&unit.context.organization), part.lag));
        let time = Object::of(record).and_then(|object| object.get(by).and_then(json::text));
        since.judge(time.as_deref(), hash)
    }

    /// A unit has been read to its end.
    fn end_unit(&mut self, unit: &Unit, output: &mut Output) -> Result<()> {
        self.seen.clear();
        if let Some(part) = &mut self.part {
            if let Some(watermark) = part.since.take().and_then(Since::watermark) {
                part.watermarks
                    .insert(unit.context.organization.clone(), watermark);
            }
            if self.endpoint.increment == Some(Increment::Days) {
                let Some(end) = unit.ends else {
                    return Ok(());
                };
                part.pass(end, &self.units);
                if !self.decoder.is_empty() {
                    let cursor = part.cursor();
                    output.page_with(PageKind::Rows, &mut self.decoder, Some(cursor))?;
                }
            }
        }
        Ok(())
    }

    /// Sends the rows so far, if they are enough for a page. Those of a day
    /// stay together: where a read can go on is known only at its end.
    fn send_page(&mut self, output: &mut Output) -> Result<()> {
        let is_of_days = self.part.is_some() && self.endpoint.increment == Some(Increment::Days);
        let is_full = self.decoder.len() >= self.page_rows || self.bytes >= PAGE_BYTES;
        if is_full && !is_of_days {
            self.bytes = 0;
            output.page(&mut self.decoder)?;
        }
        Ok(())
    }
}

impl Part {
    /// The days from which the organizations are read, if they never were: so
    /// that the next read begins there, even if no day is over by then.
    fn begin(&mut self, since: &BTreeMap<String, i64>) {
        for (organization, day) in since {
            let watermark = self.watermarks.entry(organization.clone());
            watermark.or_insert_with(|| Watermark {
                until: moment::start_of_day(*day),
                seen: Vec::new(),
            });
        }
    }

    /// All days before `end` have been read, as far as they are over.
    fn pass(&mut self, end: i64, units: &Units) {
        if end > clock::today() {
            return;
        }
        for target in units.targets() {
            let watermark = self.watermarks.entry(target.organization.clone());
            let watermark = watermark.or_default();
            if watermark.moment().is_none_or(|until| until.day() < end) {
                *watermark = Watermark {
                    until: moment::start_of_day(end),
                    seen: Vec::new(),
                };
            }
        }
    }

    fn cursor(&self) -> Vec<u8> {
        Cursor::for_platform(self.by, self.watermarks.clone()).encode()
    }
}

/// Half of a hash, which tells records apart too and takes less room.
fn half(hash: &str) -> u128 {
    let digits = hash.get(..32).unwrap_or(hash);
    u128::from_str_radix(digits, 16).unwrap_or_default()
}

/// A failure of one organization, group or database among many.
pub(super) fn is_of_one(error: &Error) -> bool {
    matches!(error.category, Category::Permission | Category::NotFound)
}
