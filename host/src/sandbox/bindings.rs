//! Code generated from `wit/`. Nothing here is written by hand.

wasmtime::component::bindgen!({
    path: "../wit",
    world: "connector:source/connector",
    imports: { default: async | trappable },
    exports: { default: async },
    require_store_data_send: true,
    with: {
        "wasi:io": wasmtime_wasi::p2::bindings::io,
        "wasi:clocks": wasmtime_wasi::p2::bindings::clocks,
        "wasi:http": wasmtime_wasi_http::p2::bindings::http,
        "connector:source/secrets.secret": crate::sandbox::secrets::SecretHandle,
    },
});
