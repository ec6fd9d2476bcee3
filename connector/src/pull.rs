//! A read from which the host pulls events. What it waits for stays under way
//! between two calls. Must not know the contract.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use crate::clock;
use crate::delays;
use crate::error::Result;
use crate::fleet::Fleet;
use crate::output::Event;
use crate::read::Read;

/// Time for closing the streams of a read that is abandoned. Those that are
/// still open expire on the server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Source of the events of a read.
#[derive(Debug)]
pub enum EventSource {
    /// Read of one database, or of the Platform API.
    One(Box<Read>),
    /// Read of many databases.
    Many(Box<Fleet>),
}

/// Future of the next event. It returns the source for the one after it.
type NextEvent = Pin<Box<dyn Future<Output = (EventSource, Result<Option<Event>>)>>>;

/// Read from which events are pulled.
pub enum Pull {
    /// Nothing is under way, except requests that were sent early.
    Idle(EventSource),
    /// The next event is awaited.
    Waiting(NextEvent),
    /// The read is closed.
    Closed,
}

impl EventSource {
    async fn next_event(&mut self) -> Result<Option<Event>> {
        match self {
            Self::One(read) => read.next_event().await,
            Self::Many(fleet) => fleet.next_event().await,
        }
    }

    async fn close(&mut self) {
        match self {
            Self::One(read) => read.close().await,
            Self::Many(fleet) => fleet.close().await,
        }
    }
}

impl Pull {
    /// Creates a read that has not begun.
    #[must_use]
    pub fn new(source: EventSource) -> Self {
        Self::Idle(source)
    }

    /// Returns the next event, or the report of a delay while it is awaited.
    /// `None` after the last event.
    pub async fn next_event(&mut self) -> Result<Option<Event>> {
        let mut next: NextEvent = match std::mem::replace(self, Self::Closed) {
            Self::Idle(mut source) => Box::pin(async move {
                let event = source.next_event().await;
                (source, event)
            }),
            Self::Waiting(next) => next,
            Self::Closed => return Ok(None),
        };
        let ended = poll_fn(|context| match next.as_mut().poll(context) {
            Poll::Ready(ended) => Poll::Ready(Ok(ended)),
            Poll::Pending => match delays::take_report() {
                Some(report) => Poll::Ready(Err(report)),
                None => Poll::Pending,
            },
        });
        match ended.await {
            Ok((source, event)) => {
                *self = Self::Idle(source);
                event
            }
            Err(report) => {
                *self = Self::Waiting(next);
                Ok(Some(Event::Progress {
                    resource: None,
                    rows: 0,
                    estimated_rows: None,
                    waiting: Some(report),
                }))
            }
        }
    }

    /// Ends the read, and closes its streams.
    pub async fn close(&mut self) {
        let close = async {
            let mut source = match std::mem::replace(self, Self::Closed) {
                Self::Idle(source) => source,
                Self::Waiting(next) => next.await.0,
                Self::Closed => return,
            };
            source.close().await;
        };
        clock::within(CLOSE_TIMEOUT, close).await;
    }
}

impl fmt::Debug for Pull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Idle(_) => "Idle",
            Self::Waiting(_) => "Waiting",
            Self::Closed => "Closed",
        })
    }
}
