//! Attacks through answers of a server: endless, false or invalid HTTP.

mod bodies;
mod heads;
mod lengths;
