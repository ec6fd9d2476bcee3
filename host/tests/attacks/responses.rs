//! Attacks through responses of a server: endless, false or invalid HTTP.

mod bodies;
mod heads;
mod lengths;
