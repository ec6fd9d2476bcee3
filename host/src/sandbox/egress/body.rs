//! A response body on its way to the guest: received ahead by a task of its
//! own, so that the network works while the guest computes, and bounded.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use url::Url;
use wasmtime_wasi_http::Error;

use super::denial::{Denial, Reason};
use super::errors::of_transport;
use super::reflection::Guard;
use super::stats::{EgressStats, OpenResponse};
use crate::model::Limit;

/// How much of a response is received ahead of the guest. One page of a
/// database server fits.
const WINDOW: u32 = 8 << 20;
/// The same for a response that came while others took all there is.
const NARROW: u32 = 64 << 10;
/// What a chunk takes beside its bytes: a server may send them one by one.
const CHUNK_COST: usize = 512;
/// How much is received ahead over all responses of an instance, but for
/// those narrow ones: a reader works on one response while the next arrives.
const AHEAD: u32 = 2 * WINDOW;

type Chunk = (Bytes, OwnedSemaphorePermit);

/// What all responses of an instance share: how much may be received ahead.
#[derive(Clone)]
pub(super) struct Ahead(Arc<Semaphore>);

/// What the guest reads from.
pub(super) struct ReceivedAhead {
    chunks: mpsc::UnboundedReceiver<Result<Chunk, Error>>,
    _window: Option<OwnedSemaphorePermit>,
    _open: OpenResponse,
}

/// What the receiving task needs to know.
pub(super) struct Reception {
    pub(super) egress_stats: Arc<EgressStats>,
    pub(super) open: OpenResponse,
    pub(super) ahead: Ahead,
    pub(super) guard: Guard,
    pub(super) limit: u64,
    pub(super) method: Method,
    pub(super) url: Url,
}

impl Default for Ahead {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AHEAD as usize)))
    }
}

/// Starts to receive a body.
pub(super) fn receive(response: reqwest::Response, reception: Reception) -> ReceivedAhead {
    let Reception {
        egress_stats,
        open,
        ahead,
        guard,
        limit,
        method,
        url,
    } = reception;
    let window = ahead.0.try_acquire_many_owned(WINDOW).ok();
    let room = if window.is_some() { WINDOW } else { NARROW };
    let (sender, chunks) = mpsc::unbounded_channel();
    let inspection = Inspection {
        egress_stats,
        guard,
        received: 0,
        limit,
        method,
        url,
    };
    tokio::spawn(forward(response, inspection, room, sender));
    ReceivedAhead {
        chunks,
        _window: window,
        _open: open,
    }
}

/// What is looked at in a body while it arrives.
struct Inspection {
    egress_stats: Arc<EgressStats>,
    guard: Guard,
    received: u64,
    limit: u64,
    method: Method,
    url: Url,
}

impl Inspection {
    /// What the guest may have of the body now that this chunk came.
    fn pass(&mut self, chunk: Bytes) -> Result<Bytes, Error> {
        self.received += chunk.len() as u64;
        self.egress_stats.received(chunk.len());
        if self.received > self.limit {
            self.egress_stats.limit(Limit::Response);
            return Err(Error::HttpResponseBodySize(Some(self.received)));
        }
        self.guard.next_chunk(chunk).map_err(|secret| {
            let reason = Reason::Reflection(secret.to_owned());
            self.egress_stats
                .deny(Denial::new(&self.method, &self.url, reason));
            Error::HttpRequestDenied
        })
    }
}

/// Ends when the body ends, an error occurs, or the guest drops its side.
async fn forward(
    mut response: reqwest::Response,
    mut inspection: Inspection,
    room: u32,
    sender: mpsc::UnboundedSender<Result<Chunk, Error>>,
) {
    let free = Arc::new(Semaphore::new(room as usize));
    loop {
        let chunk = tokio::select! {
            chunk = response.chunk() => chunk,
            () = sender.closed() => return,
        };
        let (chunk, last) = match chunk {
            Ok(Some(chunk)) => (inspection.pass(chunk), false),
            Ok(None) => (Ok(inspection.guard.rest()), true),
            Err(error) => (Err(of_transport(&error)), true),
        };
        let chunk = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                let _ = sender.send(Err(error));
                return;
            }
        };
        let size = chunk.len() + CHUNK_COST;
        let size = u32::try_from(size).unwrap_or(room).min(room);
        let permit = tokio::select! {
            permit = Arc::clone(&free).acquire_many_owned(size) => permit,
            () = sender.closed() => return,
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { return };
        if !chunk.is_empty() && sender.send(Ok((chunk, permit))).is_err() || last {
            return;
        }
    }
}

impl Body for ReceivedAhead {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.chunks.poll_recv(cx).map(|chunk| {
            // The permit goes back here: what the guest holds, its own memory
            // limit bounds.
            chunk.map(|chunk| chunk.map(|(bytes, _permit)| Frame::data(bytes)))
        })
    }
}
