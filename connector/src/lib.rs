//! x
pub mod hrana;
