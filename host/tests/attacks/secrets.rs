//! Attacks on credentials: sending one to a forbidden place, and reading its
//! value.

mod placement;
mod reflection;
mod tenants;
