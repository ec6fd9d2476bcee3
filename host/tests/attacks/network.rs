//! Attacks on the network rules.

mod names;
mod origins;
mod paths;
mod proxies;
mod rebinding;
mod redirects;
mod spellings;
mod targets;
