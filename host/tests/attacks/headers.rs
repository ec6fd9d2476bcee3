//! Attacks through what the connector sends beside the address: headers,
//! trailers and the framing of bodies.

mod framing;
mod reserved;
mod size;
