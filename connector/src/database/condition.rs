//! Conditions on rows. Values are bound, or written out where JSON has no
//! spelling for them.

use super::identifier::qualify;
use crate::rows::value::Value;

/// A condition on rows, with its arguments.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Condition {
    pub(super) sql: String,
    pub(super) args: Vec<Value>,
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
    pub fn compare(table: &str, column: &str, operator: &str, value: &Value) -> Self {
        Self::compare_tuple(
            &[qualify(table, column)],
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
    pub(super) fn compare_tuple(expressions: &[String], operator: &str, values: &[Value]) -> Self {
        let placeholders: Vec<_> = values.iter().map(placeholder).collect();
        let sql = match (expressions, placeholders.as_slice()) {
            ([expression], [placeholder]) => format!("{expression} {operator} {placeholder}"),
            (expressions, placeholders) => format!(
                "({}) {operator} ({})",
                expressions.join(", "),
                placeholders.join(", ")
            ),
        };
        let args = values.iter().filter(|value| !is_infinite(value));
        Self {
            sql,
            args: args.cloned().collect(),
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

/// Returns the SQL that stands for a value. Infinities are written out, since
/// JSON has none.
fn placeholder(value: &Value) -> &'static str {
    match value {
        Value::Real(real) if *real == f64::INFINITY => "9e999",
        Value::Real(real) if *real == f64::NEG_INFINITY => "-9e999",
        Value::TextBytes(_) => "CAST(? AS TEXT)",
        _ => "?",
    }
}

fn is_infinite(value: &Value) -> bool {
    matches!(value, Value::Real(real) if real.is_infinite())
}
