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
use super::tally::Tally;
use crate::model::Limit;

/// How much of a response is received ahead of the guest. One page of a
/// database server fits.
const AHEAD: u32 = 8 << 20;

type Chunk = (Bytes, OwnedSemaphorePermit);

/// What the guest reads from.
pub(super) struct ReceivedAhead {
    chunks: mpsc::UnboundedReceiver<Result<Chunk, Error>>,
}

/// What the receiving task needs to know.
pub(super) struct Reception {
    pub(super) tally: Arc<Tally>,
    pub(super) guard: Guard,
    pub(super) limit: u64,
    pub(super) method: Method,
    pub(super) url: Url,
}

/// Starts to receive a body.
pub(super) fn receive(response: reqwest::Response, reception: Reception) -> ReceivedAhead {
    let (sender, chunks) = mpsc::unbounded_channel();
    tokio::spawn(forward(response, reception, sender));
    ReceivedAhead { chunks }
}

/// Ends when the body ends, an error occurs, or the guest drops its side.
async fn forward(
    mut response: reqwest::Response,
    mut reception: Reception,
    sender: mpsc::UnboundedSender<Result<Chunk, Error>>,
) {
    let room = Arc::new(Semaphore::new(AHEAD as usize));
    let mut received: u64 = 0;
    loop {
        let chunk = tokio::select! {
            chunk = response.chunk() => chunk,
            () = sender.closed() => return,
        };
        let chunk = match chunk {
            Ok(Some(chunk)) => chunk,
            Ok(None) => return,
            Err(error) => {
                let _ = sender.send(Err(of_transport(&error)));
                return;
            }
        };
        received += chunk.len() as u64;
        reception.tally.received(chunk.len());
        if received > reception.limit {
            reception.tally.limit(Limit::Response);
            let _ = sender.send(Err(Error::HttpResponseBodySize(Some(received))));
            return;
        }
        if let Some(secret) = reception.guard.next_chunk(&chunk) {
            let reason = Reason::Reflection(secret.to_owned());
            reception
                .tally
                .deny(Denial::new(&reception.method, &reception.url, reason));
            let _ = sender.send(Err(Error::HttpRequestDenied));
            return;
        }
        let size = u32::try_from(chunk.len()).unwrap_or(AHEAD).min(AHEAD);
        let permit = tokio::select! {
            permit = Arc::clone(&room).acquire_many_owned(size) => permit,
            () = sender.closed() => return,
        };
        // The semaphore is never closed.
        let Ok(permit) = permit else { return };
        if sender.send(Ok((chunk, permit))).is_err() {
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
