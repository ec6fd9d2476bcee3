//! Executor of futures on the single thread of a component: everything that is
//! awaited is waited for at once, with one call of the host. Must not know
//! what is awaited.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::bindings::wasi::io::poll::{Pollable, poll};

thread_local! {
    static WAITS: RefCell<Waits> = RefCell::default();
}

/// Pollables that are awaited, each with the waker of its task. One that is
/// ready is removed.
#[derive(Default)]
struct Waits {
    last_id: u64,
    pending: BTreeMap<u64, (Pollable, Waker)>,
}

/// Future that is ready when a pollable of the host is ready.
#[derive(Debug)]
pub struct Wait {
    /// The pollable, until the first poll.
    pollable: Option<Pollable>,
    /// Number of the wait, from the first poll on.
    id: u64,
}

/// Waker of the future that is run.
struct RunWaker(AtomicBool);

impl Wake for RunWaker {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs a future until it is ready. Futures that others own, such as tasks in a
/// set, are polled only by their owner.
pub fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let run = Arc::new(RunWaker(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&run));
    let mut context = Context::from_waker(&waker);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        while !run.0.swap(false, Ordering::Relaxed) {
            wake_ready_tasks();
        }
    }
}

/// Waits for a pollable. A pollable ends before the resource that it is of:
/// the future must not outlive that resource.
#[must_use]
pub fn wait(pollable: Pollable) -> Wait {
    Wait {
        pollable: Some(pollable),
        id: 0,
    }
}

/// Waits until some pollables are ready, and wakes their tasks.
fn wake_ready_tasks() {
    let ready: Vec<Waker> = WAITS.with_borrow_mut(|waits| {
        let (ids, pollables): (Vec<u64>, Vec<&Pollable>) = waits
            .pending
            .iter()
            .map(|(id, (pollable, _))| (*id, pollable))
            .unzip();
        let ready = poll(&pollables);
        let ids = ready
            .into_iter()
            .filter_map(|index| ids.get(index as usize));
        ids.filter_map(|id| waits.pending.remove(id))
            .map(|(_, waker)| waker)
            .collect()
    });
    ready.into_iter().for_each(Waker::wake);
}

impl Future for Wait {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        WAITS.with_borrow_mut(|waits| {
            if let Some(pollable) = self.pollable.take() {
                waits.last_id += 1;
                self.id = waits.last_id;
                let waker = context.waker().clone();
                waits.pending.insert(self.id, (pollable, waker));
                return Poll::Pending;
            }
            match waits.pending.get_mut(&self.id) {
                Some((_, waker)) => {
                    waker.clone_from(context.waker());
                    Poll::Pending
                }
                None => Poll::Ready(()),
            }
        })
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        WAITS.with_borrow_mut(|waits| waits.pending.remove(&self.id));
    }
}
