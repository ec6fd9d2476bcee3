//! The floor: what it takes to have the bytes cross the wire and do nothing
//! with them. One connection, one request after the other.

use std::io::Read as _;
use std::time::Instant;

use anyhow::{Context, Result};
use connector_tests::sqld::Sqld;
use serde_json::json;

use crate::measure::Measured;

/// Rows of a page.
const PAGE: u64 = 10_000;
/// How a row begins that begins with an integer.
const ROW: &[u8] = br#"[{"type":"integer","value":""#;
/// The end of an answer in which the last row begins: a row has 300 bytes.
const TAIL: usize = 8 << 10;

/// Reads the table once.
pub(crate) fn measure(server: &Sqld, rows: u64) -> Result<Measured> {
    let client = server.client();
    let mut buffer = vec![0; 1 << 18];
    let (mut last, mut bytes) = (0, 0);
    let start = Instant::now();
    loop {
        let body = json!({"requests": [
            {"type": "execute", "stmt": {
                "sql": format!("SELECT * FROM orders WHERE id > ? ORDER BY id LIMIT {PAGE}"),
                "args": [{"type": "integer", "value": last.to_string()}]}},
            {"type": "close"}]});
        let mut answer = client.post(&body.to_string())?;
        let mut tail = Vec::with_capacity(2 * TAIL + buffer.len());
        loop {
            let read = answer.read(&mut buffer).context("the answer broke off")?;
            if read == 0 {
                break;
            }
            bytes += read as u64;
            tail.drain(..tail.len().saturating_sub(TAIL));
            tail.extend_from_slice(&buffer[read.saturating_sub(TAIL)..read]);
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

/// The first value of the last row.
fn last_key(tail: &[u8]) -> Option<u64> {
    let at = tail.windows(ROW.len()).rposition(|window| window == ROW)?;
    let digits = &tail[at + ROW.len()..];
    let end = digits.iter().position(|byte| *byte == b'"')?;
    std::str::from_utf8(&digits[..end]).ok()?.parse().ok()
}
