//! Floor of the bench: the time to transfer the same pages and discard them. One
//! connection, one request at a time.

use std::io::Read as _;
use std::time::Instant;

use anyhow::{Context, Result};
use connector_tests::sqld::Sqld;
use serde_json::json;

use crate::measure::Measured;

/// Rows of a page.
const PAGE_ROWS: u64 = 10_000;
/// Start of a row whose first value is an integer.
const ROW_START: &[u8] = br#"[{"type":"integer","value":""#;
/// Size of the end of a response that contains its last row: a row has about 300
/// bytes.
const TAIL_BYTES: usize = 8 << 10;

/// Reads the table once.
pub(crate) fn measure(server: &Sqld, rows: u64) -> Result<Measured> {
    let client = server.client();
    let mut buffer = vec![0; 1 << 18];
    let (mut last, mut bytes) = (0, 0);
    let start = Instant::now();
    loop {
        let body = json!({"requests": [
            {"type": "execute", "stmt": {
                "sql": format!("SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT {PAGE_ROWS}"),
                "args": [{"type": "integer", "value": last.to_string()}]}},
            {"type": "close"}]});
        let mut response = client.post(&body.to_string())?;
        let mut tail = Vec::with_capacity(2 * TAIL_BYTES + buffer.len());
        loop {
            let read = response
                .read(&mut buffer)
                .context("cannot read the response")?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            tail.drain(..tail.len().saturating_sub(TAIL_BYTES));
            tail.extend_from_slice(&buffer[read.saturating_sub(TAIL_BYTES)..read]);
        }
        let Some(key) = last_key(&tail) else { break };
        last = key;
    }
    anyhow::ensure!(last == rows, "the floor ended at row {last} of {rows}");
    Ok(Measured {
        seconds: start.elapsed().as_secs_f64(),
        peak: None,
        bytes: Some(bytes),
    })
}

/// Returns the first value of the last row.
fn last_key(tail: &[u8]) -> Option<u64> {
    let at = tail
        .windows(ROW_START.len())
        .rposition(|window| window == ROW_START)?;
    let digits = &tail[at + ROW_START.len()..];
    let end = digits.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}
