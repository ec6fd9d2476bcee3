//! The attack suite: a hostile connector in the real sandbox, against hostile
//! names and servers. Each test is one attack. It passes when the attack is
//! refused for the meant reason, and the victim saw nothing of it.
//!
//! The connector is `tests/hostile`; what it tries is in its script. Reading
//! order: [`world`] (what an attack is run in), [`victim`] and [`names`] (what
//! it is aimed at), [`forged`] (components that no compiler makes), then one
//! file for each kind of attack.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failure of the suite is a failed test"
)]

mod debug;
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
mod verdict;
mod victim;
mod world;
