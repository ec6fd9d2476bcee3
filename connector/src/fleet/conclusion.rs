//! Conclusion of the databases that were read: their rows are sent, and their
//! statistics become part of the totals. Must not read databases.

use super::Fleet;
use super::buffer::MAX_TOTAL_BYTES;
use super::member::Member;
use super::totals::ResourceTotals;
use crate::error::{Category, Error, Result};
use crate::output::{PageKind, Summary};

impl Fleet {
    /// Concludes the databases that were read, in the order of their names, so that
    /// columns and keys do not depend on which response arrives first.
    pub(super) async fn conclude_read(&mut self) -> Result<()> {
        while let Some(name) = self.read.keys().next() {
            let is_first = self.turns.first().is_none_or(|active| active > name);
            if !is_first && self.buffered.get() <= MAX_TOTAL_BYTES {
                break;
            }
            if let Some((_, (member, summary))) = self.read.pop_first() {
                self.conclude(member, summary).await?;
            }
        }
        Ok(())
    }

    /// True if the events of a database have to be sent before its read is complete.
    /// Complete databases send theirs first.
    pub(super) fn is_full(&self, member: &Member) -> bool {
        let complete = self.read.values().map(|(member, _)| member.buffer.bytes());
        let incomplete = self.buffered.get() - complete.sum::<usize>();
        member.is_sent || member.buffer.is_full(self.turns.len() + 1, incomplete)
    }

    /// Adds the summary of a database to the totals.
    async fn conclude(&mut self, mut member: Member, summary: Summary) -> Result<()> {
        self.requests += summary.requests;
        let mut resources = summary.resources;
        for (resource, error) in self.key_conflicts(&member) {
            let mut resources = resources.iter_mut();
            if let Some(stats) = resources.find(|stats| stats.resource == resource) {
                stats.failure.get_or_insert(error);
            }
        }
        let failed = resources.iter().filter(|stats| stats.failure.is_some());
        let failed: Vec<_> = failed.cloned().collect();
        let half_sent = failed
            .iter()
            .filter(|stats| member.is_sent && stats.rows > 0);
        let half_sent = half_sent.filter_map(|stats| {
            Some((self.resource_name(&stats.resource), stats.failure.clone()?))
        });
        for (resource, error) in half_sent.collect::<Vec<_>>() {
            if !self.options.deadline.has_passed() {
                return self.continue_without(&member, error).await;
            }
            // No time is left for a restart.
            self.totals(&resource).fail(error);
        }
        let failed = failed.into_iter().map(|stats| stats.resource).collect();
        self.flush(&mut member, &failed)?;
        for stats in resources {
            let opened = member.has_opened(&stats.resource);
            let name = self.resource_name(&stats.resource);
            self.totals(&name).add(&member.name, stats, opened);
        }
        Ok(())
    }

    /// Returns the merged resources of a database whose primary key differs from
    /// that of earlier databases: merging would confuse their rows.
    pub(super) fn key_conflicts(&self, member: &Member) -> Vec<(String, Error)> {
        let conflicts = |(resource, key): &(&str, &[String])| {
            let name = self.resource_name(resource);
            let mut requested = self.requested.iter();
            let is_merged =
                requested.any(|selection| selection.idempotent && selection.resource == name);
            let totals = self.totals.get(&name);
            let union = totals.and_then(|totals| totals.unions.get(&PageKind::Rows));
            is_merged && union.is_some_and(|union| !union.has_key(key))
        };
        let error = |(resource, _): (&str, &[String])| {
            let error = Error::new(
                Category::Data,
                format!(
                    "the primary key of `{resource}` in the database `{}` differs from earlier databases",
                    member.name
                ),
            );
            let hint = "exclude the database from `databases`, or set `primary_key`";
            (resource.to_owned(), error.hint(hint))
        };
        member.keys().filter(conflicts).map(error).collect()
    }

    /// Returns the name of a resource for all databases: as requested, or else in
    /// the letter case of the first database.
    pub(super) fn resource_name(&self, resource: &str) -> String {
        let requested = self.requested.iter().map(|selection| &selection.resource);
        let mut names = requested.chain(self.totals.keys());
        let known = names.find(|name| name.eq_ignore_ascii_case(resource));
        known.map_or_else(|| resource.to_owned(), Clone::clone)
    }

    pub(super) fn totals(&mut self, resource: &str) -> &mut ResourceTotals {
        self.totals
            .entry(resource.to_owned())
            .or_insert_with(|| ResourceTotals::new(resource))
    }
}
