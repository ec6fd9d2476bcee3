//! Whether a table is still the one whose changes were read: records of rows
//! have no names, so each change of the table itself is judged before any row.
//! Only columns that were added at the end leave the others where they were.

use super::feed::is_of;
use super::lost;
use super::record;
use super::row::{Change, Kind};
use crate::database::table::Table;
use crate::error::Result;
use crate::hrana::value::Value;

/// A table, as it was when its changes were last read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its entry in the schema.
    pub entry: i64,
    /// The names of its columns.
    pub columns: Vec<String>,
}

/// A change of the schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alteration {
    /// The entry.
    entry: i64,
    kind: Kind,
    /// The table that the entry is of.
    name: String,
    /// Whether all it did was to add a column.
    adds_column: bool,
}

impl Alteration {
    /// From a change of the schema table; none if it is of no table, such as
    /// that of an index. What cannot be read counts as a change of its entry.
    #[must_use]
    pub fn of(change: &Change) -> Option<Self> {
        let image = change.after.as_ref().or(change.before.as_ref());
        let values = image.and_then(|image| record::decode(image).ok());
        let text = |at: usize| values.as_ref()?.get(at)?.as_text();
        if text(0).is_some_and(|kind| kind != "table") {
            return None;
        }
        let updates = change.updates.as_ref();
        let updates = updates.and_then(|updates| record::decode(updates).ok());
        let statement = updates
            .as_ref()
            .and_then(|updates| updates.last()?.as_text());
        Some(Self {
            entry: change.id.as_integer().unwrap_or(0),
            kind: change.kind,
            name: text(1).unwrap_or_default().to_owned(),
            adds_column: change.kind == Kind::Updated && statement.is_some_and(adds_column),
        })
    }
}

/// Refuses a table that may not be the one that was known. `entry` is its
/// entry now, and `alterations` all since then.
pub fn judge(
    table: &Table,
    known: &Known,
    entry: Option<i64>,
    alterations: &[Alteration],
) -> Result<()> {
    let name = &table.name;
    if entry != Some(known.entry) {
        return Err(lost(
            name,
            "the table was recreated or renamed since its changes were last read",
        ));
    }
    for alteration in alterations {
        let is_named = is_of(name, &alteration.name);
        let is_it = alteration.entry == known.entry || alteration.name.is_empty();
        let refused = match alteration.kind {
            Kind::Inserted => is_named,
            Kind::Updated => (is_named || is_it) && !alteration.adds_column,
            Kind::Deleted => is_named || is_it,
        };
        if refused {
            let what = match alteration.kind {
                Kind::Updated => "the table was altered in another way than by adding a column",
                _ => "the table was dropped or recreated since its changes were last read",
            };
            return Err(lost(name, what));
        }
    }
    let now = table.columns.iter().map(|column| &column.name);
    if known.columns.len() > table.columns.len()
        || !known.columns.iter().eq(now.take(known.columns.len()))
    {
        return Err(lost(
            name,
            &format!(
                "its columns were {} when its changes were last read, and are others now",
                known.columns.join(", ")
            ),
        ));
    }
    Ok(())
}

/// Refuses columns that were added with a default: rows that were read before
/// have got it too, and the feed does not say so.
pub fn judge_defaults(table: &Table, known: &Known, defaults: &[Vec<Value>]) -> Result<()> {
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
            let what = format!(
                "the column `{}` was added with a default, which rows that were read before have now too",
                column.name
            );
            return Err(lost(&table.name, &what));
        }
    }
    Ok(())
}

/// Whether a statement, as it was written, is `ALTER TABLE name ADD`, and
/// nothing else.
fn adds_column(statement: &str) -> bool {
    let Some(tokens) = tokens(statement) else {
        return false;
    };
    let is = |token: &str, word: &str| token.eq_ignore_ascii_case(word);
    let (alter, rest) = match tokens.as_slice() {
        [alter, table, _, ".", _, rest @ ..] | [alter, table, _, rest @ ..] => {
            (is(alter, "ALTER") && is(table, "TABLE"), rest)
        }
        _ => return false,
    };
    let rest = rest.strip_suffix(&[";"]).unwrap_or(rest);
    alter && rest.first().is_some_and(|token| is(token, "ADD")) && !rest.contains(&";")
}

/// Words, names with their quotes, and single signs; without comments. None
/// if a quote is not closed.
fn tokens(sql: &str) -> Option<Vec<&str>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$' || !c.is_ascii();
    let mut tokens = Vec::new();
    let mut rest = sql.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if rest.starts_with("--") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(comment) = rest.strip_prefix("/*") {
            comment.find("*/").map_or(rest.len(), |end| end + 4)
        } else {
            let length = match first {
                '"' | '`' | '\'' => rest[1..].find(first)? + 2,
                '[' => rest.find(']')? + 1,
                _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
                _ => first.len_utf8(),
            };
            tokens.push(&rest[..length]);
            length
        };
        rest = rest[length..].trim_start();
    }
    Some(tokens)
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::encode;
    use super::*;
    use crate::database::table::tests::table;

    fn known(columns: &[&str]) -> Known {
        Known {
            entry: 5,
            columns: columns.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn alteration(entry: i64, kind: Kind, name: &str, statement: &str) -> Option<Alteration> {
        let image = encode(&[
            "table".into(),
            name.into(),
            name.into(),
            Value::Integer(2),
            "".into(),
        ]);
        let (before, after) = match kind {
            Kind::Deleted => (Some(image), None),
            _ => (None, Some(image)),
        };
        let updates =
            (kind == Kind::Updated).then(|| encode(&[Value::Integer(1), statement.into()]));
        Alteration::of(&Change {
            number: 1,
            time: 0,
            kind,
            table: "sqlite_schema".into(),
            id: Value::Integer(entry),
            before,
            after,
            updates,
        })
    }

    #[test]
    fn columns_may_be_added_at_the_end() {
        let now = table(&[("id", "INTEGER", 1), ("a", "", 0), ("b", "", 0)], false);
        let added = alteration(5, Kind::Updated, "t", "ALTER TABLE t ADD COLUMN b").unwrap();
        let other = alteration(6, Kind::Inserted, "u", "").unwrap();
        let alterations = [added, other];
        assert_eq!(
            judge(&now, &known(&["id", "a"]), Some(5), &alterations),
            Ok(())
        );
        assert_eq!(judge(&now, &known(&["id", "a", "b"]), Some(5), &[]), Ok(()));
        let rows = |default: Value| vec![vec!["b".into(), default]];
        for null in [Value::Null, "NULL".into()] {
            assert_eq!(
                judge_defaults(&now, &known(&["id", "a"]), &rows(null)),
                Ok(())
            );
        }
        for default in ["7", "(3)", "''"] {
            let error = judge_defaults(&now, &known(&["id", "a"]), &rows(default.into()));
            assert!(error.unwrap_err().message.contains("`b`"));
        }
        assert!(judge_defaults(&now, &known(&["id", "a"]), &[]).is_err());
    }

    #[test]
    fn a_table_that_is_another_is_refused() {
        let now = table(&[("id", "INTEGER", 1), ("a", "", 0)], false);
        let same = known(&["id", "a"]);
        for (known, entry, alteration) in [
            (&same, Some(6), None),
            (&same, None, None),
            (&known(&["id", "b"]), Some(5), None),
            (&known(&["a", "id"]), Some(5), None),
            (&known(&["id", "a", "b"]), Some(5), None),
            (&same, Some(5), alteration(5, Kind::Deleted, "T", "")),
            (
                &same,
                Some(5),
                alteration(5, Kind::Deleted, "of another name", ""),
            ),
            (&same, Some(5), alteration(9, Kind::Deleted, "t", "")),
            (&same, Some(5), alteration(9, Kind::Inserted, "t", "")),
            (
                &same,
                Some(5),
                alteration(5, Kind::Updated, "t", "ALTER TABLE t DROP COLUMN b"),
            ),
            (&same, Some(5), alteration(5, Kind::Updated, "t", "")),
        ] {
            let alterations: Vec<_> = alteration.into_iter().collect();
            let error = judge(&now, known, entry, &alterations).unwrap_err();
            assert!(
                error.hint.unwrap().contains("full refresh"),
                "{known:?} {alterations:?}"
            );
        }
    }

    #[test]
    fn an_entry_that_cannot_be_read_counts_as_the_table() {
        let now = table(&[("id", "INTEGER", 1)], false);
        let mut change = Change {
            number: 1,
            time: 0,
            kind: Kind::Deleted,
            table: "sqlite_schema".into(),
            id: Value::Integer(9),
            before: None,
            after: None,
            updates: None,
        };
        let alteration = Alteration::of(&change).unwrap();
        assert!(judge(&now, &known(&["id"]), Some(5), &[alteration]).is_err());
        change.before = Some(encode(&["index".into(), "t".into()]));
        assert_eq!(Alteration::of(&change), None);
    }

    #[test]
    fn only_what_adds_a_column_adds_a_column() {
        for adds in [
            "ALTER TABLE k ADD COLUMN w DEFAULT 7",
            "ALTER TABLE \"we ird\" ADD COLUMN e;",
            "alter table k add v2 text default null",
            "ALTER   TABLE main.k ADD\n  COLUMN /* ; */ [v ; 3] TEXT -- ;",
            "ALTER TABLE \"a`b\".`c\"` ADD 'd;'",
        ] {
            assert!(adds_column(adds), "{adds}");
        }
        for other in [
            "",
            "ALTER TABLE k",
            "ALTER TABLE k DROP COLUMN w",
            "ALTER TABLE k /* ADD COLUMN x */ DROP COLUMN w",
            "ALTER TABLE \"x ADD COLUMN y\" DROP COLUMN z",
            "ALTER TABLE \"add\" DROP COLUMN z",
            "ALTER TABLE k \"ADD\" z",
            "ALTER TABLE k ADD a; ALTER TABLE k DROP b",
            "ALTER TABLE \"k ADD b",
            "/* never closed",
        ] {
            assert!(!adds_column(other), "{other}");
        }
    }
}
