//! The answer to a pipeline: an envelope of one outcome for each request,
//! whose rows go to a [`RowSink`] while it is walked.

use super::DecodeError;
use super::scan::Scanner;
use super::value::Value;

/// Takes the rows of an answer, in their order.
pub trait RowSink {
    /// The rows that follow belong to the request of this index.
    fn begin(&mut self, request: usize);

    /// Takes one row; `scanner` is at its opening bracket.
    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError>;
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// The stream; none if the server has closed it.
    pub baton: Option<String>,
    /// Where requests of this stream have to go from now on.
    pub base_url: Option<String>,
    /// One for each request.
    pub outcomes: Vec<Outcome>,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A statement ran.
    Executed(Executed),
    /// A statement was described.
    Described {
        /// Its columns.
        columns: Vec<Column>,
        /// Whether it changes nothing.
        is_readonly: bool,
    },
    /// Whether no transaction is open.
    Autocommit(bool),
    /// Something without a result, such as the end of a stream.
    Done,
    /// It failed; those after it ran nevertheless.
    Failed(SqlError),
}

/// What a statement came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Executed {
    /// Its columns.
    pub columns: Vec<Column>,
    /// Rows that went to the sink.
    pub rows: u64,
    /// Rows that the server read and bills.
    pub rows_read: Option<u64>,
    /// Where the log of the server is, if it keeps one: further with every
    /// commit.
    pub replication_index: Option<String>,
}

/// A column of a result.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Column {
    /// Its name; empty when there is none.
    pub name: String,
    /// Its declared type; none for expressions.
    pub decltype: Option<String>,
}

/// Why a statement failed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SqlError {
    /// For people.
    pub message: String,
    /// For programs, such as `SQLITE_UNKNOWN`.
    pub code: String,
}

/// Rows as values, of every request; for small results.
#[derive(Debug, Default)]
pub struct Rows(pub Vec<Vec<Vec<Value>>>);

impl RowSink for Rows {
    fn begin(&mut self, request: usize) {
        self.0.resize_with(request + 1, Vec::new);
    }

    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        let mut row = Vec::new();
        scanner.array(|scanner| {
            row.push(Value::of(scanner.cell()?)?);
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

impl Response {
    /// Walks an answer.
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

/// One element of `results`. Whether it is an error shows in its members, so
/// that the order of members does not matter.
pub(super) fn outcome(
    scanner: &mut Scanner<'_>,
    sink: &mut impl RowSink,
) -> Result<Outcome, DecodeError> {
    let mut found = None;
    scanner.object(|scanner, key| {
        match key {
            "response" => found = Some(result_of(scanner, sink)?),
            "error" => found = Some(Outcome::Failed(sql_error(scanner)?)),
            _ => scanner.skip()?,
        }
        Ok(())
    })?;
    found.ok_or_else(|| scanner.expected("a response or an error"))
}

fn result_of(scanner: &mut Scanner<'_>, sink: &mut impl RowSink) -> Result<Outcome, DecodeError> {
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

/// The result of `execute` or `describe`.
fn statement_result(
    scanner: &mut Scanner<'_>,
    sink: &mut impl RowSink,
) -> Result<Outcome, DecodeError> {
    let mut executed = Executed::default();
    let mut readonly = None;
    scanner.object(|scanner, key| {
        match key {
            "rows" => scanner.array(|scanner| {
                executed.rows += 1;
                sink.row(scanner)
            })?,
            "is_readonly" => readonly = Some(scanner.boolean()?),
            _ => result_member(scanner, key, &mut executed)?,
        }
        Ok(())
    })?;
    Ok(match readonly {
        Some(is_readonly) => Outcome::Described {
            columns: executed.columns,
            is_readonly,
        },
        None => Outcome::Executed(executed),
    })
}

/// A member of a result that is not its rows.
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
        // Of any type, where a server means something else by it.
        "replication_index" if scanner.peek() == Some(b'"') => {
            executed.replication_index = Some(scanner.string()?.into_owned());
            Ok(())
        }
        _ => scanner.skip(),
    }
}

pub(super) fn column(scanner: &mut Scanner<'_>) -> Result<Column, DecodeError> {
    let mut column = Column::default();
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

    /// As sqld 0.24.32 answers.
    const ANSWER: &str = r#"{"baton":"b/1=","base_url":null,"results":[
        {"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"id","decltype":"INTEGER"},{"name":null,"decltype":null}],"rows":[[{"type":"integer","value":"1"},{"type":"text","value":"]],\"affected"}],[{"type":"null"},{"type":"blob","base64":"AA"}]],"affected_row_count":0,"last_insert_rowid":null,"replication_index":"16215","rows_read":2,"rows_written":0,"query_duration_ms":0.036}}},
        {"type":"error","error":{"message":"no such table: nope","code":"SQLITE_UNKNOWN"}},
        {"type":"ok","response":{"type":"describe","result":{"params":[],"cols":[{"name":"n","decltype":null}],"is_explain":false,"is_readonly":true}}},
        {"type":"ok","response":{"type":"get_autocommit","is_autocommit":false}},
        {"type":"ok","response":{"type":"close"}}]}"#;

    #[test]
    fn every_outcome_is_told_apart() {
        let mut rows = Rows::default();
        let response = Response::parse(ANSWER, &mut rows).unwrap();
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
            Column {
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
    fn an_answer_cut_anywhere_is_an_error() {
        for end in 0..ANSWER.len() {
            assert!(
                Response::parse(&ANSWER[..end], &mut Rows::default()).is_err(),
                "cut at {end}"
            );
        }
    }

    #[test]
    fn what_follows_an_answer_is_an_error() {
        assert!(Response::parse(&format!("{ANSWER}x"), &mut Rows::default()).is_err());
    }
}
