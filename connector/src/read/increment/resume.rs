//! Start of an incremental read: the cursor column, and the saved cursor if the
//! read can resume at it. Sends no requests.

use crate::cursor::{self, Cursor, KnownRows, StoredValue};
use crate::database::table::Table;
use crate::error::{Error, Result};

/// Returns the declared spelling of the cursor column.
pub(super) fn find_column(table: &Table, requested: &str) -> Result<String> {
    let mut columns = table.columns.iter().map(|column| &column.name);
    let found = columns.find(|column| column.eq_ignore_ascii_case(requested));
    found.cloned().ok_or_else(|| {
        let names: Vec<_> = table.columns.iter().map(|c| c.name.as_str()).collect();
        Error::config(
            format!("`{}` has no cursor column `{requested}`", table.name),
            format!("the columns are {}", names.join(", ")),
        )
    })
}

/// Returns the saved cursor if the read can resume at it, else `initial`.
pub(super) fn resume_from(
    saved: Option<&Cursor>,
    initial: Cursor,
    table: &str,
    idempotent: bool,
) -> Result<Cursor> {
    let Some(saved) = saved else {
        return Ok(initial);
    };
    if !saved.databases.is_empty() {
        return Err(cursor::database_mismatch(table));
    }
    if !saved.is_resumable() {
        return Ok(initial);
    }
    let saved = &with_column(saved, initial.cursor_column.as_ref());
    let difference = if saved.cursor_column != initial.cursor_column {
        "has another cursor column"
    } else if saved.key != initial.key {
        "has another key"
    } else if saved.filter != initial.filter {
        "was saved with another `where`"
    } else if saved.identity != initial.identity && !saved.known.is_empty() && !idempotent {
        "has another primary key"
    } else {
        let has_identity = saved.identity == initial.identity;
        return Ok(Cursor {
            commit: None,
            identity: initial.identity,
            database: initial.database,
            last_rows: saved.last_rows.clone().filter(|_| has_identity),
            ..saved.clone()
        });
    };
    Err(Error::config(
        format!("the cursor of `{table}` {difference}"),
        cursor::full_refresh(table),
    ))
}

/// Returns a cursor in the order of the key as one in the order of the key's
/// column, or the reverse: the order is the same.
fn with_column(saved: &Cursor, column: Option<&String>) -> Cursor {
    let mut cursor = saved.clone();
    let [key] = &saved.key[..] else {
        return cursor;
    };
    match (&saved.cursor_column, column) {
        (Some(saved_column), None) if saved_column == key => {
            cursor.known = Vec::new();
            for position in &mut cursor.last {
                let value = position.value.take();
                position.key = value.into_iter().collect();
                position.from = None;
            }
        }
        (None, Some(column)) if column == key => {
            for position in &mut cursor.last {
                let value = position.key.pop();
                if let Some(StoredValue::Integer(id)) = value {
                    cursor.known.push(KnownRows {
                        value: StoredValue::Integer(id),
                        runs: vec![(id, id)],
                        keys: Vec::new(),
                    });
                }
                position.value = value;
            }
        }
        _ => return cursor,
    }
    cursor.cursor_column = column.cloned();
    cursor
}
