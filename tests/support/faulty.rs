//! Proxy that injects faults: it forwards requests to a real server, except for
//! those that a test picks.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value as Json;

/// Treatment of one request.
#[derive(Clone, Debug)]
pub enum ProxyFault {
    /// Forwards the request.
    None,
    /// Forwards the request with another body.
    Forward(String),
    /// Closes the connection without a response.
    Reset,
    /// Sends no response and keeps the connection open.
    Stall,
    /// Sends part of the real response, then closes the connection.
    Truncate,
    /// Sends the real response, with a pause before its end.
    Pause(Duration),
    /// Sends the real response with other rows: the function changes those of
    /// each result.
    EditRows(fn(&mut Vec<Json>)),
    /// Sends another response: status line, further header lines, body.
    Respond(&'static str, &'static str, Vec<u8>),
    /// Sends a response without an end.
    Endless,
    /// Sends a response without an end, one byte each second.
    Drip,
}

/// Decides about each request by its number (from 0), target and body.
type FaultPlan = dyn Fn(usize, &str, &str) -> ProxyFault + Send + Sync;

/// Running proxy. Its threads end with the process.
#[derive(Debug)]
pub struct FaultyServer {
    port: u16,
    requests: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl FaultyServer {
    /// Starts a proxy of the server at `upstream`.
    pub fn proxy(
        upstream: &str,
        plan: impl Fn(usize, &str, &str) -> ProxyFault + Send + Sync + 'static,
    ) -> Result<Self> {
        Self::start(upstream, None, Box::new(plan))
    }

    /// Starts a proxy that forwards every request with the name of a namespace
    /// as host. sqld selects the namespace by it, and not every machine resolves
    /// such names.
    pub fn for_namespace(upstream: &str, namespace: &str) -> Result<Self> {
        let host = format!("{namespace}.local");
        Self::start(upstream, Some(host), Box::new(|_, _, _| ProxyFault::None))
    }

    fn start(upstream: &str, host: Option<String>, plan: Box<FaultPlan>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        let port = listener
            .local_addr()
            .context("cannot determine the address of a listener")?
            .port();
        let requests = Arc::new(AtomicUsize::new(0));
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&connections);
        let shared = Arc::new(ProxyState {
            upstream: upstream.to_owned(),
            host,
            plan,
            requests: Arc::clone(&requests),
        });
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                accepted.fetch_add(1, Ordering::Relaxed);
                let shared = Arc::clone(&shared);
                // Clients close connections early in these tests.
                std::thread::spawn(move || drop(shared.serve(connection)));
            }
        });
        Ok(Self {
            port,
            requests,
            connections,
        })
    }

    /// Starts a server that treats every request alike.
    pub fn always(fault: ProxyFault) -> Result<Self> {
        Self::proxy("http://127.0.0.1:1", move |_, _, _| fault.clone())
    }

    /// URL of the proxy.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Number of connections so far.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Number of requests so far.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

struct ProxyState {
    upstream: String,
    host: Option<String>,
    plan: Box<FaultPlan>,
    requests: Arc<AtomicUsize>,
}

struct ProxiedRequest {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl ProxyState {
    fn serve(&self, connection: TcpStream) -> Result<()> {
        let mut reader = BufReader::new(connection.try_clone()?);
        let mut writer = connection;
        while let Some(mut request) = read(&mut reader)? {
            let number = self.requests.fetch_add(1, Ordering::Relaxed);
            match (self.plan)(number, &request.target, &request.body) {
                ProxyFault::None => writer.write_all(&self.forward(&request)?)?,
                ProxyFault::Forward(body) => {
                    request.body = body;
                    writer.write_all(&self.forward(&request)?)?;
                }
                ProxyFault::Reset => break,
                ProxyFault::Stall => std::thread::sleep(Duration::from_hours(1)),
                ProxyFault::Truncate => {
                    let response = self.forward(&request)?;
                    writer.write_all(&response[..response.len() - response.len() / 3])?;
                    break;
                }
                ProxyFault::Pause(pause) => {
                    let response = self.forward(&request)?;
                    let (start, end) = response.split_at(response.len() - 1);
                    writer.write_all(start)?;
                    std::thread::sleep(pause);
                    writer.write_all(end)?;
                }
                ProxyFault::EditRows(edit) => {
                    writer.write_all(&edit_rows(&self.forward(&request)?, edit)?)?;
                }
                ProxyFault::Respond(status, headers, body) => {
                    write!(
                        writer,
                        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n",
                        body.len()
                    )?;
                    writer.write_all(&body)?;
                }
                ProxyFault::Endless => {
                    write!(
                        writer,
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n["
                    )?;
                    let spaces = vec![b' '; 1 << 16];
                    loop {
                        writer.write_all(&spaces)?;
                    }
                }
                ProxyFault::Drip => {
                    write!(
                        writer,
                        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n["
                    )?;
                    loop {
                        writer.write_all(b" ")?;
                        writer.flush()?;
                        std::thread::sleep(Duration::from_secs(1));
                    }
                }
            }
        }
        // The client may have closed the connection already.
        let _ = writer.shutdown(Shutdown::Both);
        Ok(())
    }

    /// Returns the real response as bytes, with a content length.
    fn forward(&self, request: &ProxiedRequest) -> Result<Vec<u8>> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let mut forwarded = ureq::http::Request::builder()
            .method(request.method.as_str())
            .uri(format!("{}{}", self.upstream, request.target));
        if let Some(host) = &self.host {
            forwarded = forwarded.header("host", host);
        }
        for (name, value) in &request.headers {
            forwarded = forwarded.header(name, value);
        }
        let response = agent.run(forwarded.body(request.body.clone())?)?;
        let mut bytes = format!("HTTP/1.1 {}\r\n", response.status()).into_bytes();
        if let Some(kind) = response.headers().get("content-type") {
            write!(bytes, "content-type: {}\r\n", kind.to_str()?)?;
        }
        let mut body = Vec::new();
        response
            .into_body()
            .into_with_config()
            .limit(u64::MAX)
            .reader()
            .read_to_end(&mut body)?;
        write!(bytes, "content-length: {}\r\n\r\n", body.len())?;
        bytes.extend(body);
        Ok(bytes)
    }
}

/// Changes the rows of each result in a response to a pipeline.
fn edit_rows(response: &[u8], edit: fn(&mut Vec<Json>)) -> Result<Vec<u8>> {
    const END_OF_HEAD: &str = "\r\n\r\n";
    let text = std::str::from_utf8(response)?;
    let (_, body) = text.split_once(END_OF_HEAD).context("no body")?;
    let mut body: Json = serde_json::from_str(body)?;
    let results = body["results"].as_array_mut().into_iter().flatten();
    for result in results {
        let rows = result.pointer_mut("/response/result/rows");
        if let Some(rows) = rows.and_then(Json::as_array_mut) {
            edit(rows);
        }
    }
    let body = body.to_string();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}{END_OF_HEAD}",
        body.len()
    );
    Ok([head.into_bytes(), body.into_bytes()].concat())
}

/// Reads the next request of a connection, if there is one.
fn read(reader: &mut BufReader<TcpStream>) -> Result<Option<ProxiedRequest>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        bail!("invalid request line: {line}")
    };
    let (mut headers, mut length, mut chunked) = (Vec::new(), 0, false);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse()?,
            "transfer-encoding" => chunked = true,
            // Headers of this connection, or changed by the proxy.
            "host" | "connection" | "accept-encoding" => {}
            _ => headers.push((name.to_owned(), value.to_owned())),
        }
    }
    let body = if chunked {
        read_chunks(reader)?
    } else {
        read_bytes(reader, length)?
    };
    Ok(Some(ProxiedRequest {
        method,
        target,
        headers,
        body: String::from_utf8(body)?,
    }))
}

fn read_chunks(reader: &mut BufReader<TcpStream>) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16)
            .with_context(|| format!("invalid chunk size: {line}"))?;
        body.extend(read_bytes(reader, length)?);
        read_bytes(reader, 2)?;
        if length == 0 {
            return Ok(body);
        }
    }
}

fn read_bytes(reader: &mut BufReader<TcpStream>, length: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}
