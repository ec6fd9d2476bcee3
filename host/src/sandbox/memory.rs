//! Bounds the memory of a guest, and remembers when a bound was hit: the guest
//! itself only sees an allocation fail.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::egress::Tally;
use crate::model::Limit;

/// Tables and core instances of one component.
const MOST_PARTS: usize = 64;
const MOST_TABLE_ELEMENTS: usize = 100_000;

/// The memory limit of one instance, over all its linear memories and tables.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    bytes: usize,
    used: usize,
    elements: usize,
    tally: Arc<Tally>,
}

impl MemoryLimit {
    pub(super) fn new(bytes: u64, tally: Arc<Tally>) -> Self {
        Self {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            used: 0,
            elements: 0,
            tally,
        }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let used = self.used.saturating_add(desired.saturating_sub(current));
        let fits = used <= self.bytes;
        if fits {
            self.used = used;
        } else {
            self.tally.limit(Limit::Memory);
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let elements = self
            .elements
            .saturating_add(desired.saturating_sub(current));
        let fits = elements <= MOST_TABLE_ELEMENTS;
        if fits {
            self.elements = elements;
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        MOST_PARTS
    }

    fn tables(&self) -> usize {
        MOST_PARTS
    }

    fn memories(&self) -> usize {
        MOST_PARTS
    }
}
