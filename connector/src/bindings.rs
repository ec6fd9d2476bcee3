//! Code generated from `wit/`, and nothing else. Only [`crate::component`],
//! [`crate::http`] and [`crate::clock`] speak to it.

#![cfg_attr(
    target_family = "wasm",
    expect(
        unsafe_code,
        reason = "`export!` makes the calls from outside, and they are unsafe"
    )
)]
#![expect(
    clippy::same_length_and_capacity,
    reason = "generated: so the component model hands lists over"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "connector",
    generate_all,
});

// Natively, for tests, nothing is exported: the names are no symbols there.
#[cfg(target_family = "wasm")]
use crate::component::Component;

#[cfg(target_family = "wasm")]
export!(Component);
