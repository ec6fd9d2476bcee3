//! Attacks through what a server answers: endless, false, or no HTTP at all.

mod bodies;
mod heads;
mod lengths;
