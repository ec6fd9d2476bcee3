//! What belongs to one instance while it lives: the data of its store.

use std::sync::Arc;

use wasmtime::component::ResourceTable;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::egress::{Egress, EgressStats};
use super::log::LogBudget;
use super::memory::MemoryLimit;
use super::secrets::GrantedSecrets;
use crate::model::Limits;

/// What a guest may print, such as the message of a panic.
const PRINTED: usize = 64 << 10;

/// The state of one instance.
pub(super) struct State {
    pub(super) table: ResourceTable,
    pub(super) secrets: Arc<GrantedSecrets>,
    pub(super) log: LogBudget,
    pub(super) memory: MemoryLimit,
    pub(super) printed: MemoryOutputPipe,
    /// Random bytes that it may still have.
    pub(super) random_left: u64,
    pub(super) egress_stats: Arc<EgressStats>,
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
        let printed = MemoryOutputPipe::new(PRINTED);
        // No environment, no arguments, no standard input, nothing opened.
        let wasi = WasiCtx::builder()
            .stdout(printed.clone())
            .stderr(printed.clone())
            .build();
        let egress_stats = egress.egress_stats();
        Self {
            table,
            secrets,
            log: LogBudget::new(limits.log),
            memory: MemoryLimit::new(limits, Arc::clone(&egress_stats)),
            printed,
            random_left: limits.random,
            egress_stats,
            wasi,
            http,
            egress,
        }
    }
}

/// A limit as a size of this machine.
pub(super) fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
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
