//! Attack suite: a hostile connector in the real sandbox, with hostile names and
//! servers. Each test is one attack. It passes if the attack is refused for the
//! expected reason and the victim receives nothing.
//!
//! The connector is `tests/hostile`, which runs the script of a test. Reading
//! order: [`world`] (the environment of an attack), [`victim`] and [`names`]
//! (its targets), [`forged`] (hand-written components), then one file for each
//! kind of attack.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of the suite is a failed test"
)]

mod debug;
mod expected;
mod forged;
mod headers;
mod isolation;
mod lines;
mod names;
mod network;
mod resources;
mod responses;
mod returned;
mod secrets;
mod supply;
mod tls;
mod victim;
mod world;
