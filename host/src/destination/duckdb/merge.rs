//! What becomes of rows that are there when others arrive: the statements
//! that bring a staged table together with its target. Knows tables by name
//! only, and moves no row through this process.

use super::sql::{Dataset, literal, quoted};
use crate::model::{DeletionMode, UnreadPart, names};

/// A staged table on its way into its target.
pub(super) struct Merge<'a> {
    pub(super) dataset: &'a Dataset,
    /// The target.
    pub(super) target: &'a str,
    /// What arrived.
    pub(super) staged: &'a str,
    /// All keys that are in the source, if they came.
    pub(super) keys: Option<&'a str>,
    pub(super) key: &'a Key,
    /// Whether the rows say themselves that they are deleted.
    pub(super) marked: bool,
    pub(super) deletes: DeletionMode,
    /// The column that is null in the row with which a group begins.
    pub(super) group: Option<&'a str>,
    /// Rows of the target that are not gone, whatever the keys say.
    pub(super) unread: Option<&'a UnreadPart>,
    /// The time of the load, as an SQL expression.
    pub(super) now: &'a str,
}

/// The columns that tell rows apart: for each of the key, itself and the
/// siblings in which a value of it may be instead.
#[derive(Clone, Debug, Default)]
pub(super) struct Key(pub(super) Vec<Vec<String>>);

impl Key {
    /// All columns of it.
    pub(super) fn columns(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }

    /// Whether two rows are the same.
    fn matches(&self, one: &str, other: &str) -> String {
        let family = |family: &Vec<String>| {
            let operator = if family.len() == 1 {
                "="
            } else {
                "IS NOT DISTINCT FROM"
            };
            let columns = family.iter().map(|column| {
                let column = quoted(column);
                format!("{one}.{column} {operator} {other}.{column}")
            });
            columns.collect::<Vec<_>>().join(" AND ")
        };
        let families: Vec<_> = self.0.iter().map(family).collect();
        families.join(" AND ")
    }

    /// Whether a row has no value in some column of it.
    fn is_missing(&self) -> String {
        let missing = |family: &Vec<String>| {
            let columns = family
                .iter()
                .map(|column| format!("{} IS NULL", quoted(column)));
            format!("({})", columns.collect::<Vec<_>>().join(" AND "))
        };
        let families: Vec<_> = self.0.iter().map(missing).collect();
        families.join(" OR ")
    }

    fn list(&self) -> String {
        let columns: Vec<_> = self.columns().map(quoted).collect();
        columns.join(", ")
    }

    /// The query that counts the rows without a key.
    pub(super) fn count_missing(&self, dataset: &Dataset, table: &str) -> String {
        format!(
            "SELECT count(*) FROM {} WHERE {}",
            dataset.table(table),
            self.is_missing()
        )
    }

    /// The query that counts the rows of a table that others of the same key
    /// follow.
    pub(super) fn count_superseded(&self, dataset: &Dataset, table: &str) -> String {
        let (table, list) = (dataset.table(table), self.list());
        format!(
            "SELECT (SELECT count(*) FROM {table}) - \
             (SELECT count(*) FROM (SELECT DISTINCT {list} FROM {table}))"
        )
    }

    /// Keeps the last group of each key, from its first row on. Rows are in
    /// the order in which they arrive.
    pub(super) fn keep_last_group(&self, dataset: &Dataset, table: &str, group: &str) -> String {
        let (table, list, group) = (dataset.table(table), self.list(), quoted(group));
        format!(
            "DELETE FROM {table} t USING \
             (SELECT {list}, max(rowid) AS \"first row\" FROM {table} WHERE {group} IS NULL GROUP BY {list}) g \
             WHERE {} AND t.rowid < g.\"first row\"",
            self.matches("t", "g")
        )
    }

    /// Keeps the last row of each key. Rows are in the order in which they arrive.
    pub(super) fn keep_last(&self, dataset: &Dataset, table: &str) -> String {
        let (table, list) = (dataset.table(table), self.list());
        format!(
            "DELETE FROM {table} WHERE rowid NOT IN \
             (SELECT max(rowid) FROM {table} GROUP BY {list})"
        )
    }
}

impl Merge<'_> {
    /// The statements of a merge, those that delete or mark rows first.
    pub(super) fn merge(&self) -> Statements {
        let (target, staged) = (self.target(), self.staged());
        let came = self.came("s");
        let mut statements = Statements::default();
        if self.marked {
            let gone = format!(
                "EXISTS (SELECT 1 FROM {staged} s WHERE {came} AND {})",
                flag()
            );
            statements.delete(self.without(&gone));
        }
        // Marked rows that stay are not to be replaced by nothing.
        let stay = if self.marked {
            format!(" AND NOT {}", flag())
        } else {
            String::new()
        };
        statements.other(format!(
            "DELETE FROM {target} t USING {staged} s WHERE {came}{stay}"
        ));
        statements.write(self.insert());
        if let Some(gone) = self.gone() {
            statements.delete(self.without(&gone));
        }
        statements
    }

    /// The statements that end versions and begin new ones. `compared` are
    /// the columns in which a change makes a new version.
    pub(super) fn versions<'c>(&self, compared: impl Iterator<Item = &'c str>) -> Statements {
        let (target, staged, now) = (self.target(), self.staged(), self.now);
        let came = self.came("s");
        let ended = quoted(names::VALID_TO);
        let end = |which: &str| {
            format!("UPDATE {target} t SET {ended} = {now} WHERE t.{ended} IS NULL AND {which}")
        };
        let mut statements = Statements::default();
        if self.deletes != DeletionMode::Ignore {
            if let Some(gone) = self.gone() {
                statements.delete(end(&gone));
            }
            if self.marked {
                let flag = flag();
                statements.delete(end(&format!(
                    "EXISTS (SELECT 1 FROM {staged} s WHERE {came} AND {flag})"
                )));
            }
        }
        let same: Vec<_> = compared
            .map(|column| {
                let column = quoted(column);
                format!("s.{column} IS NOT DISTINCT FROM t.{column}")
            })
            .collect();
        let same = same.join(" AND ");
        statements.other(format!(
            "DELETE FROM {staged} s USING {target} t WHERE {came} AND t.{ended} IS NULL AND {same}"
        ));
        let stay = if self.marked {
            format!(" AND NOT {}", flag())
        } else {
            String::new()
        };
        statements.other(end(&format!(
            "EXISTS (SELECT 1 FROM {staged} s WHERE {came}{stay})"
        )));
        statements.write(self.insert());
        statements
    }

    /// The statement that takes from a staged table the rows that only begin
    /// groups.
    pub(super) fn drop_heads(dataset: &Dataset, staged: &str, group: &str) -> String {
        format!(
            "DELETE FROM {} WHERE {} IS NULL",
            dataset.table(staged),
            quoted(group)
        )
    }

    /// The statement that takes from a staged table what is deleted already,
    /// when there is no target.
    pub(super) fn drop_marked(dataset: &Dataset, staged: &str) -> String {
        format!(
            "DELETE FROM {} WHERE {}",
            dataset.table(staged),
            quoted(names::IS_DELETED)
        )
    }

    fn insert(&self) -> String {
        let (target, staged) = (self.target(), self.staged());
        if self.marked {
            let flag = quoted(names::IS_DELETED);
            format!(
                "INSERT INTO {target} BY NAME SELECT * EXCLUDE ({flag}) FROM {staged} WHERE NOT {flag}"
            )
        } else {
            let rows = self
                .group
                .map(|group| format!(" WHERE {} IS NOT NULL", quoted(group)));
            let rows = rows.unwrap_or_default();
            format!("INSERT INTO {target} BY NAME SELECT * FROM {staged}{rows}")
        }
    }

    /// Deletes rows of the target, or marks them, or leaves them.
    fn without(&self, gone: &str) -> Option<String> {
        let target = self.target();
        let mark = quoted(names::DELETED_AT);
        match self.deletes {
            DeletionMode::Ignore => None,
            DeletionMode::Hard => Some(format!("DELETE FROM {target} t WHERE {gone}")),
            DeletionMode::Soft => Some(format!(
                "UPDATE {target} t SET {mark} = {} WHERE t.{mark} IS NULL AND {gone}",
                self.now
            )),
        }
    }

    /// Whether a row of the target is no longer in the source, if that can be
    /// told from what there is.
    fn gone(&self) -> Option<String> {
        let keys = self.keys?;
        let unread = self
            .unread
            .map(|part| format!(" AND {} IS NOT TRUE", is_of(part)));
        Some(format!(
            "NOT EXISTS (SELECT 1 FROM {} k WHERE {}){}",
            self.dataset.table(keys),
            self.key.matches("t", "k"),
            unread.unwrap_or_default()
        ))
    }

    fn came(&self, staged: &str) -> String {
        self.key.matches("t", staged)
    }

    fn target(&self) -> String {
        self.dataset.table(self.target)
    }

    fn staged(&self) -> String {
        self.dataset.table(self.staged)
    }
}

/// Whether a row of the target is of a part that was not read.
pub(super) fn is_of(part: &UnreadPart) -> String {
    let values: Vec<_> = part.values.iter().map(|value| literal(value)).collect();
    if values.is_empty() {
        return "false".to_owned();
    }
    format!("(t.{} IN ({}))", quoted(&part.column), values.join(", "))
}

/// Whether a staged row says that it is deleted.
fn flag() -> String {
    format!("s.{}", quoted(names::IS_DELETED))
}

/// Statements in their order, and what their counts mean.
#[derive(Debug, Default)]
pub(super) struct Statements(pub(super) Vec<(Counts, String)>);

/// What the rows are that a statement touches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    Written,
    Deleted,
    Nothing,
}

impl Statements {
    fn write(&mut self, sql: String) {
        self.0.push((Counts::Written, sql));
    }

    fn delete(&mut self, sql: impl Into<Option<String>>) {
        self.0.extend(sql.into().map(|sql| (Counts::Deleted, sql)));
    }

    fn other(&mut self, sql: String) {
        self.0.push((Counts::Nothing, sql));
    }
}
