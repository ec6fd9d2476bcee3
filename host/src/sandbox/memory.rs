//! Bounds the memory of a guest, and remembers when a bound was hit: the guest
//! itself only sees an allocation fail.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::egress::Tally;
use crate::model::Limit;

/// Tables and core instances of one component.
const MOST_PARTS: usize = 64;
const MOST_TABLE_ELEMENTS: usize = 100_000;

/// The memory limit of one instance.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    bytes: usize,
    tally: Arc<Tally>,
}

impl MemoryLimit {
    pub(super) fn new(bytes: u64, tally: Arc<Tally>) -> Self {
        Self {
            bytes: usize::try_from(bytes).unwrap_or(usize::MAX),
            tally,
        }
    }
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let fits = desired <= self.bytes;
        if !fits {
            self.tally.limit(Limit::Memory);
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= MOST_TABLE_ELEMENTS)
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
