//! Messages for the operator.

use crate::bindings::connector::source::log::{Level, log};

/// Something that deserves attention.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Something that helps to understand what happened.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}
