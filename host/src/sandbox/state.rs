//! The state of one instance: the data of its store, and the host side of the
//! WIT interfaces that work on it.

pub(super) mod body_errors;
mod log;
mod log_budget;
mod random;
pub(super) mod requests;
mod secrets;

use std::collections::BTreeSet;
use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use self::log_budget::LogBudget;
use super::egress::{Egress, EgressStats};
use super::memory::{MemoryLimit, size};
use super::secrets::GrantedSecrets;
use crate::model::Limits;

/// Bytes of a guest's output that are kept, such as the message of a panic.
const MAX_PRINTED_BYTES: usize = 64 << 10;

/// State of one instance.
pub(super) struct State {
    pub(super) table: ResourceTable,
    /// Names of the secrets that the connector declared in its descriptor.
    pub(super) declared_secrets: BTreeSet<String>,
    secrets: Arc<GrantedSecrets>,
    log: LogBudget,
    pub(super) memory: MemoryLimit,
    pub(super) printed: MemoryOutputPipe,
    /// Random bytes that the guest may still get.
    random_left: u64,
    stats: Arc<EgressStats>,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    egress: Egress,
}

impl State {
    pub(super) fn new(egress: Egress, secrets: Arc<GrantedSecrets>, limits: &Limits) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(size(limits.handles));
        let mut http = WasiHttpCtx::new();
        http.set_field_size_limit(size(limits.headers));
        let printed = MemoryOutputPipe::new(MAX_PRINTED_BYTES);
        // No environment, arguments, standard input or preopened files.
        let wasi = WasiCtx::builder()
            .stdout(printed.clone())
            .stderr(printed.clone())
            .build();
        let stats = egress.stats();
        Self {
            table,
            declared_secrets: BTreeSet::new(),
            secrets,
            log: LogBudget::new(limits.log),
            memory: MemoryLimit::new(limits, Arc::clone(&stats)),
            printed,
            random_left: limits.random,
            stats,
            wasi,
            http,
            egress,
        }
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView {
            hooks: &mut self.egress,
            table: &mut self.table,
            ctx: &mut self.http,
        }
    }
}
