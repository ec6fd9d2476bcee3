//! Code generated from `wit/`, and nothing else. Used by [`crate::component`]
//! and by the services of the host: [`crate::http`], [`crate::clock`] and
//! [`crate::log`].

#![expect(
    clippy::same_length_and_capacity,
    reason = "generated code passes lists to the host like this"
)]

wit_bindgen::generate!({
    path: "../wit",
    world: "connector",
    generate_all,
});
