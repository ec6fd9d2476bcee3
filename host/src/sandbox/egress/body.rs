//! Response bodies. A task receives each body ahead of the guest, up to a limit,
//! so that the network works while the guest computes.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http_body::{Body, Frame};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::Instant;
use url::Url;
use wasmtime_wasi_http::Error;

use super::coding::{Coding, DecodedBody};
use super::denial::{Denial, DenialReason};
use super::rate::MinimumRate;
use super::reflection::Guard;
use super::stats::{EgressStats, OpenResponse};
use crate::model::Limit;

/// Bytes of a response that are received ahead of the guest, enough for a page
/// of a database server.
const WINDOW_BYTES: u32 = 8 << 20;
/// Window of a response while others use all the instance may receive ahead.
const MIN_WINDOW_BYTES: u32 = 64 << 10;
/// Cost of a chunk in addition to its bytes, which a server may send singly.
const CHUNK_COST: usize = 512;
/// Bytes that are received ahead over all responses of an instance, except for
/// minimum windows: a reader works on one response while the next arrives.
const INSTANCE_WINDOW_BYTES: u32 = 2 * WINDOW_BYTES;

type Chunk = (Bytes, OwnedSemaphorePermit);

/// Bytes that all responses of an instance may still receive ahead.
#[derive(Clone)]
pub(super) struct SharedWindow(Arc<Semaphore>);

/// Body that the guest reads.
pub(super) struct ReceivedBody {
    chunks: mpsc::UnboundedReceiver<Result<Chunk, Error>>,
    _window: Option<OwnedSemaphorePermit>,
    _open: OpenResponse,
}

/// Arguments of [`receive`].
pub(super) struct Reception {
    pub(super) stats: Arc<EgressStats>,
    pub(super) open: OpenResponse,
    pub(super) shared_window: SharedWindow,
    pub(super) guard: Guard,
    pub(super) limit: u64,
    pub(super) rate: MinimumRate,
    pub(super) coding: Coding,
    pub(super) method: Method,
    pub(super) url: Url,
}

impl Default for SharedWindow {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(INSTANCE_WINDOW_BYTES as usize)))
    }
}

/// Starts to receive a body.
pub(super) fn receive(response: reqwest::Response, reception: Reception) -> ReceivedBody {
    let Reception {
        stats,
        open,
        shared_window,
        guard,
        limit,
        rate,
        coding,
        method,
        url,
    } = reception;
    let window = shared_window.0.try_acquire_many_owned(WINDOW_BYTES).ok();
    let room = if window.is_some() {
        WINDOW_BYTES
    } else {
        MIN_WINDOW_BYTES
    };
    let (sender, chunks) = mpsc::unbounded_channel();
    let inspection = Inspection {
        stats,
        guard,
        received: 0,
        limit,
        rate,
        method,
        url,
    };
    let body = DecodedBody::new(response, coding, &inspection.method);
    tokio::spawn(forward(body, inspection, room, sender));
    ReceivedBody {
        chunks,
        _window: window,
        _open: open,
    }
}

/// Checks of a body while it arrives.
struct Inspection {
    stats: Arc<EgressStats>,
    guard: Guard,
    received: u64,
    limit: u64,
    rate: MinimumRate,
    method: Method,
    url: Url,
}

impl Inspection {
    /// Checks a chunk and returns the bytes that can be passed to the guest.
    fn pass(&mut self, chunk: Bytes, waited: Duration) -> Result<Bytes, Error> {
        self.received += chunk.len() as u64;
        self.stats.received(chunk.len());
        if self.received > self.limit {
            self.stats.limit(Limit::Response);
            return Err(Error::HttpResponseBodySize(Some(self.received)));
        }
        // Another response may have returned a credential in the meantime.
        if self.stats.reflection().is_some() {
            return Err(Error::HttpRequestDenied);
        }
        if !self.rate.record(chunk.len(), waited) {
            return Err(Error::HttpResponseTimeout);
        }
        self.guard.next_chunk(chunk).map_err(|secret| {
            let reason = DenialReason::Reflection(secret.to_owned());
            self.stats
                .deny(Denial::new(&self.method, &self.url, reason));
            Error::HttpRequestDenied
        })
    }
}

/// Receives the body until it ends, an error occurs, or the guest drops it.
async fn forward(
    mut body: DecodedBody,
    mut inspection: Inspection,
    room: u32,
    sender: mpsc::UnboundedSender<Result<Chunk, Error>>,
) {
    let free = Arc::new(Semaphore::new(room as usize));
    loop {
        let begun = Instant::now();
        let chunk = tokio::select! {
            chunk = body.next() => chunk,
            () = sender.closed() => return,
        };
        let (chunk, last) = match chunk {
            Ok(Some(chunk)) => (inspection.pass(chunk, begun.elapsed()), false),
            Ok(None) => (Ok(inspection.guard.rest()), true),
            Err(error) => (Err(error), true),
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

impl Body for ReceivedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        self.chunks.poll_recv(cx).map(|chunk| {
            // The permit is returned here: bytes in the guest count towards its
            // own memory limit.
            chunk.map(|chunk| chunk.map(|(bytes, _permit)| Frame::data(bytes)))
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::super::reflection::Needles;
    use super::*;
    use crate::sandbox::secrets::GrantedSecrets;

    #[test]
    fn a_response_that_is_too_slow_fails_and_the_run_continues() {
        let stats: Arc<EgressStats> = Arc::default();
        let mut inspection = Inspection {
            stats: Arc::clone(&stats),
            guard: Needles::new(&GrantedSecrets::default()).guard(&[]).unwrap(),
            received: 0,
            limit: 1 << 20,
            rate: MinimumRate::new(100, &HeaderMap::new()),
            method: Method::GET,
            url: Url::parse("https://db.example/").unwrap(),
        };
        let mut pass = || inspection.pass(Bytes::from_static(b" "), Duration::from_secs(1));
        assert!((0..59).all(|_| pass().is_ok()));
        assert!(matches!(pass(), Err(Error::HttpResponseTimeout)));
        assert_eq!(stats.reached_limit(), None);
    }
}
