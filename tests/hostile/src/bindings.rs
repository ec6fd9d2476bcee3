//! Code generated from `wit/` and from a further import of the attacks.

#![cfg_attr(
    target_family = "wasm",
    expect(unsafe_code, reason = "`export!` generates unsafe entry points")
)]
#![expect(
    clippy::same_length_and_capacity,
    reason = "generated: the component model passes lists this way"
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
