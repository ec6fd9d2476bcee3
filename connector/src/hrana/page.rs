//! A glance at the answer to a page, from both ends, so that the next page
//! can be asked for before this one is decoded.
//!
//! Only the spelling that servers are known to use is recognized. Anything
//! else yields nothing, and the page is then decoded first.

use memchr::memmem;

use super::DecodeError;
use super::response::{Executed, Outcome, RowSink as _, Rows, outcome, result_member};
use super::scan::Scanner;
use super::value::Value;

/// A quote inside a JSON string is escaped, so these can only stand between
/// rows, and where rows begin and end.
const BEFORE_FIRST_ROW: &[u8] = b"\"rows\":[[{\"type\":\"";
const BETWEEN_ROWS: &[u8] = b"}],[{\"type\":\"";
const AFTER_LAST_ROW: &[u8] = b"}]],\"affected_row_count\":";

/// What the next request depends on.
#[derive(Clone, Debug, PartialEq)]
pub struct Glance {
    /// The stream; none if the server has closed it.
    pub baton: Option<String>,
    /// Where its requests have to go.
    pub base_url: Option<String>,
    /// The last row.
    pub last_row: Vec<Value>,
    /// Rows that the server read.
    pub rows_read: Option<u64>,
    /// Whether the transaction is gone, if that was asked.
    pub autocommit: Option<bool>,
}

/// Looks at the answer to one `execute`, perhaps with a `get_autocommit`.
#[must_use]
pub fn glance(body: &str) -> Option<Glance> {
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
    let mut values = Rows::default();
    values.begin(0);
    values.row(&mut Scanner::starting_at(body, last)).ok()?;
    let last_row = values.0.pop()?.pop()?;

    // The rest of the result is that of an object from here on, if the comma
    // before it is left out.
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
        match outcome(&mut tail, &mut Rows::default()).ok()? {
            Outcome::Autocommit(value) => autocommit = Some(value),
            _ => return None,
        }
    }
    tail.expect(b']', "the end of the results").ok()?;
    tail.expect(b'}', "the end of the answer").ok()?;
    tail.end().ok()?;
    Some(Glance {
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

    fn answer(rows: &str, rest: &str) -> String {
        format!(
            r#"{{"baton":"b","base_url":null,"results":[{{"type":"ok","response":{{"type":"execute","result":{{"cols":[{{"name":"a","decltype":null}}],"rows":[{rows}],"affected_row_count":0,"last_insert_rowid":null,"replication_index":"1","rows_read":2,"rows_written":0,"query_duration_ms":0.1}}}}}}{rest}]}}"#
        )
    }

    const AUTOCOMMIT: &str =
        r#",{"type":"ok","response":{"type":"get_autocommit","is_autocommit":true}}"#;

    #[test]
    fn the_last_row_is_found_from_the_end() {
        let body = answer(
            r#"[{"type":"integer","value":"1"}],[{"type":"integer","value":"2"}]"#,
            AUTOCOMMIT,
        );
        assert_eq!(
            glance(&body),
            Some(Glance {
                baton: Some("b".into()),
                base_url: None,
                last_row: vec![Value::Integer(2)],
                rows_read: Some(2),
                autocommit: Some(true),
            })
        );
    }

    #[test]
    fn text_that_looks_like_a_boundary_is_none() {
        let tricky = r#"[{"type":"integer","value":"7"},{"type":"text","value":"}],[{\"type\":\"null\"}]],\"affected_row_count\":1,\"rows\":[[{\"type\":\""}]"#;
        let body = answer(tricky, "");
        let found = glance(&body).unwrap();
        assert_eq!(found.last_row[0], Value::Integer(7));
        assert_eq!(found.last_row.len(), 2);
        assert_eq!(found.autocommit, None);
    }

    #[test]
    fn nothing_is_seen_where_there_is_no_row_or_an_error() {
        assert_eq!(glance(&answer("", "")), None);
        assert_eq!(
            glance(r#"{"baton":null,"base_url":null,"results":[]}"#),
            None
        );
        assert_eq!(
            glance(&answer(
                r#"[{"type":"null"}]"#,
                r#",{"type":"error","error":{"message":"x"}}"#
            )),
            None
        );
        let whole = answer(r#"[{"type":"null"}]"#, AUTOCOMMIT);
        for end in 0..whole.len() {
            assert_eq!(glance(&whole[..end]), None, "cut at {end}");
        }
    }
}
