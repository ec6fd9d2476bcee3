//! Many databases of an organization, read as if they were one: the same
//! resources of each, some databases at a time, each in a snapshot of its own,
//! and every row with the name of its database.
//!
//! Reading order: this file (which databases are at work, and what becomes of
//! one that is lost), [`choice`] (which there are), [`member`] (the read of
//! one), [`send`] and [`union`] (rows in the columns of all), [`gathered`] (what all came to), [`look`]
//! (what can be read). Must not know how a database is read.

mod choice;
mod gathered;
pub mod look;
mod member;
mod send;
mod union;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use self::choice::Chosen;
use self::gathered::Gathered;
use self::member::{Member, Step};
use crate::config::{Config, Databases};
use crate::database::server::Server;
use crate::describe::DATABASE_TOKEN;
use crate::error::{Category, Error, Result};
use crate::http::Credential;
use crate::log;
use crate::output::{Event, Kind, Output, Summary, Tally};
use crate::platform;
use crate::read::position::{self, Position};
use crate::read::{Knowledge, Read};
use crate::retry::Backoff;
use crate::selection::{Mode, Options, Selection};

/// How often all begin anew because one was lost of which rows were sent.
const MAX_RESTARTS: u32 = 7;

/// A read of many databases.
#[derive(Debug)]
pub struct Fleet {
    config: Config,
    databases: Databases,
    options: Options,
    /// What is read of each.
    asked: Vec<Selection>,
    /// What is read of the Platform API, afterwards.
    platform: Vec<Selection>,
    phase: Phase,
    chosen: Vec<Chosen>,
    left: VecDeque<Chosen>,
    working: VecDeque<Member>,
    gathered: BTreeMap<String, Gathered>,
    /// Databases that could not be read, and why.
    lost: BTreeMap<String, Error>,
    /// What was learned of databases before all began anew.
    knowledge: BTreeMap<String, Knowledge>,
    rows: u64,
    requests: u64,
    output: VecDeque<Event>,
    backoff: Backoff,
}

#[derive(Debug)]
enum Phase {
    Begin,
    Databases,
    Platform(Box<Read>, Vec<Tally>),
    Finished,
}

impl Fleet {
    /// A read that has not begun.
    pub fn new(
        config: Config,
        databases: Databases,
        asked: Vec<Selection>,
        options: &Options,
    ) -> Result<Self> {
        let is_of_platform =
            |selection: &Selection| platform::named_in(&selection.resource, &config).is_some();
        let (platform, asked): (Vec<_>, Vec<_>) = asked.into_iter().partition(is_of_platform);
        if let Some(followed) = asked.iter().find(|asked| asked.mode == Mode::Changes) {
            return Err(Error::config(
                format!(
                    "`{}` is followed by a feed of changes, which is read of one database",
                    followed.resource
                ),
                "use `mode = \"incremental\"`, or a pipeline for each database",
            ));
        }
        let is_of_one = |asked: &&Selection| {
            let position = asked.position.as_ref();
            position.is_some_and(Position::leads_on)
        };
        if let Some(other) = asked.iter().find(is_of_one) {
            return Err(position::of_other_databases(&other.resource));
        }
        let options = Options {
            lenient: true,
            // Rows of a database are kept together until all have come.
            resumable: false,
            ..options.clone()
        };
        Ok(Self {
            phase: if asked.is_empty() && !platform.is_empty() {
                Phase::Databases
            } else {
                Phase::Begin
            },
            config,
            databases,
            options,
            asked,
            platform,
            chosen: Vec::new(),
            left: VecDeque::new(),
            working: VecDeque::new(),
            gathered: BTreeMap::new(),
            lost: BTreeMap::new(),
            knowledge: BTreeMap::new(),
            rows: 0,
            requests: 0,
            output: VecDeque::new(),
            backoff: Backoff::of(MAX_RESTARTS + 1),
        })
    }

    /// The next event; none after the last.
    pub fn next_event(&mut self) -> Result<Option<Event>> {
        loop {
            if let Some(event) = self.output.pop_front() {
                return Ok(Some(event));
            }
            match &mut self.phase {
                Phase::Begin => self.begin()?,
                Phase::Databases => {
                    if let Err(error) = self.step() {
                        self.close();
                        return Err(error);
                    }
                }
                Phase::Platform(read, tallies) => match read.next_event()? {
                    Some(Event::Done(mut summary)) => {
                        summary.resources.splice(0..0, std::mem::take(tallies));
                        summary.requests += self.requests;
                        self.finish(summary);
                    }
                    Some(event) => return Ok(Some(event)),
                    None => self.phase = Phase::Finished,
                },
                Phase::Finished => return Ok(None),
            }
        }
    }

    /// Ends the read, and whatever servers hold for it.
    pub fn close(&mut self) {
        self.working.iter_mut().for_each(Member::close);
        self.working.clear();
        if let Phase::Platform(read, _) = &mut self.phase {
            read.close();
        }
        self.phase = Phase::Finished;
    }

    fn begin(&mut self) -> Result<()> {
        let mut output = Output::default();
        let chosen = choice::chosen(&self.config, &self.databases, &mut output);
        self.requests += output.requests;
        self.chosen = chosen?;
        self.left = self.chosen.iter().cloned().collect();
        self.phase = Phase::Databases;
        Ok(())
    }

    /// Lets one database go on. While it waits for an answer, the next pages of
    /// the others are on their way.
    fn step(&mut self) -> Result<()> {
        while self.working.len() < self.config.platform.concurrency
            && let Some(next) = self.left.pop_front()
        {
            self.set_to_work(next)?;
        }
        let Some(mut member) = self.working.pop_front() else {
            return self.end();
        };
        match member.step() {
            Ok(Step::More) => self.working.push_back(member),
            Ok(Step::Full) => {
                if let Some((_, error)) = self.strangers(&member).into_iter().next() {
                    member.close();
                    return self.go_on_without(&member, error);
                }
                member.is_sent = true;
                self.give_away(&mut member, &BTreeSet::new())?;
                self.working.push_back(member);
            }
            Ok(Step::Void(reason)) => {
                let error = Error::new(
                    Category::Unavailable,
                    format!("the database `{}` was lost: {reason}", member.name),
                );
                self.knowledge
                    .insert(member.name.clone(), member.knowledge());
                member.close();
                match self.backoff.wait(error.retryable()) {
                    Ok(()) => self.begin_anew(&reason),
                    Err(error) => return self.go_on_without(&member, error),
                }
            }
            Ok(Step::Done(summary)) => return self.conclude(member, summary),
            Err(error) => {
                member.close();
                return self.go_on_without(&member, error);
            }
        }
        if self.options.row_limit.is_some_and(|most| self.rows >= most) {
            self.left.clear();
            self.working.iter_mut().for_each(Member::close);
            self.working.clear();
        }
        Ok(())
    }

    fn set_to_work(&mut self, next: Chosen) -> Result<()> {
        let url = match next.url {
            Ok(url) => url,
            Err(error) => return self.lose(&next.name, error),
        };
        let config = Config {
            database: Some(url.clone()),
            databases: None,
            schema_database: Some(url.clone()),
            ..self.config.clone()
        };
        let asked = self.asked.iter().map(|selection| {
            let position = selection.position.as_ref();
            let position = position.and_then(|known| known.databases.get(&next.name).cloned());
            Selection {
                is_first: position.is_none(),
                position,
                ..selection.clone()
            }
        });
        let server = Server::new(url, Credential::named(DATABASE_TOKEN));
        let read = Read::new(Some(server), config, asked.collect(), self.options.clone());
        let knowledge = self.knowledge.get(&next.name).cloned();
        let read = read.knowing(knowledge.unwrap_or_default());
        self.working.push_back(Member::new(next.name, read));
        Ok(())
    }

    /// Takes in what a database came to.
    fn conclude(&mut self, mut member: Member, summary: Summary) -> Result<()> {
        self.requests += summary.requests;
        let mut tallies = summary.resources;
        for (resource, error) in self.strangers(&member) {
            let mut tallies = tallies.iter_mut();
            if let Some(tally) = tallies.find(|tally| tally.resource == resource) {
                tally.failure.get_or_insert(error);
            }
        }
        let failed = tallies.iter().filter(|tally| tally.failure.is_some());
        let failed: Vec<_> = failed.cloned().collect();
        let mut half_sent = failed.iter().filter(|_| member.is_sent);
        if let Some(tally) = half_sent.find(|tally| tally.rows > 0)
            && let Some(error) = tally.failure.clone()
        {
            return self.go_on_without(&member, error);
        }
        let failed = failed.into_iter().map(|tally| tally.resource).collect();
        self.give_away(&mut member, &failed)?;
        for tally in tallies {
            let opened = member.has_opened(&tally.resource);
            let name = self.name_of(&tally.resource);
            self.gathered(&name).add(&member.name, tally, opened);
        }
        Ok(())
    }

    /// Resources of a database, to be merged, whose key is another than in the
    /// databases before: by that, rows would be taken for each other.
    fn strangers(&self, member: &Member) -> Vec<(String, Error)> {
        let is_stranger = |(resource, key): &(&str, &[String])| {
            let name = self.name_of(resource);
            let mut asked = self.asked.iter();
            let is_merged = asked.any(|asked| asked.idempotent && asked.resource == name);
            let gathered = self.gathered.get(&name);
            let union = gathered.and_then(|gathered| gathered.unions.get(&Kind::Rows));
            is_merged && union.is_some_and(|union| !union.has_key(key))
        };
        let error = |(resource, _): (&str, &[String])| {
            let error = Error::new(
                Category::Data,
                format!(
                    "the key of `{resource}` in the database `{}` is another than in those before it",
                    member.name
                ),
            );
            let hint = "leave the database out, or name the columns in `primary_key`";
            (resource.to_owned(), error.hint(hint))
        };
        member.keys().filter(is_stranger).map(error).collect()
    }

    /// The name of a resource for all databases: as it was asked for, or as the
    /// first of them spells it.
    fn name_of(&self, resource: &str) -> String {
        let asked = self.asked.iter().map(|asked| &asked.resource);
        let mut names = asked.chain(self.gathered.keys());
        let known = names.find(|name| name.eq_ignore_ascii_case(resource));
        known.map_or_else(|| resource.to_owned(), Clone::clone)
    }

    fn gathered(&mut self, resource: &str) -> &mut Gathered {
        self.gathered
            .entry(resource.to_owned())
            .or_insert_with(|| Gathered::new(resource))
    }

    /// Goes on without a database. A request that the host denied is for the
    /// operator to settle.
    fn lose(&mut self, database: &str, error: Error) -> Result<()> {
        if error.category == Category::Denied {
            return Err(error);
        }
        log::warn(&format!(
            "the database `{database}` cannot be read: {error}"
        ));
        self.lost.insert(database.to_owned(), error);
        Ok(())
    }

    /// Goes on without a database, and takes back what was sent of it.
    fn go_on_without(&mut self, member: &Member, error: Error) -> Result<()> {
        self.lose(&member.name, error)?;
        if member.is_sent {
            self.begin_anew(&format!("the database `{}` was lost", member.name));
        }
        Ok(())
    }

    fn begin_anew(&mut self, reason: &str) {
        self.working.iter_mut().for_each(Member::close);
        self.working.clear();
        self.gathered.clear();
        self.output.clear();
        self.rows = 0;
        let is_left = |chosen: &&Chosen| !self.lost.contains_key(&chosen.name);
        self.left = self.chosen.iter().filter(is_left).cloned().collect();
        log::warn(&format!("{reason}; the read starts anew"));
        self.output.push_back(Event::Restarted(reason.to_owned()));
    }

    /// Says what all databases came to, and goes on to the Platform API.
    fn end(&mut self) -> Result<()> {
        let names: Vec<_> = self.gathered.keys().cloned().collect();
        for name in &names {
            self.announce_empty(name);
        }
        let mut gathered = std::mem::take(&mut self.gathered);
        let chosen = self.chosen.len();
        let mut tallies = Vec::new();
        for selection in &self.asked {
            let name = &selection.resource;
            tallies.push(match gathered.remove(name) {
                Some(gathered) => gathered.end(&self.lost, chosen, Some(selection)),
                None if self.lost.is_empty() => absent(name),
                None => Gathered::new(name).end(&self.lost, chosen, Some(selection)),
            });
        }
        let rest = gathered.into_values();
        tallies.extend(rest.map(|rest| rest.end(&self.lost, chosen, None)));
        if self.asked.is_empty()
            && tallies.is_empty()
            && let Some(error) = self.lost.values().next()
        {
            return Err(error.clone());
        }
        if self.platform.is_empty() {
            self.finish(Summary {
                resources: tallies,
                requests: self.requests,
                point_in_time: self.chosen.len() < 2,
            });
            return Ok(());
        }
        let config = Config {
            databases: None,
            ..self.config.clone()
        };
        let asked = std::mem::take(&mut self.platform);
        let options = Options {
            lenient: false,
            ..self.options.clone()
        };
        let read = Read::new(None, config, asked, options);
        self.phase = Phase::Platform(Box::new(read), tallies);
        Ok(())
    }

    fn finish(&mut self, summary: Summary) {
        self.output.push_back(Event::Done(summary));
        self.phase = Phase::Finished;
    }
}

fn absent(resource: &str) -> Tally {
    let error = Error::new(
        Category::NotFound,
        format!("no database has a table, view or query `{resource}`"),
    );
    Tally {
        resource: resource.to_owned(),
        failure: Some(error.hint("`connector-host list` shows what the first of them has")),
        ..Tally::default()
    }
}
