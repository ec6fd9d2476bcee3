//! Code generated from `wit/` and from what an attack needs beside it.

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
    inline: "
        package hostile:connector;

        world hostile {
            include connector:source/connector@0.1.0;
            import wasi:random/random@0.2.12;
        }
    ",
    path: ["../../wit", "wit/random.wit"],
    world: "hostile:connector/hostile",
    generate_all,
});

#[cfg(target_family = "wasm")]
use crate::Hostile;

#[cfg(target_family = "wasm")]
export!(Hostile);
