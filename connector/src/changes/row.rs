//! Changes into rows of a table: one that is there now, or the key of one that
//! is not. Refuses a change from which neither can be told.

use super::lost;
use super::record;
use crate::cursor;
use crate::database::table::{Key, Table};
use crate::error::{Category, Error, Result};
use crate::hrana::columns::{ColumnSpec, Storage};
use crate::hrana::value::Value;

/// What became of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// It is new.
    Inserted,
    /// It has other values.
    Updated,
    /// It is gone.
    Deleted,
}

/// A change, as the feed has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Its number.
    pub number: i64,
    /// When it was made, in seconds.
    pub time: i64,
    /// What became of the row.
    pub kind: Kind,
    /// The table, in the letters of the statement that changed it.
    pub table: String,
    /// The row id.
    pub id: Value,
    /// The row as it was before.
    pub before: Option<Vec<u8>>,
    /// The row as it is after.
    pub after: Option<Vec<u8>>,
    /// Which columns an update has set.
    pub updates: Option<Vec<u8>>,
}

/// A row that a change leads to.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its values, of the columns that are read.
    pub values: Vec<Value>,
    /// Whether it is gone. Then only its key has values.
    pub deleted: bool,
}

/// How the records of a table become rows.
#[derive(Clone, Debug)]
pub struct Layout {
    table: String,
    /// Whether each column of the table holds floats only.
    reals: Vec<bool>,
    /// The column that is the row id.
    alias: Option<usize>,
    /// Columns that are read.
    read: Vec<usize>,
    /// Columns of the key.
    key: Vec<usize>,
    /// Values that a record has at least; those of columns that were added
    /// later may be missing.
    least: usize,
}

impl Layout {
    /// The layout of a table of which these columns are read, and which had
    /// `least` columns once.
    pub fn new(
        table: &Table,
        columns: &[ColumnSpec],
        primary_key: &[String],
        least: usize,
    ) -> Result<Self> {
        let place = |name: &String| {
            let mut all = table.columns.iter();
            all.position(|column| column.name == *name).ok_or_else(|| {
                Error::new(
                    Category::Internal,
                    format!("`{}` has no column `{name}`", table.name),
                )
            })
        };
        let alias = match table.key() {
            Some(Key::Alias(name)) => Some(place(&name)?),
            _ => None,
        };
        let names = columns.iter().map(|column| &column.name);
        let real = |column: &crate::database::table::Column| {
            Storage::declared(&column.declared) == Storage::Real
        };
        Ok(Self {
            table: table.name.clone(),
            reals: table.columns.iter().map(real).collect(),
            alias,
            read: names.map(place).collect::<Result<_>>()?,
            key: primary_key.iter().map(place).collect::<Result<_>>()?,
            least,
        })
    }

    /// Whether the key of a row is its row id.
    fn is_by_row_id(&self) -> bool {
        self.alias.is_some_and(|alias| self.key == [alias])
    }

    /// The rows that a change leads to: two, if a row has got another key.
    pub fn rows(&self, change: &Change) -> Result<Vec<Row>> {
        let before = change.before.as_deref();
        let after = change.after.as_deref();
        match change.kind {
            Kind::Inserted => {
                // Verified on tursodb 0.6.0: when an update gives a row
                // another row id, the new row stands in `before`.
                let image = after.or(before).ok_or_else(|| self.no_image(change))?;
                Ok(vec![self.there(&self.values(change, image)?)])
            }
            Kind::Updated => {
                let image = after.ok_or_else(|| self.no_image(change))?;
                let new = self.values(change, image)?;
                let mut rows = Vec::with_capacity(2);
                if !self.is_by_row_id() {
                    let image = before.ok_or_else(|| self.no_image(change))?;
                    let old = self.values(change, image)?;
                    if self.key.iter().any(|column| old[*column] != new[*column]) {
                        rows.push(self.gone(&old));
                    }
                }
                rows.push(self.there(&new));
                Ok(rows)
            }
            Kind::Deleted => {
                let mut old = match before {
                    // Its layout no longer matters.
                    _ if self.is_by_row_id() => vec![Value::Null; self.reals.len()],
                    Some(image) => self.values(change, image)?,
                    None => return Err(self.no_image(change)),
                };
                if let Some(alias) = self.alias {
                    old[alias] = change.id.clone();
                }
                Ok(vec![self.gone(&old)])
            }
        }
    }

    /// Whether an update may have had another key before, which the feed does
    /// not say.
    ///
    /// Verified on tursodb 0.6.0: the DO UPDATE of an upsert records the new
    /// row in the place of the old one, and no columns that it set.
    #[must_use]
    pub fn hides_key(&self, change: &Change) -> bool {
        change.kind == Kind::Updated
            && !self.is_by_row_id()
            && change.updates.is_none()
            && change.before == change.after
    }

    fn values(&self, change: &Change, image: &[u8]) -> Result<Vec<Value>> {
        let of_change =
            |what: &str| lost(&self.table, &format!("change {}: {what}", change.number));
        let mut values = record::decode(image).map_err(|error| of_change(&error.to_string()))?;
        if values.len() < self.least || values.len() > self.reals.len() {
            return Err(of_change(&format!(
                "the row has {} values, and the table {} columns: \
                 it was altered, or a temporary table has its name",
                values.len(),
                self.reals.len()
            )));
        }
        values.resize(self.reals.len(), Value::Null);
        for (value, real) in values.iter_mut().zip(&self.reals) {
            // Whole floats are stored as integers to save space.
            if let (Value::Integer(number), true) = (&value, real) {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "SQLite stores only those as integers that lose nothing"
                )]
                let whole = *number as f64;
                *value = Value::Real(whole);
            }
        }
        if let Some(alias) = self.alias {
            values[alias] = change.id.clone();
        }
        Ok(values)
    }

    fn there(&self, values: &[Value]) -> Row {
        let values = self.read.iter().map(|column| values[*column].clone());
        Row {
            values: values.collect(),
            deleted: false,
        }
    }

    fn gone(&self, values: &[Value]) -> Row {
        let value = |column: &usize| {
            if self.key.contains(column) {
                values[*column].clone()
            } else {
                Value::Null
            }
        };
        Row {
            values: self.read.iter().map(value).collect(),
            deleted: true,
        }
    }

    fn no_image(&self, change: &Change) -> Error {
        let what = format!(
            "change {} was recorded without the row: only the mode of capture `full` keeps it",
            change.number
        );
        lost(&self.table, &what).hint(format!(
            "what writes has to run PRAGMA capture_data_changes_conn('full') on its connection; then {}",
            cursor::full_refresh(&self.table)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::record::tests::encode;
    use super::*;
    use crate::database::table::Column;
    use crate::database::table::tests::table;

    const BY_ID: [(&str, &str, i64); 3] =
        [("id", "INTEGER", 1), ("a", "TEXT", 0), ("r", "REAL", 0)];
    const BY_TEXT: [(&str, &str, i64); 2] = [("k", "TEXT", 1), ("v", "", 0)];

    fn layout(columns: &[(&str, &str, i64)], least: usize) -> Layout {
        let table = table(columns, false);
        let specs: Vec<_> = table.columns.iter().map(Column::spec).collect();
        Layout::new(&table, &specs, &table.primary_key(), least).unwrap()
    }

    fn change(kind: Kind, id: i64, before: Option<&[Value]>, after: Option<&[Value]>) -> Change {
        Change {
            number: 7,
            time: 0,
            kind,
            table: "t".into(),
            id: Value::Integer(id),
            before: before.map(encode),
            after: after.map(encode),
            updates: None,
        }
    }

    fn there(values: &[Value]) -> Row {
        Row {
            values: values.to_vec(),
            deleted: false,
        }
    }

    fn gone(values: &[Value]) -> Row {
        Row {
            values: values.to_vec(),
            deleted: true,
        }
    }

    #[test]
    fn the_row_id_stands_beside_the_record() {
        let layout = layout(&BY_ID, 3);
        let image = [Value::Null, Value::from("x"), Value::Integer(2)];
        let row = [Value::Integer(5), Value::from("x"), Value::Real(2.0)];
        let inserted = change(Kind::Inserted, 5, None, Some(&image));
        assert_eq!(layout.rows(&inserted).unwrap(), [there(&row)]);
        let moved = change(Kind::Inserted, 5, Some(&image), None);
        assert_eq!(layout.rows(&moved).unwrap(), [there(&row)]);
        let updated = change(Kind::Updated, 5, None, Some(&image));
        assert_eq!(layout.rows(&updated).unwrap(), [there(&row)]);
    }

    #[test]
    fn a_deleted_row_needs_nothing_but_its_key() {
        let deleted = change(Kind::Deleted, 5, None, None);
        let key = [Value::Integer(5), Value::Null, Value::Null];
        assert_eq!(layout(&BY_ID, 3).rows(&deleted).unwrap(), [gone(&key)]);
        let image = [Value::from("a"), Value::Integer(1)];
        let deleted = change(Kind::Deleted, 9, Some(&image), None);
        let key = [Value::from("a"), Value::Null];
        assert_eq!(layout(&BY_TEXT, 2).rows(&deleted).unwrap(), [gone(&key)]);
    }

    #[test]
    fn a_row_with_another_key_is_gone_under_the_old_one() {
        let layout = layout(&BY_TEXT, 2);
        let old = [Value::from("a"), Value::Integer(1)];
        let new = [Value::from("b"), Value::Integer(1)];
        let updated = change(Kind::Updated, 9, Some(&old), Some(&new));
        let key = [Value::from("a"), Value::Null];
        assert_eq!(layout.rows(&updated).unwrap(), [gone(&key), there(&new)]);
        let updated = change(Kind::Updated, 9, Some(&new), Some(&new));
        assert_eq!(layout.rows(&updated).unwrap(), [there(&new)]);
        assert!(layout.hides_key(&updated));
    }

    #[test]
    fn a_change_without_its_row_is_refused_with_the_mode_that_has_it() {
        for change in [
            change(Kind::Inserted, 1, None, None),
            change(Kind::Updated, 1, None, None),
            change(Kind::Updated, 1, None, Some(&[Value::Null, Value::Null])),
            change(Kind::Deleted, 1, None, None),
        ] {
            let error = layout(&BY_TEXT, 2).rows(&change).unwrap_err();
            let hint = error.hint.unwrap();
            assert!(hint.contains("capture_data_changes_conn('full')"), "{hint}");
        }
    }

    #[test]
    fn a_column_that_was_added_later_has_no_value_yet() {
        let short = [Value::from("a")];
        let inserted = change(Kind::Inserted, 1, None, Some(&short));
        let row = [Value::from("a"), Value::Null];
        assert_eq!(layout(&BY_TEXT, 1).rows(&inserted).unwrap(), [there(&row)]);
        for values in [1, 3] {
            let image = vec![Value::from("a"); values];
            let inserted = change(Kind::Inserted, 1, None, Some(&image));
            let error = layout(&BY_TEXT, 2).rows(&inserted).unwrap_err();
            assert!(error.hint.unwrap().contains("full refresh"));
        }
    }

    #[test]
    fn only_what_is_read_comes() {
        let table = table(&BY_ID, false);
        let specs = [table.columns[2].spec(), table.columns[0].spec()];
        let layout = Layout::new(&table, &specs, &table.primary_key(), 3).unwrap();
        let image = [Value::Integer(5), Value::from("x"), Value::Real(2.5)];
        let inserted = change(Kind::Inserted, 5, None, Some(&image));
        let row = [Value::Real(2.5), Value::Integer(5)];
        assert_eq!(layout.rows(&inserted).unwrap(), [there(&row)]);
    }
}
