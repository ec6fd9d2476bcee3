//! Code generated from `wit/`, and nothing else. Only [`crate::component`],
//! [`crate::http`] and [`crate::clock`] speak to it.

#![allow(
    unsafe_code,
    reason = "the calls across the component's border are generated"
)]
#![allow(clippy::pedantic, missing_docs, unreachable_pub, reason = "generated")]

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
