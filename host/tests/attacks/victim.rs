//! What an attack is aimed at: a listener that says exactly what it saw, and
//! that can answer as badly as a test wants.

use std::io::Write as _;
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

/// Speaks with one client. What it hands over is written down as a request.
type Serve = dyn Fn(TcpStream, &dyn Fn(String)) + Send + Sync;

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
        Self::serving(bind(Ipv4Addr::LOCALHOST, 0).unwrap(), talk(answer))
    }

    /// Two of the same port, on 127.0.0.1 and on 127.0.0.2, whose answers say
    /// `listed` and `victim`.
    pub(crate) fn pair() -> (Self, Self) {
        // The port that was free on the one may be taken on the other.
        let (listed, victim) = (0..100)
            .find_map(|_| {
                let listed = bind(Ipv4Addr::LOCALHOST, 0).ok()?;
                let port = listed.local_addr().ok()?.port();
                Some((listed, bind(SECOND, port).ok()?))
            })
            .unwrap();
        let named = |name: &'static str| {
            talk(move |_, stream| {
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\n")?;
                stream.write_all(name.as_bytes())
            })
        };
        (
            Self::serving(listed, named("listed")),
            Self::serving(victim, named("victim")),
        )
    }

    /// One that speaks any protocol.
    pub(crate) fn serving(
        listener: TcpListener,
        serve: impl Fn(TcpStream, &dyn Fn(String)) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (marked, marks) = channel();
        let serve: Arc<Serve> = Arc::new(serve);
        let counts = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                accept(stream, &counts, &marked, &serve);
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
fn accept(stream: TcpStream, seen: &Arc<Mutex<Seen>>, marked: &Sender<usize>, serve: &Arc<Serve>) {
    let mut first = [0; MARK.len()];
    // A client that connects and says nothing is still a connection.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let length = stream.peek(&mut first).unwrap_or(0);
    if first[..length] == *MARK {
        let _ = marked.send(seen.lock().unwrap().connections);
        return;
    }
    seen.lock().unwrap().connections += 1;
    let (seen, serve) = (Arc::clone(seen), Arc::clone(serve));
    std::thread::spawn(move || {
        serve(stream, &|request| {
            seen.lock().unwrap().requests.push(request);
        });
    });
}

/// HTTP/1.1, one request after the other.
fn talk(
    answer: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> impl Fn(TcpStream, &dyn Fn(String)) + Send + Sync + 'static {
    move |mut stream, saw| {
        // What is written apart is sent apart.
        let _ = stream.set_nodelay(true);
        while let Some(request) = read(&mut stream) {
            saw(request.clone());
            // A client that hangs up is what these tests are about.
            if answer(&request, &mut stream).is_err() {
                return;
            }
        }
    }
}

/// A second address of this machine, as good as any foreign one.
pub(crate) const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(crate) fn bind(address: Ipv4Addr, port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((address, port))
}

/// The next request with its body, as far as its length is known.
pub(crate) fn read(stream: &mut impl std::io::Read) -> Option<String> {
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
