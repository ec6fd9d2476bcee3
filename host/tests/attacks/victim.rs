//! What an attack is aimed at: a listener that says exactly what it saw, and
//! that can answer as badly as a test wants.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A listener on the loopback address. Its threads end with the process.
pub(crate) struct Victim {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    marks: Receiver<usize>,
}

/// What came so far.
#[derive(Default)]
struct Seen {
    connections: usize,
    /// Each request as it came: head, and as much of a body as came with it.
    requests: Vec<String>,
}

/// Writes the answer to a request, which it is given.
type Answer = dyn Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync;

/// What [`Victim::connections`] connects with, so that it is not counted.
const MARK: &[u8] = b"mark";

impl Victim {
    /// One that answers everything with an empty 200.
    pub(crate) fn listen() -> Self {
        Self::answering(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        })
    }

    /// One that answers everything with these bytes and hangs up.
    pub(crate) fn saying(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::answering(move |_, stream| {
            stream.write_all(&bytes)?;
            stream.shutdown(std::net::Shutdown::Both)
        })
    }

    /// One that answers as it is told.
    pub(crate) fn answering(
        answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (marked, marks) = channel();
        let answer: Arc<Answer> = Arc::new(answer);
        let counts = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                accept(stream, &counts, &marked, &answer);
            }
        });
        Self {
            address,
            seen,
            marks,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1:port`
    pub(crate) fn authority(&self) -> String {
        self.address.to_string()
    }

    /// How many connections were made before this call: a connection of its
    /// own, accepted after all of those, marks the moment.
    pub(crate) fn connections(&self) -> usize {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(MARK).unwrap();
        self.marks.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    /// The requests as they came.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.seen.lock().unwrap().requests.clone()
    }
}

/// Looks at the first bytes in the accepting thread only as far as needed to
/// tell a mark from a connection of the host.
fn accept(
    mut stream: TcpStream,
    seen: &Arc<Mutex<Seen>>,
    marked: &Sender<usize>,
    answer: &Arc<Answer>,
) {
    let mut first = [0; MARK.len()];
    // A client that connects and says nothing is still a connection.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let length = stream.peek(&mut first).unwrap_or(0);
    if first[..length] == *MARK {
        let _ = marked.send(seen.lock().unwrap().connections);
        return;
    }
    seen.lock().unwrap().connections += 1;
    let (seen, answer) = (Arc::clone(seen), Arc::clone(answer));
    std::thread::spawn(move || {
        while let Some(request) = read(&mut stream) {
            seen.lock().unwrap().requests.push(request.clone());
            // A client that hangs up is what these tests are about.
            if answer(&request, &mut stream).is_err() {
                return;
            }
        }
    });
}

/// The next request with its body, as far as its length is known.
fn read(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    Some(head + &String::from_utf8_lossy(&body))
}
