//! The response to a pipeline: an envelope with one outcome for each request.
//! Rows go to a [`RowSink`] while the envelope is parsed.

use super::DecodeError;
use super::scan::Scanner;
use crate::rows::value::Value;

/// A receiver of the rows of a response, in their order.
pub trait RowSink {
    /// Begins the rows of the request with this index.
    fn begin(&mut self, request: usize);

    /// Reads one row. `scanner` is at its opening bracket.
    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError>;
}

/// The response to a pipeline.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PipelineResponse {
    /// Baton of the stream, unless the server has closed it.
    pub baton: Option<String>,
    /// URL for the next requests of the stream, if it has moved.
    pub base_url: Option<String>,
    /// Outcomes of the requests, in order.
    pub outcomes: Vec<Outcome>,
}

/// The outcome of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A statement that ran.
    Executed(Executed),
    /// A statement that was described.
    Described {
        /// Columns of its result.
        columns: Vec<ResultColumn>,
        /// True if it does not write.
        is_readonly: bool,
    },
    /// True if no transaction is open.
    Autocommit(bool),
    /// Success without a result, such as the end of a stream.
    Done,
    /// A failure. Later requests ran nevertheless.
    Failed(SqlError),
}

/// The result of a statement, without its rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executed {
    /// Columns of the result.
    pub columns: Vec<ResultColumn>,
    /// Number of rows that went to the sink.
    pub rows: u64,
    /// Number of rows that the server read and bills.
    pub rows_read: Option<u64>,
    /// Index of the server's replication log, if it keeps one. Every commit
    /// increases it.
    pub replication_index: Option<String>,
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ResultColumn {
    /// Name of the column, or an empty string.
    pub name: String,
    /// Declared type, which expressions do not have.
    pub decltype: Option<String>,
}

/// The error of a statement.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SqlError {
    /// Message for people.
    pub message: String,
    /// Code for programs, such as `SQLITE_UNKNOWN`.
    pub code: String,
}

/// Rows of each request as owned values, for small results.
#[derive(Debug, Default)]
pub struct ValueRows(pub Vec<Vec<Vec<Value>>>);

impl RowSink for ValueRows {
    fn begin(&mut self, request: usize) {
        self.0.resize_with(request + 1, Vec::new);
    }

    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        let mut row = Vec::new();
        scanner.array(|scanner| {
            row.push(scanner.cell()?.into_value()?);
            Ok(())
        })?;
        let rows = self
            .0
            .last_mut()
            .ok_or_else(|| scanner.expected("a request"))?;
        rows.push(row);
        Ok(())
    }
}

impl PipelineResponse {
    /// Parses a response and sends its rows to `sink`.
    pub fn parse(body: &str, sink: &mut impl RowSink) -> Result<Self, DecodeError> {
        let mut response = Self::default();
        let mut scanner = Scanner::new(body);
        scanner.object(|scanner, key| {
            match key {
                "baton" => response.baton = scanner.optional_string()?,
                "base_url" => response.base_url = scanner.optional_string()?,
                "results" => scanner.array(|scanner| {
                    sink.begin(response.outcomes.len());
                    let outcome = outcome(scanner, sink)?;
                    response.outcomes.push(outcome);
                    Ok(())
                })?,
                _ => scanner.skip()?,
            }
            Ok(())
        })?;
        scanner.end()?;
        Ok(response)
    }
}

/// Parses one element of `results`. Its members tell an error from a success,
/// so their order does not matter.
pub(super) fn outcome(
    scanner: &mut Scanner<'_>,
    sink: &mut impl RowSink,
) -> Result<Outcome, DecodeError> {
    let mut found = None;
    scanner.object(|scanner, key| {
        match key {
            "response" => found = Some(response_member(scanner, sink)?),
            "error" => found = Some(Outcome::Failed(sql_error(scanner)?)),
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    found.ok_or_else(|| scanner.expected("a response or an error"))
}

fn response_member(
    scanner: &mut Scanner<'_>,
    sink: &mut impl RowSink,
) -> Result<Outcome, DecodeError> {
    let mut found = Outcome::Done;
    scanner.object(|scanner, key| {
        match key {
            "is_autocommit" => found = Outcome::Autocommit(scanner.boolean()?),
            "result" if scanner.peek() == Some(b'{') => found = statement_result(scanner, sink)?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(found)
}

/// Parses the result of `execute` or `describe`.
fn statement_result(
    scanner: &mut Scanner<'_>,
    sink: &mut impl RowSink,
) -> Result<Outcome, DecodeError> {
    let mut executed = Executed::default();
    let mut is_readonly = None;
    scanner.object(|scanner, key| {
        match key {
            "rows" => scanner.array(|scanner| {
                executed.rows += 1;
                sink.row(scanner)
            })?,
            "is_readonly" => is_readonly = Some(scanner.boolean()?),
            _ => result_member(scanner, key, &mut executed)?,
        }
        Ok(())
    })?;
    Ok(match is_readonly {
        Some(is_readonly) => Outcome::Described {
            columns: executed.columns,
            is_readonly,
        },
        None => Outcome::Executed(executed),
    })
}

/// Parses a member of a result other than its rows.
pub(super) fn result_member(
    scanner: &mut Scanner<'_>,
    key: &str,
    executed: &mut Executed,
) -> Result<(), DecodeError> {
    match key {
        "cols" => scanner.array(|scanner| {
            executed.columns.push(column(scanner)?);
            Ok(())
        }),
        "rows_read" => {
            executed.rows_read = scanner.optional_count()?;
            Ok(())
        }
        // Some servers use another type for another meaning.
        "replication_index" if scanner.peek() == Some(b'"') => {
            executed.replication_index = Some(scanner.string()?.into_owned());
            Ok(())
        }
        _ => scanner.skip(),
    }
}

pub(super) fn column(scanner: &mut Scanner<'_>) -> Result<ResultColumn, DecodeError> {
    let mut column = ResultColumn::default();
    scanner.object(|scanner, key| {
        match key {
            "name" => column.name = scanner.optional_string()?.unwrap_or_default(),
            "decltype" => column.decltype = scanner.optional_string()?,
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(column)
}

pub(super) fn sql_error(scanner: &mut Scanner<'_>) -> Result<SqlError, DecodeError> {
    let mut error = SqlError::default();
    scanner.object(|scanner, key| {
        match key {
            "message" => error.message = scanner.optional_string()?.unwrap_or_default(),
            "code" => error.code = scanner.optional_string()?.unwrap_or_default(),
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    Ok(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A response of sqld 0.24.32.
    const RESPONSE: &str = r#"{"baton":"b/1=","base_url":null,"results":[
        {"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"id","decltype":"INTEGER"},{"name":null,"decltype":null}],"rows":[[{"type":"integer","value":"1"},{"type":"text","value":"]],\"affected"}],[{"type":"null"},{"type":"blob","base64":"AA"}]],"affected_row_count":0,"last_insert_rowid":null,"replication_index":"16215","rows_read":2,"rows_written":0,"query_duration_ms":0.036}}},
        {"type":"error","error":{"message":"no such table: nope","code":"SQLITE_UNKNOWN"}},
        {"type":"ok","response":{"type":"describe","result":{"params":[],"cols":[{"name":"n","decltype":null}],"is_explain":false,"is_readonly":true}}},
        {"type":"ok","response":{"type":"get_autocommit","is_autocommit":false}},
        {"type":"ok","response":{"type":"close"}}]}"#;

    #[test]
    fn every_outcome_is_parsed() {
        let mut rows = ValueRows::default();
        let response = PipelineResponse::parse(RESPONSE, &mut rows).unwrap();
        assert_eq!(response.baton.as_deref(), Some("b/1="));
        assert_eq!(response.base_url, None);
        let [
            Outcome::Executed(executed),
            Outcome::Failed(error),
            described,
            autocommit,
            closed,
        ] = response.outcomes.as_slice()
        else {
            panic!("{response:?}");
        };
        assert_eq!((executed.rows, executed.rows_read), (2, Some(2)));
        assert_eq!(
            executed.columns[0],
            ResultColumn {
                name: "id".into(),
                decltype: Some("INTEGER".into())
            }
        );
        assert_eq!(error.code, "SQLITE_UNKNOWN");
        assert!(matches!(
            described,
            Outcome::Described {
                is_readonly: true,
                ..
            }
        ));
        assert_eq!(*autocommit, Outcome::Autocommit(false));
        assert_eq!(*closed, Outcome::Done);
        assert_eq!(
            rows.0[0],
            [
                vec![Value::Integer(1), Value::Text("]],\"affected".into())],
                vec![Value::Null, Value::Blob(vec![0])]
            ]
        );
    }

    #[test]
    fn a_truncated_response_is_an_error() {
        for end in 0..RESPONSE.len() {
            assert!(
                PipelineResponse::parse(&RESPONSE[..end], &mut ValueRows::default()).is_err(),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn text_after_a_response_is_an_error() {
        assert!(
            PipelineResponse::parse(&format!("{RESPONSE}x"), &mut ValueRows::default()).is_err()
        );
    }
}
