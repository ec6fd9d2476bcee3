//! Entries of the feed. Does not know what they mean for a table.

use crate::database::catalog::CHANGES;
use crate::error::{Error, Result};
use crate::rows::value::Value;

/// Effect of a change on its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// New row.
    Inserted,
    /// Row with other values than before.
    Updated,
    /// Deleted row.
    Deleted,
}

/// Identity of a change: its number, and its time, because a feed that was
/// emptied assigns the same numbers again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChangeId {
    /// Number of the change; 0 is before the first.
    pub number: i64,
    /// Time of the change, in seconds since 1970.
    pub time: i64,
}

/// Change of one row, as the feed records it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Number and time of the change.
    pub id: ChangeId,
    /// Effect on the row.
    pub kind: ChangeKind,
    /// Name of the table, spelled as in the statement that changed it.
    pub table: String,
    /// Row id of the row.
    pub row_id: Value,
    /// Record of the row before the change.
    pub before: Option<Vec<u8>>,
    /// Record of the row after the change.
    pub after: Option<Vec<u8>>,
    /// Record of the columns that an update has set.
    pub updates: Option<Vec<u8>>,
}

impl Change {
    /// Parses a row of [`select_changes`](super::feed::select_changes).
    ///
    /// # Errors
    /// A protocol error if the row has another form.
    pub fn from_row(row: Vec<Value>) -> Result<Self> {
        let malformed = || Error::protocol(format!("a row of `{CHANGES}` is malformed"));
        let Ok(
            [
                Value::Integer(number),
                time,
                Value::Integer(kind),
                table,
                row_id,
                before,
                after,
                updates,
            ],
        ) = <[Value; 8]>::try_from(row)
        else {
            return Err(malformed());
        };
        let kind = match kind {
            -1 => ChangeKind::Deleted,
            0 => ChangeKind::Updated,
            1 => ChangeKind::Inserted,
            _ => return Err(malformed()),
        };
        let image = |value| match value {
            Value::Null => Ok(None),
            Value::Blob(bytes) => Ok(Some(bytes)),
            _ => Err(malformed()),
        };
        Ok(Self {
            id: ChangeId {
                number,
                time: time.as_integer().unwrap_or(0),
            },
            kind,
            table: table.as_text().ok_or_else(malformed)?.to_owned(),
            row_id,
            before: image(before)?,
            after: image(after)?,
            updates: image(updates)?,
        })
    }

    /// Returns the size of the records, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let images = [&self.before, &self.after, &self.updates];
        images.into_iter().flatten().map(Vec::len).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_changes_of_rows_are_parsed() {
        let row = |kind: i64, table: Value, before: Value| {
            vec![
                Value::Integer(1),
                Value::Integer(2),
                Value::Integer(kind),
                table,
                Value::Integer(3),
                before,
                Value::Null,
                Value::Null,
            ]
        };
        let change = Change::from_row(row(-1, "t".into(), Value::Blob(vec![1]))).unwrap();
        assert_eq!(change.kind, ChangeKind::Deleted);
        assert_eq!(change.before, Some(vec![1]));
        assert!(Change::from_row(row(2, Value::Null, Value::Null)).is_err());
        assert!(Change::from_row(row(1, Value::Null, Value::Null)).is_err());
        assert!(Change::from_row(row(1, "t".into(), Value::Integer(1))).is_err());
        assert!(Change::from_row(Vec::new()).is_err());
    }
}
