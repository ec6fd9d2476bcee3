//! Rows that follow from a change: the present row, or the key of a deleted one.
//! A change that lacks either is an error.

use super::change::{Change, ChangeKind};
use super::record;
use super::refresh_needed;
use crate::cursor;
use crate::database::table::{Key, Table};
use crate::error::{Category, Error, Result};
use crate::noun::counted;
use crate::rows::columns::{ColumnSpec, Storage};
use crate::rows::value::Value;

/// Row that follows from a change.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedRow {
    /// Values of the selected columns. Only the key of a deleted row has values.
    pub values: Vec<Value>,
    /// True if the row was deleted.
    pub deleted: bool,
}

/// Layout of a table's records, and the columns that are selected from them.
#[derive(Clone, Debug)]
pub struct RecordLayout {
    table: String,
    /// Flag for each column of the table: true if it stores floats only.
    is_real: Vec<bool>,
    /// Index of the column that is an alias of the row id.
    row_id_alias: Option<usize>,
    /// Indices of the selected columns.
    selected: Vec<usize>,
    /// Indices of the key columns.
    key: Vec<usize>,
    /// Minimum number of values in a record. Records that are older than a
    /// column lack its value.
    min_values: usize,
}

impl RecordLayout {
    /// Creates the layout of a table that had `min_values` columns when the
    /// oldest record was written.
    ///
    /// # Errors
    /// An internal error if the table does not have one of the columns.
    pub fn new(
        table: &Table,
        columns: &[ColumnSpec],
        primary_key: &[String],
        min_values: usize,
    ) -> Result<Self> {
        let index = |name: &String| {
            let mut all = table.columns.iter();
            all.position(|column| column.name == *name).ok_or_else(|| {
                Error::new(
                    Category::Internal,
                    format!("`{}` has no column `{name}`", table.name),
                )
            })
        };
        let row_id_alias = match table.key() {
            Some(Key::Alias(name)) => Some(index(&name)?),
            _ => None,
        };
        let names = columns.iter().map(|column| &column.name);
        let is_real = |column: &crate::database::table::TableColumn| {
            Storage::from_declared(&column.declared_type) == Storage::Real
        };
        Ok(Self {
            table: table.name.clone(),
            is_real: table.columns.iter().map(is_real).collect(),
            row_id_alias,
            selected: names.map(index).collect::<Result<_>>()?,
            key: primary_key.iter().map(index).collect::<Result<_>>()?,
            min_values,
        })
    }

    /// Returns true if the key of a row is its row id.
    fn has_row_id_key(&self) -> bool {
        self.row_id_alias.is_some_and(|alias| self.key == [alias])
    }

    /// Returns the rows of a change: two if the key of the row has changed.
    ///
    /// # Errors
    /// A data error if the change does not hold the row.
    pub fn rows(&self, change: &Change) -> Result<Vec<ChangedRow>> {
        let before = change.before.as_deref();
        let after = change.after.as_deref();
        match change.kind {
            ChangeKind::Inserted => {
                // Verified on tursodb 0.6.0: if an update changes the row id,
                // `before` holds the new row.
                let image = after.or(before).ok_or_else(|| self.missing_image(change))?;
                Ok(vec![self.current_row(&self.values(change, image)?)])
            }
            ChangeKind::Updated => {
                let image = after.ok_or_else(|| self.missing_image(change))?;
                let new = self.values(change, image)?;
                let mut rows = Vec::with_capacity(2);
                if !self.has_row_id_key() {
                    let image = before.ok_or_else(|| self.missing_image(change))?;
                    let old = self.values(change, image)?;
                    if self.key.iter().any(|column| old[*column] != new[*column]) {
                        rows.push(self.deleted_row(&old));
                    }
                }
                rows.push(self.current_row(&new));
                Ok(rows)
            }
            ChangeKind::Deleted => {
                let mut old = match before {
                    // The key is the row id, so the record need not decode.
                    _ if self.has_row_id_key() => vec![Value::Null; self.is_real.len()],
                    Some(image) => self.values(change, image)?,
                    None => return Err(self.missing_image(change)),
                };
                if let Some(alias) = self.row_id_alias {
                    old[alias] = change.row_id.clone();
                }
                Ok(vec![self.deleted_row(&old)])
            }
        }
    }

    /// Returns true if an update may have changed the key without recording the
    /// old one.
    ///
    /// Verified on tursodb 0.6.0: the DO UPDATE of an upsert records the new row
    /// as both rows, and does not record the columns that it set.
    #[must_use]
    pub fn hides_key(&self, change: &Change) -> bool {
        change.kind == ChangeKind::Updated
            && !self.has_row_id_key()
            && change.updates.is_none()
            && change.before == change.after
    }

    fn values(&self, change: &Change, image: &[u8]) -> Result<Vec<Value>> {
        let refused = |reason: &str| {
            refresh_needed(
                &self.table,
                &format!("change {}: {reason}", change.id.number),
            )
        };
        let mut values = record::decode(image).map_err(|error| refused(&error.to_string()))?;
        if values.len() < self.min_values || values.len() > self.is_real.len() {
            return Err(refused(&format!(
                "the row has {}, and the table has {}; it was altered, or a temporary table has the same name",
                counted(values.len() as u64, "value"),
                counted(self.is_real.len() as u64, "column")
            )));
        }
        values.resize(self.is_real.len(), Value::Null);
        for (value, real) in values.iter_mut().zip(&self.is_real) {
            // SQLite stores whole floats as integers to save space.
            if let (Value::Integer(number), true) = (&value, real) {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "SQLite stores a float as an integer only if that is exact"
                )]
                let real = *number as f64;
                *value = Value::Real(real);
            }
        }
        if let Some(alias) = self.row_id_alias {
            values[alias] = change.row_id.clone();
        }
        Ok(values)
    }

    fn current_row(&self, values: &[Value]) -> ChangedRow {
        let values = self.selected.iter().map(|column| values[*column].clone());
        ChangedRow {
            values: values.collect(),
            deleted: false,
        }
    }

    fn deleted_row(&self, values: &[Value]) -> ChangedRow {
        let value = |column: &usize| {
            if self.key.contains(column) {
                values[*column].clone()
            } else {
                Value::Null
            }
        };
        ChangedRow {
            values: self.selected.iter().map(value).collect(),
            deleted: true,
        }
    }

    fn missing_image(&self, change: &Change) -> Error {
        let reason = format!(
            "change {} was recorded without the row; only the capture mode `full` keeps it",
            change.id.number
        );
        refresh_needed(&self.table, &reason).hint(format!(
            "run PRAGMA capture_data_changes_conn('full') on every connection that writes; then {}",
            cursor::full_refresh(&self.table)
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::super::change::ChangeId;
    use super::super::record::tests::encode;
    use super::*;
    use crate::database::table::TableColumn;
    use crate::database::table::tests::table;

    const BY_ID: [(&str, &str, i64); 3] =
        [("id", "INTEGER", 1), ("a", "TEXT", 0), ("r", "REAL", 0)];
    const BY_TEXT: [(&str, &str, i64); 2] = [("k", "TEXT", 1), ("v", "", 0)];

    fn layout(columns: &[(&str, &str, i64)], min_values: usize) -> RecordLayout {
        let table = table(columns, false);
        let specs: Vec<_> = table.columns.iter().map(TableColumn::spec).collect();
        RecordLayout::new(&table, &specs, &table.primary_key(), min_values).unwrap()
    }

    fn change(
        kind: ChangeKind,
        row_id: i64,
        before: Option<&[Value]>,
        after: Option<&[Value]>,
    ) -> Change {
        Change {
            id: ChangeId { number: 7, time: 0 },
            kind,
            table: "t".into(),
            row_id: Value::Integer(row_id),
            before: before.map(encode),
            after: after.map(encode),
            updates: None,
        }
    }

    fn current(values: &[Value]) -> ChangedRow {
        ChangedRow {
            values: values.to_vec(),
            deleted: false,
        }
    }

    fn deleted(values: &[Value]) -> ChangedRow {
        ChangedRow {
            values: values.to_vec(),
            deleted: true,
        }
    }

    #[test]
    fn the_row_id_is_not_in_the_record() {
        let layout = layout(&BY_ID, 3);
        let image = [Value::Null, Value::from("x"), Value::Integer(2)];
        let row = [Value::Integer(5), Value::from("x"), Value::Real(2.0)];
        let inserted = change(ChangeKind::Inserted, 5, None, Some(&image));
        assert_eq!(layout.rows(&inserted).unwrap(), [current(&row)]);
        let moved = change(ChangeKind::Inserted, 5, Some(&image), None);
        assert_eq!(layout.rows(&moved).unwrap(), [current(&row)]);
        let updated = change(ChangeKind::Updated, 5, None, Some(&image));
        assert_eq!(layout.rows(&updated).unwrap(), [current(&row)]);
    }

    #[test]
    fn a_deleted_row_needs_only_its_key() {
        let deletion = change(ChangeKind::Deleted, 5, None, None);
        let key = [Value::Integer(5), Value::Null, Value::Null];
        assert_eq!(layout(&BY_ID, 3).rows(&deletion).unwrap(), [deleted(&key)]);
        let image = [Value::from("a"), Value::Integer(1)];
        let deletion = change(ChangeKind::Deleted, 9, Some(&image), None);
        let key = [Value::from("a"), Value::Null];
        assert_eq!(
            layout(&BY_TEXT, 2).rows(&deletion).unwrap(),
            [deleted(&key)]
        );
    }

    #[test]
    fn a_row_with_a_new_key_is_deleted_under_the_old_one() {
        let layout = layout(&BY_TEXT, 2);
        let old = [Value::from("a"), Value::Integer(1)];
        let new = [Value::from("b"), Value::Integer(1)];
        let updated = change(ChangeKind::Updated, 9, Some(&old), Some(&new));
        let key = [Value::from("a"), Value::Null];
        assert_eq!(
            layout.rows(&updated).unwrap(),
            [deleted(&key), current(&new)]
        );
        let updated = change(ChangeKind::Updated, 9, Some(&new), Some(&new));
        assert_eq!(layout.rows(&updated).unwrap(), [current(&new)]);
        assert!(layout.hides_key(&updated));
    }

    #[test]
    fn a_change_without_its_row_is_refused_with_a_hint_at_the_capture_mode() {
        for change in [
            change(ChangeKind::Inserted, 1, None, None),
            change(ChangeKind::Updated, 1, None, None),
            change(
                ChangeKind::Updated,
                1,
                None,
                Some(&[Value::Null, Value::Null]),
            ),
            change(ChangeKind::Deleted, 1, None, None),
        ] {
            let error = layout(&BY_TEXT, 2).rows(&change).unwrap_err();
            let hint = error.hint.unwrap();
            assert!(hint.contains("capture_data_changes_conn('full')"), "{hint}");
        }
    }

    #[test]
    fn a_column_that_was_added_later_is_null() {
        let short = [Value::from("a")];
        let inserted = change(ChangeKind::Inserted, 1, None, Some(&short));
        let row = [Value::from("a"), Value::Null];
        assert_eq!(
            layout(&BY_TEXT, 1).rows(&inserted).unwrap(),
            [current(&row)]
        );
        for values in [1, 3] {
            let image = vec![Value::from("a"); values];
            let inserted = change(ChangeKind::Inserted, 1, None, Some(&image));
            let error = layout(&BY_TEXT, 2).rows(&inserted).unwrap_err();
            assert!(error.hint.unwrap().contains("full refresh"));
        }
    }

    #[test]
    fn only_selected_columns_are_returned() {
        let table = table(&BY_ID, false);
        let specs = [table.columns[2].spec(), table.columns[0].spec()];
        let layout = RecordLayout::new(&table, &specs, &table.primary_key(), 3).unwrap();
        let image = [Value::Integer(5), Value::from("x"), Value::Real(2.5)];
        let inserted = change(ChangeKind::Inserted, 5, None, Some(&image));
        let row = [Value::Real(2.5), Value::Integer(5)];
        assert_eq!(layout.rows(&inserted).unwrap(), [current(&row)]);
    }
}
