//! Threads that serve connections: they record requests, carry out faults, and
//! stop on request. They do not decide about responses.

use std::io::BufReader;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use super::account;
use super::document::Document;
use super::faults::{self, ApiFault, Faults};
use super::http::{self, HttpRequest};
use super::response::{self, ApiResponse};
use super::world::World;

/// Header of a response of the API.
const JSON: &str = "content-type: application/json\r\n";
/// Header of an error page.
const HTML: &str = "content-type: text/html\r\n";

/// Host of the API that an address stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    Api,
    Region,
}

/// Server, shared by all of its threads.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) document: Document,
    state: Mutex<ServerState>,
    changed: Condvar,
}

/// Mutable part of a server.
#[derive(Debug)]
pub(super) struct ServerState {
    pub(super) world: Arc<World>,
    pub(super) faults: Faults,
    /// Method and target of every request, in order of arrival.
    pub(super) requests: Vec<(String, String)>,
    pub(super) violations: Vec<String>,
    pub(super) max_in_flight: usize,
    in_flight: usize,
    /// Number of times that enough requests were in flight for
    /// [`ApiFault::Together`].
    gatherings: usize,
    connections: Vec<TcpStream>,
    stopped: bool,
}

/// Thread that accepts connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) port: u16,
    thread: JoinHandle<()>,
}

impl Server {
    pub(super) fn new(world: World) -> Result<Arc<Self>> {
        let state = ServerState {
            world: Arc::new(world),
            faults: Faults::default(),
            requests: Vec::new(),
            violations: Vec::new(),
            max_in_flight: 0,
            in_flight: 0,
            gatherings: 0,
            connections: Vec::new(),
            stopped: false,
        };
        Ok(Arc::new(Self {
            document: Document::read()?,
            state: Mutex::new(state),
            changed: Condvar::new(),
        }))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, ServerState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a thread that listens on a free port.
    pub(super) fn listen(self: &Arc<Self>, origin: Origin) -> Result<Listener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        let address = listener
            .local_addr()
            .context("cannot determine the address of a listener")?;
        let server = Arc::clone(self);
        let thread = thread::spawn(move || {
            let mut threads = Vec::new();
            for connection in listener.incoming().flatten() {
                if !server.admit(&connection) {
                    break;
                }
                let server = Arc::clone(&server);
                threads.push(thread::spawn(move || {
                    // Clients close connections early in some tests.
                    drop(server.serve(&connection, origin));
                    // The connection may be closed already.
                    let _ = connection.shutdown(Shutdown::Both);
                }));
            }
            for thread in threads {
                drop(thread.join());
            }
        });
        Ok(Listener {
            port: address.port(),
            thread,
        })
    }

    /// Closes every connection, and joins the threads of these listeners.
    pub(super) fn stop(&self, listeners: impl Iterator<Item = Listener>) {
        let mut state = self.state();
        state.stopped = true;
        for connection in state.connections.drain(..) {
            // The connection may be closed already.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
        for listener in listeners {
            // The thread checks for the stop when it accepts a connection.
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port)));
            drop(listener.thread.join());
        }
    }

    /// Waits while a condition is true.
    pub(super) fn wait(&self, condition: impl Fn(&ServerState) -> bool) {
        let waited = self
            .changed
            .wait_while(self.state(), |state| condition(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Registers a connection. Returns false after the stop.
    fn admit(&self, connection: &TcpStream) -> bool {
        let mut state = self.state();
        if !state.stopped {
            state.connections.extend(connection.try_clone());
        }
        !state.stopped
    }

    fn serve(&self, connection: &TcpStream, origin: Origin) -> Result<()> {
        let mut reader = BufReader::new(connection);
        while let Some(request) = http::read(&mut reader)? {
            let (fault, gatherings) = self.begin(&request);
            if let Some(ApiFault::Together(_)) = fault {
                self.wait(|state| state.gatherings == gatherings && !state.stopped);
            }
            let is_reusable = self.respond(connection, &request, fault.as_ref(), origin);
            self.state().in_flight -= 1;
            if !is_reusable? {
                break;
            }
        }
        Ok(())
    }

    /// Records a request. Returns its fault, and the number of gatherings before
    /// it: read under the lock, so that no gathering is missed.
    fn begin(&self, request: &HttpRequest) -> (Option<ApiFault>, usize) {
        let mut state = self.state();
        let recorded = (request.method.clone(), request.target.clone());
        state.requests.push(recorded);
        state.in_flight += 1;
        state.max_in_flight = state.max_in_flight.max(state.in_flight);
        let before = state.gatherings;
        let fault = state.faults.next(&request.path);
        if let Some(ApiFault::Together(count)) = fault {
            state.gatherings += usize::from(state.in_flight >= count);
        }
        self.changed.notify_all();
        (fault, before)
    }

    /// Sends a response. Returns true if the connection can be reused.
    fn respond(
        &self,
        connection: &TcpStream,
        request: &HttpRequest,
        fault: Option<&ApiFault>,
        origin: Origin,
    ) -> Result<bool> {
        match fault {
            Some(ApiFault::Reset) => return Ok(false),
            Some(ApiFault::Stall) => {
                self.wait(|state| !state.stopped);
                return Ok(false);
            }
            _ => {}
        }
        let (status, headers, body) = match fault {
            Some(ApiFault::Status(status)) => (*status, JSON.to_owned(), faults::refusal(*status)),
            Some(ApiFault::RetryAfter(status, seconds)) => {
                let headers = format!("{JSON}retry-after: {seconds}\r\n");
                (*status, headers, faults::refusal(*status))
            }
            Some(ApiFault::Page(status)) => (*status, HTML.to_owned(), faults::PAGE.to_owned()),
            _ => {
                let (status, mut response) = self.response(request, origin);
                if matches!(fault, Some(ApiFault::WrongShape)) {
                    response = faults::misshapen(&response);
                }
                (status, JSON.to_owned(), response.to_string())
            }
        };
        let half = &body.as_bytes()[..body.len() / 2];
        let (sent, length) = match fault {
            Some(ApiFault::Malformed) => (half, half.len()),
            Some(ApiFault::Truncate) => (half, body.len()),
            _ => (body.as_bytes(), body.len()),
        };
        http::write(connection, status, &headers, sent, length)?;
        Ok(length == sent.len())
    }

    fn response(&self, request: &HttpRequest, origin: Origin) -> (u16, Json) {
        if request.method != "GET" {
            return (405, json!({"error": "method not allowed"}));
        }
        if origin == Origin::Region {
            return (200, account::closest_region());
        }
        let world = Arc::clone(&self.state().world);
        let ApiResponse {
            status,
            body,
            violation,
        } = response::respond(
            &world,
            &self.document,
            &request.path,
            &request.query,
            request.authorization.as_deref(),
        );
        self.state().violations.extend(violation);
        (status, body)
    }
}
