//! The WIT package `wasi:random`, within a budget. Rust's hash maps need a few
//! bytes, and a connector hardly more.

use wasmtime_wasi::p2::bindings::random::{insecure, insecure_seed, random};
use wasmtime_wasi::random::WasiRandomView;

use super::State;
use crate::model::Limit;

/// Bytes of a random number.
const NUMBER_BYTES: u64 = 8;

impl State {
    /// Takes random bytes from the budget.
    fn charge(&mut self, bytes: u64) -> wasmtime::Result<()> {
        let Some(left) = self.random_left.checked_sub(bytes) else {
            self.stats.limit(Limit::Random);
            return Err(wasmtime::Error::msg("no random bytes are left"));
        };
        self.random_left = left;
        Ok(())
    }
}

impl random::Host for State {
    fn get_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.charge(len)?;
        random::Host::get_random_bytes(self.random(), len)
    }

    fn get_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.charge(NUMBER_BYTES)?;
        random::Host::get_random_u64(self.random())
    }
}

impl insecure::Host for State {
    fn get_insecure_random_bytes(&mut self, len: u64) -> wasmtime::Result<Vec<u8>> {
        self.charge(len)?;
        insecure::Host::get_insecure_random_bytes(self.random(), len)
    }

    fn get_insecure_random_u64(&mut self) -> wasmtime::Result<u64> {
        self.charge(NUMBER_BYTES)?;
        insecure::Host::get_insecure_random_u64(self.random())
    }
}

impl insecure_seed::Host for State {
    fn insecure_seed(&mut self) -> wasmtime::Result<(u64, u64)> {
        self.charge(2 * NUMBER_BYTES)?;
        insecure_seed::Host::insecure_seed(self.random())
    }
}
