//! Attacks on credentials: to have one sent where it must not go, and to get
//! its value back.

mod placement;
mod reflection;
mod tenants;
