//! A peek at both ends of the response to a page, so that the next page can be
//! requested before this one is decoded.
//!
//! Only the spelling of known servers is recognized. Any other response yields
//! nothing, and its page is decoded first.

use memchr::memmem;

use super::DecodeError;
use super::response::{Executed, Outcome, RowSink as _, ValueRows, outcome, result_member};
use super::scan::Scanner;
use crate::rows::value::Value;

// A quote inside a JSON string is escaped, so these patterns match only at the
// boundaries of rows.
const BEFORE_FIRST_ROW: &[u8] = b"\"rows\":[[{\"type\":\"";
const BETWEEN_ROWS: &[u8] = b"}],[{\"type\":\"";
const AFTER_LAST_ROW: &[u8] = b"}]],\"affected_row_count\":";

/// The parts of a response on which the next request depends.
#[derive(Clone, Debug, PartialEq)]
pub struct PagePeek {
    /// Baton of the stream, unless the server has closed it.
    pub baton: Option<String>,
    /// URL for the next requests of the stream, if it has moved.
    pub base_url: Option<String>,
    /// Values of the last row.
    pub last_row: Vec<Value>,
    /// Number of rows that the server read.
    pub rows_read: Option<u64>,
    /// True if no transaction is open. `None` unless requested.
    pub autocommit: Option<bool>,
}

/// Peeks at the response to an `execute` with an optional `get_autocommit`.
/// Another `execute` that returns one row may precede it.
#[must_use]
pub fn peek(body: &str) -> Option<PagePeek> {
    let mut scanner = Scanner::new(body);
    scanner.expect(b'{', "an object").ok()?;
    let baton = member(&mut scanner, "baton", Scanner::optional_string)?;
    scanner.expect(b',', "`,`").ok()?;
    let base_url = member(&mut scanner, "base_url", Scanner::optional_string)?;

    let bytes = body.as_bytes();
    let after = memmem::rfind(bytes, AFTER_LAST_ROW)?;
    let rows = &bytes[..after];
    let last = match memmem::rfind(rows, BETWEEN_ROWS) {
        Some(at) => at + b"}],".len(),
        None => memmem::rfind(rows, BEFORE_FIRST_ROW)? + b"\"rows\":[".len(),
    };
    let mut values = ValueRows::default();
    values.begin(0);
    values.row(&mut Scanner::starting_at(body, last)).ok()?;
    let last_row = values.0.pop()?.pop()?;

    // Without its first comma, the rest of the result is the rest of an object.
    let mut tail = Scanner::starting_at(body, after + b"}]],".len());
    let mut executed = Executed::default();
    loop {
        let key = tail.string().ok()?;
        tail.expect(b':', "`:`").ok()?;
        result_member(&mut tail, &key, &mut executed).ok()?;
        if !tail.eat(b',') {
            break;
        }
    }
    for _ in 0..3 {
        tail.expect(b'}', "the end of the outcome").ok()?;
    }
    let mut autocommit = None;
    while tail.eat(b',') {
        match outcome(&mut tail, &mut ValueRows::default()).ok()? {
            Outcome::Autocommit(value) => autocommit = Some(value),
            _ => return None,
        }
    }
    tail.expect(b']', "the end of the results").ok()?;
    tail.expect(b'}', "the end of the response").ok()?;
    tail.end().ok()?;
    Some(PagePeek {
        baton,
        base_url,
        last_row,
        rows_read: executed.rows_read,
        autocommit,
    })
}

fn member<'a, T>(
    scanner: &mut Scanner<'a>,
    name: &str,
    value: impl FnOnce(&mut Scanner<'a>) -> Result<T, DecodeError>,
) -> Option<T> {
    if scanner.string().ok()? != name {
        return None;
    }
    scanner.expect(b':', "`:`").ok()?;
    value(scanner).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(rows: &str, rest: &str) -> String {
        format!(
            r#"{{"baton":"b","base_url":null,"results":[{{"type":"ok","response":{{"type":"execute","result":{{"cols":[{{"name":"a","decltype":null}}],"rows":[{rows}],"affected_row_count":0,"last_insert_rowid":null,"replication_index":"1","rows_read":2,"rows_written":0,"query_duration_ms":0.1}}}}}}{rest}]}}"#
        )
    }

    const AUTOCOMMIT: &str =
        r#",{"type":"ok","response":{"type":"get_autocommit","is_autocommit":true}}"#;

    #[test]
    fn the_last_row_is_found_from_the_end() {
        let body = response(
            r#"[{"type":"integer","value":"1"}],[{"type":"integer","value":"2"}]"#,
            AUTOCOMMIT,
        );
        assert_eq!(
            peek(&body),
            Some(PagePeek {
                baton: Some("b".into()),
                base_url: None,
                last_row: vec![Value::Integer(2)],
                rows_read: Some(2),
                autocommit: Some(true),
            })
        );
    }

    #[test]
    fn a_result_of_one_row_may_precede_the_rows() {
        const ESTIMATE: &str = r#"{"type":"ok","response":{"type":"execute","result":{"cols":[{"name":null,"decltype":null}],"rows":[[{"type":"integer","value":"9"}]],"affected_row_count":0,"rows_read":1}}},"#;
        let with_estimate = |rows: &str| {
            let results = "\"results\":[";
            response(rows, AUTOCOMMIT).replace(results, &format!("{results}{ESTIMATE}"))
        };
        for (rows, last) in [
            (r#"[{"type":"integer","value":"1"}]"#, 1),
            (
                r#"[{"type":"integer","value":"1"}],[{"type":"integer","value":"2"}]"#,
                2,
            ),
        ] {
            let found = peek(&with_estimate(rows)).unwrap();
            assert_eq!(found.last_row, [Value::Integer(last)]);
            assert_eq!((found.rows_read, found.autocommit), (Some(2), Some(true)));
        }
        assert_eq!(peek(&with_estimate("")), None);
    }

    #[test]
    fn text_that_looks_like_a_boundary_is_ignored() {
        let tricky = r#"[{"type":"integer","value":"7"},{"type":"text","value":"}],[{\"type\":\"null\"}]],\"affected_row_count\":1,\"rows\":[[{\"type\":\""}]"#;
        let body = response(tricky, "");
        let found = peek(&body).unwrap();
        assert_eq!(found.last_row[0], Value::Integer(7));
        assert_eq!(found.last_row.len(), 2);
        assert_eq!(found.autocommit, None);
    }

    #[test]
    fn a_response_without_rows_or_with_an_error_yields_nothing() {
        assert_eq!(peek(&response("", "")), None);
        assert_eq!(peek(r#"{"baton":null,"base_url":null,"results":[]}"#), None);
        assert_eq!(
            peek(&response(
                r#"[{"type":"null"}]"#,
                r#",{"type":"error","error":{"message":"x"}}"#
            )),
            None
        );
        let whole = response(r#"[{"type":"null"}]"#, AUTOCOMMIT);
        for end in 0..whole.len() {
            assert_eq!(peek(&whole[..end]), None, "cut at {end}");
        }
    }
}
