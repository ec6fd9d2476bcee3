//! Execution of the steps of a script.

use crate::bindings::connector::source::log::{self, Level};
use crate::bindings::connector::source::secrets;
use crate::bindings::wasi::clocks::monotonic_clock;
use crate::bindings::wasi::io::poll;
use crate::bindings::wasi::random::random;
use crate::request::{self, Failure};
use crate::script::Step;

const MIB: usize = 1 << 20;

/// Runs a step and returns its result as text.
pub(crate) fn run(step: &Step) -> Result<String, Failure> {
    match step {
        Step::Request(request) => request::exchange(request),
        Step::Unread(request, count) => {
            let waiting: Result<Vec<_>, Failure> =
                (0..*count).map(|_| request::send(request)).collect();
            let waiting = waiting?;
            for future in &waiting {
                future.subscribe().block();
            }
            Ok(format!("{} responses are unread", waiting.len()))
        }
        Step::Secret(name) => match secrets::get(name) {
            Ok(secret) => Ok(secret.reference()),
            Err(error) => Err(Failure::new(&format!("{error:?}"))),
        },
        Step::Loop => spin(),
        Step::CallTheHost => loop {
            std::hint::black_box(monotonic_clock::now());
        },
        Step::Sleep => {
            monotonic_clock::subscribe_duration(u64::MAX).block();
            Ok("awake".to_owned())
        }
        Step::Recurse => Ok(recurse(0).to_string()),
        Step::Grow(mib) => grow(*mib as usize),
        Step::Poll(count) => {
            let ready = monotonic_clock::subscribe_duration(0);
            let handles = vec![&ready; *count as usize];
            loop {
                std::hint::black_box(poll::poll(&handles));
            }
        }
        Step::Handles(count) => {
            let handles: Vec<_> = (0..*count)
                .map(|_| monotonic_clock::subscribe_duration(0))
                .collect();
            Ok(format!("{} handles", handles.len()))
        }
        Step::Say(text) => {
            log::log(Level::Info, text);
            Ok("logged".to_owned())
        }
        Step::Log(count, bytes) => {
            let message = "x".repeat(*bytes as usize);
            for _ in 0..*count {
                log::log(Level::Error, &message);
            }
            Ok("logged".to_owned())
        }
        Step::Random(count, bytes) => {
            for _ in 0..*count {
                std::hint::black_box(random::get_random_bytes(*bytes));
            }
            Ok("random".to_owned())
        }
        Step::Print(text) => {
            use std::io::Write as _;
            let printed = std::io::stderr().write_all(text.as_bytes());
            Ok(format!("{printed:?}"))
        }
        Step::Panic(message) => panic_with(message),
        Step::Exit(code) => exit(*code),
    }
}

#[expect(clippy::panic, reason = "the test requests a crash")]
fn panic_with(message: &str) -> ! {
    panic!("{message}")
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the test requests an exit"
)]
fn exit(code: i32) -> ! {
    std::process::exit(code)
}

fn spin() -> ! {
    let mut number = 0_u64;
    loop {
        number = std::hint::black_box(number.wrapping_add(1));
    }
}

fn recurse(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth; 64]);
    if depth == u64::MAX {
        return 0;
    }
    std::hint::black_box(recurse(depth + 1)) + frame[0]
}

fn grow(mib: usize) -> Result<String, Failure> {
    let mut blocks = Vec::new();
    loop {
        let mut block: Vec<u8> = Vec::new();
        if block.try_reserve_exact(mib * MIB).is_err() {
            let message = format!("no memory after {} MiB", blocks.len() * mib);
            drop(blocks);
            return Err(Failure::new(&message));
        }
        // Memory is allocated only when it is written.
        block.resize(mib * MIB, 1);
        blocks.push(block);
    }
}
