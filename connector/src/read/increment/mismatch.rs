//! Messages about tables that are not the ones that were read. Decides nothing.

use super::continuity::ContinuityCheck;
use crate::cursor;
use crate::error::{Category, Error};
use crate::rows::value::Value;

impl ContinuityCheck {
    pub(super) fn database_mismatch(&self) -> Error {
        let increment = &self.increment;
        let saved = increment.moved_from.clone().unwrap_or_default();
        let read = increment.from.database.clone().unwrap_or_default();
        let reason = "its last row is not there unchanged";
        saved.mismatch(&increment.table.name, &read, reason)
    }

    pub(super) fn recreated(&self) -> Error {
        let increment = &self.increment;
        let name = &increment.table.name;
        let place = match increment.cursor_column() {
            Some(column) => format!("all values of `{column}` are below the last one, and "),
            None => format!(
                "rows up to {} were already read, and ",
                text(&increment.last_key())
            ),
        };
        let error = Error::new(
            Category::Data,
            format!(
                "`{name}` was recreated or restored: {place}\
                 none of the last rows that were read is there unchanged"
            ),
        );
        let refresh = cursor::full_refresh(name);
        error.hint(match increment.cursor_column() {
            Some(_) => refresh,
            None => format!(
                "{refresh}; if rows of the table are changed or deleted, set a cursor column (`cursor`)"
            ),
        })
    }

    pub(super) fn row_ids_changed(&self) -> Error {
        let name = &self.increment.table.name;
        Error::new(
            Category::Data,
            format!(
                "the last rows of `{name}` are not at the hidden row ids where they were read: \
                 rows were changed or deleted, or the server has reorganized the table"
            ),
        )
        .hint(format!(
            "{}; set a cursor column (`cursor`), or set `mode` to `full`",
            cursor::full_refresh(name)
        ))
    }

    pub(super) fn sequence_reset(&self, given: &Value) -> Error {
        let name = &self.increment.table.name;
        Error::new(
            Category::Data,
            format!(
                "`{name}` was recreated or restored: its keys were given up to {}, \
                 but rows up to {} were already read",
                text(given),
                text(&self.increment.last_key())
            ),
        )
        .hint(cursor::full_refresh(name))
    }

    pub(super) fn unknown_note(&self) -> String {
        format!(
            "all values of `{}` are below the last one: rows were deleted, or the table was recreated or \
             restored; a full refresh loads it from the beginning",
            self.increment.cursor_column().unwrap_or_default()
        )
    }

    pub(super) fn ambiguous_note(&self) -> String {
        format!(
            "the last rows of `{}` are equal, so it cannot be seen if the server has changed their hidden \
             row ids, and new rows may be missed; an INTEGER PRIMARY KEY in the table, or a cursor column \
             (`cursor`), avoids that",
            self.increment.table.name
        )
    }
}

/// Returns the note on rows that are appended again.
pub(super) fn changed_note(key: &[Value]) -> String {
    let key = key.first().map_or_else(String::new, text);
    format!(
        "rows after the key {key} were deleted and their keys used again, or were changed, since they were \
         read; they are appended again. AUTOINCREMENT keeps a table from using keys again, and a cursor \
         column (`cursor`) follows changes"
    )
}

fn text(value: &Value) -> String {
    match value {
        Value::Integer(value) => value.to_string(),
        _ => "none".to_owned(),
    }
}
