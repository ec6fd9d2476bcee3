//! Subset of HTTP/1.1 that clients of the API use: requests with short bodies,
//! and responses with a known length. It does not know paths.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use anyhow::{Context as _, Result, bail};

/// Largest head and body of a request, far above what clients send.
const MAX_REQUEST_BYTES: u64 = 1 << 20;

/// Request without its body.
#[derive(Debug)]
pub(super) struct HttpRequest {
    pub(super) method: String,
    /// Request target, as sent.
    pub(super) target: String,
    /// Path of the target, unescaped.
    pub(super) path: String,
    /// Parameters of the query, unescaped.
    pub(super) query: Vec<(String, String)>,
    pub(super) authorization: Option<String>,
}

/// Reads the next request of a connection, if there is one.
pub(super) fn read(connection: &mut BufReader<&TcpStream>) -> Result<Option<HttpRequest>> {
    let mut reader = connection.take(MAX_REQUEST_BYTES);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        bail!("invalid request line: {line}")
    };
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "authorization" => authorization = Some(value.trim().to_owned()),
            "content-length" => length = value.trim().parse()?,
            "transfer-encoding" => bail!("chunked bodies are not supported"),
            _ => {}
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    Ok(Some(HttpRequest {
        path: unescaped(path)?,
        query: pairs(query)?,
        method,
        target,
        authorization,
    }))
}

/// Writes a response. `length` is its declared content length.
pub(super) fn write(
    mut connection: &TcpStream,
    status: u16,
    headers: &str,
    body: &[u8],
    length: usize,
) -> Result<()> {
    let reason = reason(status);
    let mut response =
        format!("HTTP/1.1 {status} {reason}\r\n{headers}content-length: {length}\r\n\r\n")
            .into_bytes();
    response.extend(body);
    connection.write_all(&response)?;
    Ok(())
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        402 => "Payment Required",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        409 => "Conflict",
        429 => "Too Many Requests",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Internal Server Error",
    }
}

/// Parses a query, in which `+` may stand for a space.
fn pairs(query: &str) -> Result<Vec<(String, String)>> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let pair = pair.replace('+', " ");
            let (name, value) = pair.split_once('=').unwrap_or((&pair, ""));
            Ok((unescaped(name)?, unescaped(value)?))
        })
        .collect()
}

fn unescaped(text: &str) -> Result<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()].map(Option::unwrap_or_default);
                let digits = str::from_utf8(&digits).context("an escape is not text")?;
                u8::from_str_radix(digits, 16)
                    .with_context(|| format!("invalid escape in {text}"))?
            }
            other => other,
        });
    }
    String::from_utf8(bytes).with_context(|| format!("{text} is not UTF-8"))
}
