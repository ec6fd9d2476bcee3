//! Compatibility of a table with its recorded changes. Records hold values
//! without column names, so the table is checked before any row is decoded.
//! Columns that were added at the end are the only permitted alteration.

use super::change::{Change, ChangeKind};
use super::feed::is_same_table;
use super::record;
use super::refresh_needed;
use crate::database::table::Table;
use crate::database::tokens::tokens;
use crate::error::Result;
use crate::rows::value::Value;

/// Identity of a table when its changes were last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownTable {
    /// Row id of the table in the schema table.
    pub schema_entry: i64,
    /// Names of the columns.
    pub columns: Vec<String>,
}

/// Change of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    schema_entry: i64,
    kind: ChangeKind,
    /// Name of the table; empty if the record is malformed.
    table: String,
    /// True if its only effect is a new column.
    adds_column: bool,
}

impl Alteration {
    /// Parses a change of the schema table. Returns `None` for an entry that is
    /// not a table, such as an index. A malformed record is kept, so that it
    /// counts as an alteration of its entry.
    #[must_use]
    pub fn from_change(change: &Change) -> Option<Self> {
        let image = change.after.as_ref().or(change.before.as_ref());
        let values = image.and_then(|image| record::decode(image).ok());
        let text = |column: usize| values.as_ref()?.get(column)?.as_text();
        if text(0).is_some_and(|entry_type| entry_type != "table") {
            return None;
        }
        let updates = change.updates.as_ref();
        let updates = updates.and_then(|updates| record::decode(updates).ok());
        let statement = updates
            .as_ref()
            .and_then(|updates| updates.last()?.as_text());
        Some(Self {
            schema_entry: change.row_id.as_integer().unwrap_or(0),
            kind: change.kind,
            table: text(1).unwrap_or_default().to_owned(),
            adds_column: change.kind == ChangeKind::Updated && statement.is_some_and(adds_column),
        })
    }
}

/// Checks that a table is still the known one. `schema_entry` is its present
/// entry, and `alterations` are all since the last read.
///
/// # Errors
/// A data error if the table may be another one or have another layout.
pub fn check_table(
    table: &Table,
    known: &KnownTable,
    schema_entry: Option<i64>,
    alterations: &[Alteration],
) -> Result<()> {
    let name = &table.name;
    if schema_entry != Some(known.schema_entry) {
        return Err(refresh_needed(
            name,
            "the table was recreated or renamed since its changes were last read",
        ));
    }
    for alteration in alterations {
        let same_name = is_same_table(name, &alteration.table);
        let same_entry =
            alteration.schema_entry == known.schema_entry || alteration.table.is_empty();
        let conflicts = match alteration.kind {
            ChangeKind::Inserted => same_name,
            ChangeKind::Updated => (same_name || same_entry) && !alteration.adds_column,
            ChangeKind::Deleted => same_name || same_entry,
        };
        if conflicts {
            let reason = match alteration.kind {
                ChangeKind::Updated => {
                    "the table was altered in another way than by adding a column"
                }
                _ => "the table was dropped or recreated since its changes were last read",
            };
            return Err(refresh_needed(name, reason));
        }
    }
    let columns = table.columns.iter().map(|column| &column.name);
    if known.columns.len() > table.columns.len()
        || !known.columns.iter().eq(columns.take(known.columns.len()))
    {
        let reason = format!(
            "its columns were {} when its changes were last read, and are different now",
            known.columns.join(", ")
        );
        return Err(refresh_needed(name, &reason));
    }
    Ok(())
}

/// Checks that columns were added without a default: a default also changes the
/// existing rows, which the feed does not record.
///
/// # Errors
/// A data error that names the column.
pub fn check_defaults(table: &Table, known: &KnownTable, defaults: &[Vec<Value>]) -> Result<()> {
    for column in table.columns.iter().skip(known.columns.len()) {
        let name = Some(column.name.as_str());
        let row = defaults
            .iter()
            .find(|row| row.first().and_then(Value::as_text) == name);
        let is_null = match row.and_then(|row| row.get(1)) {
            Some(Value::Null) => true,
            Some(Value::Text(text)) => text.eq_ignore_ascii_case("null"),
            _ => false,
        };
        if !is_null {
            let reason = format!(
                "the column `{}` was added with a default, which also changed rows that were already read",
                column.name
            );
            return Err(refresh_needed(&table.name, &reason));
        }
    }
    Ok(())
}

/// Returns true if a statement consists of a single `ALTER TABLE name ADD`.
fn adds_column(statement: &str) -> bool {
    let Some(tokens) = tokens(statement) else {
        return false;
    };
    let is = |token: &str, word: &str| token.eq_ignore_ascii_case(word);
    let (is_alter_table, rest) = match tokens.as_slice() {
        [alter, table, _, ".", _, rest @ ..] | [alter, table, _, rest @ ..] => {
            (is(alter, "ALTER") && is(table, "TABLE"), rest)
        }
        _ => return false,
    };
    let rest = rest.strip_suffix(&[";"]).unwrap_or(rest);
    is_alter_table && rest.first().is_some_and(|token| is(token, "ADD")) && !rest.contains(&";")
}

#[cfg(test)]
mod tests {
    use super::super::change::ChangeId;
    use super::super::record::tests::encode;
    use super::*;
    use crate::database::table::tests::table;

    fn known(columns: &[&str]) -> KnownTable {
        KnownTable {
            schema_entry: 5,
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn alteration(entry: i64, kind: ChangeKind, name: &str, statement: &str) -> Option<Alteration> {
        let image = encode(&[
            "table".into(),
            name.into(),
            name.into(),
            Value::Integer(2),
            "".into(),
        ]);
        let (before, after) = match kind {
            ChangeKind::Deleted => (Some(image), None),
            _ => (None, Some(image)),
        };
        let updates =
            (kind == ChangeKind::Updated).then(|| encode(&[Value::Integer(1), statement.into()]));
        Alteration::from_change(&Change {
            id: ChangeId::default(),
            kind,
            table: "sqlite_schema".into(),
            row_id: Value::Integer(entry),
            before,
            after,
            updates,
        })
    }

    #[test]
    fn columns_may_be_added_at_the_end() {
        let now = table(&[("id", "INTEGER", 1), ("a", "", 0), ("b", "", 0)], false);
        let added = alteration(5, ChangeKind::Updated, "t", "ALTER TABLE t ADD COLUMN b").unwrap();
        let other = alteration(6, ChangeKind::Inserted, "u", "").unwrap();
        let alterations = [added, other];
        assert_eq!(
            check_table(&now, &known(&["id", "a"]), Some(5), &alterations),
            Ok(())
        );
        assert_eq!(
            check_table(&now, &known(&["id", "a", "b"]), Some(5), &[]),
            Ok(())
        );
        let rows = |default: Value| vec![vec!["b".into(), default]];
        for null in [Value::Null, "NULL".into()] {
            assert_eq!(
                check_defaults(&now, &known(&["id", "a"]), &rows(null)),
                Ok(())
            );
        }
        for default in ["7", "(3)", "''"] {
            let error = check_defaults(&now, &known(&["id", "a"]), &rows(default.into()));
            assert!(error.unwrap_err().message.contains("`b`"));
        }
        assert!(check_defaults(&now, &known(&["id", "a"]), &[]).is_err());
    }

    #[test]
    fn another_table_of_the_same_name_is_refused() {
        let now = table(&[("id", "INTEGER", 1), ("a", "", 0)], false);
        let same = known(&["id", "a"]);
        for (known, entry, alteration) in [
            (&same, Some(6), None),
            (&same, None, None),
            (&known(&["id", "b"]), Some(5), None),
            (&known(&["a", "id"]), Some(5), None),
            (&known(&["id", "a", "b"]), Some(5), None),
            (&same, Some(5), alteration(5, ChangeKind::Deleted, "T", "")),
            (
                &same,
                Some(5),
                alteration(5, ChangeKind::Deleted, "of another name", ""),
            ),
            (&same, Some(5), alteration(9, ChangeKind::Deleted, "t", "")),
            (&same, Some(5), alteration(9, ChangeKind::Inserted, "t", "")),
            (
                &same,
                Some(5),
                alteration(5, ChangeKind::Updated, "t", "ALTER TABLE t DROP COLUMN b"),
            ),
            (&same, Some(5), alteration(5, ChangeKind::Updated, "t", "")),
        ] {
            let alterations: Vec<_> = alteration.into_iter().collect();
            let error = check_table(&now, known, entry, &alterations).unwrap_err();
            assert!(
                error.hint.unwrap().contains("full refresh"),
                "{known:?} {alterations:?}"
            );
        }
    }

    #[test]
    fn a_malformed_schema_entry_counts_as_the_table() {
        let now = table(&[("id", "INTEGER", 1)], false);
        let mut change = Change {
            id: ChangeId::default(),
            kind: ChangeKind::Deleted,
            table: "sqlite_schema".into(),
            row_id: Value::Integer(9),
            before: None,
            after: None,
            updates: None,
        };
        let alteration = Alteration::from_change(&change).unwrap();
        assert!(check_table(&now, &known(&["id"]), Some(5), &[alteration]).is_err());
        change.before = Some(encode(&["index".into(), "t".into()]));
        assert_eq!(Alteration::from_change(&change), None);
    }

    #[test]
    fn only_a_single_add_column_statement_is_recognised() {
        for sql in [
            "ALTER TABLE k ADD COLUMN w DEFAULT 7",
            "ALTER TABLE \"we ird\" ADD COLUMN e;",
            "alter table k add v2 text default null",
            "ALTER   TABLE main.k ADD\n  COLUMN /* ; */ [v ; 3] TEXT -- ;",
            "ALTER TABLE \"a`b\".`c\"` ADD 'd;'",
        ] {
            assert!(adds_column(sql), "{sql}");
        }
        for sql in [
            "",
            "ALTER TABLE k",
            "ALTER TABLE k DROP COLUMN w",
            "ALTER TABLE k /* ADD COLUMN x */ DROP COLUMN w",
            "ALTER TABLE \"x ADD COLUMN y\" DROP COLUMN z",
            "ALTER TABLE \"add\" DROP COLUMN z",
            "ALTER TABLE k \"ADD\" z",
            "ALTER TABLE k ADD a; ALTER TABLE k DROP b",
            "ALTER TABLE \"k ADD b",
            "/* not closed",
        ] {
            assert!(!adds_column(sql), "{sql}");
        }
    }
}
