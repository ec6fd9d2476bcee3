//! The WIT interface `log`. A guest's messages become events of `tracing`, each
//! on one line and all within a budget.

use super::State;
use crate::sandbox::bindings::connector::source::log::{Host, Level};

impl Host for State {
    async fn log(&mut self, level: Level, message: String) -> wasmtime::Result<()> {
        if let Some(message) = self.log.admit(&message) {
            match level {
                Level::Trace => tracing::trace!(target: "connector", "{message}"),
                Level::Debug => tracing::debug!(target: "connector", "{message}"),
                Level::Info => tracing::info!(target: "connector", "{message}"),
                Level::Warn => tracing::warn!(target: "connector", "{message}"),
                Level::Error => tracing::error!(target: "connector", "{message}"),
            }
        }
        Ok(())
    }
}
