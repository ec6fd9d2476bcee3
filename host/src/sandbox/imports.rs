//! The interfaces that a component may import, and the linker that provides
//! them.

use wasmtime::component::{Component, HasData, HasSelf, Linker, ResourceTable};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings::{cli, clocks, io, random};
use wasmtime_wasi_http::p2::bindings::http;
use wasmtime_wasi_http::{WasiHttp, WasiHttpView};

use super::bindings::connector::source as contract;
use super::error::SandboxError;
use super::state::{State, body_errors, requests};

/// The interfaces of the world, and those that Rust's standard library imports.
/// The latter do nothing, since the context behind them is empty.
const ALLOWED: [&str; 24] = [
    "connector:source/log@0.1.0",
    "connector:source/secrets@0.1.0",
    "connector:source/types@0.1.0",
    "wasi:cli/environment@0.2",
    "wasi:cli/exit@0.2",
    "wasi:cli/stderr@0.2",
    "wasi:cli/stdin@0.2",
    "wasi:cli/stdout@0.2",
    "wasi:cli/terminal-input@0.2",
    "wasi:cli/terminal-output@0.2",
    "wasi:cli/terminal-stderr@0.2",
    "wasi:cli/terminal-stdin@0.2",
    "wasi:cli/terminal-stdout@0.2",
    "wasi:clocks/monotonic-clock@0.2",
    "wasi:clocks/wall-clock@0.2",
    "wasi:http/outgoing-handler@0.2",
    "wasi:http/types@0.2",
    "wasi:io/error@0.2",
    "wasi:io/poll@0.2",
    "wasi:io/streams@0.2",
    "wasi:random/insecure-seed@0.2",
    "wasi:random/insecure@0.2",
    "wasi:random/random@0.2",
    "connector:source/source@0.1.0",
];

/// Access of `wasi:io` to the store: the handle table.
struct Handles;

impl HasData for Handles {
    type Data<'a> = &'a mut ResourceTable;
}

/// Returns the names of all imports of a component.
#[must_use]
pub(super) fn imports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.imports(component.engine())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Returns the names of all exports of a component.
#[must_use]
pub(super) fn exports(component: &Component) -> Vec<String> {
    let ty = component.component_type();
    ty.exports(component.engine())
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Refuses a component that imports more than connectors get, or does not export
/// the interface of a connector.
pub(super) fn check(name: &str, component: &Component) -> Result<(), SandboxError> {
    for import in imports(component) {
        let allowed = ALLOWED.iter().any(|allowed| {
            *allowed == import
                || allowed.ends_with("@0.2")
                    && import
                        .strip_prefix(allowed)
                        .is_some_and(|rest| rest.starts_with('.'))
        });
        if !allowed {
            return Err(SandboxError::Import {
                component: name.to_owned(),
                import,
            });
        }
    }
    let source = "connector:source/source@0.1.0";
    if !exports(component).iter().any(|export| export == source) {
        return Err(SandboxError::Export {
            component: name.to_owned(),
            export: source,
        });
    }
    Ok(())
}

/// Creates a linker with exactly the allowed interfaces.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    let l = &mut linker;
    contract::secrets::add_to_linker::<_, HasSelf<State>>(l, |state: &mut State| state)?;
    contract::log::add_to_linker::<_, HasSelf<State>>(l, |state: &mut State| state)?;

    io::error::add_to_linker::<_, Handles>(l, |state: &mut State| &mut state.table)?;
    io::poll::add_to_linker::<_, Handles>(l, |state: &mut State| &mut state.table)?;
    io::streams::add_to_linker::<_, Handles>(l, |state: &mut State| &mut state.table)?;
    clocks::monotonic_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)?;
    clocks::wall_clock::add_to_linker::<_, WasiClocks>(l, State::clocks)?;
    random::random::add_to_linker::<_, HasSelf<State>>(l, |state: &mut State| state)?;
    random::insecure::add_to_linker::<_, HasSelf<State>>(l, |state: &mut State| state)?;
    random::insecure_seed::add_to_linker::<_, HasSelf<State>>(l, |state: &mut State| state)?;
    cli::environment::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::exit::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_input::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_output::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdin::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stdout::add_to_linker::<_, WasiCli>(l, State::cli)?;
    cli::terminal_stderr::add_to_linker::<_, WasiCli>(l, State::cli)?;
    http::types::add_to_linker::<_, WasiHttp>(
        l,
        &http::types::LinkOptions::default(),
        State::http,
    )?;
    http::outgoing_handler::add_to_linker::<_, WasiHttp>(l, State::http)?;
    requests::limit_texts(l)?;
    body_errors::name_causes(l)?;
    Ok(linker)
}
