//! The bodies of requests.

use serde::Serialize;

use super::value::Value;

/// A statement with its arguments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// One SQL statement.
    pub sql: String,
    /// Values of its parameters, by position.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Value>,
}

/// One request of a pipeline.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Runs a statement.
    Execute {
        /// The statement.
        stmt: Statement,
    },
    /// Says what a statement is, without running it.
    Describe {
        /// The statement.
        sql: String,
    },
    /// Asks whether no transaction is open (version 3).
    GetAutocommit,
    /// Closes the stream.
    Close,
}

/// Requests that run one after the other on a stream.
#[derive(Debug, Serialize)]
pub struct Pipeline<'a> {
    /// The stream; none opens a new one.
    pub baton: Option<&'a str>,
    /// What to do.
    pub requests: &'a [Request],
}

/// A batch whose rows are streamed.
#[derive(Debug, Serialize)]
pub struct CursorRequest<'a> {
    /// The stream; none opens a new one.
    pub baton: Option<&'a str>,
    /// The batch.
    pub batch: Batch,
}

/// Statements that run one after the other.
#[derive(Debug, Serialize)]
pub struct Batch {
    /// In this order.
    pub steps: Vec<Step>,
}

/// A statement of a batch.
#[derive(Debug, Serialize)]
pub struct Step {
    /// When it runs; always, if none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<Condition>,
    /// The statement.
    pub stmt: Statement,
}

/// When a step runs.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Condition {
    /// When the other condition does not hold.
    Not {
        /// The other one.
        cond: Box<Condition>,
    },
    /// When no transaction is open.
    IsAutocommit,
}

impl Statement {
    /// A statement without arguments.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            args: Vec::new(),
        }
    }

    /// A statement with arguments.
    pub fn with(sql: impl Into<String>, args: Vec<Value>) -> Self {
        Self {
            sql: sql.into(),
            args,
        }
    }
}

impl Request {
    /// Runs a statement.
    #[must_use]
    pub fn execute(stmt: Statement) -> Self {
        Self::Execute { stmt }
    }
}

impl Condition {
    /// While a transaction is open.
    #[must_use]
    pub fn in_transaction() -> Self {
        Self::Not {
            cond: Box::new(Self::IsAutocommit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_spelled_as_servers_want_it() {
        let statement = Statement::with(
            "SELECT ?, ?, ?",
            vec![
                Value::Integer(i64::MIN),
                Value::Blob(vec![0xff]),
                Value::Text("a/\"".into()),
            ],
        );
        let requests = [
            Request::execute(statement),
            Request::GetAutocommit,
            Request::Close,
        ];
        let body = serde_json::to_string(&Pipeline {
            baton: None,
            requests: &requests,
        })
        .unwrap();
        assert_eq!(
            body,
            r#"{"baton":null,"requests":[{"type":"execute","stmt":{"sql":"SELECT ?, ?, ?","args":[{"type":"integer","value":"-9223372036854775808"},{"type":"blob","base64":"/w"},{"type":"text","value":"a/\""}]}},{"type":"get_autocommit"},{"type":"close"}]}"#
        );
    }

    #[test]
    fn a_step_can_depend_on_the_transaction() {
        let condition = serde_json::to_string(&Condition::in_transaction()).unwrap();
        assert_eq!(
            condition,
            r#"{"type":"not","cond":{"type":"is_autocommit"}}"#
        );
    }
}
