//! Response to a page: the rows of the page go to its decoder, and an estimate
//! that was requested with the page is set apart. Sends no requests.

use super::table::PagedTable;
use super::target::row_count;
use crate::hrana::DecodeError;
use crate::hrana::decoder::Decoder;
use crate::hrana::response::{Outcome, PipelineResponse, RowSink, ValueRows};
use crate::hrana::scan::Scanner;
use crate::rows::value::Value;

/// Estimated number of rows of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Estimate {
    /// Number of rows; zero if the estimate failed.
    pub(super) rows: u64,
    /// Number of rows that the server billed for it.
    pub(super) rows_billed: Option<u64>,
}

/// Parses a response to a page. If `has_estimate` is true, the result of an
/// estimate precedes that of the page; its outcome is removed.
pub(super) fn parse(
    text: &str,
    has_estimate: bool,
    decoder: &mut Decoder,
) -> Result<(PipelineResponse, Option<Estimate>), DecodeError> {
    let mut sink = PageSink {
        decoder,
        estimate: ValueRows::default(),
        is_estimate: false,
        has_estimate,
    };
    let mut response = PipelineResponse::parse(text, &mut sink)?;
    let rows = sink.estimate.0;
    if !has_estimate || response.outcomes.is_empty() {
        return Ok((response, None));
    }
    let estimate = match response.outcomes.remove(0) {
        Outcome::Executed(executed) => Estimate {
            rows: first_value(&rows).map_or(0, row_count),
            rows_billed: executed.rows_read,
        },
        _ => Estimate::default(),
    };
    Ok((response, Some(estimate)))
}

/// Returns the key of the last row of a response, without a peek.
pub(super) fn last_key(
    table: &PagedTable,
    has_estimate: bool,
    text: &str,
) -> Result<Option<Vec<Value>>, DecodeError> {
    let mut rows = ValueRows::default();
    PipelineResponse::parse(text, &mut rows)?;
    let rows_of_page = rows.0.get_mut(usize::from(has_estimate));
    let last = rows_of_page.and_then(Vec::pop).unwrap_or_default();
    let Some(pass) = &table.pass else {
        return Ok(None);
    };
    let key = pass.paging.row_key(table.encoding, &last);
    key.map(Some)
        .ok_or_else(|| expected("the key in the last row"))
}

/// Returns the error of a response that lacks something.
pub(super) fn expected(expected: &'static str) -> DecodeError {
    DecodeError::Malformed { at: 0, expected }
}

fn first_value(rows: &[Vec<Vec<Value>>]) -> Option<&Value> {
    rows.first()?.first()?.first()
}

/// Rows of a response: those of the page, after those of an estimate.
struct PageSink<'a> {
    decoder: &'a mut Decoder,
    estimate: ValueRows,
    /// True if the current rows are those of the estimate.
    is_estimate: bool,
    has_estimate: bool,
}

impl RowSink for PageSink<'_> {
    fn begin(&mut self, request: usize) {
        self.is_estimate = self.has_estimate && request == 0;
        if self.is_estimate {
            self.estimate.begin(request);
        }
    }

    #[inline]
    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        if self.is_estimate {
            self.estimate.row(scanner)
        } else {
            self.decoder.row(scanner)
        }
    }
}

/// Rows that are not used.
pub(super) struct DiscardedRows;

impl RowSink for DiscardedRows {
    fn begin(&mut self, _request: usize) {}

    fn row(&mut self, scanner: &mut Scanner<'_>) -> Result<(), DecodeError> {
        scanner.skip()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::columns::{ColumnSpec, Storage};

    fn decoder() -> Decoder {
        Decoder::new(&[ColumnSpec {
            name: "id".to_owned(),
            storage: Storage::Integer,
            declared: String::new(),
        }])
    }

    fn response(results: &[&str]) -> String {
        format!(
            r#"{{"baton":"b","base_url":null,"results":[{}]}}"#,
            results.join(",")
        )
    }

    const ESTIMATE: &str = r#"{"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"max"}],"rows":[[{"type":"integer","value":"40"}]],"rows_read":1}}}"#;
    const PAGE: &str = r#"{"type":"ok","response":{"type":"execute","result":{"cols":[{"name":"id"}],"rows":[[{"type":"integer","value":"1"}],[{"type":"integer","value":"2"}]],"rows_read":2}}}"#;
    const FAILED: &str = r#"{"type":"error","error":{"message":"no such column"}}"#;

    #[test]
    fn an_estimate_is_not_a_row_of_the_page() {
        let mut decoder = decoder();
        let text = response(&[ESTIMATE, PAGE]);
        let (found, estimate) = parse(&text, true, &mut decoder).unwrap();
        assert_eq!(decoder.batch().len(), 2);
        assert_eq!(
            estimate,
            Some(Estimate {
                rows: 40,
                rows_billed: Some(1)
            })
        );
        let [Outcome::Executed(executed)] = found.outcomes.as_slice() else {
            panic!("{found:?}");
        };
        assert_eq!((executed.rows, executed.rows_read), (2, Some(2)));
    }

    #[test]
    fn a_failed_estimate_does_not_affect_the_page() {
        let mut decoder = decoder();
        let text = response(&[FAILED, PAGE]);
        let (_, estimate) = parse(&text, true, &mut decoder).unwrap();
        assert_eq!(decoder.batch().len(), 2);
        assert_eq!(estimate, Some(Estimate::default()));
    }

    #[test]
    fn a_page_without_an_estimate_has_all_rows() {
        let mut decoder = decoder();
        let (found, estimate) = parse(&response(&[PAGE]), false, &mut decoder).unwrap();
        assert_eq!((found.outcomes.len(), estimate), (1, None));
        assert_eq!(decoder.batch().len(), 2);
    }
}
