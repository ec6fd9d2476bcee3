//! Bodies of requests.

use serde::Serialize;

pub use super::value::Argument;

/// A statement with its arguments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Statement {
    /// One SQL statement.
    pub sql: String,
    /// Values of the parameters, by position.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Argument>,
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
    /// Describes a statement without running it.
    Describe {
        /// The statement.
        sql: String,
    },
    /// Asks if no transaction is open (version 3).
    GetAutocommit,
    /// Closes the stream.
    Close,
}

/// Requests that run in order on a stream.
#[derive(Debug, Serialize)]
pub struct PipelineRequest<'a> {
    /// Baton of the stream. Without one, a new stream is opened.
    pub baton: Option<&'a str>,
    /// Requests, in order.
    pub requests: &'a [Request],
}

/// A batch whose rows are streamed.
#[derive(Debug, Serialize)]
pub struct CursorRequest<'a> {
    /// Baton of the stream. Without one, a new stream is opened.
    pub baton: Option<&'a str>,
    /// The batch.
    pub batch: Batch,
}

/// Statements that run in order.
#[derive(Debug, Serialize)]
pub struct Batch {
    /// Steps, in order.
    pub steps: Vec<Step>,
}

/// A statement of a batch.
#[derive(Debug, Serialize)]
pub struct Step {
    /// Condition under which the step runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub condition: Option<StepCondition>,
    /// The statement.
    pub stmt: Statement,
}

/// A condition under which a step runs.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum StepCondition {
    /// The other condition is false.
    Not {
        /// The other condition.
        cond: Box<StepCondition>,
    },
    /// No transaction is open.
    IsAutocommit,
}

impl Statement {
    /// Creates a statement without arguments.
    pub fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            args: Vec::new(),
        }
    }

    /// Creates a statement with arguments.
    pub fn with_args(sql: impl Into<String>, args: Vec<Argument>) -> Self {
        Self {
            sql: sql.into(),
            args,
        }
    }
}

impl Request {
    /// Creates a request that runs a statement.
    #[must_use]
    pub fn execute(stmt: Statement) -> Self {
        Self::Execute { stmt }
    }
}

impl StepCondition {
    /// Returns the condition that a transaction is open.
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
    fn a_pipeline_has_the_spelling_that_servers_expect() {
        let statement = Statement::with_args(
            "SELECT ?, ?, ?",
            vec![
                Argument::Integer(i64::MIN),
                Argument::Blob(vec![0xff]),
                Argument::Text("a/\"".into()),
            ],
        );
        let requests = [
            Request::execute(statement),
            Request::GetAutocommit,
            Request::Close,
        ];
        let body = serde_json::to_string(&PipelineRequest {
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
        let condition = serde_json::to_string(&StepCondition::in_transaction()).unwrap();
        assert_eq!(
            condition,
            r#"{"type":"not","cond":{"type":"is_autocommit"}}"#
        );
    }
}
