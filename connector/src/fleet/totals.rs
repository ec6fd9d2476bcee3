//! What a resource came to in all databases together.

use std::collections::BTreeMap;

use super::member::Columns;
use super::union::{DATABASE, Union};
use crate::error::Error;
use crate::output::{PageKind, ResourceStats, Unread};
use crate::read::position::{self, Position};
use crate::selection::Selection;

/// The most notes of one resource, and of databases that are named in one.
const MAX_NAMED_DATABASES: usize = 5;

/// A resource.
#[derive(Debug, Default)]
pub(super) struct ResourceTotals {
    /// Its columns, for each kind of page.
    pub(super) unions: BTreeMap<PageKind, Union>,
    /// Those of a database in which it has no rows.
    pub(super) empty: Option<Columns>,
    stats: ResourceStats,
    cursors: BTreeMap<String, Position>,
    /// Databases in which it could not be read, and why.
    lost: Vec<(String, Error)>,
    /// Databases in which nothing has changed.
    unchanged: Vec<String>,
    /// Databases in which it was read.
    read: u64,
}

impl ResourceTotals {
    pub(super) fn new(resource: &str) -> Self {
        Self {
            stats: ResourceStats {
                resource: resource.to_owned(),
                ..ResourceStats::default()
            },
            ..Self::default()
        }
    }

    /// Adds what one database came to. `opened` says whether its columns came.
    pub(super) fn add(&mut self, database: &str, of: ResourceStats, opened: bool) {
        let sum = &mut self.stats;
        sum.requests += of.requests;
        if let Some(billed) = of.rows_billed {
            *sum.rows_billed.get_or_insert(0) += billed;
        }
        if let Some(error) = of.failure {
            self.lost.push((database.to_owned(), error));
            return;
        }
        sum.rows += of.rows;
        sum.mismatches += of.mismatches;
        for note in of.notes {
            if sum.notes.len() < MAX_NAMED_DATABASES {
                sum.notes.push(format!("in `{database}`: {note}"));
            }
        }
        let cursor = of.cursor.as_deref();
        let cursor =
            cursor.and_then(|bytes| Position::decode(position::VERSION, bytes, &of.resource).ok());
        if let Some(cursor) = cursor {
            self.cursors.insert(database.to_owned(), cursor);
        }
        if opened {
            self.read += 1;
        } else {
            self.unchanged.push(database.to_owned());
        }
    }

    /// What it came to. `lost` are databases of which nothing could be read,
    /// and `known` is where reads of the databases ended before.
    pub(super) fn end(
        mut self,
        lost: &BTreeMap<String, Error>,
        chosen: usize,
        selection: Option<&Selection>,
    ) -> ResourceStats {
        let known = selection.and_then(|selection| selection.cursor.as_ref());
        let whole = lost
            .iter()
            .map(|(name, error)| (name.clone(), error.clone()));
        self.lost.extend(whole);
        let mut stats = self.stats;
        if self.read == 0 && self.unchanged.is_empty() {
            stats.failure = self.lost.into_iter().next().map(|(_, error)| error);
            return stats;
        }
        // Where nothing was read, the next read goes on from before.
        for (database, _) in &self.lost {
            let before = known.and_then(|known| known.databases.get(database));
            if let Some(before) = before {
                self.cursors.insert(database.clone(), before.clone());
            }
        }
        // Nor do rows go of a database that is not meant any more, unless they
        // are looked for.
        let others = known.filter(|_| selection.is_some_and(|selection| !selection.keys));
        for (database, before) in others.into_iter().flat_map(|known| &known.databases) {
            if before.leads_on() && !self.cursors.contains_key(database) {
                self.cursors.insert(database.clone(), before.clone());
            }
        }
        if !self.cursors.is_empty() {
            stats.cursor = Some(Position::of_databases(self.cursors).encode());
        }
        let found = self.lost.len() as u64 + self.read + self.unchanged.len() as u64;
        let without = (chosen as u64).saturating_sub(found);
        if selection.is_some() && without > 0 {
            let note = format!("{without} of {chosen} databases do not have it");
            stats.notes.insert(0, note);
        }
        if !self.lost.is_empty() {
            stats.notes.insert(0, note(&self.lost));
        }
        let failure = self.lost.first().map(|(_, error)| error.clone());
        let lost = self.lost.into_iter().map(|(database, _)| database);
        let values: Vec<_> = lost.chain(self.unchanged).collect();
        if !values.is_empty() {
            stats.unread = Some(Unread {
                column: DATABASE.to_owned(),
                values,
                failure,
            });
        }
        stats
    }
}

fn note(lost: &[(String, Error)]) -> String {
    let shown = lost.iter().take(MAX_NAMED_DATABASES);
    let shown: Vec<_> = shown
        .map(|(database, error)| format!("`{database}` ({})", error.message))
        .collect();
    let more = lost.len() - shown.len();
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    format!(
        "it could not be read in {} databases, whose rows stay as they were: {}{more}",
        lost.len(),
        shown.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Category;

    fn stats(rows: u64) -> ResourceStats {
        ResourceStats {
            resource: "t".to_owned(),
            rows,
            cursor: Some(Position::default().encode()),
            ..ResourceStats::default()
        }
    }

    fn unreachable() -> Error {
        Error::new(Category::Unavailable, "no route")
    }

    #[test]
    fn a_database_that_is_lost_keeps_its_rows_and_its_place() {
        let mut totals = ResourceTotals::new("t");
        totals.add("a", stats(2), true);
        totals.add("b", stats(0), false);
        let failed = ResourceStats {
            failure: Some(unreachable()),
            ..stats(9)
        };
        totals.add("c", failed, true);
        let lost = BTreeMap::from([("d".to_owned(), unreachable())]);
        let before = Position {
            nulls: Some(Vec::new()),
            ..Position::default()
        };
        let known = Position::of_databases(BTreeMap::from([("d".to_owned(), before)]));
        let selection = Selection {
            cursor: Some(known),
            ..Selection::default()
        };
        let sum = totals.end(&lost, 5, Some(&selection));
        assert_eq!(sum.rows, 2);
        let unread = sum.unread.unwrap();
        assert_eq!(unread.values, ["c", "d", "b"]);
        assert_eq!(unread.failure, Some(unreachable()));
        let cursor = Position::decode(position::VERSION, &sum.cursor.unwrap(), "t").unwrap();
        assert_eq!(cursor.databases.len(), 3);
        assert!(cursor.databases["d"].nulls.is_some());
        assert!(sum.notes[0].contains("2 databases") && sum.notes[0].contains("no route"));
        assert_eq!(sum.notes[1], "1 of 5 databases do not have it");
        assert_eq!(sum.failure, None);
    }

    #[test]
    fn what_no_database_could_give_has_failed() {
        let lost = BTreeMap::from([("d".to_owned(), unreachable())]);
        let sum = ResourceTotals::new("t").end(&lost, 1, None);
        assert_eq!(sum.failure, Some(unreachable()));
        assert_eq!(sum.unread, None);
    }
}
