//! Bodies of responses. However many reads are under way, their bodies share a
//! bounded amount of memory: one that has no room waits, and the host stops
//! receiving it. One that does not end fails. Must not know what a body holds.

use std::cell::RefCell;
use std::future::poll_fn;
use std::ops::Deref;
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::clock;

/// Maximum bytes of all bodies. One body at a time may exceed them, so that it
/// becomes complete while others wait.
const MAX_BYTES: usize = 24 << 20;
/// Maximum bytes of one body. Larger ones would not fit in memory with the rows
/// that are decoded from them.
const MAX_BODY_BYTES: usize = 64 << 20;
/// Maximum bytes of memory that is kept for the next body.
const MAX_SPARE_BYTES: usize = 16 << 20;
/// Bytes of a small body.
const MIN_BYTES: usize = 16 << 10;
/// Bytes from which the memory of a body no longer doubles, but grows by a
/// quarter.
const LARGE_BYTES: usize = 2 << 20;
/// Time after which a body that waits for its server may no longer exceed the
/// maximum, so that another body may.
const MAX_STALL: Duration = Duration::from_secs(1);

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Body of a response. Its memory is used again.
#[derive(Debug)]
pub struct Body {
    id: u64,
    bytes: Vec<u8>,
}

/// Body that is larger than this number of bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct TooLarge(pub(super) usize);

/// Memory of all bodies.
#[derive(Debug, Default)]
struct Room {
    last_id: u64,
    used: usize,
    /// Body that may exceed the maximum.
    exceeding: Option<u64>,
    /// Tasks of bodies that wait for room.
    waiting: Vec<Waker>,
    /// Memory of an earlier body, which does not count as used.
    spare: Vec<u8>,
}

impl Body {
    /// Creates a body without bytes.
    #[must_use]
    pub(super) fn new() -> Self {
        let (id, bytes) = ROOM.with_borrow_mut(Room::begin);
        Self { id, bytes }
    }

    /// Appends bytes, once there is room for them.
    ///
    /// # Errors
    /// The body is too large.
    pub(super) async fn append(&mut self, chunk: &[u8]) -> Result<(), TooLarge> {
        let length = self.bytes.len() + chunk.len();
        if length > MAX_BODY_BYTES {
            return Err(TooLarge(MAX_BODY_BYTES));
        }
        let capacity = self.bytes.capacity();
        if length > capacity {
            let step = if capacity < LARGE_BYTES {
                capacity
            } else {
                capacity / 4
            };
            let larger = (capacity + step)
                .clamp(MIN_BYTES, MAX_BODY_BYTES)
                .max(length);
            let growth = larger - capacity;
            poll_fn(|context| {
                let waker = context.waker();
                let has_room = ROOM.with_borrow_mut(|room| room.grow(self.id, growth, waker));
                if has_room {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            self.bytes.reserve_exact(larger - self.bytes.len());
            // The allocator may have reserved more.
            let extra = self.bytes.capacity() - larger;
            ROOM.with_borrow_mut(|room| room.used += extra);
        }
        self.bytes.extend_from_slice(chunk);
        Ok(())
    }

    /// Waits for the next bytes of the server. If they do not arrive soon, another
    /// body may exceed the maximum instead of this one.
    pub(super) async fn wait_for<F: Future>(&self, bytes: F) -> F::Output {
        let mut bytes = pin!(bytes);
        if ROOM.with_borrow(|room| room.exceeding == Some(self.id)) {
            if let Some(output) = clock::within(MAX_STALL, bytes.as_mut()).await {
                return output;
            }
            wake(ROOM.with_borrow_mut(|room| room.end_exceeding(self.id)));
        }
        bytes.await
    }
}

impl Deref for Body {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        wake(ROOM.with_borrow_mut(|room| room.end(self.id, bytes)));
    }
}

impl Room {
    /// Returns the id of a new body, and memory for it.
    fn begin(&mut self) -> (u64, Vec<u8>) {
        self.last_id += 1;
        self.used += self.spare.capacity();
        (self.last_id, std::mem::take(&mut self.spare))
    }

    /// Counts more bytes of a body, or has its task woken when there may be room
    /// for them.
    fn grow(&mut self, id: u64, bytes: usize, waker: &Waker) -> bool {
        let has_room = self.used + bytes <= MAX_BYTES || *self.exceeding.get_or_insert(id) == id;
        if has_room {
            self.used += bytes;
        } else {
            self.waiting.push(waker.clone());
        }
        has_room
    }

    /// Lets other bodies exceed the maximum. Returns the tasks to wake.
    fn end_exceeding(&mut self, id: u64) -> Vec<Waker> {
        self.exceeding.take_if(|exceeding| *exceeding == id);
        std::mem::take(&mut self.waiting)
    }

    /// Releases the memory of a body. Returns the tasks to wake.
    fn end(&mut self, id: u64, mut bytes: Vec<u8>) -> Vec<Waker> {
        self.used -= bytes.capacity();
        if (self.spare.capacity()..=MAX_SPARE_BYTES).contains(&bytes.capacity()) {
            bytes.clear();
            self.spare = bytes;
        }
        self.end_exceeding(id)
    }
}

fn wake(tasks: Vec<Waker>) {
    tasks.into_iter().for_each(Waker::wake);
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    const MIB: usize = 1 << 20;

    /// Appends bytes. Returns false if there is no room for them.
    fn append(body: &mut Body, bytes: usize) -> bool {
        let appended = body.append(&vec![1; bytes]).now_or_never();
        appended
            .inspect(|appended| assert!(appended.is_ok()))
            .is_some()
    }

    fn used() -> usize {
        ROOM.with_borrow(|room| room.used)
    }

    #[test]
    fn many_bodies_share_the_memory_of_a_few() {
        let mut bodies: Vec<_> = (0..16).map(|_| Body::new()).collect();
        let mut complete = 0;
        while !bodies.is_empty() {
            // Every server sends as fast as it can.
            for body in &mut bodies {
                append(body, MIB);
                assert!(used() <= MAX_BYTES + 16 * MIB, "{}", used());
            }
            let before = bodies.len();
            bodies.retain(|body| body.len() < 10 * MIB);
            complete += before - bodies.len();
        }
        assert_eq!(complete, 16);
        assert_eq!(used(), 0);
    }

    #[test]
    fn a_body_that_does_not_end_fails() {
        let mut body = Body::new();
        while body.len() < MAX_BODY_BYTES {
            assert!(append(&mut body, MIB));
        }
        assert!(matches!(body.append(&[1]).now_or_never(), Some(Err(_))));
    }

    #[test]
    fn the_bytes_of_a_body_are_those_that_were_appended() {
        let mut first = Body::new();
        assert!(append(&mut first, 3 * MIB));
        let memory = first.as_ptr();
        drop(first);
        let mut second = Body::new();
        assert!(second.is_empty());
        assert!(append(&mut second, 5) && append(&mut second, 2 * MIB));
        assert_eq!(second.len(), 2 * MIB + 5);
        // The memory of the first one.
        assert_eq!(second.as_ptr(), memory);
        assert_eq!(used(), 3 * MIB);
        drop(second);
        assert_eq!(used(), 0);
    }

    #[test]
    fn a_body_that_stalls_does_not_hold_up_the_others() {
        let mut slow = Body::new();
        let mut other = Body::new();
        let mut next = Body::new();
        assert!(append(&mut other, MAX_BYTES - MIB));
        assert!(append(&mut slow, 2 * MIB));
        assert!(!append(&mut next, 2 * MIB));
        wake(ROOM.with_borrow_mut(|room| room.end_exceeding(slow.id)));
        assert!(append(&mut next, 2 * MIB));
        // Until the next one is complete.
        assert!(!append(&mut slow, 2 * MIB));
        drop(next);
        assert!(append(&mut slow, 2 * MIB));
    }
}
