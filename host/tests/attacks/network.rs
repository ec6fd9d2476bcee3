//! Attacks on what may be reached.

mod names;
mod origins;
mod paths;
mod proxies;
mod rebinding;
mod redirects;
mod spellings;
mod targets;
