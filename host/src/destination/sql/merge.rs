//! Statements that combine a staged table with its target.
//!
//! Must not execute anything: it knows tables by name only.

use super::dataset::Dataset;
use super::key_columns::KeyColumns;
use super::quoting::{literal, quoted};
use crate::destination::columns::Column;
use crate::model::{DeletionMode, UnreadPart, names};

/// A staged table and the target that its rows go into.
pub(super) struct MergeSql<'a> {
    pub(super) dataset: &'a Dataset,
    /// Name of the target.
    pub(super) target: &'a str,
    /// Name of the staged table.
    pub(super) staged: &'a str,
    /// Columns of the staged table without the number of the row. All of them
    /// except [`IS_DELETED`](names::IS_DELETED) are columns of the target.
    pub(super) columns: &'a [Column],
    /// Table that holds all keys of the source, if they are known.
    pub(super) keys: Option<&'a str>,
    pub(super) key: &'a KeyColumns,
    /// True if staged rows are flagged as deleted.
    pub(super) flagged: bool,
    pub(super) deletion_mode: DeletionMode,
    /// Column that is null in the first row of a group.
    pub(super) group: Option<&'a str>,
    /// Rows of the target that are not deleted, whatever the keys say.
    pub(super) unread: Option<&'a UnreadPart>,
    /// Time of the load, as an SQL expression.
    pub(super) now: &'a str,
}

impl MergeSql<'_> {
    /// Returns the statements of a merge, in their order.
    pub(super) fn merge(&self) -> Vec<Statement> {
        let (target, staged) = (self.target(), self.staged());
        let same_key = self.key.matches("t", "s");
        let mut statements = Vec::new();
        if self.flagged {
            let gone = format!(
                "EXISTS (SELECT 1 FROM {staged} s WHERE {same_key} AND {})",
                flag()
            );
            statements.extend(self.delete(&gone));
        }
        statements.push(Statement::uncounted(format!(
            "DELETE FROM {target} t USING {staged} s WHERE {same_key}{}",
            self.and_not_flagged()
        )));
        statements.push(self.insert());
        if let Some(gone) = self.gone() {
            statements.extend(self.delete(&gone));
        }
        statements
    }

    /// Returns the statements that end versions and begin new ones. A change in
    /// one of the `compared` columns makes a new version.
    pub(super) fn versions(&self, compared: &[&Column]) -> Vec<Statement> {
        let (target, staged, now) = (self.target(), self.staged(), self.now);
        let same_key = self.key.matches("t", "s");
        let valid_to = quoted(names::VALID_TO);
        let end = |condition: &str| {
            format!(
                "UPDATE {target} t SET {valid_to} = {now} WHERE t.{valid_to} IS NULL AND {condition}"
            )
        };
        let mut statements = Vec::new();
        if self.deletion_mode != DeletionMode::Ignore {
            if let Some(gone) = self.gone() {
                statements.push(Statement::deleting(end(&gone)));
            }
            if self.flagged {
                statements.push(Statement::deleting(end(&format!(
                    "EXISTS (SELECT 1 FROM {staged} s WHERE {same_key} AND {})",
                    flag()
                ))));
            }
        }
        let unchanged: Vec<_> = compared
            .iter()
            .map(|column| {
                let column = quoted(&column.name);
                format!("s.{column} IS NOT DISTINCT FROM t.{column}")
            })
            .collect();
        let unchanged = unchanged.join(" AND ");
        statements.push(Statement::uncounted(format!(
            "DELETE FROM {staged} s USING {target} t WHERE {same_key} AND t.{valid_to} IS NULL AND {unchanged}"
        )));
        statements.push(Statement::uncounted(end(&format!(
            "EXISTS (SELECT 1 FROM {staged} s WHERE {same_key}{})",
            self.and_not_flagged()
        ))));
        statements.push(self.insert());
        statements
    }

    /// Returns the statement that deletes the first row of each group from a
    /// staged table. Those rows only begin groups.
    pub(super) fn drop_group_heads(dataset: &Dataset, staged: &str, group: &str) -> String {
        let (staged, group) = (dataset.table(staged), quoted(group));
        format!("DELETE FROM {staged} WHERE {group} IS NULL")
    }

    /// Returns the statement that deletes flagged rows from a staged table that
    /// has no target.
    pub(super) fn drop_flagged(dataset: &Dataset, staged: &str) -> String {
        let (staged, flag) = (dataset.table(staged), quoted(names::IS_DELETED));
        format!("DELETE FROM {staged} WHERE {flag}")
    }

    fn insert(&self) -> Statement {
        let (target, staged) = (self.target(), self.staged());
        let columns: Vec<_> = self
            .columns
            .iter()
            .filter(|column| !self.flagged || column.name != names::IS_DELETED)
            .map(|column| quoted(&column.name))
            .collect();
        let columns = columns.join(", ");
        let condition = if self.flagged {
            format!(" WHERE NOT {}", quoted(names::IS_DELETED))
        } else {
            let heads = self
                .group
                .map(|group| format!(" WHERE {} IS NOT NULL", quoted(group)));
            heads.unwrap_or_default()
        };
        Statement {
            counts: StatementCount::Written,
            sql: format!(
                "INSERT INTO {target} ({columns}) SELECT {columns} FROM {staged}{condition}"
            ),
        }
    }

    /// Returns the statement that deletes rows of the target or marks them as
    /// deleted, or `None` if they stay.
    fn delete(&self, gone: &str) -> Option<Statement> {
        let target = self.target();
        let deleted_at = quoted(names::DELETED_AT);
        match self.deletion_mode {
            DeletionMode::Ignore => None,
            DeletionMode::Hard => Some(format!("DELETE FROM {target} t WHERE {gone}")),
            DeletionMode::Soft => Some(format!(
                "UPDATE {target} t SET {deleted_at} = {} WHERE t.{deleted_at} IS NULL AND {gone}",
                self.now
            )),
        }
        .map(Statement::deleting)
    }

    /// Returns the condition that a row of the target is no longer in the
    /// source, or `None` if that is unknown.
    fn gone(&self) -> Option<String> {
        let keys = self.dataset.table(self.keys?);
        let same_key = self.key.matches("t", "k");
        let unread = self
            .unread
            .map(|part| format!(" AND {} IS NOT TRUE", is_in_part(part)));
        Some(format!(
            "NOT EXISTS (SELECT 1 FROM {keys} k WHERE {same_key}){}",
            unread.unwrap_or_default()
        ))
    }

    /// Returns a condition that excludes flagged rows: the row that they refer
    /// to is not replaced.
    fn and_not_flagged(&self) -> String {
        if self.flagged {
            format!(" AND NOT {}", flag())
        } else {
            String::new()
        }
    }

    fn target(&self) -> String {
        self.dataset.table(self.target)
    }

    fn staged(&self) -> String {
        self.dataset.table(self.staged)
    }
}

/// Returns the condition that a row `t` belongs to a part that was not read.
pub(super) fn is_in_part(part: &UnreadPart) -> String {
    let values: Vec<_> = part.values.iter().map(|value| literal(value)).collect();
    if values.is_empty() {
        return "false".to_owned();
    }
    format!("(t.{} IN ({}))", quoted(&part.column), values.join(", "))
}

/// Returns the condition that a staged row `s` is flagged as deleted.
fn flag() -> String {
    format!("s.{}", quoted(names::IS_DELETED))
}

/// A statement, and what the number of its rows means.
#[derive(Debug)]
pub(super) struct Statement {
    pub(super) counts: StatementCount,
    pub(super) sql: String,
}

/// Meaning of the number of rows that a statement changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatementCount {
    Written,
    Deleted,
    Nothing,
}

impl Statement {
    fn deleting(sql: String) -> Self {
        Self {
            counts: StatementCount::Deleted,
            sql,
        }
    }

    fn uncounted(sql: String) -> Self {
        Self {
            counts: StatementCount::Nothing,
            sql,
        }
    }
}
