//! Exports the component to its host, and nothing else.

#![expect(
    unsafe_code,
    reason = "`export!` defines the functions that the host calls, which are unsafe"
)]

use crate::bindings;
use crate::component::Component;

bindings::export!(Component with_types_in bindings);
