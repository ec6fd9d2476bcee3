//! Forms of the times that a cursor column holds as text. Text orders by time
//! only if all times have one form. Sends no requests.
//!
//! The forms of all rows that are read are compared with each other, and with the
//! last value of the read before. Rows in a form that orders before that value
//! are not read; those of the same day are looked up.

use crate::database::condition::Condition;
use crate::database::paging::CapturedColumn;
use crate::database::statement;
use crate::database::table::Table;
use crate::error::{Category, Error, Result};
use crate::hrana::request::Statement;
use crate::rows::value::Value;

/// Lag in seconds that makes up for two forms: local times may be 14 hours ahead
/// of UTC or 12 behind, and another separator may shift the order by a day.
const SAFE_LAG: f64 = 50.0 * 3600.0;
/// Lag that hints suggest: at least [`SAFE_LAG`].
const SUGGESTED_LAG: &str = "3d";
/// Number of bytes of a day such as `2026-03-01`.
const DAY_BYTES: usize = 10;

/// Form of a time with a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TimeForm {
    /// Byte between day and time.
    separator: u8,
    /// Suffix such as `Z` or `+02:00`, or zeros.
    suffix: [u8; 6],
}

/// Forms of the times that were read.
#[derive(Clone, Debug, Default)]
pub(super) struct TimeForms {
    /// First form, with a time that has it.
    first: Option<(TimeForm, String)>,
    /// Two times of different forms.
    conflict: Option<(String, String)>,
    /// True if the type of the column says that it holds times.
    are_times: bool,
}

impl TimeForms {
    /// Creates the forms of values. `are_times` is true if the type of the column
    /// says that it holds times.
    pub(super) fn new(values: impl Iterator<Item = Value>, are_times: bool) -> Self {
        let mut forms = Self {
            are_times,
            ..Self::default()
        };
        values.for_each(|value| forms.add(&value));
        forms
    }

    /// Adds a value. Only a time in text has a form. A day alone has none: it orders
    /// like its midnight in every form.
    pub(super) fn add(&mut self, value: &Value) {
        let (None, Value::Text(text)) = (&self.conflict, value) else {
            return;
        };
        let Some(form) = TimeForm::parse(text.as_bytes()) else {
            return;
        };
        match &self.first {
            None => self.first = Some((form, text.clone())),
            Some((first, _)) if *first == form => {}
            Some((_, example)) => self.conflict = Some((example.clone(), text.clone())),
        }
    }

    /// Returns the note on times of different forms, if there are any.
    ///
    /// # Errors
    /// A data error instead if the type of the column says that it holds times.
    pub(super) fn note(&self, table: &str, column: &str) -> Result<Option<String>> {
        match &self.conflict {
            Some(conflict) if self.are_times => Err(error(table, column, conflict)),
            Some(conflict) => Ok(Some(note(column, conflict))),
            None => Ok(None),
        }
    }
}

impl TimeForm {
    fn parse(text: &[u8]) -> Option<Self> {
        let (day, rest) = text.split_at_checked(DAY_BYTES)?;
        let is_day = day.iter().enumerate().all(|(index, byte)| match index {
            4 | 7 => *byte == b'-',
            _ => byte.is_ascii_digit(),
        });
        let (separator, time) = rest.split_first()?;
        if !is_day || !matches!(separator, b'T' | b't' | b' ') {
            return None;
        }
        let end = time
            .iter()
            .position(|byte| !matches!(byte, b'0'..=b'9' | b':' | b'.'));
        let (time, offset) = time.split_at(end.unwrap_or(time.len()));
        let mut suffix = [0; 6];
        suffix.get_mut(..offset.len())?.copy_from_slice(offset);
        let is_suffix = matches!(offset.first(), None | Some(b'Z' | b'z' | b'+' | b'-'));
        (is_suffix && !time.is_empty()).then_some(Self {
            separator: *separator,
            suffix,
        })
    }
}

/// True if a lag makes up for different forms.
pub(super) fn is_safe(lag_seconds: f64) -> bool {
    lag_seconds >= SAFE_LAG
}

/// Returns the statement that finds the largest value of the last value's day
/// whose separator orders before that of the last value.
pub(super) fn select_passed(table: &Table, column: &str, last: &Value) -> Option<Statement> {
    let text = last.as_text()?;
    let form = TimeForm::parse(text.as_bytes())?;
    if form.separator == b' ' {
        return None;
    }
    let day = text.get(..DAY_BYTES)?;
    let from = Condition::compare(table, column, ">", &day.into());
    let separator = char::from(form.separator);
    let to = Condition::compare(
        table,
        column,
        "<",
        &Value::Text(format!("{day}{separator}")),
    );
    let expression = CapturedColumn::Named(column).expression(table);
    Some(statement::select_max(table, &expression, from.and(to)))
}

/// Returns the note on times of different forms.
fn note(column: &str, (one, other): &(String, String)) -> String {
    format!(
        "`{column}` contains times in several forms, such as `{one}` and `{other}`; their text does not order \
         by time, so later rows may be missed; a `lag` of \"{SUGGESTED_LAG}\" reads such rows again, and a cursor \
         column (`cursor`) with times in one form avoids them"
    )
}

/// Returns the error of a column whose type says that it holds times.
fn error(table: &str, column: &str, (one, other): &(String, String)) -> Error {
    Error::new(
        Category::Data,
        format!(
            "the cursor column `{column}` of `{table}` contains times in several forms, such as `{one}` and \
             `{other}`, whose text does not order by time, so rows would be missed"
        ),
    )
    .hint(format!(
        "set `lag` to \"{SUGGESTED_LAG}\", which reads such rows again, or set a cursor column (`cursor`) \
         with times in one form, such as a generated column with unixepoch({column})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conflict(texts: &[&str]) -> Option<(String, String)> {
        let texts = texts.iter().map(|text| Value::from(*text));
        let forms = TimeForms::new(texts, false);
        forms.conflict
    }

    #[test]
    fn times_of_one_form_order_by_time() {
        for texts in [
            &["2026-03-01T09:00:00Z", "2026-03-02T09:00:00Z"][..],
            &["2026-03-01 09:00", "2026-03-01 09:00:30", "2026-03-01"],
            &["2026-03-01T09:00:00+02:00", "2026-03-02T09:00:00.5+02:00"],
            &["b", "a", "", "2026-3-1", "2026-03-01?", "2026-03-01T"],
            &["2026-03-01T09:00:00Z", "never"],
        ] {
            assert_eq!(conflict(texts), None, "{texts:?}");
        }
    }

    #[test]
    fn times_of_two_forms_are_a_conflict() {
        for [one, other] in [
            ["2026-03-01T09:00:00Z", "2026-03-01 10:00:00"],
            ["2026-03-01T09:00:00Z", "2026-03-01T09:00:00"],
            ["2026-03-01T09:00:00Z", "2026-03-01T12:00:00+02:00"],
            ["2026-03-01 09:00:00+01:00", "2026-03-01 12:00:00+02:00"],
            ["2026-03-01t09:00:00z", "2026-03-01T09:00:00Z"],
        ] {
            let expected = Some((one.to_owned(), other.to_owned()));
            assert_eq!(conflict(&["2026-01-01", one, one, other]), expected);
        }
    }
}
