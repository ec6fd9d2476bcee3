//! Conditions on rows, with the arguments of their values.

use super::identifier::qualify;
use super::parameters::Parameters;
use super::table::Table;
use crate::hrana::request::Argument;
use crate::rows::value::Value;

/// A condition on rows, with its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    pub(super) sql: String,
    pub(super) args: Vec<Argument>,
    /// True if a user wrote part of the condition. No index need support that
    /// part.
    pub(super) is_user_written: bool,
}

impl Condition {
    /// Takes the text of a user.
    #[must_use]
    pub fn from_user(sql: &str) -> Self {
        // A line break, since the last line may be a comment.
        Self {
            is_user_written: true,
            ..Self::from_sql(format!("({sql}\n)"))
        }
    }

    /// Returns the condition that a column is NULL.
    #[must_use]
    pub fn is_null(table: &str, column: &str) -> Self {
        Self::from_sql(format!("{} IS NULL", qualify(table, column)))
    }

    /// Returns the condition that a column is not NULL.
    #[must_use]
    pub fn is_not_null(table: &str, column: &str) -> Self {
        Self::from_sql(format!("{} IS NOT NULL", qualify(table, column)))
    }

    /// Returns the comparison of a column with a value.
    #[must_use]
    pub fn compare(table: &Table, column: &str, operator: &str, value: &Value) -> Self {
        Self::compare_tuple(
            table.parameters,
            &[qualify(&table.name, column)],
            operator,
            std::slice::from_ref(value),
        )
    }

    /// Joins conditions by AND. Returns nothing for no conditions.
    #[must_use]
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::join(conditions, " AND ")
    }

    /// Joins conditions by OR. Returns nothing for no conditions.
    #[must_use]
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::join(conditions, " OR ")
    }

    fn from_sql(sql: String) -> Self {
        Self {
            sql,
            ..Self::default()
        }
    }

    /// Returns the comparison of expressions with values, which the first
    /// difference decides.
    pub(super) fn compare_tuple(
        parameters: Parameters,
        expressions: &[String],
        operator: &str,
        values: &[Value],
    ) -> Self {
        let mut args = Vec::with_capacity(values.len());
        let values = values.iter().map(|value| parameters.sql(value, &mut args));
        let values: Vec<_> = values.collect();
        let sql = match (expressions, values.as_slice()) {
            ([expression], [value]) => format!("{expression} {operator} {value}"),
            (expressions, values) => format!(
                "({}) {operator} ({})",
                expressions.join(", "),
                values.join(", ")
            ),
        };
        Self {
            sql,
            args,
            is_user_written: false,
        }
    }

    fn join(conditions: impl IntoIterator<Item = Self>, operator: &str) -> Option<Self> {
        let mut conditions = conditions.into_iter();
        let mut joined = conditions.next()?;
        let mut needs_parentheses = false;
        for condition in conditions {
            joined.sql = format!("{}{operator}{}", joined.sql, condition.sql);
            joined.args.extend(condition.args);
            joined.is_user_written |= condition.is_user_written;
            needs_parentheses = true;
        }
        if needs_parentheses {
            joined.sql = format!("({})", joined.sql);
        }
        Some(joined)
    }
}
