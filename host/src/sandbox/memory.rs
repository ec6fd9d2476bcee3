//! Memory limits of a guest. The host records that a limit was reached, because
//! the guest only sees an allocation fail.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::egress::EgressStats;
use crate::model::{Limit, Limits};

/// Number of core instances, memories and tables of one component. Compilers
/// produce a handful.
const MAX_PARTS: usize = 64;

/// Memory limit of one instance, over all its linear memories and tables.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    max_bytes: usize,
    bytes: usize,
    max_elements: usize,
    elements: usize,
    stats: Arc<EgressStats>,
}

impl MemoryLimit {
    pub(super) fn new(limits: &Limits, stats: Arc<EgressStats>) -> Self {
        Self {
            max_bytes: size(limits.memory),
            bytes: 0,
            max_elements: size(limits.tables),
            elements: 0,
            stats,
        }
    }
}

/// Converts a limit to a size of this machine.
pub(super) fn size(limit: u64) -> usize {
    usize::try_from(limit).unwrap_or(usize::MAX)
}

impl ResourceLimiter for MemoryLimit {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        let fits = bytes <= self.max_bytes;
        if fits {
            self.bytes = bytes;
        } else {
            self.stats.limit(Limit::Memory);
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
        let fits = elements <= self.max_elements;
        if fits {
            self.elements = elements;
        } else {
            self.stats.limit(Limit::Tables);
        }
        Ok(fits)
    }

    fn instances(&self) -> usize {
        MAX_PARTS
    }

    fn tables(&self) -> usize {
        MAX_PARTS
    }

    fn memories(&self) -> usize {
        MAX_PARTS
    }
}
