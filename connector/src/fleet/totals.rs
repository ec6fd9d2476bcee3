//! Statistics and cursors of a resource over all databases. Must not send
//! events.

use std::collections::BTreeMap;

use super::progress::SentRows;
use super::union::{DATABASE, Union};
use crate::cursor::{self, Cursor};
use crate::error::Error;
use crate::noun::counted;
use crate::output::{Columns, Figures, PageKind, ResourceStats, Unread};
use crate::selection::Selection;

/// Maximum notes of one resource, and maximum databases that a note names.
const MAX_NOTES: usize = 5;

/// Totals of a resource over all databases.
#[derive(Debug, Default)]
pub(super) struct ResourceTotals {
    /// Columns of all databases, for each kind of page.
    pub(super) unions: BTreeMap<PageKind, Union>,
    /// Columns of the first database, while none has sent a row.
    pub(super) empty: Option<Columns>,
    /// Rows that were sent, including those of databases whose read goes on.
    pub(super) sent: SentRows,
    stats: ResourceStats,
    cursors: BTreeMap<String, Cursor>,
    /// Notes of each database.
    notes: BTreeMap<String, Vec<String>>,
    /// Databases in which it could not be read, with the errors.
    failed: Vec<(String, Error)>,
    /// Databases that were skipped as unchanged.
    unchanged: Vec<String>,
    /// Number of databases in which it was read.
    read: u64,
    /// Error, if rows of a database were sent that is not complete.
    failure: Option<Error>,
    /// True if it was read in a database without figures.
    lacks_figures: bool,
    /// True if a database that was read does not report what it bills.
    lacks_billing: bool,
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

    /// Returns the number of rows of the databases that were read.
    pub(super) fn rows(&self) -> u64 {
        self.stats.rows
    }

    /// Adds the statistics of one database. `opened` is true if the database
    /// has announced the columns.
    pub(super) fn add(&mut self, database: &str, stats: ResourceStats, opened: bool) {
        let sum = &mut self.stats;
        sum.requests += stats.requests;
        match stats.rows_billed {
            Some(billed) => *sum.rows_billed.get_or_insert(0) += billed,
            None => self.lacks_billing |= stats.rows > 0,
        }
        if let Some(error) = stats.failure {
            self.failed.push((database.to_owned(), error));
            return;
        }
        sum.rows += stats.rows;
        sum.rejected += stats.rejected;
        sum.mismatches += stats.mismatches;
        if !stats.notes.is_empty() {
            self.notes.insert(database.to_owned(), stats.notes);
        }
        match stats.figures {
            Some(figures) => {
                let known = sum.figures.unwrap_or(Figures::ZERO);
                sum.figures = Some(known.plus(figures));
            }
            None => self.lacks_figures |= opened,
        }
        let cursor = stats.cursor.as_deref();
        let cursor =
            cursor.and_then(|bytes| Cursor::decode(cursor::VERSION, bytes, &stats.resource).ok());
        if let Some(cursor) = cursor {
            self.cursors.insert(database.to_owned(), cursor);
        }
        if opened {
            self.read += 1;
        } else {
            self.unchanged.push(database.to_owned());
        }
    }

    /// Fails the resource in all databases.
    pub(super) fn fail(&mut self, error: Error) {
        self.failure = Some(error);
    }

    /// True if the checksums of the databases cannot be added.
    fn is_mixed(&self) -> bool {
        self.unions.values().any(Union::is_mixed)
    }

    /// Returns the totals. `failed` are databases of which no resource could be
    /// read, `databases` is the number of all.
    pub(super) fn end(
        mut self,
        failed: &BTreeMap<String, Error>,
        databases: usize,
        selection: Option<&Selection>,
    ) -> ResourceStats {
        let previous = selection.and_then(|selection| selection.cursor.as_ref());
        let failed = failed.iter();
        self.failed
            .extend(failed.map(|(name, error)| (name.clone(), error.clone())));
        // Databases end in any order.
        self.failed.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.unchanged.sort();
        let is_mixed = self.is_mixed();
        let mut stats = self.stats;
        if self.lacks_billing {
            stats.rows_billed = None;
        }
        let notes = self.notes.iter().flat_map(|(database, notes)| {
            notes
                .iter()
                .map(move |note| format!("in `{database}`: {note}"))
        });
        stats.notes.extend(notes.take(MAX_NOTES));
        if let Some(error) = self.failure {
            stats.failure = Some(error);
            return stats;
        }
        if self.lacks_figures {
            stats.figures = None;
        }
        if let (Some(figures), true) = (&mut stats.figures, is_mixed) {
            figures.checksum = None;
        }
        if self.read == 0 && self.unchanged.is_empty() {
            stats.failure = self.failed.into_iter().next().map(|(_, error)| error);
            return stats;
        }
        // A database that could not be read keeps its cursor.
        for (database, _) in &self.failed {
            let cursor = previous.and_then(|previous| previous.databases.get(database));
            if let Some(cursor) = cursor {
                self.cursors.insert(database.clone(), cursor.clone());
            }
        }
        // So does a database that is no longer selected: its rows stay, unless
        // the keys of all rows show that they are gone.
        let others = previous.filter(|_| selection.is_some_and(|selection| !selection.keys));
        for (database, cursor) in others.into_iter().flat_map(|previous| &previous.databases) {
            if cursor.is_resumable() && !self.cursors.contains_key(database) {
                self.cursors.insert(database.clone(), cursor.clone());
            }
        }
        if !self.cursors.is_empty() {
            stats.cursor = Some(Cursor::for_databases(self.cursors).encode());
        }
        let found = self.failed.len() as u64 + self.read + self.unchanged.len() as u64;
        let without = (databases as u64).saturating_sub(found);
        if selection.is_some() && without > 0 {
            let all = counted(databases as u64, "database");
            let note = format!("this resource is missing in {without} of {all}");
            stats.notes.insert(0, note);
        }
        if !self.failed.is_empty() {
            stats.notes.insert(0, note(&self.failed));
        }
        let failures = self.failed;
        let failure = failures.first().map(|(_, error)| error.clone());
        let failed = failures.iter().map(|(database, _)| database.clone());
        let values: Vec<_> = failed.chain(self.unchanged).collect();
        if !values.is_empty() {
            stats.unread = Some(Unread {
                column: DATABASE.to_owned(),
                values,
                failure,
                failures,
            });
        }
        stats
    }
}

/// Describes the databases in which a resource could not be read.
fn note(failed: &[(String, Error)]) -> String {
    let shown = failed.iter().take(MAX_NOTES);
    let shown: Vec<_> = shown
        .map(|(database, error)| format!("`{database}` ({})", error.message))
        .collect();
    let more = failed.len() - shown.len();
    let more = if more > 0 {
        format!(", and {more} more")
    } else {
        String::new()
    };
    format!(
        "databases that could not be read: {}{more}; their stored rows are kept",
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
            cursor: Some(Cursor::default().encode()),
            ..ResourceStats::default()
        }
    }

    fn unreachable() -> Error {
        Error::new(Category::Unavailable, "no route")
    }

    #[test]
    fn a_database_that_fails_keeps_its_rows_and_its_cursor() {
        let mut totals = ResourceTotals::new("t");
        totals.add("a", stats(2), true);
        totals.add("b", stats(0), false);
        let failed = ResourceStats {
            failure: Some(unreachable()),
            ..stats(9)
        };
        totals.add("c", failed, true);
        let lost = BTreeMap::from([("d".to_owned(), unreachable())]);
        let before = Cursor {
            last_null: Some(Vec::new()),
            ..Cursor::default()
        };
        let known = Cursor::for_databases(BTreeMap::from([("d".to_owned(), before)]));
        let selection = Selection {
            cursor: Some(known),
            ..Selection::default()
        };
        let sum = totals.end(&lost, 5, Some(&selection));
        assert_eq!(sum.rows, 2);
        let unread = sum.unread.unwrap();
        assert_eq!(unread.values, ["c", "d", "b"]);
        assert_eq!(unread.failure, Some(unreachable()));
        let failures = ["c", "d"].map(|database| (database.to_owned(), unreachable()));
        assert_eq!(unread.failures, failures);
        let cursor = Cursor::decode(cursor::VERSION, &sum.cursor.unwrap(), "t").unwrap();
        assert_eq!(cursor.databases.len(), 3);
        assert!(cursor.databases["d"].last_null.is_some());
        assert!(
            sum.notes[0].contains("could not be read: `c` (") && sum.notes[0].contains("no route")
        );
        assert_eq!(sum.notes[1], "this resource is missing in 1 of 5 databases");
        assert_eq!(sum.failure, None);
    }

    #[test]
    fn what_one_database_does_not_report_is_unknown_for_all() {
        let billed = |rows_billed, rows| ResourceStats {
            rows_billed,
            ..stats(rows)
        };
        let sum = |second| {
            let mut totals = ResourceTotals::new("t");
            totals.add("a", billed(Some(3), 2), true);
            totals.add("b", second, true);
            totals.end(&BTreeMap::new(), 2, None).rows_billed
        };
        assert_eq!(sum(billed(Some(4), 4)), Some(7));
        assert_eq!(sum(billed(None, 4)), None);
        // Nothing was read.
        assert_eq!(sum(billed(None, 0)), Some(3));
    }

    #[test]
    fn a_resource_that_no_database_could_read_has_failed() {
        let lost = BTreeMap::from([("d".to_owned(), unreachable())]);
        let sum = ResourceTotals::new("t").end(&lost, 1, None);
        assert_eq!(sum.failure, Some(unreachable()));
        assert_eq!(sum.unread, None);
    }
}
