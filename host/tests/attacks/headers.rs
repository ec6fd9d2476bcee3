//! Attacks through headers, trailers and the framing of bodies.

mod framing;
mod reserved;
mod size;
mod unlisted;
