//! Attacks on credentials: sending one to a forbidden destination, and reading its
//! value.

mod placement;
mod reflection;
mod tenants;
