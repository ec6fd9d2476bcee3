//! Conditions on rows, with the arguments of their values.

use super::identifier::qualify;
use super::paging::CapturedColumn;
use super::parameters::Parameters;
use super::table::Table;
use crate::hrana::request::{Argument, Statement};
use crate::rows::value::Value;

/// Suffix of an expression that is compared in the binary order of text.
pub(super) const BINARY_ORDER: &str = " COLLATE BINARY";

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

    /// Returns the comparison of a column with a value. Text is compared in
    /// binary order, which is also that of [`Value::compare`].
    #[must_use]
    pub fn compare(table: &Table, column: &str, operator: &str, value: &Value) -> Self {
        let mut expression = qualify(&table.name, column);
        if table.has_collations() {
            expression.push_str(BINARY_ORDER);
        }
        Self::compare_expression(table, expression, operator, value)
    }

    /// Returns the comparison of an expression with a value.
    #[must_use]
    pub fn compare_expression(
        table: &Table,
        expression: String,
        operator: &str,
        value: &Value,
    ) -> Self {
        let values = std::slice::from_ref(value);
        Self::compare_tuple(table.parameters, &[expression], operator, values)
    }

    /// Returns the condition that a row has a key.
    #[must_use]
    pub fn has_key(table: &Table, columns: &[CapturedColumn<'_>], key: &[Value]) -> Option<Self> {
        let parts = columns.iter().zip(key).map(|(column, value)| {
            let expression = column.expression(table);
            match value {
                Value::Null => Self::from_sql(format!("{expression} IS NULL")),
                value => Self::compare_expression(table, expression, "=", value),
            }
        });
        Self::all(parts)
    }

    /// Returns the condition that an integer key is in a range.
    #[must_use]
    pub fn in_range(table: &Table, column: CapturedColumn<'_>, from: i64, to: i64) -> Self {
        let compare = |operator: &str, value: i64| {
            let expression = column.expression(table);
            Self::compare_expression(table, expression, operator, &Value::Integer(value))
        };
        if from == to {
            return compare("=", from);
        }
        compare(">=", from).and(compare("<=", to))
    }

    /// Returns the condition that another one is not met, or is NULL.
    #[must_use]
    pub fn is_not_met(self) -> Self {
        Self {
            sql: format!("NOT coalesce({}, 0)", self.sql),
            ..self
        }
    }

    /// Returns the condition that no row meets.
    #[must_use]
    pub fn never() -> Self {
        Self::from_sql("0".to_owned())
    }

    /// Returns the statement that begins with a text and has this condition.
    pub(super) fn restrict(self, sql: &str) -> Statement {
        Statement::with_args(format!("{sql} WHERE {}", self.sql), self.args)
    }

    /// Joins two conditions by AND.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        self.join(other, "AND")
    }

    /// Joins conditions by AND. Returns nothing for no conditions.
    #[must_use]
    pub fn all(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::join_all(conditions, "AND")
    }

    /// Joins conditions by OR. Returns nothing for no conditions.
    #[must_use]
    pub fn any(conditions: impl IntoIterator<Item = Self>) -> Option<Self> {
        Self::join_all(conditions, "OR")
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

    /// Joins conditions as a balanced tree, because servers limit its depth.
    fn join_all(conditions: impl IntoIterator<Item = Self>, operator: &str) -> Option<Self> {
        let mut level: Vec<_> = conditions.into_iter().collect();
        while level.len() > 1 {
            let mut conditions = level.into_iter();
            let mut next = Vec::new();
            while let Some(one) = conditions.next() {
                next.push(match conditions.next() {
                    Some(other) => one.join(other, operator),
                    None => one,
                });
            }
            level = next;
        }
        level.pop()
    }

    fn join(mut self, other: Self, operator: &str) -> Self {
        self.args.extend(other.args);
        Self {
            sql: format!("({} {operator} {})", self.sql, other.sql),
            args: self.args,
            is_user_written: self.is_user_written || other.is_user_written,
        }
    }
}
