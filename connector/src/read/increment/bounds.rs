//! Bounds of an incremental read: the values of the cursor column from which on,
//! and up to which, rows are read. Sends no requests.
//!
//! Values compare in the order of SQL: numbers, texts, blobs. A time limits the
//! numbers of a column too, if their unit is known.

use super::time_unit::TimeUnit;
use crate::database::table::Table;
use crate::error::{Error, Result};
use crate::moment::Moment;
use crate::rows::columns::Storage;
use crate::rows::value::{SortClass, Value};
use crate::selection::Selection;

/// Bounds of a cursor column.
#[derive(Clone, Debug, Default)]
pub(super) struct Bounds {
    start: Option<Bound>,
    end: Option<Bound>,
}

/// Bound, for the values of each class that it belongs to.
#[derive(Clone, Debug)]
struct Bound {
    /// Value as the operator wrote it.
    value: Value,
    /// Number that a time stands for.
    number: Option<Value>,
}

/// Bound of the values of one class.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum ClassBound {
    /// No value is within the bound.
    Nothing,
    /// All values are within the bound.
    Everything,
    /// Values from this one on, or less than this one.
    At(Value),
}

impl Bounds {
    /// Returns the bounds of a column as a selection requests them.
    ///
    /// # Errors
    /// A config error if they do not suit the column.
    pub(super) fn new(selection: &Selection, table: &Table, column: &str) -> Result<Self> {
        let bound = |value: &Option<Value>, setting| {
            let value = value.clone();
            value.map(|value| Bound::new(value, setting, selection, table, column))
        };
        Ok(Self {
            start: bound(&selection.start, "start").transpose()?,
            end: bound(&selection.end, "end").transpose()?,
        })
    }

    /// True if there is no bound.
    pub(super) fn is_empty(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }

    /// True if there are both bounds.
    pub(super) fn is_window(&self) -> bool {
        self.start.is_some() && self.end.is_some()
    }

    /// Returns the bound from which on values of a class are read.
    pub(super) fn start(&self, class: SortClass) -> ClassBound {
        self.start.as_ref().map_or(ClassBound::Everything, |start| {
            start.of_class(class, ClassBound::Everything, ClassBound::Nothing)
        })
    }

    /// Returns the bound up to which values of a class are read.
    pub(super) fn end(&self, class: SortClass) -> ClassBound {
        self.end.as_ref().map_or(ClassBound::Everything, |end| {
            end.of_class(class, ClassBound::Nothing, ClassBound::Everything)
        })
    }
}

impl Bound {
    fn new(
        value: Value,
        setting: &str,
        selection: &Selection,
        table: &Table,
        column: &str,
    ) -> Result<Self> {
        let name = &table.name;
        let mut columns = table.columns.iter();
        let found = columns.find(|found| found.name == column);
        let storage = found.map(|found| Storage::from_declared(&found.declared_type));
        let Value::Text(text) = &value else {
            if storage == Some(Storage::Text) {
                return Err(Error::config(
                    format!(
                        "`{setting}` of `{name}` is a number, but the column `{column}` contains text"
                    ),
                    format!("write `{setting}` as a text"),
                ));
            }
            return Ok(Self {
                number: None,
                value,
            });
        };
        let unit = TimeUnit::of_column(selection, column);
        let number = unit.and_then(|unit| Some(unit.number(Moment::parse(text)?)));
        let holds_numbers = matches!(storage, Some(Storage::Integer | Storage::Real));
        if holds_numbers && number.is_none() {
            return Err(Error::config(
                format!(
                    "`{setting}` of `{name}` is a text, but the column `{column}` contains numbers of an unknown unit"
                ),
                format!(
                    "set the type of the column (`types`) to `timestamp(s)`, `timestamp(ms)` or `timestamp(us)` and \
                     `{setting}` to a time such as 2026-03-01, or set `{setting}` to a number"
                ),
            ));
        }
        Ok(Self { value, number })
    }

    /// Returns the bound of a class. `above` is the result for classes above that
    /// of the value, and `below` for those below it.
    fn of_class(&self, class: SortClass, above: ClassBound, below: ClassBound) -> ClassBound {
        if let (SortClass::Number, Some(number)) = (class, &self.number) {
            return ClassBound::At(number.clone());
        }
        match self.value.sort_class().cmp(&Some(class)) {
            std::cmp::Ordering::Less => above,
            std::cmp::Ordering::Equal => ClassBound::At(self.value.clone()),
            std::cmp::Ordering::Greater => below,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClassBound::{At, Everything, Nothing};
    use super::*;
    use crate::database::table::tests::table;
    use crate::selection::TypeOverride;

    fn bounds(declared: &str, start: Value, types: &str) -> Result<Bounds> {
        let table = table(&[("id", "INTEGER", 1), ("at", declared, 0)], false);
        let types = TypeOverride::parse("at".to_owned(), types);
        let selection = Selection {
            start: Some(start.clone()),
            end: Some(start),
            types: types.into_iter().collect(),
            ..Selection::default()
        };
        Bounds::new(&selection, &table, "at")
    }

    fn of_classes(bounds: &Bounds) -> [(ClassBound, ClassBound); 3] {
        let classes = [SortClass::Number, SortClass::Text, SortClass::Blob];
        classes.map(|class| (bounds.start(class), bounds.end(class)))
    }

    #[test]
    fn values_are_bounded_in_the_order_of_sql() {
        let at = |value: &Value| (At(value.clone()), At(value.clone()));
        let number = Value::Integer(5);
        assert_eq!(
            of_classes(&bounds("", number.clone(), "integer").unwrap()),
            [at(&number), (Everything, Nothing), (Everything, Nothing)]
        );
        let day = Value::from("1970-01-02");
        assert_eq!(
            of_classes(&bounds("DATETIME", day.clone(), "text").unwrap()),
            [(Nothing, Everything), at(&day), (Everything, Nothing)]
        );
        let millis = Value::Integer(86_400_000);
        assert_eq!(
            of_classes(&bounds("INTEGER", day.clone(), "timestamp(ms)").unwrap()),
            [at(&millis), at(&day), (Everything, Nothing)]
        );
    }

    #[test]
    fn a_bound_that_does_not_suit_the_column_is_refused() {
        for (declared, start, types, message) in [
            ("TEXT", Value::Integer(5), "text", "is a number"),
            (
                "INTEGER",
                Value::from("1970-01-02"),
                "integer",
                "unknown unit",
            ),
            (
                "INTEGER",
                Value::from("soon"),
                "timestamp(ms)",
                "unknown unit",
            ),
        ] {
            let error = bounds(declared, start, types).unwrap_err();
            assert!(error.message.contains(message), "{error}");
        }
    }
}
