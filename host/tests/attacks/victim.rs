//! Target of an attack: a listener that records what it receives and sends the
//! responses of a test.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Listener on the loopback address. Its threads end with the process.
pub(crate) struct Victim {
    address: SocketAddr,
    received: Arc<Mutex<Received>>,
    probes: Receiver<usize>,
}

/// Data received so far.
#[derive(Default)]
struct Received {
    connections: usize,
    /// Head of each request, with the body that arrived with it.
    requests: Vec<String>,
}

/// Function that serves one client and passes its requests to be recorded.
type Serve = dyn Fn(TcpStream, &dyn Fn(String)) + Send + Sync;

/// First bytes of a connection of [`Victim::connections`], which is not counted.
const PROBE: &[u8] = b"probe";

impl Victim {
    /// Starts a victim that responds to every request with an empty 200.
    pub(crate) fn listen() -> Self {
        Self::responding(|_, stream| {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        })
    }

    /// Starts a victim that responds with these bytes and closes the connection.
    pub(crate) fn responding_with(bytes: impl Into<Vec<u8>>) -> Self {
        let bytes = bytes.into();
        Self::responding(move |_, stream| {
            stream.write_all(&bytes)?;
            stream.shutdown(std::net::Shutdown::Both)
        })
    }

    /// Starts a victim that responds with a function.
    pub(crate) fn responding(
        respond: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::serving(bind(Ipv4Addr::LOCALHOST, 0).unwrap(), talk(respond))
    }

    /// Starts two victims with the same port, on 127.0.0.1 and 127.0.0.2, which
    /// respond with `listed` and `victim`.
    pub(crate) fn pair() -> (Self, Self) {
        // A port that is free on one address may be in use on the other.
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

    /// Starts a victim with any protocol.
    pub(crate) fn serving(
        listener: TcpListener,
        serve: impl Fn(TcpStream, &dyn Fn(String)) + Send + Sync + 'static,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let received = Arc::new(Mutex::new(Received::default()));
        let (sender, probes) = channel();
        let serve: Arc<Serve> = Arc::new(serve);
        let counts = Arc::clone(&received);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                accept(stream, &counts, &sender, &serve);
            }
        });
        Self {
            address,
            received,
            probes,
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

    /// Number of connections before this call. It makes a connection itself,
    /// which is accepted after all earlier ones.
    pub(crate) fn connections(&self) -> usize {
        let mut stream = TcpStream::connect(self.address).unwrap();
        stream.write_all(PROBE).unwrap();
        self.probes.recv_timeout(Duration::from_secs(30)).unwrap()
    }

    /// Requests so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.received.lock().unwrap().requests.clone()
    }
}

/// Counts a connection and starts its thread. The accepting thread reads only
/// the bytes that distinguish a probe from a client.
fn accept(
    stream: TcpStream,
    received: &Arc<Mutex<Received>>,
    sender: &Sender<usize>,
    serve: &Arc<Serve>,
) {
    let mut first = [0; PROBE.len()];
    // A client that connects and sends nothing counts as a connection.
    let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
    let length = stream.peek(&mut first).unwrap_or(0);
    if first[..length] == *PROBE {
        let _ = sender.send(received.lock().unwrap().connections);
        return;
    }
    received.lock().unwrap().connections += 1;
    let (received, serve) = (Arc::clone(received), Arc::clone(serve));
    std::thread::spawn(move || {
        serve(stream, &|request| {
            received.lock().unwrap().requests.push(request);
        });
    });
}

/// Returns a function that serves HTTP/1.1, one request at a time.
fn talk(
    respond: impl Fn(&str, &mut TcpStream) -> std::io::Result<()> + Send + Sync + 'static,
) -> impl Fn(TcpStream, &dyn Fn(String)) + Send + Sync + 'static {
    move |mut stream, record| {
        // Separate writes are sent separately.
        let _ = stream.set_nodelay(true);
        while let Some(request) = read(&mut stream) {
            record(request.clone());
            // Clients close connections early in these tests.
            if respond(&request, &mut stream).is_err() {
                return;
            }
        }
    }
}

/// Second address of this machine, which stands for a foreign one.
pub(crate) const SECOND: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);

pub(crate) fn bind(address: Ipv4Addr, port: u16) -> std::io::Result<TcpListener> {
    TcpListener::bind((address, port))
}

/// Reads the next request, with its body if it has a content length.
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
