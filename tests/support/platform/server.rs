//! The threads that serve: they count what is asked, let faults happen, and end
//! when told to. What is answered is decided elsewhere.

use std::io::BufReader;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use serde_json::{Value as Json, json};

use super::account;
use super::answer::{self, Answer};
use super::document::Document;
use super::faults::{self, Fault, Faults};
use super::http::{self, Request};
use super::world::World;

/// What an answer says of itself.
const JSON: &str = "content-type: application/json\r\n";
/// What a page for people says of itself.
const HTML: &str = "content-type: text/html\r\n";

/// Which of the API's hosts an address stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Origin {
    Api,
    Region,
}

/// What all threads share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) document: Document,
    state: Mutex<State>,
    changed: Condvar,
}

/// What changes while they serve.
#[derive(Debug)]
pub(super) struct State {
    pub(super) world: Arc<World>,
    pub(super) faults: Faults,
    /// Method and target of every request, in the order of their arrival.
    pub(super) requests: Vec<(String, String)>,
    pub(super) violations: Vec<String>,
    pub(super) most_in_flight: usize,
    in_flight: usize,
    /// How often enough requests were in flight at once.
    gatherings: usize,
    connections: Vec<TcpStream>,
    stopped: bool,
}

/// A thread that accepts connections.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) port: u16,
    thread: JoinHandle<()>,
}

impl Shared {
    pub(super) fn new(world: World) -> Result<Arc<Self>> {
        let state = State {
            world: Arc::new(world),
            faults: Faults::default(),
            requests: Vec::new(),
            violations: Vec::new(),
            most_in_flight: 0,
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

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens on a port of its own.
    pub(super) fn listen(self: &Arc<Self>, origin: Origin) -> Result<Listener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot listen")?;
        let address = listener.local_addr().context("a listener has no address")?;
        let shared = Arc::clone(self);
        let thread = thread::spawn(move || {
            let mut threads = Vec::new();
            for connection in listener.incoming().flatten() {
                if !shared.admit(&connection) {
                    break;
                }
                let shared = Arc::clone(&shared);
                threads.push(thread::spawn(move || {
                    // A client that hangs up is what some tests are about.
                    drop(shared.serve(&connection, origin));
                    // It may be gone already.
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

    /// Ends every connection, and the threads of these listeners.
    pub(super) fn stop(&self, listeners: impl Iterator<Item = Listener>) {
        let mut state = self.state();
        state.stopped = true;
        for connection in state.connections.drain(..) {
            // It may have ended by itself.
            let _ = connection.shutdown(Shutdown::Both);
        }
        drop(state);
        self.changed.notify_all();
        for listener in listeners {
            // It sees that it is to stop when somebody comes.
            drop(TcpStream::connect((Ipv4Addr::LOCALHOST, listener.port)));
            drop(listener.thread.join());
        }
    }

    /// Waits while there is more to wait for.
    pub(super) fn wait(&self, more: impl Fn(&State) -> bool) {
        let waited = self.changed.wait_while(self.state(), |state| more(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    /// Says whether a connection comes before the end, and remembers it.
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
            if let Some(Fault::Together(_)) = fault {
                self.wait(|state| state.gatherings == gatherings && !state.stopped);
            }
            let goes_on = self.respond(connection, &request, fault.as_ref(), origin);
            self.state().in_flight -= 1;
            if !goes_on? {
                break;
            }
        }
        Ok(())
    }

    /// Takes note of a request. Says which fault it meets, and how often enough
    /// of them had been in flight before: to be looked at here, where no other
    /// can be answered meanwhile and be missed.
    fn begin(&self, request: &Request) -> (Option<Fault>, usize) {
        let mut state = self.state();
        let asked = (request.method.clone(), request.target.clone());
        state.requests.push(asked);
        state.in_flight += 1;
        state.most_in_flight = state.most_in_flight.max(state.in_flight);
        let before = state.gatherings;
        let fault = state.faults.meet(&request.path);
        if let Some(Fault::Together(count)) = fault {
            state.gatherings += usize::from(state.in_flight >= count);
        }
        self.changed.notify_all();
        (fault, before)
    }

    /// Says whether the connection can be used again.
    fn respond(
        &self,
        connection: &TcpStream,
        request: &Request,
        fault: Option<&Fault>,
        origin: Origin,
    ) -> Result<bool> {
        match fault {
            Some(Fault::Reset) => return Ok(false),
            Some(Fault::Stall) => {
                self.wait(|state| !state.stopped);
                return Ok(false);
            }
            _ => {}
        }
        let (status, headers, body) = match fault {
            Some(Fault::Status(status)) => (*status, JSON.to_owned(), faults::refusal(*status)),
            Some(Fault::RetryAfter(status, seconds)) => {
                let headers = format!("{JSON}retry-after: {seconds}\r\n");
                (*status, headers, faults::refusal(*status))
            }
            Some(Fault::Page(status)) => (*status, HTML.to_owned(), faults::PAGE.to_owned()),
            _ => {
                let (status, mut answer) = self.answer(request, origin);
                if matches!(fault, Some(Fault::WrongShape)) {
                    answer = faults::misshapen(&answer);
                }
                (status, JSON.to_owned(), answer.to_string())
            }
        };
        let half = &body.as_bytes()[..body.len() / 2];
        let (sent, length) = match fault {
            Some(Fault::Malformed) => (half, half.len()),
            Some(Fault::Truncate) => (half, body.len()),
            _ => (body.as_bytes(), body.len()),
        };
        http::write(connection, status, &headers, sent, length)?;
        Ok(length == sent.len())
    }

    fn answer(&self, request: &Request, origin: Origin) -> (u16, Json) {
        if request.method != "GET" {
            return (405, json!({"error": "this server is for reading"}));
        }
        if origin == Origin::Region {
            return (200, account::closest_region());
        }
        let world = Arc::clone(&self.state().world);
        let Answer {
            status,
            body,
            violation,
        } = answer::answer(
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
