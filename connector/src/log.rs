//! Log of the host.

use crate::bindings::connector::source::log::{Level, log};

/// Logs a problem that an operator should know.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Logs a detail that explains what happened.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}
