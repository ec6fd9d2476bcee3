//! Bounds the memory of a guest, and remembers when a bound was hit: the guest
//! itself only sees an allocation fail.

use std::sync::Arc;

use wasmtime::ResourceLimiter;

use super::egress::EgressStats;
use super::state::size;
use crate::model::{Limit, Limits};

/// Core instances, memories and tables of one component. What a compiler makes
/// has a handful.
const MOST_PARTS: usize = 64;

/// The memory limit of one instance, over all its linear memories and tables.
#[derive(Debug)]
pub(super) struct MemoryLimit {
    most_bytes: usize,
    bytes: usize,
    most_elements: usize,
    elements: usize,
    egress_stats: Arc<EgressStats>,
}

impl MemoryLimit {
    pub(super) fn new(limits: &Limits, egress_stats: Arc<EgressStats>) -> Self {
        Self {
            most_bytes: size(limits.memory),
            bytes: 0,
            most_elements: size(limits.tables),
            elements: 0,
            egress_stats,
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
        let bytes = self.bytes.saturating_add(desired.saturating_sub(current));
        let fits = bytes <= self.most_bytes;
        if fits {
            self.bytes = bytes;
        } else {
            self.egress_stats.limit(Limit::Memory);
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
        let fits = elements <= self.most_elements;
        if fits {
            self.elements = elements;
        } else {
            self.egress_stats.limit(Limit::Tables);
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
